"""Resources without a function."""

import json
from pathlib import Path

import pytest
from aiohttp import web

from fastmcp.exceptions import ResourceError
from fastmcp.resources import (
    BinaryResource,
    DirectoryResource,
    FileResource,
    HttpResource,
    TextResource,
)
from tests.support.loopback import served


async def test_text_and_bytes() -> None:
    text = TextResource(uri="a://b", name="t", text="x", mime_type="text/csv")
    assert (await text.read()).to_wire("a://b")["contents"] == [
        {"uri": "a://b", "mimeType": "text/csv", "text": "x"}
    ]
    data = BinaryResource(uri="a://c", name="d", data=b"x", mime_type="image/png")
    assert (await data.read()).to_wire("a://c")["contents"] == [
        {"uri": "a://c", "mimeType": "image/png", "blob": "eA=="}
    ]


async def test_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("hé".encode())
    assert (await FileResource(uri="f://a", path=path).read()).contents[0].content == "hé"
    binary = FileResource(uri="f://a", path=path, mime_type="image/png")
    assert binary.is_binary
    assert (await binary.read()).contents[0].content == "hé".encode()
    as_text = FileResource(uri="f://a", path=path, mime_type="a/b", is_binary=False)
    assert (await as_text.read()).contents[0].content == "hé"
    path.unlink()
    with pytest.raises(ResourceError, match="Error reading file"):
        await as_text.read()
    for kind in (FileResource, DirectoryResource):
        with pytest.raises(ValueError, match="Path must be absolute"):
            kind(uri="f://a", path=Path("relative"))


async def test_directory(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.txt", "a.md", "sub/c.txt"):
        (tmp_path / name).touch()

    async def names(**options: object) -> list[str]:
        made = DirectoryResource.model_validate({"uri": "d://x", "path": tmp_path, **options})
        return json.loads(str((await made.read()).contents[0].content))["files"]

    assert await names() == ["a.md", "b.txt"]
    assert await names(recursive=True, pattern="*.txt") == ["b.txt", "sub/c.txt"]
    for path in (tmp_path / "gone", tmp_path / "a.md"):
        with pytest.raises(ResourceError, match="Error reading directory"):
            await DirectoryResource(uri="d://x", path=path).read()


async def test_http() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"path": request.path}, status=int(request.query["status"]))

    app = web.Application()
    app.router.add_get("/x", handler)
    async with served(app) as origin:
        url = f"{origin}/x?status="
        made = HttpResource(uri="h://x", url=url + "200")
        assert (await made.read()).to_wire("h://x")["contents"] == [
            {"uri": "h://x", "mimeType": "application/json", "text": '{"path": "/x"}'}
        ]
        with pytest.raises(ResourceError, match="Error reading http"):
            await HttpResource(uri="h://x", url=url + "500").read()

"""Pictures, sounds, files, and the absence of an argument."""

import base64
import copy
from pathlib import Path
from typing import Annotated, Any

import mcp_types
import pytest

from fastmcp.utilities.types import Audio, File, Image, NotSet, NotSetT, find_kwarg_by_type


@pytest.mark.parametrize("kind", [Image, Audio, File])
def test_exactly_one_source(kind: Any) -> None:
    with pytest.raises(ValueError, match="Either path or data must be provided"):
        kind()
    with pytest.raises(ValueError, match="Only one of path or data can be provided"):
        kind(path="a", data=b"b")


@pytest.mark.parametrize(
    ("made", "mime"),
    [
        (Image(data=b"x"), "image/png"),
        (Image(data=b"x", format="JPG"), "image/jpeg"),
        (Image(data=b"x", format="webp"), "image/webp"),
        (Image(path="a.gif"), "image/gif"),
        (Image(path="a.webp"), "image/webp"),
        (Image(path="a"), "application/octet-stream"),
        (Audio(data=b"x"), "audio/wav"),
        (Audio(data=b"x", format="ogg"), "audio/ogg"),
        (Audio(path="a.mp3"), "audio/mpeg"),
        (File(data=b"x"), "application/octet-stream"),
        (File(data=b"x", format="pdf"), "application/pdf"),
        (File(data=b"x", format="md"), "text/markdown"),
        (File(path="a.html"), "text/html"),
    ],
)
def test_mime_types(made: Image | Audio | File, mime: str) -> None:
    assert made.mime_type == mime


def test_blocks() -> None:
    notes = mcp_types.Annotations(audience=["user"])
    image = Image(data=b"abc", annotations=notes).to_image_content()
    assert (image.type, image.data, image.mime_type) == ("image", "YWJj", "image/png")
    assert image.annotations == notes
    assert Image(data=b"abc").to_data_uri() == "data:image/png;base64,YWJj"
    audio = Audio(data=b"abc").to_audio_content(mime_type="audio/flac")
    assert (audio.type, audio.mime_type) == ("audio", "audio/flac")


@pytest.mark.parametrize(
    ("made", "uri", "kind"),
    [
        (File(data=b"x", name="n", format="pdf"), "file:///n.pdf", "blob"),
        (File(data=b"x", name="a b.txt", format="txt"), "file:///a%20b.txt", "text"),
        (File(data=b"\xff", format="plain"), "file:///resource.plain", "text"),
        (File(data=b"x"), "file:///resource.octet-stream", "blob"),
    ],
)
def test_file_from_bytes(made: File, uri: str, kind: str) -> None:
    resource = made.to_resource_content().resource
    assert resource.uri == uri
    assert hasattr(resource, kind)


def test_from_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    (tmp_path / "a.txt").write_text("hé")
    monkeypatch.setenv("HERE", str(tmp_path))
    assert base64.b64decode(Image("$HERE/a.png").to_image_content().data) == b"png"
    resource = File(tmp_path / "a.txt").to_resource_content().resource
    assert isinstance(resource, mcp_types.TextResourceContents)
    assert (resource.text, resource.uri) == ("hé", (tmp_path / "a.txt").as_uri())
    assert "path=" in repr(Image("$HERE/a.png"))
    assert repr(Image(data=b"ab")) == "Image(data=2 bytes)"


def test_not_set_is_one_and_false() -> None:
    assert NotSetT() is NotSet
    assert copy.deepcopy(NotSet) is NotSet
    assert copy.copy(NotSet) is NotSet
    assert not NotSet
    assert repr(NotSet) == "NotSet"


def test_find_kwarg_by_type() -> None:
    def fn(a: int, b: "Image | None", c: Annotated[File, "x"]) -> None: ...

    assert find_kwarg_by_type(fn, Image) == "b"
    assert find_kwarg_by_type(fn, File) == "c"
    assert find_kwarg_by_type(fn, Audio) is None

"""What a handler may ask its call for: the request, its headers, the server; on threads too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import (
    CurrentAccessToken,
    CurrentContext,
    CurrentFastMCP,
    CurrentHeaders,
    CurrentRequest,
    Progress,
    get_access_token,
    get_context,
    get_http_headers,
    get_http_request,
    get_server,
)
from tests.support.asgi import STATELESS, Peer

_context, _server = CurrentContext(), CurrentFastMCP()
_headers, _request = CurrentHeaders(), CurrentRequest()
_progress, _token = Progress(), CurrentAccessToken()


def build() -> FastMCP:
    mcp = FastMCP("deps")

    @mcp.tool
    async def everything(
        ctx: Context, c: Any = _context, s: Any = _server, h: Any = _headers, r: Any = _request
    ) -> dict[str, Any]:
        assert c is ctx is get_context()
        assert s is get_server() is ctx.fastmcp
        return {"header": h["x-req"], "secret": h.get("authorization"), "path": r.url.path}

    @mcp.tool
    async def mine(ctx: Context) -> str:
        await asyncio.sleep(0)
        return get_http_headers()["x-req"]

    @mcp.tool
    def mine_in_thread() -> str:
        return get_http_headers()["x-req"] + get_http_request().headers["x-req"]

    @mcp.tool
    async def visible() -> list[str]:
        return sorted(get_http_headers())

    @mcp.tool
    async def count(progress: Any = _progress) -> None:
        await progress.set_total(2)
        await progress.set_message("m")
        await progress.increment()
        await progress.increment()

    @mcp.tool
    async def token(t: Any = _token) -> str:
        return "there is one"

    return mcp


async def test_all_of_it():
    peer = await Peer(build().http_app(), headers={"x-req": "a", "authorization": "b"}).open()
    live = await peer.call("everything")
    assert live.result["structuredContent"] == {"header": "a", "secret": "b", "path": "/mcp"}
    listed = (await peer.request("tools/list")).result["tools"]
    assert all(not tool["inputSchema"]["properties"] for tool in listed)


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_each_call_sees_its_own_request(version: str):
    peer = await Peer(build().http_app(), version).open()
    calls = [
        (n, tool, peer.start_call(tool, headers={"x-req": f"r{n}"}))
        for n in range(20)
        for tool in ("mine", "mine_in_thread")
    ]
    for n, tool, live in calls:
        await live.done()
        assert live.text == (f"r{n}" if tool == "mine" else f"r{n}r{n}")


async def test_hidden_headers():
    headers = {"authorization": "x", "cookie": "y", "x-own": "z", "host": "localhost"}
    peer = await Peer(build().http_app(), headers=headers).open()
    shown = (await peer.call("visible")).result["structuredContent"]["result"]
    assert shown == ["mcp-protocol-version", "x-own"]


async def test_progress():
    peer = await Peer(build().http_app()).open()
    live = await peer.call("count", meta={"progressToken": 1})
    sent = [m["params"] for m in live.sent("notifications/progress")]
    assert sent == [{"progressToken": 1, "progress": n, "total": 2, "message": "m"} for n in (1, 2)]


async def test_no_token():
    peer = await Peer(build().http_app()).open()
    live = await peer.call("token")
    assert live.result["isError"]


def test_outside_of_a_request():
    assert get_http_headers() == {}
    assert get_access_token() is None
    for ask in (get_context, get_http_request, get_server):
        with pytest.raises(RuntimeError):
            ask()

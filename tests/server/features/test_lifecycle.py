"""What a server says of itself: its extensions."""

from __future__ import annotations

import pytest

from fastmcp import Context, FastMCP
from fastmcp.protocol.meta import check_extension_id
from fastmcp.server.engine import Engine
from tests.support.asgi import STATELESS, Peer

OURS = "com.example/search"


def engine_of(mcp: FastMCP) -> Engine:
    return mcp._engine  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_extensions_are_declared_where_they_can_be(version: str):
    mcp = FastMCP("e")
    engine_of(mcp).declare_extension(OURS, {"depth": 3})
    engine_of(mcp).declare_extension("io.modelcontextprotocol/x")
    peer = Peer(mcp.http_app(), version)
    if peer.stateless:
        declared = (await peer.request("server/discover")).result["capabilities"]
        assert declared["extensions"] == {OURS: {"depth": 3}, "io.modelcontextprotocol/x": {}}
    else:
        params = {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        }
        declared = (await peer.request("initialize", params)).result["capabilities"]
        assert "extensions" not in declared


async def test_without_extensions_none_are_declared():
    peer = Peer(FastMCP("e").http_app(), STATELESS)
    assert "extensions" not in (await peer.request("server/discover")).result["capabilities"]


@pytest.mark.parametrize(
    "id", ["a/b", "com.example/x", "io.model-context.v2/a.b_c-d", "x1/9", "A.B/C"]
)
def test_identifiers(id: str):
    check_extension_id(id)


@pytest.mark.parametrize(
    "id", ["", "x", "/x", "com.example/", "1a/x", "a-/x", "a..b/x", "a/x-", "a/b/c", "a/é", "a/x\n"]
)
def test_what_is_no_identifier(id: str):
    with pytest.raises(ValueError, match="does not name an extension"):
        check_extension_id(id)


async def test_what_a_client_declares_counts_for_its_request():
    mcp = FastMCP("e")

    @mcp.tool
    async def search(ctx: Context) -> str:
        return f"{ctx.client_supports_extension(OURS)} {ctx.client_extension_settings(OURS)}"

    app = mcp.http_app()
    able = Peer(app, STATELESS, capabilities={"extensions": {OURS: {"depth": 1}}})
    assert (await able.call("search")).text == "True {'depth': 1}"
    assert (await Peer(app, STATELESS).call("search")).text == "False None"

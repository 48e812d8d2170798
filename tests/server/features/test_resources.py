"""resources/read: what is the client's fault says so (server/resources, "Error Handling")."""

from __future__ import annotations

import logging

import pytest

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


def build(mask: bool) -> FastMCP:
    mcp = FastMCP("resources", mask_error_details=mask)

    @mcp.resource("n://{n}")
    async def number(n: int) -> str:
        if n == 0:
            raise ValueError("the author's own")
        return str(n)

    return mcp


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("mask", [False, True])
async def test_a_parameter_that_does_not_fit(
    version: str, mask: bool, caplog: pytest.LogCaptureFixture
):
    peer = await Peer(build(mask).http_app(), version).open()
    with caplog.at_level(logging.WARNING):
        live = await peer.request("resources/read", {"uri": "n://x"})
    assert (live.status, live.error["code"]) == (200, -32602)
    assert live.error["message"].startswith("Error reading resource 'n://x': ")
    assert "valid integer" in live.error["message"]
    assert live.error["data"] == {"uri": "n://x"}
    assert not [record for record in caplog.records if record.exc_info]
    read = await peer.request("resources/read", {"uri": "n://7"})
    assert read.result["contents"][0]["text"] == "7"


@pytest.mark.parametrize("version", ERAS)
async def test_what_breaks_inside_is_not_the_clients_fault(version: str):
    peer = await Peer(build(False).http_app(), version).open()
    live = await peer.request("resources/read", {"uri": "n://0"})
    assert live.error["code"] == -32603
    assert live.error["data"] == {"uri": "n://0"}


async def test_the_program_hears_it_as_ever():
    with pytest.raises(ResourceError, match="Error reading resource 'n://x'"):
        await build(False).read_resource("n://x")

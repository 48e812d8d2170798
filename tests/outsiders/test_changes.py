"""What our client hears of changes at servers that no one here wrote (the stateless era)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastmcp import Client
from fastmcp.client.caching import CacheConfig
from fastmcp.exceptions import McpError
from tests.client.ears import Ears
from tests.support import venvs
from tests.support.process import script, serve
from tests.support.recorder import recording

HERE = Path(__file__).parent


@pytest.mark.timeout(600)
async def test_changes_at_a_server_of_the_sdk(sdk: Path) -> None:
    changing = script(HERE / "sdk_changing.py", python=sdk)
    ears = Ears()
    config = CacheConfig(default_ttl_ms=60_000)
    with (
        serve(changing, env=venvs.environment(), clean=False) as server,
        recording(server.url) as recorder,
    ):
        async with Client(recorder.url, message_handler=ears, cache=config) as client:
            assert client.protocol_version == "2026-07-28"
            await client.list_tools()
            await client.call_tool("grow", {"name": "more"})
            await ears.until("tools")
            assert "more" in [tool.name for tool in await client.list_tools()]
            await client.subscribe_resource("data://a")
            await client.call_tool("touch", {"uri": "data://a"})
            await ears.until("data://a")
        recorder.assert_valid()


@pytest.mark.timeout(600)
async def test_a_server_of_fastmcp_4_tells_of_nothing(fastmcp4: Path) -> None:
    outsider = script(HERE / "server.py", python=fastmcp4)
    with serve(outsider, env=venvs.environment(), clean=False) as server:
        async with Client(server.url, message_handler=Ears(), cache=True) as client:
            assert client.protocol_version == "2026-07-28"
            with pytest.raises(McpError, match="Method not found"):
                await client.subscribe_resource("data://greeting")
            assert (await client.call_tool("add", {"a": 2, "b": 3})).structured_content

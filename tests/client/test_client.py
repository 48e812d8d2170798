"""The client's calls, in both eras, against a server in the same process."""

from __future__ import annotations

import asyncio
import datetime
from contextlib import AsyncExitStack
from typing import Any

import mcp_types
import pytest

from fastmcp import Client, FastMCP
from fastmcp.client.transports import FastMCPTransport
from fastmcp.exceptions import McpError, ToolError
from tests.client.served import mcp as served_mcp


@pytest.fixture
def server() -> FastMCP:
    return served_mcp


async def test_connecting_tells_who_the_server_is(server: FastMCP, mode: str) -> None:
    client = Client(server, mode=mode)
    assert not client.is_connected()
    assert client.protocol_version is None
    assert client.server_info is None
    async with client:
        assert client.is_connected()
        assert client.server_info is not None
        assert client.server_info.name == "served"
        assert client.instructions == "Be gentle."
        assert client.server_capabilities is not None
        assert client.server_capabilities.tools is not None
        expected = "2025-11-25" if mode == "legacy" else "2026-07-28"
        assert client.protocol_version == expected
        assert (client.initialize_result is not None) == (mode == "legacy")
    assert not client.is_connected()


async def test_tool_results(server: FastMCP, mode: str) -> None:
    async with Client(server, mode=mode) as client:
        result = await client.call_tool("add", {"a": 2, "b": 3})
        assert result.data == 5
        assert result.structured_content == {"result": 5}
        assert isinstance(result.content[0], mcp_types.TextContent)
        assert result.content[0].text == "5"
        assert not result.is_error
        ada = (await client.call_tool("person")).data
        assert type(ada).__name__ == "Person" or type(ada).__name__ == "Root"
        assert ada.name == "Ada"
        assert ada.born == datetime.datetime(1815, 12, 10)
        assert ada.lucky == {3, 7}


async def test_an_unknown_tool_is_one_that_failed(server: FastMCP, mode: str) -> None:
    """Whether the server says it as a result, as in the handshake era, or as an error."""
    async with Client(server, mode=mode) as client:
        with pytest.raises(ToolError, match=r"^Unknown tool: 'nobody'$"):
            await client.call_tool("nobody")
        assert (await client.call_tool("nobody", raise_on_error=False)).is_error
        assert (await client.call_tool_mcp("nobody", {})).is_error


async def test_a_failed_tool_raises_its_text(server: FastMCP, mode: str) -> None:
    async with Client(server, mode=mode) as client:
        with pytest.raises(ToolError, match="out of luck"):
            await client.call_tool("fail")
        result = await client.call_tool("fail", raise_on_error=False)
        assert result.is_error
        assert result.data is None
        raw = await client.call_tool_mcp("fail", {})
        assert raw.is_error


async def test_listings_resources_prompts(server: FastMCP, mode: str) -> None:
    async with Client(server, mode=mode) as client:
        assert {"add", "tell"} <= {tool.name for tool in await client.list_tools()}
        assert [str(r.uri) for r in await client.list_resources()] == ["data://greeting"]
        templates = await client.list_resource_templates()
        assert [t.uri_template for t in templates] == ["data://{name}/note"]
        assert [p.name for p in await client.list_prompts()] == ["plead"]
        (content,) = await client.read_resource("data://greeting")
        assert isinstance(content, mcp_types.TextResourceContents)
        assert content.text == "hello"
        (content,) = await client.read_resource("data://ada/note")
        assert isinstance(content, mcp_types.TextResourceContents)
        assert content.text == "note of ada"
        prompt = await client.get_prompt("plead", {"for_what": "rain", "times": 2})
        block = prompt.messages[0].content
        assert isinstance(block, mcp_types.TextContent)
        assert block.text == "Please, rain! Please, rain! "
        with pytest.raises(McpError):
            await client.read_resource("data://nowhere/at/all")
        with pytest.raises(McpError):
            await client.get_prompt("nobody")


async def test_ping_belongs_to_the_handshake_era(server: FastMCP) -> None:
    async with Client(server, mode="legacy") as client:
        assert await client.ping()
    async with Client(server) as client:
        with pytest.raises(McpError, match="Method not found"):
            await client.ping()


async def test_use_before_connecting(server: FastMCP) -> None:
    client = Client(server)
    with pytest.raises(RuntimeError, match="Client is not connected"):
        await client.list_tools()
    with pytest.raises(RuntimeError, match="Client is not connected"):
        _ = client.session


async def test_nested_entries_share_one_session(server: FastMCP, mode: str) -> None:
    client = Client(server, mode=mode)
    async with client:
        session = client.session
        async with client:
            assert client.session is session
        assert (await client.call_tool("add", {"a": 1, "b": 1})).data == 2
    assert not client.is_connected()
    async with client:
        assert client.session is not session


async def test_concurrent_entries_share_one_session(server: FastMCP) -> None:
    client = Client(server)
    sessions: set[Any] = set()
    all_in = asyncio.Barrier(10)

    async def one() -> None:
        async with client:
            sessions.add(client.session)
            await all_in.wait()
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3

    await asyncio.gather(*(one() for _ in range(10)))
    assert len(sessions) == 1
    assert not client.is_connected()


async def test_entered_in_one_task_and_left_in_another(server: FastMCP, mode: str) -> None:
    before = asyncio.all_tasks()
    client = Client(server, mode=mode)
    stack = AsyncExitStack()
    await asyncio.create_task(stack.enter_async_context(client))  # type: ignore[arg-type]
    assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
    await asyncio.create_task(stack.aclose())
    assert not client.is_connected()
    assert asyncio.all_tasks() == before


async def test_new_clients_have_sessions_of_their_own(server: FastMCP) -> None:
    client = Client(server)
    async with client:
        other = client.new()
        assert not other.is_connected()
        assert other.transport is client.transport
        async with other:
            assert other.session is not client.session


async def test_close_disconnects_everybody(server: FastMCP) -> None:
    client = Client(server)
    async with client:
        await client.close()
        assert not client.is_connected()


async def test_who_leaves_what_was_closed_disconnects_nobody(server: FastMCP) -> None:
    client = Client(server)
    entered, left = asyncio.Event(), asyncio.Event()

    async def other() -> None:
        async with client:
            entered.set()
            await left.wait()
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3

    async with client:
        await client.close()
        later = asyncio.create_task(other())
        await entered.wait()
    left.set()
    await asyncio.wait_for(later, 5)
    assert not client.is_connected()


async def test_who_enters_after_a_close_without_leaving_is_the_last(server: FastMCP) -> None:
    client = Client(server)
    await client.__aenter__()
    await client.close()
    async with client:
        assert client.is_connected()
    assert not client.is_connected()


def test_one_event_loop_after_another(server: FastMCP) -> None:
    client = Client(server)

    async def use() -> int:
        async with client:
            return (await client.call_tool("add", {"a": 1, "b": 2})).data

    async def many() -> list[int]:  # so that they wait for one another
        assert not client.is_connected()
        return await asyncio.gather(use(), use(), use())

    assert asyncio.run(many()) == [3, 3, 3]
    assert asyncio.run(many()) == [3, 3, 3]
    asyncio.run(client.__aenter__())  # and nobody leaves: the loop ends what runs
    assert not client.is_connected()
    assert asyncio.run(many()) == [3, 3, 3]
    assert not client.is_connected()


async def test_initialize_by_hand(server: FastMCP) -> None:
    async with Client(server, mode="legacy", auto_initialize=False) as client:
        with pytest.raises(RuntimeError, match="not initialized"):
            await client.list_tools()
        result = await client.initialize()
        assert result.server_info.name == "served"
        assert await client.initialize() is result
    async with Client(server) as client:
        with pytest.raises(RuntimeError, match="mode='legacy'"):
            await client.initialize()


async def test_a_pinned_version_is_spoken_unasked(server: FastMCP) -> None:
    async with Client(server, mode="2026-07-28") as client:
        assert client.protocol_version == "2026-07-28"
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.parametrize("wrong", ["2025-11-25", "modern", "1900-01-01"])
async def test_a_mode_that_does_not_exist(server: FastMCP, wrong: str) -> None:
    with pytest.raises(ValueError, match="mode must be one of"):
        Client(server, mode=wrong)


async def test_a_time_out_cancels_the_tool(mode: str) -> None:
    server = FastMCP("slow")
    cancelled = asyncio.Event()

    @server.tool
    async def wait() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    async with Client(server, mode=mode) as client:
        with pytest.raises(McpError, match="timed out") as caught:
            await client.call_tool("wait", timeout=0.05)
        assert caught.value.code == -32001
        async with asyncio.timeout(5):
            await cancelled.wait()


async def test_a_cancelled_caller_cancels_the_tool(mode: str) -> None:
    server = FastMCP("slow")
    started, cancelled = asyncio.Event(), asyncio.Event()

    @server.tool
    async def wait() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    async with Client(server, mode=mode) as client:
        call = asyncio.create_task(client.call_tool("wait"))
        async with asyncio.timeout(5):
            await started.wait()
            call.cancel()
            await cancelled.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert client.is_connected()


async def test_verify_and_auth_need_http(server: FastMCP) -> None:
    with pytest.raises(ValueError, match="only supported for HTTP"):
        Client(server, verify=False)
    with pytest.raises(ValueError, match="auth"):
        Client(server, auth="token")


async def test_the_transport_of_a_server_object(server: FastMCP) -> None:
    assert isinstance(Client(server).transport, FastMCPTransport)
    transport = FastMCPTransport(server)
    assert Client(transport).transport is transport


async def test_the_lifespan_runs_once_per_outermost_connection() -> None:
    from contextlib import asynccontextmanager

    entered = 0

    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        nonlocal entered
        entered += 1
        yield {}

    server = FastMCP("alive", lifespan=lifespan)
    client = Client(server)
    async with client, client:
        assert entered == 1
    async with client:
        assert entered == 2

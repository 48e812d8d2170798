"""All that a server may ask, answered by our client over every transport."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types
import pytest

from fastmcp import Client, Context, FastMCP
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.errors import ConnectionClosedError, of_server
from fastmcp.client.transports import PythonStdioTransport
from fastmcp.exceptions import McpError, ToolError, URLElicitationRequiredError
from tests.client.conftest import SERVED
from tests.client.served import mcp
from tests.support.locks import ROOT
from tests.support.process import Server

WITH_TOOLS = mcp_types.SamplingCapability.model_validate({"tools": {}})


@pytest.fixture(params=["memory", "stdio", "http"])
def to(request: pytest.FixtureRequest, served: Server) -> Any:
    """The same server: here, in a process on a pipe, in a process over HTTP."""
    if request.param == "stdio":
        return PythonStdioTransport(SERVED, env={"PYTHONPATH": str(ROOT)}, keep_alive=False)
    return served.url if request.param == "http" else mcp


async def on_elicit(message: str, response_type: Any, params: Any, context: Any) -> Any:
    if params.mode == "url":
        assert (response_type, params.elicitation_id) == (None, "pay-1")
        assert params.url == "https://example.com/pay"
        return ElicitResult(action="accept")
    if message == "Where to?":
        return response_type(where="Rome")
    [option, _] = params.requested_schema["properties"]["value"]["items"]["anyOf"]
    assert option == {"const": "b", "title": "Breakfast"}
    return ["b", "l"]


def on_sample(messages: Any, params: Any, context: Any) -> Any:
    """A model that uses what it is given, once."""
    last = messages[-1].content_as_list
    tools = {tool.name: tool.input_schema for tool in params.tools or ()}
    if "final_response" in tools:
        return used("final_response", {"value": 200})
    if last[0].type == "tool_result":
        return f"It costs {last[0].content[0].text}."
    assert tools["price"]["required"] == ["nights"]
    return used("price", {"nights": 2})


def used(name: str, input: dict[str, Any]) -> mcp_types.CreateMessageResultWithTools:
    block = mcp_types.ToolUseContent(id="1", name=name, input=input)
    return mcp_types.CreateMessageResultWithTools(
        role="assistant", model="mock", content=[block], stop_reason="toolUse"
    )


async def test_all_that_a_server_may_ask(to: Any) -> None:
    heard: list[Any] = []
    complete = asyncio.Event()

    async def on_message(message: Any) -> None:
        heard.append(message)
        complete.set()

    client = Client(
        to,
        mode="legacy",
        elicitation_handler=on_elicit,
        sampling_handler=on_sample,
        sampling_capabilities=WITH_TOOLS,
        roots=["file:///home/ada"],
        message_handler=on_message,
    )
    async with client:
        trip, extras, page, *rest = (await client.call_tool("plan")).data
        assert "Trip(where='Rome', how='train', day=datetime.date(2026, 7, 28))" in trip
        assert extras == "AcceptedElicitation(data=['b', 'l'], action='accept')"
        assert page == "AcceptedElicitation(data=None, action='accept')"
        assert rest == ["['file:///home/ada']", "It costs 200.", "200"]
        async with asyncio.timeout(10):
            await complete.wait()
    assert [message.params.elicitation_id for message in heard] == ["pay-1"]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_person_who_leaves_is_waited_for_no_longer(to: Any, mode: str) -> None:
    asked, freed = asyncio.Event(), asyncio.Event()

    async def on_elicit(message: str, response_type: Any, params: Any, context: Any) -> Any:
        asked.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            freed.set()

    async with asyncio.timeout(20):
        async with Client(to, mode=mode, elicitation_handler=on_elicit) as client:
            call = asyncio.create_task(client.call_tool("plan"))
            await asked.wait()
        with pytest.raises(ConnectionClosedError):
            await call
        await freed.wait()


async def test_a_person_who_leaves_is_asked_nothing_more() -> None:
    server, asked = FastMCP("slow to ask"), asyncio.Event()
    running, ask = asyncio.Event(), asyncio.Event()

    @server.tool
    async def plan(ctx: Context) -> str:
        running.set()
        await ask.wait()
        return str(await ctx.elicit("Where to?", str))

    async def on_elicit(message: str, response_type: Any, params: Any, context: Any) -> Any:
        asked.set()
        return await asyncio.get_running_loop().create_future()

    async def on_message(message: Any) -> None:
        """Busy for as long as leaving waits for it; that is when the question comes."""
        asyncio.get_running_loop().call_later(0.2, ask.set)
        await asyncio.get_running_loop().create_future()

    client = Client(
        server, mode="2026-07-28", elicitation_handler=on_elicit, message_handler=on_message
    )
    async with asyncio.timeout(20):
        async with client:
            call = asyncio.create_task(client.call_tool("plan"))
            await running.wait()
            client.session.on_exception(ValueError("something to hear while leaving"))
        with pytest.raises(ConnectionClosedError):
            await call
    assert not asked.is_set()


async def test_a_page_that_is_needed_first(to: Any) -> None:
    async with Client(to, mode="legacy", elicitation_handler=on_elicit) as client:
        with pytest.raises(URLElicitationRequiredError) as raised:
            await client.call_tool("locked")
    [page] = raised.value.elicitations
    assert (page["message"], page["url"]) == ("Log in", "https://example.com/login")
    assert page["elicitationId"]


async def test_a_page_that_is_needed_first_by_a_client_that_opens_none(to: Any) -> None:
    async with Client(to, mode="legacy") as client:
        with pytest.raises(ToolError, match=r"Log in \(https://example.com/login\)"):
            await client.call_tool("locked")


@pytest.mark.parametrize(
    "data", [None, 5, {}, {"elicitations": 5}, {"elicitations": []}, {"elicitations": ["x"]}]
)
def test_an_error_that_names_no_page_stays_what_it_is(data: Any) -> None:
    error = McpError(-32042, "?", data)
    assert of_server(error) is error

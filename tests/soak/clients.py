"""Our own client, in either era and over both HTTP transports, and in this very process: what
leaks in a client shows in the figures of the process that runs these."""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp import Client, FastMCP
from fastmcp.client.transports import SSETransport
from fastmcp.exceptions import ToolError
from tests.soak.ground import Ground

_MODES = ("auto", "legacy", "2026-07-28")

near = FastMCP("near")


@near.tool
async def double(number: int) -> int:
    return 2 * number


async def _elicited(message: str, kind: Any, params: Any, context: Any) -> Any:
    schema = params.requested_schema["properties"]["value"]
    return kind(value=schema.get("enum", ["Ada"])[0])


async def _sampled(messages: Any, params: Any, context: Any) -> str:
    content = messages[0].content
    [content] = content if isinstance(content, list) else [content]
    return content.text.upper()


def _client(ground: Ground, **more: Any) -> Client[Any]:
    """One that can be asked everything."""
    return Client(
        more.pop("transport", None) or ground.somewhere(),
        mode=more.pop("mode", None) or ground.chance.choice(_MODES),
        auth=ground.bearer(),
        timeout=20,
        roots=["file:///work"],
        elicitation_handler=_elicited,
        sampling_handler=_sampled,
        **more,
    )


async def calling(ground: Ground) -> None:
    steps: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(done)

    async with _client(ground, cache=ground.chance.random() < 0.5) as client:
        a, b = ground.chance.randrange(1000), ground.chance.randrange(1000)
        added, multiplied = await asyncio.gather(
            client.call_tool("add", {"a": a, "b": b}),
            client.call_tool("multiply", {"a": a, "b": b}),
        )
        assert (added.data, multiplied.data) == (a + b, a * b)
        result = await client.call_tool("steps", {"n": 3, "tag": "c"}, progress_handler=progress)
        assert (result.data, steps) == ("stepped c", [1, 2, 3])
        assert {"add", "interview"} <= {tool.name for tool in await client.list_tools()}
        [content] = await client.read_resource("data://c")
        assert content.text == "data of c"
        result = await client.call_tool("fail", {"how": "ToolError"}, raise_on_error=False)
        assert result.is_error
        ground.provoked("ToolError of a tool")
        ground.called("Client")


async def asked(ground: Ground) -> None:
    async with _client(ground) as client:
        assert (await client.call_tool("interview", {"tag": "c"})).data == "c Ada GREET ADA 1 red"
        ground.called("Client interview")


async def subscribed(ground: Ground) -> None:
    heard = asyncio.Event()
    uri = f"data://c{ground.chance.randrange(10**9)}"

    async def listen(message: Any) -> None:
        changed = getattr(message, "method", "") == "notifications/resources/updated"
        if changed and str(message.params.uri) == uri:
            heard.set()

    async with _client(ground, message_handler=listen) as client:
        await client.subscribe_resource(uri)
        async with asyncio.timeout(15):
            while not heard.is_set():
                await client.call_tool("publish", {"uri": uri})
                await asyncio.wait([asyncio.ensure_future(heard.wait())], timeout=0.3)
        ground.called("Client subscription")


async def given_up(ground: Ground) -> None:
    """A call whose caller is cancelled; the client goes on."""
    begun = asyncio.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        begun.set()

    async with _client(ground) as client:
        waiting = asyncio.ensure_future(
            client.call_tool("wait", {"seconds": 60}, progress_handler=progress)
        )
        async with asyncio.timeout(15):
            await begun.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        ground.provoked("cancelled")
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        ground.called("Client")


async def over_old_transport(ground: Ground) -> None:
    transport = SSETransport(ground.somewhere().removesuffix("/mcp") + "/sse")
    async with _client(ground, transport=transport, mode="legacy") as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert (await client.call_tool("interview", {"tag": "o"})).data == "o Ada GREET ADA 1 red"
        ground.called("Client HTTP+SSE")


async def in_memory(ground: Ground) -> None:
    """Of a server in this process."""
    async with Client(near) as client:
        assert (await client.call_tool("double", {"number": 21})).data == 42
        try:
            await client.call_tool("double", {"number": "many"})
        except ToolError:
            ground.provoked("wrong arguments in memory")
        ground.called("Client in memory")


ALL = (calling, calling, asked, subscribed, given_up, over_old_transport, in_memory)

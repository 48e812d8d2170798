"""Our client against the official example server, `@modelcontextprotocol/server-everything`,
over a pipe, Streamable HTTP and HTTP+SSE."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp_types
import pytest

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport
from fastmcp.exceptions import McpError, ToolError, URLElicitationRequiredError
from tests.outsiders.conftest import HERE
from tests.outsiders.meeting import HANDSHAKE, ROOT, User
from tests.outsiders.watching import (
    Restartable,
    assert_left,
    nothing_stays,
    watched,
)
from tests.support import node
from tests.support.process import children

PAGE = "https://example.com/pay"
LONG = "trigger-long-running-operation"
TEXT = "demo://resource/dynamic/text/1"
TOOLS = {
    *("echo", "get-annotated-message", "get-env", "get-resource-links", "get-resource-reference"),
    *("get-structured-content", "get-sum", "get-tiny-image", "gzip-file-as-resource"),
    *("toggle-simulated-logging", "toggle-subscriber-updates", "trigger-long-running-operation"),
    # What only a client is offered that can do its part.
    *("get-roots-list", "trigger-elicitation-request", "trigger-url-elicitation"),
    *("trigger-sampling-request",),
}

pytestmark = pytest.mark.timeout(600)


class Visitor(User):
    """A user who fills in a long form and opens pages."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[str] = []

    async def answer(self, message: str, kind: Any, params: Any, context: Any) -> Any:
        if params.mode == "url":
            self.pages.append(params.url)
            return {}
        # The published JSON schema lets a form hold whole numbers only, other than its source in
        # TypeScript: without an answer there would be the default, 3.14.
        return {"name": "Ada", "check": True, "number": 3}


def command(npm: Path, form: str) -> list[str | Path]:
    """Starts it in one of its forms; those that listen do so on the loopback interface."""
    entry = npm / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    return [node.node(), "--require", HERE / "node" / "loopback.cjs", entry, form]


def restartable(npm: Path, form: str) -> Iterator[Restartable]:
    """It takes its port from the environment."""
    running = Restartable(
        lambda port: ["/usr/bin/env", f"PORT={port}", *command(npm, form)], node.environment()
    )
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def http(npm: Path) -> Iterator[Restartable]:
    """Over Streamable HTTP, with resumable streams."""
    yield from restartable(npm, "streamableHttp")


@pytest.fixture(scope="module")
def sse(npm: Path) -> Iterator[Restartable]:
    """Over HTTP+SSE."""
    yield from restartable(npm, "sse")


def said(result: Any) -> str:
    return result.content[0].text


async def lists(client: Client[Any]) -> None:
    assert client.protocol_version == HANDSHAKE
    assert client.server_info is not None
    assert client.server_info.title == "Everything Reference Server"
    assert "Everything" in (client.instructions or "")
    assert {tool.name for tool in await client.list_tools()} >= TOOLS
    assert len(await client.list_resources()) >= 7
    templates = {one.uri_template for one in await client.list_resource_templates()}
    assert "demo://resource/dynamic/text/{resourceId}" in templates
    prompts = {one.name for one in await client.list_prompts()}
    assert prompts >= {"simple-prompt", "args-prompt", "completable-prompt", "resource-prompt"}


async def calls(client: Client[Any]) -> None:
    assert said(await client.call_tool("echo", {"message": "hé"})) == "Echo: hé"
    weather = await client.call_tool("get-structured-content", {"location": "New York"})
    assert weather.structured_content["conditions"] == "Cloudy"
    assert weather.data.conditions == "Cloudy"
    image = (await client.call_tool("get-tiny-image")).content[1]
    assert image.mime_type == "image/png"
    assert base64.b64decode(image.data).startswith(b"\x89PNG")
    links = (await client.call_tool("get-resource-links", {"count": 3})).content[1:]
    assert [link.type for link in links] == ["resource_link"] * 3
    assert (await client.read_resource(links[0].uri))[0].uri == links[0].uri
    with pytest.raises(ToolError, match="message"):
        await client.call_tool("echo", {})
    with pytest.raises((ToolError, McpError), match="nope"):
        await client.call_tool("nope")
    message = "x" * 1_000_000  # both ways
    assert said(await client.call_tool("echo", {"message": message})) == f"Echo: {message}"


async def hears_progress(client: Client[Any]) -> None:
    steps: list[float] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(done)

    arguments = {"duration": 0.2, "steps": 4}
    await client.call_tool(
        "trigger-long-running-operation", arguments, progress_handler=on_progress
    )
    assert steps == [1, 2, 3, 4]


async def reads(client: Client[Any]) -> None:
    (text,) = await client.read_resource(TEXT)
    assert text.text.startswith("Resource 1")
    (blob,) = await client.read_resource("demo://resource/dynamic/blob/2")
    assert base64.b64decode(blob.blob).startswith(b"Resource 2")
    with pytest.raises(McpError):
        await client.read_resource("demo://nothing")
    prompt = await client.get_prompt("args-prompt", {"city": "Paris"})
    assert "Paris" in prompt.messages[0].content.text
    embedded = {"resourceType": "Text", "resourceId": "1"}
    prompt = await client.get_prompt("resource-prompt", embedded)
    assert prompt.messages[1].content.resource.uri == TEXT
    reference = mcp_types.PromptReference(name="completable-prompt")
    found = await client.complete(reference, {"name": "department", "value": "E"})
    assert found.values == ["Engineering"]
    found = await client.complete(
        reference, {"name": "name", "value": "A"}, {"department": "Engineering"}
    )
    assert found.values == ["Alice"]


async def is_asked(client: Client[Any], user: Visitor) -> None:
    """For a model, for roots, for a form whose defaults are filled in, for pages."""
    model = said(await client.call_tool("trigger-sampling-request", {"prompt": "abc"}))
    assert "cba" in model
    assert ROOT in said(await client.call_tool("get-roots-list"))
    form = (await client.call_tool("trigger-elicitation-request")).content[1].text
    assert "Name: Ada" in form
    assert "Favorite Integer: 42" in form
    page = {"url": PAGE, "elicitationId": "one"}
    assert "completed" in said(await client.call_tool("trigger-url-elicitation", page))
    assert user.pages == [PAGE]
    with pytest.raises(URLElicitationRequiredError) as needed:
        await client.call_tool("trigger-url-elicitation", {"url": PAGE, "errorPath": True})
    assert needed.value.elicitations[0]["url"] == "https://modelcontextprotocol.io"


async def hears_what_happens(client: Client[Any], user: Visitor) -> None:
    """Log messages from a level up, a resource that was subscribed to, a list that changed."""
    await client.set_logging_level("emergency")
    await client.session.request("resources/subscribe", {"uri": TEXT})
    await client.call_tool("toggle-subscriber-updates")
    await user.heard_of("notifications/resources/updated")
    await client.session.request("resources/unsubscribe", {"uri": TEXT})
    await client.call_tool("toggle-subscriber-updates")
    await client.set_logging_level("debug")
    user.heard.clear()
    await client.call_tool("toggle-simulated-logging")
    await user.heard_of("notifications/message")
    await client.call_tool("toggle-simulated-logging")
    data = {"name": "hello.gz", "data": "data:text/plain,hello"}
    await client.call_tool("gzip-file-as-resource", data)
    await user.heard_of("notifications/resources/list_changed")
    uris = [str(one.uri) for one in await client.list_resources()]
    assert "demo://resource/session/hello.gz" in uris


async def takes_a_call_back(client: Client[Any]) -> None:
    begun = asyncio.Event()

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        begun.set()

    arguments = {"duration": 60, "steps": 600}
    call = asyncio.create_task(client.call_tool(LONG, arguments, progress_handler=on_progress))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(McpError, match=r"within 0\.3 seconds"):
        await client.call_tool(LONG, arguments, timeout=0.3)
    assert said(await client.call_tool("echo", {"message": "on"})) == "Echo: on"


async def all_of_it(client: Client[Any], user: Visitor) -> None:
    await lists(client)
    await calls(client)
    await hears_progress(client)
    await reads(client)
    await is_asked(client, user)
    await hears_what_happens(client, user)
    await takes_a_call_back(client)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_over_a_pipe(npm: Path, mode: str) -> None:
    user, before = Visitor(), children()
    executable, *words = map(str, command(npm, "stdio"))
    transport = StdioTransport(executable, words, env=node.environment(), keep_alive=False)
    with nothing_stays():
        async with user.client(transport, mode) as client:
            await all_of_it(client, user)
            assert children() > before
        assert children() == before


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_over_http(http: Restartable, mode: str) -> None:
    user = Visitor()
    with watched(http.server.url) as recorder:
        with nothing_stays():
            async with user.client(recorder.url, mode) as client:
                await all_of_it(client, user)
        assert recorder.methods("client").count("notifications/cancelled") == 2
        assert_left(recorder, HANDSHAKE)


async def test_a_server_that_was_restarted(http: Restartable) -> None:
    """It answers a session it does not know with 400 where the specification wants 404."""
    with watched(http.server.url) as recorder:
        async with Visitor().client(recorder.url, "legacy") as client:
            await client.call_tool("echo", {"message": "before"})
            await http.restart()
            said_by_all = await asyncio.gather(
                *(client.call_tool("echo", {"message": str(n)}) for n in range(5))
            )
            assert [said(one) for one in said_by_all] == [f"Echo: {n}" for n in range(5)]
        assert recorder.methods("client").count("initialize") == 2
        assert_left(recorder, HANDSHAKE)


async def test_over_sse(sse: Restartable) -> None:
    user = Visitor()
    with nothing_stays():
        transport = SSETransport(f"http://127.0.0.1:{sse.server.port}/sse")
        async with user.client(transport, "legacy") as client:
            await all_of_it(client, user)

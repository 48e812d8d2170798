"""What our client and a server of `servers/` have to say to each other, whatever is between them.

One user's handlers, one function for each thing a client does, and `all_of_it`, which does each
that the server is known to have.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

import mcp_types
import pytest

from fastmcp import Client
from fastmcp.exceptions import McpError, ToolError
from tests.support.process import until

HANDSHAKE = "2025-11-25"
STATELESS = "2026-07-28"
ROOT = "file:///home/ada"

TOOLS = {"add", "person", "count", "talk", "fail", "ask", "wait", "noted", "large", "grow"}
LARGE = 5_000_000


@dataclass
class User:
    """Who uses the client: what they answer, what they heard."""

    logs: list[tuple[str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """Methods of notifications."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Something was heard; cleared by whoever waits for it."""

    async def answer(self, message: str, kind: Any, params: Any, context: Any) -> dict[str, Any]:
        assert message == "Who are you?"
        assert set(params.requested_schema["properties"]) == {"name", "age"}
        return {"name": "Ada", "age": 36}

    async def sample(self, messages: Any, params: Any, context: Any) -> str:
        return messages[0].content.text[::-1]

    async def log(self, message: Any) -> None:
        data = message.data
        self.logs.append((message.level, data["msg"] if isinstance(data, dict) else data))
        self.told.set()

    async def hear(self, message: Any) -> None:
        self.heard.append(message.method)
        self.told.set()

    def client(self, transport: Any, mode: str) -> Client[Any]:
        """A client with all these handlers."""
        return Client(
            transport,
            mode=mode,
            timeout=30,
            roots=[ROOT],
            elicitation_handler=self.answer,
            sampling_handler=self.sample,
            log_handler=self.log,
            message_handler=self.hear,
        )

    async def heard_of(self, method: str) -> None:
        """Wait until such a notification came."""
        async with asyncio.timeout(10):
            while method not in self.heard:
                self.told.clear()
                await self.told.wait()


def value(result: Any) -> Any:
    """What a tool returned that is no object."""
    return result.structured_content["result"]


async def introduces_itself(client: Client[Any]) -> None:
    assert client.server_info is not None
    assert client.server_info.name == "stranger"
    assert client.instructions == "An outsider."
    if client.protocol_version == HANDSHAKE:
        assert await client.ping()


async def lists(client: Client[Any]) -> None:
    tools = {tool.name: tool for tool in await client.list_tools()}
    assert set(tools) >= TOOLS
    assert tools["add"].input_schema["required"] == ["a", "b"]
    assert {str(one.uri) for one in await client.list_resources()} == {
        "data://greeting",
        "data://bytes",
    }
    (template,) = await client.list_resource_templates()
    assert template.uri_template == "data://users/{name}"
    (prompt,) = await client.list_prompts()
    assert prompt.name == "review"
    assert [(one.name, one.required) for one in prompt.arguments] == [("code", True)]


async def calls(client: Client[Any]) -> None:
    result = await client.call_tool("add", {"a": 2, "b": 3})
    assert result.structured_content == {"result": 5}
    # FastMCP marks a wrapped result as such; what the SDK's servers wrap stays an object.
    assert getattr(result.data, "result", result.data) == 5
    person = await client.call_tool("person", {"name": "Ada"})
    assert person.structured_content == {"name": "Ada", "age": 40}
    assert (person.data.name, person.data.age) == ("Ada", 40)
    sums = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(20)))
    assert [value(one) for one in sums] == [2 * n for n in range(20)]


async def hears_progress(client: Client[Any]) -> None:
    progress: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total, message))

    result = await client.call_tool("count", {"to": 3}, progress_handler=on_progress)
    assert value(result) == "counted to 3"
    assert progress == [(n, 3, f"step {n}") for n in (1, 2, 3)]


async def hears_of_errors(client: Client[Any]) -> None:
    with pytest.raises(ToolError, match="it broke on purpose"):
        await client.call_tool("fail")
    failed = await client.call_tool("fail", raise_on_error=False)
    assert failed.is_error
    with pytest.raises(ToolError, match="validation error"):
        await client.call_tool("add", {"a": "many"})
    with pytest.raises((ToolError, McpError), match="nope"):
        await client.call_tool("nope")
    with pytest.raises(McpError):
        await client.read_resource("data://nowhere")
    with pytest.raises(McpError):
        await client.get_prompt("nope")


async def reads(client: Client[Any]) -> None:
    (text,) = await client.read_resource("data://greeting")
    assert (text.text, text.mime_type) == ("Hello, Ωutsider!", "text/plain")
    (blob,) = await client.read_resource("data://bytes")
    assert base64.b64decode(blob.blob) == bytes(range(256))
    (user,) = await client.read_resource("data://users/ada")
    assert user.text == "user ada"
    prompt = await client.get_prompt("review", {"code": "x = 1"})
    assert prompt.messages[0].content.text == "Please review: x = 1"


async def completes(client: Client[Any]) -> None:
    reference = mcp_types.PromptReference(name="review")
    found = await client.complete(reference, {"name": "code", "value": "p"})
    assert found.values == ["python", "perl"]


async def hears_logs(client: Client[Any], user: User, *, levels: bool) -> None:
    user.logs.clear()
    assert value(await client.call_tool("talk")) == "talked"
    assert user.logs == [("info", "hello from the tool"), ("warning", "careful")]
    if levels:
        await client.set_logging_level("warning")
        user.logs.clear()
        await client.call_tool("talk")
        assert user.logs == [("warning", "careful")]


async def gets_something_large(client: Client[Any]) -> None:
    assert len(value(await client.call_tool("large", {"size": LARGE}))) == LARGE


async def takes_a_call_back(client: Client[Any]) -> None:
    """By cancelling it, and by a time-out."""
    tag = secrets.token_hex(4)  # others met this server before
    call = asyncio.create_task(client.call_tool("wait", {"tag": tag}))
    await until(lambda: is_noted(client, f"{tag} begins"), "the call begins")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: is_noted(client, f"{tag} cancelled"), "the call is cancelled")
    # What is taken back before its server has begun it runs all the same with some of them, and on
    # a busy machine half a second may be too short to begin.
    for seconds in (0.5, 2.0, 8.0):
        if await times_out(client, f"{tag} {seconds:g}", seconds):
            break
    else:
        raise AssertionError("no call begins within 8 seconds")
    await calls(client)


async def times_out(client: Client[Any], tag: str, seconds: float) -> bool:
    """A call that takes too long; whether the server had begun it, and then it heard of the end."""
    call = asyncio.create_task(client.call_tool("wait", {"tag": tag}, timeout=seconds))
    begun = False
    while not begun and not call.done():
        begun = await is_noted(client, f"{tag} begins")
    in_time = begun and not call.done()
    with pytest.raises(McpError, match=rf"within {seconds:g} seconds"):
        await call
    if in_time:
        await until(lambda: is_noted(client, f"{tag} cancelled"), "the call is taken back")
    return in_time


async def is_noted(client: Client[Any], line: str) -> bool:
    """Whether `wait` noted it."""
    return line in value(await client.call_tool("noted"))


async def hears_of_changes(client: Client[Any], user: User) -> None:
    user.heard.clear()
    assert value(await client.call_tool("grow")) == "grown"
    await user.heard_of("notifications/tools/list_changed")
    assert "_grown" in {tool.name for tool in await client.list_tools()}


async def all_of_it(client: Client[Any], user: User, version: str, has: frozenset[str]) -> None:
    """Everything, and what the server is said to have besides.

    Args:
        client: connected.
        user: whose client it is.
        version: of the protocol, that must have been agreed on.
        has: of "completion", "levels", "sampling", "roots", "interview".
    """
    handshake = version == HANDSHAKE
    assert client.protocol_version == version
    if client.mode != version:  # otherwise nobody asked
        await introduces_itself(client)
    await lists(client)
    await calls(client)
    await hears_progress(client)
    await hears_of_errors(client)
    await reads(client)
    if "completion" in has:
        await completes(client)
    if handshake:
        await hears_logs(client, user, levels="levels" in has)
        assert value(await client.call_tool("ask")) == "Ada is 36"
        if "sampling" in has:
            thought = await client.call_tool("think", {"prompt": "abc"})
            assert value(thought) == "the model says: cba"
        if "roots" in has:
            assert value(await client.call_tool("where")) == [ROOT]
        await hears_of_changes(client, user)
    elif "interview" in has:
        assert (await client.call_tool("interview")).content[0].text.startswith("Ada is 36")
    await gets_something_large(client)
    await takes_a_call_back(client)

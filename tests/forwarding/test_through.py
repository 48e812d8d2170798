"""What passes through a proxy, both ways, whatever era is spoken in front and behind."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types
import pytest

from fastmcp import Client, FastMCP
from fastmcp.client.messages import MessageHandler
from fastmcp.exceptions import McpError
from fastmcp.server import create_proxy
from tests.forwarding.person import Person
from tests.support.process import Server

ERAS = ("legacy", "2026-07-28")


@pytest.fixture(params=ERAS)
def behind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=ERAS)
def front(request: pytest.FixtureRequest) -> str:
    return request.param


def proxied(backend: Server, behind: str, **settings: Any) -> FastMCP:
    return create_proxy(backend.url, mode=behind, **settings)


async def test_calls_and_what_they_say(backend: Server, front: str, behind: str):
    ada = Person()
    async with Client(proxied(backend, behind), mode=front, **ada.options()) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert (await client.call_tool("ask")).data == "accept: Ada"
        assert ada.asked == ["Who?"]
        assert (1, 2, "asking") in ada.heard
        assert ("info", None, {"msg": "about to ask Who?", "extra": None}) in ada.heard
        assert (await client.call_tool("page")).data == "accept"
        assert ada.pages == ["https://example.com/look"]
        assert (await client.call_tool("think")).data == "Ada thinks: Say it"
        assert (await client.call_tool("where")).data == "file:///home/Ada"


async def test_results_as_they_are(backend: Server, front: str, behind: str):
    async with (
        Client(backend.url, mode=front) as direct,
        Client(proxied(backend, behind), mode=front) as client,
    ):
        one, other = [await c.call_tool_mcp("rich", {}) for c in (direct, client)]
        assert other.content == one.content
        assert other.structured_content == one.structured_content
        assert (other.meta or {})["example.com/m"] == [1]
        failed = await client.call_tool_mcp("fail", {})
        assert failed.is_error
        assert failed.content[0].text == "no luck today"
        bad = await client.call_tool_mcp("add", {"a": "x", "b": 1})
        assert bad.is_error
        assert "validation error" in bad.content[0].text


async def test_lists_as_they_are(backend: Server, front: str, behind: str):
    async with (
        Client(backend.url, mode=front) as direct,
        Client(proxied(backend, behind), mode=front) as client,
    ):
        for method in ("tools", "resources", "resource_templates", "prompts"):
            one, other = [await getattr(c, f"list_{method}")() for c in (direct, client)]
            assert other == one
            assert other


async def test_resources_prompts_completions(backend: Server, front: str, behind: str):
    async with Client(proxied(backend, behind), mode=front) as client:
        assert (await client.read_resource("data://here"))[0].text == "here it is"
        assert (await client.read_resource("data://bytes"))[0].blob == "AAECAwQFBgc="
        found = (await client.read_resource("data://people/ada"))[0]
        assert (str(found.uri), found.text) == ("data://people/ada", '{"name": "ada"}')
        with pytest.raises(McpError, match="Resource not found: 'data://nowhere'"):
            await client.read_resource("data://nowhere")
        prompt = await client.get_prompt("greet", {"who": "Ada"})
        assert prompt.messages[0].content.text == "Hello, Ada!"
        with pytest.raises(McpError, match="Unknown prompt: 'nope'"):
            await client.get_prompt("nope")
        reference = mcp_types.PromptReference(type="ref/prompt", name="greet")
        completion = await client.complete(reference, {"name": "who", "value": "a"})
        assert completion.values == ["ada", "alan"]


async def test_an_unknown_tool_is_answered_by_the_server_behind(backend: Server, behind: str):
    async with Client(proxied(backend, behind), mode=behind) as client:
        result = await client.call_tool_mcp("nope", {})
        assert result.is_error
        assert result.content[0].text == "Unknown tool: 'nope'"


async def test_it_introduces_itself_as_the_server_behind(backend: Server, front: str, behind: str):
    proxy = create_proxy(backend.url, identity="upstream")
    async with Client(proxy, mode="auto" if front != "legacy" else "legacy") as client:
        assert client.instructions == "Mind the step."
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("behind", "7.1")
    proxy = create_proxy(backend.url, name="gate", instructions="Knock.")
    async with Client(proxy, mode="auto" if front != "legacy" else "legacy") as client:
        assert client.instructions == "Knock."
        assert client.server_info is not None
        assert client.server_info.name == "gate"


async def test_meta_of_a_request(backend: Server, front: str, behind: str):
    async with Client(proxied(backend, behind), mode=front) as client:
        said = {"example.com/tenant": {"id": 7}}
        found = (await client.call_tool("meta", meta=said)).structured_content["meta"]
        assert found["example.com/tenant"] == {"id": 7}
        hop = {key for key in found if key.startswith("io.modelcontextprotocol/")}
        assert bool(hop) == (behind != "legacy"), hop


async def test_log_levels(backend: Server, behind: str):
    ada = Person()
    async with Client(proxied(backend, behind), mode="legacy", **ada.options()) as client:
        await client.call_tool("say")
        assert [heard[0] for heard in ada.heard] == ["debug", "warning"]
        assert ada.heard[1][1:] == ("mouth", {"msg": "loud", "extra": {"n": 1}})
        ada.heard.clear()
        await client.set_logging_level("error")
        await client.call_tool("say")
        assert ada.heard == []
        await client.set_logging_level("info")
        await client.call_tool("say")
        assert [heard[0] for heard in ada.heard] == ["warning"]


async def test_cancellation(backend: Server, front: str, behind: str):
    tag = f"{front} {behind}"
    began = asyncio.Event()

    async def progress(*_: Any) -> None:
        began.set()

    async with Client(proxied(backend, behind), mode=front, progress_handler=progress) as client:
        call = asyncio.create_task(client.call_tool("wait", {"tag": tag}))
        async with asyncio.timeout(20):
            await began.wait()
            call.cancel()
            while tag not in (await client.call_tool("was_stopped")).data:
                pass


class Listening(MessageHandler):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def on_tool_list_changed(self, message: Any) -> None:
        await self.heard.put("tools")

    async def on_resource_updated(self, message: Any) -> None:
        await self.heard.put(str(message.params.uri))


async def test_changes_are_told_in_a_session(backend: Server, behind: str):
    hears = Listening()
    proxy = proxied(backend, behind)
    async with Client(proxy, mode="legacy", message_handler=hears) as client:
        before = {tool.name for tool in await client.list_tools()}
        await client.session.request("resources/subscribe", {"uri": "data://here"})
        heard: set[str] = set()
        async with asyncio.timeout(20):
            while heard != {"tools", "data://here"}:
                # The server behind may not know yet that it is listened to.
                await client.call_tool("grow")
                try:
                    async with asyncio.timeout(0.5):
                        while heard != {"tools", "data://here"}:
                            heard.add(await hears.heard.get())
                except TimeoutError:
                    continue
        after = {tool.name for tool in await client.list_tools()}
        assert "grown" in after
        assert before <= after
        await client.session.request("resources/unsubscribe", {"uri": "data://here"})


async def test_changes_are_told_to_who_listens(backend: Server, behind: str):
    hears = Listening()
    proxy = proxied(backend, behind)
    async with Client(proxy, mode="2026-07-28", message_handler=hears) as client:
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["data://here"]}
        listening = asyncio.create_task(
            client.session.request("subscriptions/listen", {"notifications": wanted})
        )
        heard: set[str] = set()
        async with asyncio.timeout(20):
            while heard != {"tools", "data://here"}:
                await client.call_tool("grow")
                try:
                    async with asyncio.timeout(0.5):
                        while heard != {"tools", "data://here"}:
                            heard.add(await hears.heard.get())
                except TimeoutError:
                    continue
        listening.cancel()

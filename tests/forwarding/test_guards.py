"""A proxy with parts and guards of its own: what is behind it is one part among others, and what
hides a component hides it before anything was listed."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from fastmcp import Client, Context, FastMCP
from fastmcp.exceptions import McpError, ToolError
from fastmcp.server import create_proxy
from fastmcp.server.middleware import Middleware

ERAS = ("legacy", "2026-07-28")


@pytest.fixture
def behind() -> FastMCP:
    behind = FastMCP("behind")

    @behind.tool(tags={"admin"}, version="1.0")
    async def wipe() -> str:
        return "wiped"

    @behind.tool
    async def look() -> str:
        return "seen"

    @behind.resource("data://secret", tags={"admin"})
    async def secret() -> str:
        return "secret"

    @behind.resource("data://people/{name}")
    async def person(name: str) -> str:
        return name

    @behind.prompt(tags={"admin"})
    async def order() -> str:
        return "ordered"

    return behind


@pytest.mark.parametrize("front", ERAS)
@pytest.mark.parametrize("rule", [{"tags": {"admin"}}, {"keys": {"tool:wipe@1.0"}}])
async def test_what_is_hidden_is_hidden_from_the_first_call(
    behind: FastMCP, front: str, rule: dict[str, Any]
):
    proxy = create_proxy(behind)
    proxy.disable(**rule)
    async with Client(proxy, mode=front) as client:
        with pytest.raises((ToolError, McpError), match="Unknown tool: 'wipe'"):
            await client.call_tool("wipe")
        if "tags" in rule:
            with pytest.raises(McpError, match="not found"):
                await client.read_resource("data://secret")
            with pytest.raises(McpError, match="Unknown prompt"):
                await client.get_prompt("order")
        assert (await client.call_tool("look")).data == "seen"
        assert (await client.read_resource("data://people/ada"))[0].text == "ada"


async def test_only_what_is_shown_can_be_called(behind: FastMCP):
    proxy = create_proxy(behind)
    proxy.enable(tags={"admin"}, only=True)
    async with Client(proxy) as client:
        with pytest.raises((ToolError, McpError), match="Unknown tool"):
            await client.call_tool("look")
        assert (await client.call_tool("wipe")).data == "wiped"


async def test_what_a_session_hides_is_hidden(behind: FastMCP):
    proxy = create_proxy(behind)

    @proxy.tool
    async def lock(ctx: Context) -> str:
        await ctx.disable_components(tags={"admin"})
        return "locked"

    async with Client(proxy, mode="legacy") as client:
        await client.call_tool_mcp("lock", {})
        result = await client.call_tool_mcp("wipe", {})
        assert result.is_error


@pytest.mark.parametrize("front", ERAS)
async def test_middleware_sees_the_component_itself(behind: FastMCP, front: str):
    class Guard(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            tool = await context.fastmcp_context.fastmcp.get_tool(context.message.name)
            if "admin" in tool.tags:
                raise ToolError("admins only")
            return await call_next(context)

    proxy = create_proxy(behind)
    proxy.add_middleware(Guard())
    async with Client(proxy, mode=front) as client:
        with pytest.raises(ToolError, match="admins only"):
            await client.call_tool("wipe")
        assert (await client.call_tool("look")).data == "seen"


@pytest.mark.parametrize("front", ERAS)
async def test_other_parts_of_a_proxy_are_reached(behind: FastMCP, front: str):
    other = FastMCP("other")

    @other.tool
    async def extra() -> str:
        return "extra"

    @other.resource("data://here")
    async def here() -> str:
        return "here"

    @other.prompt
    async def greet() -> str:
        return "hello"

    @other.completion
    async def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return ["other's"]

    proxy = create_proxy(behind)
    proxy.mount(other, "x")
    async with Client(proxy, mode=front) as client:
        assert (await client.call_tool("x_extra")).data == "extra"
        assert (await client.read_resource("data://x/here"))[0].text == "here"
        assert (await client.get_prompt("x_greet")).messages[0].content.text == "hello"
        reference = mcp_types.PromptReference(type="ref/prompt", name="x_greet")
        found = await client.complete(reference, {"name": "a", "value": ""})
        assert found.values == ["other's"]
        assert (await client.call_tool("look")).data == "seen"
        assert (await client.read_resource("data://people/ada"))[0].text == "ada"


@pytest.mark.parametrize("front", ERAS)
async def test_a_template_of_the_proxys_own_is_reached(behind: FastMCP, front: str):
    proxy = create_proxy(behind)

    @proxy.resource("own://{key}")
    async def own(key: str) -> str:
        return f"own {key}"

    async with Client(proxy, mode=front) as client:
        assert (await client.read_resource("own://a"))[0].text == "own a"
        assert (await client.read_resource("data://people/ada"))[0].text == "ada"

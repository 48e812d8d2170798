"""Components that are not for everybody: who does not pass their checks cannot tell that they are
there."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from fastmcp import Client, Context, FastMCP
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from fastmcp.server.auth import (
    AuthContext,
    require_roles,
    require_scopes,
    restrict_tag,
)
from fastmcp.server.bus import ResourceUpdated
from fastmcp.server.middleware import AuthMiddleware
from fastmcp.server.providers import Provider
from tests.server.auth.tokens import Tokens, bearing
from tests.support.asgi import STATELESS, Live, Peer

ERAS = ("2025-11-25", STATELESS)


async def only_ada(context: AuthContext) -> bool:
    return context.token is not None and context.token.subject == "ada"


def broken(context: AuthContext) -> bool:
    raise ValueError("no such claim")


def fill(mcp: FastMCP) -> FastMCP:
    @mcp.tool
    async def plain() -> str:
        return "for all"

    @mcp.tool(auth=require_scopes("write"))
    async def write() -> str:
        return "written"

    @mcp.tool(auth=[require_scopes("write"), only_ada])
    async def secret(ctx: Context) -> str:
        return "ada's"

    @mcp.tool(auth=broken)
    async def never() -> str:
        return "never"

    @mcp.resource("data://plain")
    async def plain_data() -> str:
        return "for all"

    @mcp.resource("data://secret", auth=only_ada)
    async def secret_data() -> str:
        return "ada's"

    @mcp.resource("data://of/{name}", auth=only_ada)
    async def data_of(name: str) -> str:
        return name

    @mcp.prompt(auth=only_ada)
    async def ask() -> str:
        return "ada asks"

    return mcp


@pytest.fixture
def tokens() -> Tokens:
    tokens = Tokens()
    tokens.give("ada", scopes=["write"])
    tokens.give("bob", subject="bob", scopes=["write"])
    tokens.give("eve", subject="eve")
    return tokens


async def seen(peer: Peer) -> dict[str, list[str]]:
    """What is in each list."""
    found: dict[str, list[str]] = {}
    for method, member, key in (
        ("tools/list", "tools", "name"),
        ("resources/list", "resources", "uri"),
        ("resources/templates/list", "resourceTemplates", "uriTemplate"),
        ("prompts/list", "prompts", "name"),
    ):
        result = (await peer.request(method)).result
        found[member] = [item[key] for item in result[member]]
    return found


FOR_ADA = {
    "tools": ["plain", "write", "secret"],
    "resources": ["data://plain", "data://secret"],
    "resourceTemplates": ["data://of/{name}"],
    "prompts": ["ask"],
}
FOR_BOB = {
    "tools": ["plain", "write"],
    "resources": ["data://plain"],
    "resourceTemplates": [],
    "prompts": [],
}
FOR_EVE = {**FOR_BOB, "tools": ["plain"]}


class Shelf(Provider):
    """An author's own source of components, which knows nothing of checks."""

    def __init__(self) -> None:
        self.view = fill(FastMCP("part")).engine.registry.view

    async def _list_tools(self) -> Any:
        return self.view.tools.all()

    async def _list_resources(self) -> Any:
        return self.view.resources.all()

    async def _list_resource_templates(self) -> Any:
        return self.view.templates.all()

    async def _list_prompts(self) -> Any:
        return self.view.prompts.all()


@pytest.mark.parametrize("whose", ["its own", "mounted", "provided"])
@pytest.mark.parametrize("version", ERAS)
async def test_who_sees_what(tokens: Tokens, version: str, whose: str):
    mcp = FastMCP("front", auth=tokens)
    if whose == "mounted":
        mcp.mount(fill(FastMCP("part")))
    elif whose == "provided":
        mcp.add_provider(Shelf())
    else:
        fill(mcp)
    app = mcp.http_app()
    async with app.lifespan(app):
        for token, expected in (("ada", FOR_ADA), ("bob", FOR_BOB), ("eve", FOR_EVE)):
            peer = await Peer(app, version, headers=bearing(token)).open()
            assert await seen(peer) == expected
        ada = await Peer(app, version, headers=bearing("ada")).open()
        bob = await Peer(app, version, headers=bearing("bob")).open()
        assert (await ada.call("secret")).text == "ada's"
        for name in ("secret", "never"):
            hidden, unknown = await bob.call(name), await bob.call("no_such")
            assert _without(hidden, name) == _without(unknown, "no_such")
        read = await ada.request("resources/read", {"uri": "data://of/x"})
        assert read.result["contents"][0]["text"] == "x"
        for uri in ("data://secret", "data://of/x"):
            hidden = await bob.request("resources/read", {"uri": uri})
            unknown = await bob.request("resources/read", {"uri": "data://none"})
            assert _without(hidden, uri) == _without(unknown, "data://none")
        hidden = await bob.request("prompts/get", {"name": "ask"})
        unknown = await bob.request("prompts/get", {"name": "no_such"})
        assert _without(hidden, "ask") == _without(unknown, "no_such")


def _without(live: Any, name: str) -> str:
    """An answer without what was asked for, and its number."""
    [answer] = [message for message in live.messages if "method" not in message]
    return str({**answer, "id": 0}).replace(name, "X")


@pytest.mark.parametrize("version", ERAS)
async def test_a_tool_that_may_run_as_a_task_is_checked_as_well(tokens: Tokens, version: str):
    mcp = FastMCP("front", auth=tokens)

    @mcp.tool(auth=only_ada, task=True)
    async def job() -> str:
        return "done"

    app = mcp.http_app()
    async with app.lifespan(app):
        capabilities = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
        bob = Peer(app, version, capabilities=capabilities, headers=bearing("bob"))
        await bob.open()
        hidden, unknown = await bob.call("job"), await bob.call("no_such")
        assert _without(hidden, "job") == _without(unknown, "no_such")


async def test_over_stdio_nobody_is_checked():
    """2025-11-25, basic/authorization: such a transport has its credentials from elsewhere."""
    child = StdioTransport(sys.executable, ["-c", _STDIO], keep_alive=False)
    async with Client(child) as client:
        assert [tool.name for tool in await client.list_tools()] == ["write"]
        assert (await client.call_tool("write")).data == "written"


_STDIO = """
from fastmcp import FastMCP
from fastmcp.server.auth import require_scopes
mcp = FastMCP("child")
@mcp.tool(auth=require_scopes("write"))
async def write() -> str:
    return "written"
mcp.run(show_banner=False)
"""


async def test_in_memory_there_is_no_token():
    async with Client(fill(FastMCP("here"))) as client:
        assert [tool.name for tool in await client.list_tools()] == ["plain"]
        with pytest.raises(ToolError, match="Unknown tool"):
            await client.call_tool("write")


async def test_roles_and_tags(tokens: Tokens):
    tokens.give("boss", claims={"roles": ["boss", "staff"]})
    tokens.give("clerk", claims={"roles": ["staff"]}, scopes=["admin"])
    roles = require_roles("boss", extract=lambda token: token.claims["roles"])
    mcp = FastMCP(
        "front",
        auth=tokens,
        middleware=[AuthMiddleware(auth=restrict_tag("admin", scopes=["admin"]))],
    )

    @mcp.tool(auth=roles)
    async def fire() -> str:
        return "fired"

    @mcp.tool(tags={"admin"})
    async def audit() -> str:
        return "audited"

    @mcp.tool
    async def work() -> str:
        return "worked"

    app = mcp.http_app()
    async with app.lifespan(app):
        for token, tools in (("boss", ["fire", "work"]), ("clerk", ["audit", "work"])):
            peer = Peer(app, STATELESS, headers=bearing(token))
            listed = (await peer.request("tools/list")).result["tools"]
            assert [tool["name"] for tool in listed] == tools
            for name in ("fire", "audit"):
                called = await peer.call(name)
                assert ("error" in called.response) is (name not in tools)


async def test_the_middleware_guards_resources_and_prompts(tokens: Tokens):
    mcp = fill(FastMCP("front", auth=tokens, middleware=[AuthMiddleware(auth=only_ada)]))
    app = mcp.http_app()
    async with app.lifespan(app):
        ada, bob = (Peer(app, STATELESS, headers=bearing(token)) for token in ("ada", "bob"))
        assert await seen(ada) == FOR_ADA
        assert await seen(bob) == {member: [] for member in FOR_ADA}
        for method, params in (
            ("resources/read", {"uri": "data://plain"}),
            ("resources/read", {"uri": "data://of/x"}),
            ("prompts/get", {"name": "ask"}),
        ):
            assert "error" in (await bob.request(method, params)).response
            assert "result" in (await ada.request(method, params)).response


@pytest.mark.parametrize("guarded", [True, False], ids=["middleware", "components"])
async def test_nothing_is_told_of_what_is_hidden(tokens: Tokens, guarded: bool):
    """Who may not see a resource is answered as if it were not there, and hears of no change."""
    mcp = fill(FastMCP("front", auth=tokens))
    hidden = ["data://secret", "data://of/x"]
    if guarded:
        mcp.add_middleware(AuthMiddleware(auth=only_ada))
        hidden.append("data://plain")
    uris = [*hidden, "data://unknown"]
    app = mcp.http_app()
    async with app.lifespan(app):
        for name, heard in (("ada", uris), ("bob", ["data://unknown"])):
            now = Peer(app, STATELESS, headers=bearing(name))
            stream = await now.start(
                "subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}}
            ).until(lambda live: live.messages)
            assert stream.messages[0]["params"]["notifications"] == {"resourceSubscriptions": uris}
            before = await Peer(app, headers=bearing(name)).open()
            old = await before.listen().until(lambda live: live.body)
            for uri in uris:
                assert (await before.request("resources/subscribe", {"uri": uri})).result == {}
            for uri in uris:
                mcp.bus.publish(ResourceUpdated(uri))
            for live in (stream, old):
                await live.until(lambda live: "data://unknown" in told(live))
                assert told(live) == heard
                live.leave()
                await live.done()


def told(live: Live) -> list[str]:
    """Of which resources."""
    return [
        message["params"]["uri"]
        for message in live.messages
        if message.get("method") == "notifications/resources/updated"
    ]


async def test_nothing_is_suggested_for_what_middleware_hides(tokens: Tokens):
    mcp = FastMCP("front", auth=tokens, middleware=[AuthMiddleware(auth=only_ada)])

    @mcp.prompt
    def ask(customer: str) -> str:
        return customer

    @mcp.resource("data://{customer}")
    def data(customer: str) -> str:
        return customer

    @mcp.completion
    def suggest(reference: Any, argument: Any, context: Any) -> list[str]:
        return ["ACME"]

    app = mcp.http_app()
    async with app.lifespan(app):
        ada, bob = (Peer(app, STATELESS, headers=bearing(token)) for token in ("ada", "bob"))
        for reference, unknown in (
            ({"type": "ref/prompt", "name": "ask"}, {"type": "ref/prompt", "name": "none"}),
            (
                {"type": "ref/resource", "uri": "data://{customer}"},
                {"type": "ref/resource", "uri": "none://{customer}"},
            ),
        ):
            argument = {"name": "customer", "value": ""}
            given = {"ref": reference, "argument": argument}
            found = (await ada.request("completion/complete", given)).result
            assert found["completion"]["values"] == ["ACME"]
            refused = await bob.request("completion/complete", given)
            missing = await bob.request(
                "completion/complete", {"ref": unknown, "argument": argument}
            )
            assert refused.error["code"] == missing.error["code"] == -32602

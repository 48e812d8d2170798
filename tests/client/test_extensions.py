"""Extensions of a client: declared, asked in their own form of results, and told things."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Literal

import mcp_types
import pytest
from aiohttp import web
from pydantic import BaseModel

from fastmcp import Client
from fastmcp.client.extensions import (
    ClaimContext,
    ClientExtension,
    NotificationBinding,
    ResultClaim,
    UnexpectedClaimedResult,
    advertise,
)
from fastmcp.exceptions import McpError
from tests.client.site import answer, data, discovered, events, handshake, site, stateless, text


class Ticket(mcp_types.Result):
    result_type: Literal["ticket"] = "ticket"
    number: int


class Other(mcp_types.Result):
    result_type: Literal["other"] = "other"


class Rang(BaseModel):
    tone: str


async def fetch(ticket: Ticket, context: ClaimContext) -> mcp_types.CallToolResult:
    """Asks the server for what the ticket stands for."""
    params = {"number": ticket.number, "tool": context.tool_name}
    result = await context.session.request("tickets/get", params)
    return mcp_types.CallToolResult.model_validate(result)


CLAIM = ResultClaim(result_type="ticket", model=Ticket, resolve=fetch)


class Tickets(ClientExtension):
    identifier = "com.example/tickets"

    def __init__(self) -> None:
        self.rang: list[str] = []
        self.heard = asyncio.Event()

    def settings(self) -> dict[str, Any]:
        return {"most": 5}

    def claims(self) -> list[Any]:
        return [CLAIM]

    def notifications(self) -> list[Any]:
        return [
            NotificationBinding(
                method="notifications/rang", params_type=Rang, handler=self._on_rang
            )
        ]

    async def _on_rang(self, params: Rang) -> None:
        self.rang.append(params.tone)
        self.heard.set()


async def serve(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    if message["method"] == "tickets/get":
        return answer(message, text(f"{message['params']['tool']}:{message['params']['number']}"))
    rings = [
        data({"jsonrpc": "2.0", "method": "notifications/rang", "params": params})
        for params in ({"tone": "low"}, {"tone": 5}, {"tone": "high"})
    ]
    result = {"resultType": "ticket", "number": 7}
    done = data({"jsonrpc": "2.0", "id": message["id"], "result": result})
    return await events(request, *rings, done)


async def test_a_claimed_result_is_resolved() -> None:
    extension = Tickets()
    async with site(stateless(serve)) as seen, Client(seen.url, extensions=[extension]) as client:
        result = await client.call_tool("slow")
        assert result.content[0].text == "slow:7"  # type: ignore[union-attr]
        assert extension.rang == ["low", "high"]
        declared = seen.posts[-1]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
        assert declared == {"extensions": {"com.example/tickets": {"most": 5}}}


async def test_a_claim_that_is_given_beside_its_extension() -> None:
    plain = advertise("com.example/tickets")
    claims = {"com.example/tickets": [CLAIM]}
    async with (
        site(stateless(serve)) as seen,
        Client(seen.url, extensions=[plain], result_claims=claims) as client,
    ):
        result = await client.call_tool("slow")
        assert result.content[0].text == "slow:7"  # type: ignore[union-attr]


async def test_an_object_with_the_attributes_is_an_extension() -> None:
    claim = SimpleNamespace(
        result_type="ticket", model=Ticket, resolve=fetch, protocol_versions=None
    )
    extension = SimpleNamespace(
        identifier="com.example/tickets",
        settings=dict,
        claims=lambda: [claim],
        notifications=list,
    )
    async with site(stateless(serve)) as seen, Client(seen.url, extensions=[extension]) as client:
        assert (await client.call_tool("slow")).content


async def test_a_form_that_nobody_claims_is_an_error() -> None:
    async with site(stateless(serve)) as seen, Client(seen.url) as client:
        with pytest.raises(UnexpectedClaimedResult, match="ticket") as caught:
            await client.call_tool("slow")
        assert caught.value.result["number"] == 7
        assert isinstance(caught.value, McpError)

    async def odd(request: web.Request, message: dict[str, Any]) -> web.Response:
        return answer(message, {"resultType": "odd", "prompts": []})

    async with site(stateless(odd)) as seen, Client(seen.url) as client:
        with pytest.raises(UnexpectedClaimedResult, match="odd"):
            await client.list_prompts()


async def test_a_claimed_result_that_does_not_fit_is_an_error() -> None:
    async def wrong(request: web.Request, message: dict[str, Any]) -> web.Response:
        return answer(message, {"resultType": "ticket", "number": "none"})

    async with site(stateless(wrong)) as seen, Client(seen.url, extensions=[Tickets()]) as client:
        with pytest.raises(McpError, match="does not fit"):
            await client.call_tool("slow")


async def test_the_handshake_era_has_no_forms_of_results() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.Response:
        return answer(message, text("at once"))

    extensions = [Tickets(), advertise("com.example/plain", {"a": 1})]
    async with (
        site(handshake(call)) as seen,
        Client(seen.url, mode="legacy", extensions=extensions) as client,
    ):
        await client.call_tool("x")
        [opening] = [post for post in seen.posts if post.get("method") == "initialize"]
        declared = opening["params"]["capabilities"]
        assert declared == {"extensions": {"com.example/plain": {"a": 1}}}


def test_what_is_no_extension_is_refused() -> None:
    for extensions, why in (
        ([object()], "no identifier"),
        ([advertise("com.example/a"), advertise("com.example/a")], "twice"),
        ([Tickets(), SimpleNamespace(**_like(Tickets(), "com.example/b"))], "twice"),
    ):
        with pytest.raises(ValueError, match=why):
            Client("http://127.0.0.1:1/mcp", extensions=extensions)
    with pytest.raises(TypeError, match="advertise"):
        Client("http://127.0.0.1:1/mcp", extensions={"com.example/a": {}})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not among"):
        Client("http://127.0.0.1:1/mcp", result_claims={"com.example/a": [CLAIM]})
    with pytest.raises(ValueError, match="does not name an extension"):
        advertise("nodomain")
    with pytest.raises(ValueError, match="does not name an extension"):

        class Nameless(ClientExtension):
            identifier = "nodomain"


def _like(extension: Any, identifier: str) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "settings": dict,
        "claims": extension.claims,
        "notifications": extension.notifications,
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"result_type": "complete"}, "own"),
        ({"result_type": "input_required"}, "own"),
        ({"model": Other}, "Literal"),
        ({"method": "prompts/get"}, "tools/call"),
        ({"protocol_versions": frozenset()}, "protocol_versions"),
        ({"protocol_versions": frozenset({"2025-11-25"})}, "protocol_versions"),
    ],
)
def test_what_is_no_claim_is_refused(given: dict[str, Any], why: str) -> None:
    claim: dict[str, Any] = {"result_type": "ticket", "model": Ticket, "resolve": fetch, **given}
    with pytest.raises(ValueError, match=why):
        ResultClaim(**claim)


async def test_a_result_without_a_type_is_complete() -> None:
    async def untyped(request: web.Request, message: dict[str, Any]) -> web.Response:
        if message["method"] == "server/discover":
            return answer(message, {**discovered(), "resultType": "complete"})
        return answer(message, text("done"))

    async with site(untyped) as seen, Client(seen.url) as client:
        assert (await client.call_tool("x")).content[0].text == "done"  # type: ignore[union-attr]

"""prompts/get: what is the client's fault says so (server/prompts, "Error Handling")."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from fastmcp import FastMCP
from fastmcp.exceptions import PromptError
from fastmcp.server.middleware import Middleware
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


class Nothing(Middleware):
    async def on_message(self, context: Any, call_next: Any) -> Any:
        return await call_next(context)


def build(**options: Any) -> FastMCP:
    mcp = FastMCP("prompts", **options)

    @mcp.prompt
    async def review(code: str, lines: int, strict: bool = False) -> str:
        if code == "break":
            raise ValueError("the author's own")
        return f"{code} {lines} {strict}"

    return mcp


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("middleware", [[], [Nothing()]], ids=["plain", "middleware"])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (None, "Missing required arguments: {'code', 'lines'}"),
        ({"code": "x"}, "Missing required arguments: {'lines'}"),
        ({"code": "x", "lines": "many"}, "Could not convert argument 'lines'"),
    ],
)
async def test_arguments_that_do_not_fit(
    version: str,
    middleware: list[Middleware],
    mask: bool,
    arguments: dict[str, str] | None,
    said: str,
    caplog: pytest.LogCaptureFixture,
):
    mcp = build(middleware=middleware, mask_error_details=mask)
    peer = await Peer(mcp.http_app(), version).open()
    params: dict[str, Any] = {"name": "review"}
    if arguments is not None:
        params["arguments"] = arguments
    with caplog.at_level(logging.WARNING):
        live = await peer.request("prompts/get", params)
    assert (live.status, live.error["code"]) == (200, -32602)
    assert said in live.error["message"]
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("version", ERAS)
async def test_what_breaks_inside_is_not_the_clients_fault(version: str):
    peer = await Peer(build().http_app(), version).open()
    params = {"name": "review", "arguments": {"code": "break", "lines": "1"}}
    live = await peer.request("prompts/get", params)
    assert live.error["code"] == -32603
    good = {"name": "review", "arguments": {"code": "x", "lines": "1"}}
    result = (await peer.request("prompts/get", good)).result
    assert result["messages"][0]["content"]["text"] == "x 1 False"


async def test_the_program_hears_it_as_ever():
    with pytest.raises(PromptError, match=r"^Error rendering prompt 'review': Missing required"):
        await build().render_prompt("review", {"code": "x"})

"""How severe the server's log messages have to be: said in both eras, by the same means."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from fastmcp import Client, Context, FastMCP
from tests.client.site import answer, handshake, initialized, site, text

LEVEL = "io.modelcontextprotocol/logLevel"


@pytest.fixture
def talkative() -> FastMCP:
    server = FastMCP("talkative")

    @server.tool
    async def talk(ctx: Context) -> str:
        await ctx.debug("debug")
        await ctx.info("info")
        await ctx.warning("warning")
        await ctx.error("error")
        return "done"

    return server


async def heard(server: FastMCP, mode: str, **given: Any) -> list[str]:
    levels: list[str] = []
    async with Client(
        server, mode=mode, log_handler=lambda message: levels.append(message.level), **given
    ) as client:
        await client.call_tool("talk")
    return levels


async def test_the_client_says_it(talkative: FastMCP, mode: str) -> None:
    assert await heard(talkative, mode, log_level="warning") == ["warning", "error"]
    assert await heard(talkative, mode, log_level="debug") == ["debug", "info", "warning", "error"]


async def test_it_changes(talkative: FastMCP, mode: str) -> None:
    levels: list[str] = []
    async with Client(
        talkative, mode=mode, log_handler=lambda message: levels.append(message.level)
    ) as client:
        await client.set_logging_level("error")
        await client.call_tool("talk")
        assert levels == ["error"]
        await client.set_logging_level("warning")
        await client.call_tool("talk")
        assert levels == ["error", "warning", "error"]


async def test_one_request_says_its_own(talkative: FastMCP) -> None:
    levels: list[str] = []
    async with Client(
        talkative, log_level="debug", log_handler=lambda message: levels.append(message.level)
    ) as client:
        await client.call_tool("talk", meta={LEVEL: "error"})
        assert levels == ["error"]


async def test_what_is_no_level_is_refused(talkative: FastMCP, mode: str) -> None:
    with pytest.raises(ValueError, match="one of debug, info"):
        Client(talkative, log_level="loud")  # type: ignore[arg-type]
    async with Client(talkative, mode=mode) as client:
        with pytest.raises(ValueError, match="one of debug, info"):
            await client.set_logging_level("loud")  # type: ignore[arg-type]


async def test_a_server_that_does_not_log_is_not_asked() -> None:
    """The handshake era: `logging/setLevel` exists where the capability says so."""

    async def call(request: web.Request, message: dict[str, Any]) -> web.Response:
        return answer(message, text("ok"))

    async with (
        site(handshake(call)) as seen,
        Client(seen.url, mode="legacy", log_level="error") as client,
    ):
        assert "logging" not in initialized()["capabilities"]
        await client.call_tool("x")
        assert seen.count("logging/setLevel") == 0

"""A disk that is full, where the server keeps things or where its log goes: it serves, says what it
cannot keep, and keeps it again when there is room."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.faults.conftest import HERE, Log, serves
from tests.support.process import Server, script, serve
from tests.support.wire import Wire

FULL = HERE / "full.py"
CLIENT: dict[str, Any] = {
    "redirect_uris": ["http://localhost:1/callback"],
    "token_endpoint_auth_method": "none",
}


async def test_nothing_can_be_kept_at_the_start():
    """The key of the sessions is then this process's own, which is said once."""
    with serve(script(FULL, "from the start")) as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
            await serves(wire)
        [line] = [line for line in server.log.splitlines() if "session.key" in line]
        assert "File too large" in line  # as this system says it of the limit
        assert "Set FASTMCP_SESSION_KEY" in line
        assert server.stop() == 0


async def test_the_log_is_lost():
    with serve(script(FULL, "with its log")) as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
            await serves(wire)
        assert server.log == ""
        assert server.stop() == 0


async def test_it_becomes_full_and_there_is_room_again():
    """What was kept is known meanwhile; who wants more kept is told whose trouble it is."""
    with serve(script(FULL, "later")) as server:
        async with aiohttp.ClientSession() as http:
            status, client = await _post(http, server, "/register", json=CLIENT)
            assert status == 201
            log = Log(server)
            await _post(http, server, "/disk", data="full")
            for _ in range(5):
                status, error = await _post(http, server, "/register", json=CLIENT)
                assert (status, error["error"]) == (503, "temporarily_unavailable")
                assert "The server cannot keep anything now" in error["error_description"]
            assert await _may_ask(http, server, client["client_id"])
            [line] = log.saying("cannot be kept")
            assert "make room" in line
            await _post(http, server, "/disk", data="free")
            status, another = await _post(http, server, "/register", json=CLIENT)
            assert status == 201
            assert await _may_ask(http, server, another["client_id"])
            assert len(log.saying("can be kept")) == 1


async def _post(
    http: aiohttp.ClientSession, server: Server, path: str, **content: Any
) -> tuple[int, Any]:
    async with http.post(server.url.removesuffix("/mcp") + path, **content) as response:
        is_json = response.content_type == "application/json"
        return response.status, await response.json() if is_json else None


async def _may_ask(http: aiohttp.ClientSession, server: Server, client: str) -> bool:
    """Whether a client is known, so that its user is asked for consent."""
    params = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": CLIENT["redirect_uris"][0],
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
        "state": "s",
    }
    url = server.url.removesuffix("/mcp") + "/authorize"
    async with http.get(url, params=params, allow_redirects=False) as response:
        return "/consent" in response.headers.get("location", "")

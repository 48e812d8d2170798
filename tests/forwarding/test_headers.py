"""Which headers of a request reach the server behind."""

from __future__ import annotations

import json
from typing import Any

from fastmcp.server import create_proxy
from tests.support.asgi import STATELESS, App, Peer
from tests.support.process import Server


def adding(app: App, *headers: tuple[bytes, bytes]) -> App:
    """An application whose clients say more."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "headers": [*scope["headers"], *headers]}, receive, send)

    return wrapped


async def test_what_belongs_to_a_connection_stays_there(backend: Server):
    proxy = create_proxy(backend.url)
    said = {"connection": "keep-alive, X-Hop", "x-hop": "secret", "x-end": "on"}
    async with proxy.engine.lifespan.use():
        peer = Peer(proxy.http_app(), STATELESS, headers=said)
        found = (await peer.call("headers")).result["structuredContent"]
    assert found["x-end"] == "on"
    assert "x-hop" not in found


async def test_repeated_headers(backend: Server):
    """They go on together; and a client that says another Authorization too is another client."""
    proxy = create_proxy(backend.url, mode="legacy")
    app = proxy.http_app()
    twice = adding(app, (b"authorization", b"Bearer B"), (b"x-list", b"2"))
    async with proxy.engine.lifespan.use():
        said = {"authorization": "Bearer A", "x-list": "1"}
        one, other = (Peer(each, STATELESS, headers=said) for each in (app, twice))
        found = (await other.call("headers")).result["structuredContent"]
        assert found["authorization"] == "Bearer A, Bearer B"
        assert found["x-list"] == "1, 2"
        sessions = {json.dumps((await peer.call("session")).result) for peer in (one, other)}
        assert len(sessions) == 2

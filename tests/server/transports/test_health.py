"""`/healthz` and `/readyz`: what an orchestrator asks, and what it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from fastmcp import FastMCP
from fastmcp.server.transports import health
from tests.support.asgi import Live, Peer
from tests.support.curl import curl
from tests.support.process import script, serve


def build(**options: Any) -> Any:
    return FastMCP("healthy").http_app(health=True, **options)


async def ask(app: Any, path: str, verb: str = "GET", **headers: str) -> Live:
    return await Peer(app).send(verb, headers=headers, path=path).done()


async def readiness(app: Any, path: str = "/readyz") -> tuple[int, str]:
    live = await ask(app, path)
    return live.status, live.body.decode()


async def test_up_and_ready():
    app = build(path="/api/mcp")
    live = await ask(app, "/healthz")
    assert (live.status, live.body) == (200, b"ok")
    assert live.headers["content-type"] == "text/plain; charset=utf-8"
    assert live.headers["cache-control"] == "no-store"
    assert await readiness(app) == (200, "ready")
    for path in ("/healthz", "/readyz"):
        assert (await ask(app, path, "POST")).status == 405


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_off_by_default(path: str):
    assert (await ask(FastMCP("x").http_app(), path)).status == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_t18_a_probe_is_never_guarded(path: str):
    app = build(host_origin_protection=True)
    live = await ask(app, path, host="10.1.2.3:8000", origin="http://elsewhere.example")
    assert live.status == 200


async def test_a_route_for_everything_does_not_hide_them():
    mcp = FastMCP("greedy")

    @mcp.custom_route("/{rest:path}", methods=["GET"])
    async def everything(request: Request) -> PlainTextResponse:
        return PlainTextResponse("mine")

    app = mcp.http_app(health=True)
    assert (await ask(app, "/healthz")).body == b"ok"
    assert (await ask(app, "/other")).body == b"mine"


async def test_every_check_must_say_yes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(health, "_SECONDS", 0.05)
    app = build()
    answers = {"store": False, "queue": True}

    async def broken() -> bool:
        raise ConnectionError("redis://secret@host refuses")

    async def hanging() -> bool:
        await asyncio.Event().wait()
        return True

    async def store() -> bool:
        return answers["store"]

    async def queue() -> bool:
        return answers["queue"]

    app.add_readiness_check("store", store)
    app.add_readiness_check("queue", queue)
    assert await readiness(app) == (503, "store: not ready")
    answers["store"] = True
    assert await readiness(app) == (200, "ready")
    app.add_readiness_check("store", broken)
    app.add_readiness_check("queue", hanging)
    with caplog.at_level(logging.WARNING, "fastmcp.server.health"):
        status, body = await readiness(app)
    assert status == 503
    assert body == "store: ConnectionError\nqueue: no answer within 0.05 seconds"
    assert "redis://secret@host refuses" in caplog.text
    # A process that is not ready is up all the same.
    assert (await ask(app, "/healthz")).status == 200


async def test_a_lifespan_that_no_parent_runs_is_started_by_the_first_probe():
    """Nobody sends a request to what is not ready, so no request would start it."""
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
        entered.set()
        await go_on.wait()
        yield {}

    app = FastMCP("slow", lifespan=lifespan).http_app(health=True)
    parent = Starlette(routes=[Mount("/api", app=app)])
    first = asyncio.create_task(readiness(parent, "/api/readyz"))
    await entered.wait()
    first.cancel()  # the probe gives up
    await asyncio.gather(first, return_exceptions=True)
    entered.clear()
    second = asyncio.create_task(readiness(parent, "/api/readyz"))
    go_on.set()
    assert await second == (200, "ready")
    assert not entered.is_set(), "it was begun once"


async def test_a_lifespan_that_fails_is_not_ready():
    async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
        raise RuntimeError("the database is away")
        yield {}

    app = FastMCP("broken", lifespan=lifespan).http_app(health=True)
    for _ in range(2):
        assert await readiness(app) == (503, "lifespan: RuntimeError")


def test_in_run(tmp_path: Path):
    file = tmp_path / "server.py"
    file.write_text(
        "import sys\n"
        "from fastmcp import FastMCP\n"
        "mcp = FastMCP('x')\n"
        "mcp.run(transport='http', port=int(sys.argv[1]), health=True,\n"
        "        cors_origins=['https://app.example'])\n"
    )
    with serve(script(file)) as server:
        root = server.url.removesuffix("/mcp")
        up = curl(root + "/healthz", verb="GET", headers={"Host": "kubelet.example"})
        assert (up.status, up.body) == (200, "ok")
        ready = curl(root + "/readyz", verb="GET", headers={"Origin": "https://app.example"})
        assert (ready.status, ready.body) == (200, "ready")
        assert ready.headers["access-control-allow-origin"] == "https://app.example"

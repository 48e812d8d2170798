"""The tools on FastMCP's API: run by this package, and by FastMCP 4 in its own environment."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

mcp = FastMCP("bench")


@mcp.tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool
async def steps(a: int, b: int, ctx: Context) -> int:
    """Adds two numbers in ten steps."""
    for step in range(1, 11):
        await ctx.report_progress(step, 10)
    return a + b


@mcp.custom_route("/collect", methods=["POST"])
async def collect(request: Request) -> Response:
    """Drops garbage, before memory is measured."""
    gc.collect()
    return Response(status_code=204)


def event_store(kind: str, redis: str) -> EventStore | None:
    """The log of streams of that kind of server."""
    if kind == "memory":
        return EventStore()
    if kind == "redis":
        from key_value.aio.stores.redis import RedisStore  # no other kind needs a Redis client

        return EventStore(storage=RedisStore(url=redis))
    return None


def auth() -> Any:
    """Verifies the load's token."""
    from fastmcp.server.auth.providers.jwt import JWTVerifier  # only one kind needs it

    return JWTVerifier(
        public_key=os.environ["BENCH_PUBLIC_KEY"],
        issuer="https://issuer.example",
        audience="bench",
        algorithm="RS256",
    )


if __name__ == "__main__":
    port, kind, body, redis = sys.argv[1:]
    if kind == "protected":
        mcp.auth = auth()
    app = mcp.http_app(
        stateless_http=kind == "stateless",
        json_response=body == "json",
        event_store=event_store(kind, redis),
    )
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )

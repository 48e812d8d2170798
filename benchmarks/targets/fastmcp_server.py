"""The tools on FastMCP's API: run by this package, and by FastMCP 4 in its own environment.

`python fastmcp_server.py PORT KIND BODY REDIS`, see `benchmarks/servers.py`. `mcp` is the server of
most kinds, for who imports this.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from fastmcp import Context, FastMCP

SIZE = 10 * 2**20
"""Of a long text, in bytes."""

mcp = FastMCP("bench")


@cache
def lines() -> str:
    """A long text, made when it is wanted, for a server's memory is measured too."""
    return ("x" * 63 + "\n") * (SIZE // 64)


@mcp.tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool
def add_in_thread(a: int, b: int) -> int:
    """Adds two numbers, without being async."""
    return a + b


@mcp.tool
async def steps(a: int, b: int, ctx: Context) -> int:
    """Adds two numbers in ten steps."""
    for step in range(1, 11):
        await ctx.report_progress(step, 10)
    return a + b


@mcp.tool
async def take(a: int, b: int, text: str) -> int:
    """Adds two numbers and is given a long text."""
    if len(text) != SIZE:
        raise ValueError("not the whole text came")
    return a + b


@mcp.tool(output_schema=None)
async def give(a: int, b: int) -> str:
    """Gives a long text."""
    return lines()


def server(kind: str) -> FastMCP:
    """The server of that kind, where it is not like the others."""
    if kind in ("one-tool", "thousand-tools"):
        other = FastMCP("bench")
        other.tool(add)
        if kind == "thousand-tools":
            for number in range(999):
                other.tool(add, name=f"add_{number}")
        return other
    if kind == "middlewares":
        from middlewares import five  # what a kind needs, others do not load

        for middleware in five():
            mcp.add_middleware(middleware)
    if kind == "protected":
        mcp.auth = auth()
    return mcp


@mcp.custom_route("/collect", methods=["POST"])
async def collect(request: Request) -> Response:
    """Drops garbage, before memory is measured."""
    gc.collect()
    return Response(status_code=204)


def event_store(kind: str, redis: str) -> Any:
    """The log of streams of that kind of server."""
    if kind not in ("memory", "redis"):
        return None
    from fastmcp.server.event_store import EventStore

    if kind == "memory":
        return EventStore()
    from key_value.aio.stores.redis import RedisStore

    return EventStore(storage=RedisStore(url=redis))


def auth() -> Any:
    """Verifies the load's token."""
    from fastmcp.server.auth.providers.jwt import JWTVerifier

    return JWTVerifier(
        public_key=os.environ["BENCH_PUBLIC_KEY"],
        issuer="https://issuer.example",
        audience="bench",
        algorithm="RS256",
    )


if __name__ == "__main__":
    port, kind, body, redis = sys.argv[1:]
    app = server(kind).http_app(
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

"""Servers mounted in other applications, for `test_http`. FASTMCP_JOURNAL names a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount

from fastmcp import Context, FastMCP
from fastmcp.utilities.lifespan import combine_lifespans


def note(line: str) -> None:
    with Path(os.environ["FASTMCP_JOURNAL"]).open("a") as file:
        file.write(line + "\n")


async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
    note("enter")
    yield {"opened": True}
    note("exit")


mcp = FastMCP("mounted", lifespan=lifespan)


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def opened(ctx: Context) -> bool:
    return ctx.lifespan_context["opened"]


@mcp.tool
def opened_in_thread(ctx: Context) -> bool:
    return ctx.lifespan_context["opened"]


@mcp.tool
async def slow(ctx: Context, seconds: float) -> str:
    note("slow begins")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note("slow cancelled")
        raise
    note("slow ends")
    return "slept"


@mcp.custom_route("/health", methods=["GET"])
async def health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "fine"})


mcp_app = mcp.http_app()
alone = mcp_app

wired = FastAPI(lifespan=mcp_app.lifespan)
wired.mount("/api", mcp_app)

unwired = FastAPI()
unwired.mount("/api", mcp_app)

starlette = Starlette(routes=[Mount("/deep/er", app=mcp_app)], lifespan=mcp_app.lifespan)

at_root = FastAPI(lifespan=mcp_app.lifespan)


@at_root.get("/own")
async def own() -> dict[str, bool]:
    return {"own": True}


at_root.mount("/", mcp_app)

rooted_app = mcp.http_app(path="/")
as_path = Starlette(routes=[Mount("/mcp", app=rooted_app)], lifespan=rooted_app.lifespan)

route_app = mcp.http_app()
as_route = FastAPI(lifespan=route_app.lifespan)
as_route.add_route("/mcp", route_app)

inner = FastAPI()
inner.mount("/inner", mcp_app)
nested = Starlette(routes=[Mount("/outer", app=inner)], lifespan=mcp_app.lifespan)
nested_unwired = Starlette(routes=[Mount("/outer", app=inner)])

twice = FastAPI(lifespan=mcp_app.lifespan)
twice_unwired = FastAPI()
for parent in (twice, twice_unwired):
    parent.mount("/one", mcp_app)
    parent.mount("/two", mcp_app)


def numbered(number: int) -> FastMCP:
    async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
        note(f"enter {number}")
        yield {"number": number}
        note(f"exit {number}")

    server = FastMCP(f"server {number}", lifespan=lifespan)

    @server.tool
    async def which(ctx: Context) -> int:
        return ctx.lifespan_context["number"]

    return server


@asynccontextmanager
async def own_lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    note("enter own")
    yield {"own": 1}
    note("exit own")


five_apps = [numbered(number).http_app() for number in range(5)]
five = FastAPI(lifespan=combine_lifespans(own_lifespan, *(app.lifespan for app in five_apps)))
five_unwired = FastAPI(lifespan=own_lifespan)
for number, app in enumerate(five_apps):
    five.mount(f"/{number}", app)
    five_unwired.mount(f"/{number}", app)


async def broken_lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
    raise RuntimeError("the database is away")
    yield {}


broken = FastMCP("broken", lifespan=broken_lifespan)
broken_app = broken.http_app()
broken_unwired = Starlette(routes=[Mount("/api", app=broken_app)])


@asynccontextmanager
async def both_lifespans(app: Any) -> AsyncIterator[None]:
    async with mcp_app.lifespan(app), second_app.lifespan(app):
        yield


second = FastMCP("second")
second.tool(lambda: "second", name="who")
second_app = second.http_app()
two = FastAPI(lifespan=both_lifespans)
two.mount("/one", mcp_app)
two.mount("/two", second_app)

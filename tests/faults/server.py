"""A server whose functions misbehave, for `uvicorn server:app`, and how it is doing.

NOFILE: how many descriptors its process may have. EVENTS: "1" for streams that can be resumed.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

if "NOFILE" in os.environ:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(os.environ["NOFILE"]), hard))

mcp = FastMCP("faults")


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
def add_in_thread(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def text(size: int) -> str:
    return "x" * size


@mcp.tool
async def flood(ctx: Context, n: int, size: int = 1) -> str:
    for step in range(n):
        await ctx.report_progress(step + 1, n, "x" * size)
    return "flooded"


@mcp.tool
def read_a_file() -> str:
    return Path("/proc/self/status").read_text()


@mcp.tool
async def steps(ctx: Context, n: int, pause: float = 0.05) -> str:
    for step in range(n):
        await ctx.report_progress(step + 1, n)
        await asyncio.sleep(pause)
    return "stepped"


@mcp.tool
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("name", str)
    return str(getattr(answer, "data", answer.action))


@mcp.tool
async def clock() -> float:
    return time.time()


# What leaves the ordinary way out


class Panic(BaseException):
    """What an extension written in Rust raises; no `except Exception` sees it."""


def leave(how: str) -> NoReturn:
    if how == "exit":
        sys.exit(3)
    if how == "panic":
        raise Panic("index out of bounds")
    raise asyncio.CancelledError("of something else")


@mcp.tool
async def leave_async(how: str) -> None:
    leave(how)


@mcp.tool
def leave_sync(how: str) -> None:
    leave(how)


@mcp.resource("leave://{how}")
async def leave_resource(how: str) -> str:
    leave(how)


@mcp.prompt
def leave_prompt(how: str) -> str:
    leave(how)


# What never ends

forever = threading.Event()


@mcp.tool
def block() -> None:
    """For ever, in its thread."""
    forever.wait()


@mcp.tool(timeout=0.3)
def block_within() -> None:
    forever.wait()


@mcp.tool
async def hog(seconds: float) -> str:
    """Blocks the event loop, which nobody can be served on meanwhile."""
    time.sleep(seconds)  # noqa: ASYNC251  (that is the fault)
    return "hogged"


@mcp.tool
async def spin() -> None:
    """The same, for ever, and computing."""
    turn()


def turn() -> NoReturn:
    while True:
        pass


# What has no form


class Nameless:
    def __str__(self) -> str:
        raise RuntimeError("it has no text")

    __repr__ = __str__


def _itself() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def _deep() -> list[Any]:
    found: list[Any] = []
    for _ in range(100_000):
        found = [found]
    return found


SHAPELESS: dict[str, Any] = {
    "itself": _itself,
    "deep": _deep,
    "no text": Nameless,
    "no unicode": lambda: {"\ud800": 1},
    "lock": threading.Lock,
}


@mcp.tool
async def give(what: str):  # type: ignore[no-untyped-def]
    return SHAPELESS[what]()


@mcp.tool
async def promise(what: str) -> dict[str, Any]:
    return SHAPELESS[what]()


@mcp.custom_route("/stats", methods=["GET"])
async def stats(request: Request) -> Response:
    gc.collect()
    return JSONResponse(
        {
            "files": len(os.listdir("/proc/self/fd")),
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "rss": _resident(),
        }
    )


def _resident() -> int:
    """KiB of memory."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


app = mcp.http_app(event_store=EventStore() if os.environ.get("EVENTS") else None, health=True)

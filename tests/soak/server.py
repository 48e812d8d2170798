"""What is soaked. `uvicorn server:app`; the environment says the rest:

SOAK_EVENTS: seconds that events are kept, "redis" shares them where FASTMCP_REDIS_URL is set.
SOAK_PUBLIC_KEY: of the tokens that come in; nothing for a server that lets everybody in.
SOAK_TRACE: where it is set, /vitals tells which lines allocated what is there.

Beside the endpoint there are /vitals and /kinds, which tell what the process holds. What of it the
server holds is read from its own objects, private names included: that is this program's affair,
and the product has nothing for it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.auth import JWTVerifier
from fastmcp.server.auth.verified import VerifiedTokens
from fastmcp.server.background.local import LocalTasks
from fastmcp.server.backplane.memory import Notes
from fastmcp.server.backplane.redis_line import RedisLine, line_at
from fastmcp.server.bus import PromptsChanged, ResourceUpdated
from fastmcp.server.dependencies import get_access_token
from fastmcp.server.event_logs import MemoryLog
from fastmcp.server.event_store import EventStore
from fastmcp.server.rounds import Rounds
from fastmcp.server.transports.limits import OpenStreams
from fastmcp.settings import get_settings
from fastmcp.utilities.logging import configure_logging

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.soak.vitals import kinds, vitals

T = TypeVar("T")
ISSUER, AUDIENCE = "https://issuer.example", "soak"

configure_logging()
_key = os.environ.get("SOAK_PUBLIC_KEY")
mcp = FastMCP(
    "soak",
    auth=JWTVerifier(public_key=_key, issuer=ISSUER, audience=AUDIENCE) if _key else None,
)
waits: Counter[str] = Counter()
"""What became of the calls of `wait`."""


class Point(BaseModel):
    x: int
    y: int


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
def multiply(a: int, b: int) -> int:
    """In a thread."""
    return a * b


@mcp.tool
def sleepy(seconds: float) -> str:
    """Holds a thread."""
    time.sleep(seconds)
    return "slept"


@mcp.tool
async def mirror(point: Point) -> Point:
    """Structured, both ways."""
    return Point(x=point.y, y=point.x)


@mcp.tool
async def large(size: int) -> str:
    return "x" * size


@mcp.tool
async def measure(text: str) -> int:
    """Takes a large argument."""
    return len(text)


@mcp.tool
async def who() -> str:
    """Whom the token names."""
    token = get_access_token()
    return "nobody" if token is None else str(token.subject)


@mcp.tool
async def steps(ctx: Context, n: int, pause: float = 0.0, tag: str = "") -> str:
    for step in range(n):
        await ctx.report_progress(step + 1, n)
        await ctx.info(f"step {step + 1}")
        await asyncio.sleep(pause)
    return f"stepped {tag}"


@mcp.tool
async def flood(ctx: Context, n: int, size: int) -> str:
    for step in range(n):
        await ctx.report_progress(step + 1, n, "x" * size)
    return "flooded"


@mcp.tool
async def wait(ctx: Context, seconds: float) -> str:
    """Is there to be cancelled."""
    waits["begun"] += 1
    try:
        await ctx.report_progress(1, 2)
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        waits["cancelled"] += 1
        raise
    waits["ended"] += 1
    return "waited"


@mcp.tool
async def ask(ctx: Context, question: str) -> str:
    answer = await ctx.elicit(question, str)
    return f"{question}: {getattr(answer, 'data', answer.action)}"


@mcp.tool
async def interview(ctx: Context, tag: str = "") -> str:
    """Asks twice, the model once, and for the roots."""
    name = await ctx.elicit("name", str)
    await ctx.report_progress(1, 2)
    model = await ctx.sample(f"greet {name.data}")
    roots = await ctx.list_roots()
    colour = await ctx.elicit("colour", ["red", "blue"])
    return f"{tag} {name.data} {model.text} {len(roots)} {colour.data}"


@mcp.tool
async def fail(how: str) -> str:
    """Raises: what a tool may, and what is a fault of the tool."""
    if how == "ToolError":
        raise ToolError("as provoked")
    raise ValueError("as provoked")


@mcp.tool(task=True)
async def job(ctx: Context, seconds: float, tag: str = "") -> str:
    await ctx.report_progress(1, 2, "at it")
    await asyncio.sleep(seconds)
    return f"job {tag}"


@mcp.tool(task=True)
async def asking_job(ctx: Context, question: str) -> str:
    await asyncio.sleep(0)
    return await ask(ctx, question)


@mcp.tool
async def remember(ctx: Context, value: str) -> str:
    await ctx.set_state("value", value)
    return "remembered"


@mcp.tool
async def recall(ctx: Context) -> str:
    return str(await ctx.get_state("value"))


@mcp.tool
async def publish(uri: str, times: int = 1) -> str:
    """Says that a resource was updated."""
    for _ in range(times):
        mcp.bus.publish(ResourceUpdated(uri))
    return "published"


@mcp.tool
async def change() -> str:
    """Says that the list of prompts has changed."""
    mcp.bus.publish(PromptsChanged())
    return "changed"


@mcp.resource("data://{name}")
async def data(name: str) -> str:
    return f"data of {name}"


@mcp.prompt
def greeting(name: str) -> str:
    return f"Hello {name}"


# what the process holds


@mcp.custom_route("/vitals", methods=["GET"])
async def show_vitals(request: Request) -> Response:
    found = {**vitals(), **await _held()}
    found["files"] -= found["redis connections"]
    return JSONResponse(found)


@mcp.custom_route("/counts", methods=["GET"])
async def show_counts(request: Request) -> Response:
    """What happened since the start."""
    return JSONResponse({"waits": waits, "statuses": app.statuses})


@mcp.custom_route("/kinds", methods=["GET"])
async def show_kinds(request: Request) -> Response:
    return JSONResponse(kinds())


@mcp.custom_route("/trace", methods=["GET"])
async def show_trace(request: Request) -> Response:
    """Lines that allocated what was not there the last time."""
    global _before
    now = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(False, tracemalloc.__file__)]
    )
    lines = [] if _before is None else now.compare_to(_before, "traceback")
    _before = now
    text = ""
    for line in lines[:15]:
        text += f"{line.size_diff:+} B, {line.count_diff:+} blocks\n"
        text += "\n".join(line.traceback.format()) + "\n"
    return PlainTextResponse(text)


_before: tracemalloc.Snapshot | None = None
if os.environ.get("SOAK_TRACE"):
    tracemalloc.start(8)


def _all(kind: type[T]) -> list[T]:
    """The objects of a class; those that are looked for live as long as the process."""
    if kind not in _known:
        _known[kind] = [value for value in gc.get_objects() if isinstance(value, kind)]
    return _known[kind]


_known: dict[type, list[Any]] = {}


def _sum(kind: type[T], size: Callable[[T], int]) -> int:
    return sum(size(value) for value in _all(kind))


async def _held() -> dict[str, int]:
    """What the server knows of, by name."""
    # What is over is let go when something else comes.
    for log in _all(MemoryLog):
        await log.head("")
    for notes in _all(Notes):
        notes._make_room()
    inner = app.inner
    return {
        "records": len(inner.sessions),
        "open sessions": len(inner.sessions.open_sessions()),
        "facts": _sum(Notes, lambda notes: len(notes._facts)),
        "streams": _sum(OpenStreams, len),
        "subscriptions": len(inner.subscriptions),
        "HTTP+SSE streams": len(inner.sse_streams.open),
        "running calls": len(inner.sse_streams.running),
        "rounds": _sum(Rounds, len),
        "rounds held": _sum(Rounds, lambda rounds: len(rounds._held)),
        "background tasks": _sum(LocalTasks, len),
        "tokens": _sum(VerifiedTokens, len),
        "events written": _sum(EventStore, lambda store: len(store._live)),
        "events kept": _sum(MemoryLog, lambda log: log.count),
        "channels": _sum(RedisLine, lambda line: len(line._heard)),
        "redis connections": _sum(RedisLine, _connections),
    }


def _connections(line: RedisLine) -> int:
    """Of the pool for commands, which keeps as many as were ever needed at once."""
    pool = line.commands.connection_pool
    return len(pool._available_connections) + len(pool._in_use_connections)


class Counted:
    """The application, and how often it answered with which status."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.statuses: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[str(message["status"])] += 1
            await send(message)

        inner: ASGIApp = self.inner
        await inner(scope, receive, counted if scope["type"] == "http" else send)


def _events() -> EventStore:
    ttl = int(os.environ["SOAK_EVENTS"])
    url = get_settings().redis_url
    line = None if url is None else line_at(url.get_secret_value())
    return EventStore(line, ttl=ttl, lease=2.0)


app = Counted(mcp.http_app(event_store=_events(), retry_interval=50, legacy_sse=True))

"""What every worker of the tests serves. `uvicorn server:app`; the environment says the rest:

EVENTS: "redis" for an event store on FASTMCP_REDIS_URL through a `RedisStore`, "memory" for one
in this process, nothing for none. RETRY: milliseconds. LEASE: seconds. JOURNAL: a file that gets
a line for everything that begins, ends or is cancelled. TOKENS: those that come in, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fastmcp import Context, FastMCP
from fastmcp.server.auth import StaticTokenVerifier
from fastmcp.server.bus import ResourceUpdated
from fastmcp.server.dependencies import get_access_token, get_http_headers
from fastmcp.server.event_store import EventStore

TOKENS = os.environ.get("TOKENS")
mcp = FastMCP("workers", auth=StaticTokenVerifier(json.loads(TOKENS)) if TOKENS else None)


def note(tool: str, what: str, tag: str) -> None:
    """One line in the journal, whole, whoever else writes there."""
    with open(os.environ["JOURNAL"], "ab", buffering=0) as journal:
        journal.write(f"{tool} {what} {os.getpid()} {tag or '-'}\n".encode())


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def who() -> int:
    """The worker."""
    return os.getpid()


@mcp.tool
async def header(name: str) -> str:
    """A header of this request."""
    return get_http_headers(include_all=True).get(name, "")


@mcp.tool
async def scopes() -> str:
    """What the token of this request permits."""
    token = get_access_token()
    return "" if token is None else " ".join(token.scopes)


@mcp.tool
async def capabilities(ctx: Context) -> str:
    return ",".join(sorted(ctx.client_capabilities))


@mcp.tool
async def slow(seconds: float, tag: str = "") -> str:
    note("slow", "begins", tag)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note("slow", "cancelled", tag)
        raise
    note("slow", "ends", tag)
    return f"slow {tag}"


@mcp.tool
async def ticking(ctx: Context, n: int, pause: float = 0.1, tag: str = "") -> str:
    note("ticking", "begins", tag)
    for step in range(n):
        await ctx.report_progress(step + 1, n)
        await asyncio.sleep(pause)
    note("ticking", "ends", tag)
    return f"ticked {tag}"


@mcp.tool
async def ask(ctx: Context, question: str) -> str:
    answer = await ctx.elicit(question, str)
    return f"{question}: {getattr(answer, 'data', answer.action)}"


@mcp.tool(task=True)
async def job(seconds: float, tag: str = "") -> str:
    note("job", "begins", tag)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note("job", "cancelled", tag)
        raise
    note("job", "ends", tag)
    return f"job {tag}"


@mcp.tool(task=True)
async def asking_job(ctx: Context, question: str) -> str:
    return await ask(ctx, question)


@mcp.tool
async def interview(ctx: Context, tag: str = "") -> str:
    """Asks twice, and the model once."""
    note("interview", "begins", tag)
    name = await ctx.elicit("name", str)
    await ctx.report_progress(1, 2)
    model = await ctx.sample(f"greet {name.data}")
    colour = await ctx.elicit("colour", ["red", "blue"])
    note("interview", "ends", tag)
    return f"{name.data} {model.text} {colour.data} {os.getpid()}"


@mcp.tool(annotations={"readOnlyHint": True})
async def survey(ctx: Context, tag: str = "") -> str:
    """May be run again."""
    note("survey", "begins", tag)
    first = await ctx.elicit("first", str)
    second = await ctx.elicit("second", str)
    return f"{first.data} {second.data}"


@mcp.tool
async def slow_after(ctx: Context, seconds: float, tag: str = "") -> str:
    """Asks, and then takes its time."""
    await ctx.elicit("go on", bool)
    return await slow(seconds, tag)


@mcp.tool
async def large(ctx: Context, size: int) -> str:
    await ctx.elicit("go on", bool)
    return "x" * size


@mcp.tool
async def sample(ctx: Context, text: str) -> str:
    return str((await ctx.sample(text)).text)


@mcp.tool
async def roots(ctx: Context) -> list[str]:
    return [str(root.uri) for root in await ctx.list_roots()]


@mcp.tool
async def talk(ctx: Context) -> str:
    """One message at each of two levels."""
    await ctx.debug("debugging")
    await ctx.warning("warned")
    return "talked"


@mcp.tool
async def remember(ctx: Context, value: str) -> str:
    await ctx.set_state("value", value)
    return f"remembered {await ctx.get_state('value')}"


@mcp.tool
async def recall(ctx: Context) -> str:
    return str(await ctx.get_state("value"))


@mcp.tool
async def hide(ctx: Context, name: str) -> str:
    """Hide a tool from this session."""
    await ctx.disable_components(names={name})
    return "hidden"


@mcp.tool
async def update(ctx: Context, uri: str) -> str:
    """Say that a resource was updated."""
    import mcp_types

    params = mcp_types.ResourceUpdatedNotificationParams(uri=uri)
    await ctx.send_notification(mcp_types.ResourceUpdatedNotification(params=params))
    return "updated"


@mcp.tool
async def publish(uri: str) -> str:
    """Say so without a client."""
    mcp.bus.publish(ResourceUpdated(uri))
    return "published"


@mcp.tool
async def grow() -> str:
    """Add a tool."""
    mcp.add_tool(_grown)
    return "grown"


def _grown() -> str:
    """A tool."""
    return "grown"


@mcp.tool
async def change() -> str:
    """Change the list of prompts."""
    mcp.add_prompt(_prompt)
    return "changed"


def _prompt() -> str:
    """A prompt."""
    return "prompt"


@mcp.tool
async def flood(ctx: Context, n: int, size: int) -> str:
    for step in range(n):
        await ctx.report_progress(step + 1, n, "x" * size)
    return "flooded"


@mcp.tool
def block(seconds: float) -> str:
    """Holds a thread."""
    time.sleep(seconds)
    return "blocked"


@mcp.custom_route("/stats", methods=["GET"])
async def stats(request: Request) -> Response:
    gc.collect()
    rss = _resident()
    return JSONResponse(
        {
            "pid": os.getpid(),
            "tasks": len(asyncio.all_tasks()),
            "files": len(os.listdir("/proc/self/fd")),
            "rss": rss,
            "records": len(app.sessions or ()),
        }
    )


def _resident() -> int:
    """KiB of resident memory."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def _events() -> EventStore | None:
    kind, lease = os.environ.get("EVENTS"), float(os.environ.get("LEASE", "10"))
    if kind == "redis":
        from key_value.aio.stores.redis import RedisStore

        return EventStore(RedisStore(url=os.environ["FASTMCP_REDIS_URL"]), lease=lease)
    return EventStore(lease=lease) if kind == "memory" else None


app = mcp.http_app(
    event_store=_events(),
    retry_interval=int(os.environ["RETRY"]) if os.environ.get("RETRY") else None,
)

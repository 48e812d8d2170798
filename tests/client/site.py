"""Hand-made MCP endpoints for tests: whatever a server can do wrong, and a count of it all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.loopback import served

Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]

SESSION = {"Mcp-Session-Id": "s-1"}


@dataclass
class Site:
    """A running endpoint and what reached it."""

    url: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    gets: list[dict[str, str]] = field(default_factory=list)
    deletes: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits until `condition` holds, which is looked at whenever something arrived."""
        async with asyncio.timeout(10):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

    def count(self, method: str) -> int:
        """How many messages of a method were posted."""
        return sum(post.get("method") == method for post in self.posts)


@asynccontextmanager
async def site(
    post: Handler,
    *,
    get: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None,
    path: str = "/mcp",
) -> AsyncGenerator[Site]:
    """Serves `post` (and `get`) on a free port until the block ends."""
    seen = Site()

    async def on_post(request: web.Request) -> web.StreamResponse:
        message = json.loads(await request.read())
        seen.posts.append(message)
        seen.headers.append({name.lower(): value for name, value in request.headers.items()})
        seen.connections.add(request.transport)
        seen._arrived.set()
        return await post(request, message)

    async def on_get(request: web.Request) -> web.StreamResponse:
        seen.gets.append({name.lower(): value for name, value in request.headers.items()})
        seen._arrived.set()
        return web.Response(status=405) if get is None else await get(request)

    async def on_delete(request: web.Request) -> web.StreamResponse:
        seen.deletes += 1
        return web.Response()

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/{tail:.*}", on_post)
    app.router.add_get("/{tail:.*}", on_get)
    app.router.add_delete("/{tail:.*}", on_delete)
    async with served(app) as origin:
        seen.url = origin + path
        yield seen


def answer(message: dict[str, Any], result: Any, **headers: str) -> web.Response:
    """A JSON response with a result."""
    return web.json_response(
        {"jsonrpc": "2.0", "id": message["id"], "result": result}, headers=headers
    )


def error(
    message: dict[str, Any], code: int, text: str, status: int = 200, data: Any = None
) -> web.Response:
    """A JSON response with an error."""
    body: dict[str, Any] = {"code": code, "message": text}
    if data is not None:
        body["data"] = data
    return web.json_response(
        {"jsonrpc": "2.0", "id": message.get("id"), "error": body}, status=status
    )


def text(value: str) -> dict[str, Any]:
    """A tool's result."""
    return {"content": [{"type": "text", "text": value}]}


async def said(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    """Answers every call with a text."""
    return answer(message, text("ok"))


def discovered() -> dict[str, Any]:
    """A result of server/discover."""
    return {
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {}},
        "ttlMs": 0,
        "cacheScope": "private",
    }


def initialized() -> dict[str, Any]:
    """A result of initialize."""
    return {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "site", "version": "1"},
    }


def stateless(call: Handler) -> Handler:
    """A server of the stateless era whose tool calls `call` answers."""

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return answer(message, discovered())
        return await call(request, message)

    return post


def handshake(call: Handler, session: dict[str, str] = SESSION) -> Handler:
    """A server of the handshake era whose requests `call` answers after the handshake."""

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if "id" not in message or "method" not in message:
            return web.Response(status=202)
        if message["method"] == "server/discover":
            return error(message, -32600, "Bad Request: no session", status=400)
        if message["method"] == "initialize":
            return answer(message, initialized(), **session)
        return await call(request, message)

    return post


async def events(request: web.Request, *frames: str) -> web.StreamResponse:
    """An SSE response of these frames, ended properly."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for frame in frames:
        await response.write(frame.encode())
    await response.write_eof()
    return response


def data(message: Any) -> str:
    """One SSE frame."""
    return f"event: message\ndata: {json.dumps(message)}\n\n"


def tasks_of_the_client() -> list[str]:
    """What clients have running in this loop."""
    return [repr(task) for task in asyncio.all_tasks() if "fastmcp/client" in repr(task)]

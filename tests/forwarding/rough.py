"""A server behind that no framework would write: a test says what it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from fastmcp.exceptions import McpError
from tests.support.loopback import served

Answer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any] | None]]


class Rough:
    """One that speaks the handshake era.

    Args:
        answer: gives the result of a request, by method and params; None for the usual one. An
            `McpError` is answered as such.

    Attributes:
        heard: the methods of all messages, in order.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.heard: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405)
        message = await request.json()
        method = message.get("method", "")
        self.heard.append(method)
        if "id" not in message:
            return web.Response(status=202)
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            reply["result"] = await self._result(method, message.get("params") or {})
        except McpError as error:
            reply["error"] = {"code": error.code, "message": str(error)}
        return web.json_response(reply)

    async def _result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}, "resources": {"subscribe": True}},
                "serverInfo": {"name": "rough", "version": "1"},
            }
        result = await self.answer(method, params)
        if result is not None:
            return result
        if method == "tools/list":
            return {"tools": [{"name": "rough", "inputSchema": {"type": "object"}}]}
        if method == "tools/call":
            return {"content": [{"type": "text", "text": "done"}]}
        raise McpError(-32601, "Method not found")


@asynccontextmanager
async def rough(answer: Answer) -> AsyncGenerator[Rough]:
    """Serve one."""
    server = Rough(answer)
    application = web.Application()
    application.router.add_route("*", "/mcp", server.handle)
    async with served(application, cancelling=True) as origin:
        server.url = f"{origin}/mcp"
        yield server

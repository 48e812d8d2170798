"""Who listens to changes, and a server made by hand that tells of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import mcp_types
from aiohttp import web

from fastmcp.client.messages import MessageHandler
from tests.client.site import Site, answer, data, discovered, site, text

ID = "io.modelcontextprotocol/subscriptionId"


class Ears(MessageHandler):
    """Hears of changes, and says what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._something = asyncio.Event()

    def _hear(self, what: str) -> None:
        self.heard.append(what)
        self._something.set()

    async def on_tool_list_changed(self, message: mcp_types.ToolListChangedNotification) -> None:
        self._hear("tools")

    async def on_resource_updated(self, message: mcp_types.ResourceUpdatedNotification) -> None:
        self._hear(message.params.uri)

    async def until(self, what: str, times: int = 1) -> None:
        async with asyncio.timeout(15):
            while self.heard.count(what) < times:
                self._something.clear()
                await self._something.wait()


class Listened:
    """The subscriptions that a hand-made server of the stateless era holds."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.honor: Callable[[dict[str, Any]], dict[str, Any]] = lambda asked: asked
        self.refuse: Callable[[dict[str, Any]], web.Response | None] = lambda message: None
        self.streams: list[web.StreamResponse] = []
        self.ends: list[asyncio.Event] = []
        self.result: list[bool] = []
        self.ids: list[Any] = []

    async def serve(self, request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        asked = message["params"]["notifications"]
        self.asked.append(asked)
        refused = self.refuse(message)
        if refused is not None:
            return refused
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        end = asyncio.Event()
        self.ids.append(message["id"])
        self.streams.append(stream)
        self.ends.append(end)
        await self.say("notifications/subscriptions/acknowledged", notifications=self.honor(asked))
        await end.wait()
        return stream

    async def say(self, method: str, **params: Any) -> None:
        params = {"_meta": {ID: self.ids[-1]}, **params}
        frame = data({"jsonrpc": "2.0", "method": method, "params": params})
        await self.streams[-1].write(frame.encode())

    async def end(self, politely: bool) -> None:
        if politely:
            result = {"resultType": "complete", "_meta": {ID: self.ids[-1]}}
            frame = data({"jsonrpc": "2.0", "id": self.ids[-1], "result": result})
            await self.streams[-1].write(frame.encode())
            await self.streams[-1].write_eof()
        else:
            self.streams[-1]._payload_writer.transport.abort()  # type: ignore[union-attr]
        self.ends[-1].set()


@asynccontextmanager
async def listening(
    call: Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]] | None = None,
    **capabilities: Any,
) -> AsyncGenerator[tuple[Site, Listened]]:
    listened = Listened()
    tools = {"tools": {"listChanged": True}, "resources": {"subscribe": True}, **capabilities}

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return answer(message, {**discovered(), "capabilities": tools})
        if message["method"] == "subscriptions/listen":
            return await listened.serve(request, message)
        return await call(request, message) if call is not None else answer(message, text("ok"))

    async with site(post) as seen:
        try:
            yield seen, listened
        finally:
            for end in listened.ends:
                end.set()

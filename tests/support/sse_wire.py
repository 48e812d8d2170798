"""A client of HTTP+SSE over real sockets that knows no MCP library, and shows every header.

Each message is posted over a connection of its own, so that any worker may get it, or to the
address a test names.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import aiohttp

from tests.support.sse import Decoder, Event

SECONDS = 20.0


class OldWire:
    """One session.

    Args:
        url: where its stream was opened.
        capabilities: of the client.
        headers: of every request.
    """

    def __init__(self, url: str, capabilities: dict[str, Any], headers: dict[str, str]) -> None:
        self.url = url
        self.capabilities = capabilities
        self.headers = headers
        self.endpoint = ""
        self.response_headers: dict[str, str] = {}
        self.events: list[Event] = []
        self.messages: list[dict[str, Any]] = []
        self.ended = False
        self._changed = asyncio.Condition()
        self._ids = itertools.count(1)

    async def read(self, response: aiohttp.ClientResponse) -> None:
        """Take the stream to its end."""
        decoder = Decoder()
        try:
            async for chunk in response.content.iter_any():
                for event in decoder.feed(chunk):
                    self.events.append(event)
                    if event.event == "endpoint":
                        self.endpoint = urljoin(str(response.url), event.data)
                    elif event.message is not None:
                        self.messages.append(event.message)
                async with self._changed:
                    self._changed.notify_all()
        except aiohttp.ClientError:
            pass
        self.ended = True
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for what the stream brings; the condition's value."""
        async with asyncio.timeout(SECONDS), self._changed:
            while not (found := condition()):
                assert not self.ended, self.events[-3:]
                await self._changed.wait()
        return found

    async def end(self) -> None:
        """Wait until the server has ended the stream."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: self.ended)

    async def post(
        self, message: Any, *, to: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Post one message. `to` is another origin, for example that of another worker."""
        url = self.endpoint
        if to is not None:
            url = to + "/messages/?" + url.partition("?")[2]
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as http,
            http.post(url, json=message, headers={**self.headers, **(headers or {})}) as response,
        ):
            return response.status, await response.text()

    async def request(self, method: str, params: dict[str, Any] | None = None, **kw: Any) -> Any:
        """A request, and its response."""
        id = next(self._ids)
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}
        status, body = await self.post(message, **kw)
        assert status == 202, (status, body)

        def answered() -> list[dict[str, Any]]:
            return [m for m in self.messages if m.get("id") == id and "method" not in m]

        [response] = await self.until(answered)
        return response

    async def call(self, tool: str, arguments: dict[str, Any] | None = None, **kw: Any) -> str:
        """A call, and the text of its result."""
        params = {"name": tool, "arguments": arguments or {}}
        response = await self.request("tools/call", params, **kw)
        return response["result"]["content"][0]["text"]

    async def initialize(self, version: str = "2024-11-05", **kw: Any) -> None:
        params = {
            "protocolVersion": version,
            "capabilities": self.capabilities,
            "clientInfo": {"name": "old wire", "version": "1.0"},
        }
        response = await self.request("initialize", params, **kw)
        assert response["result"]["protocolVersion"] == version
        await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, **kw)

    async def heard(self, method: str) -> dict[str, Any]:
        """The first message of the server with this method."""

        def found() -> dict[str, Any] | None:
            return next((m for m in self.messages if m.get("method") == method), None)

        return await self.until(found)


@asynccontextmanager
async def old_wire(
    url: str,
    *,
    capabilities: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    initialize: bool = True,
) -> AsyncGenerator[OldWire]:
    """Open a stream, and end it with the block."""
    wire = OldWire(url, capabilities or {}, headers or {})
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as http,
        http.get(url, headers={"Accept": "text/event-stream", **wire.headers}) as response,
    ):
        assert response.status == 200, await response.text()
        wire.response_headers = {k.lower(): v for k, v in response.headers.items()}
        reading = asyncio.create_task(wire.read(response))
        try:
            await wire.until(lambda: wire.endpoint)
            if initialize:
                await wire.initialize()
            yield wire
        finally:
            reading.cancel()

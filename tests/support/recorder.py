"""A transparent HTTP proxy between an outsider and a server, that judges what passes.

Outsiders (the official SDK clients, the Inspector) cannot be told to validate what they send and
receive, so the test puts this in the middle: it forwards every request and answer as they come,
streams included, keeps a copy, and holds every JSON-RPC message against the schema of the version
in force. It runs on a thread of its own, so that plain synchronous tests can use it.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.support import schema
from tests.support.loopback import served
from tests.support.sse import Decoder

_HOP_HEADERS = {
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
    "host",
    "accept-encoding",
}


@dataclass
class Seen:
    """One message that passed."""

    direction: schema.Direction
    version: str
    message: Any


@dataclass
class Recorder:
    """What passed, and what was wrong with it."""

    target: str
    url: str = ""
    judge: bool = True
    seen: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    exchanges: list[tuple[str, int, str]] = field(default_factory=list)
    """Per HTTP exchange: verb, status, content type of the answer."""
    _versions: dict[str, str] = field(default_factory=dict)
    _methods: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def methods(self, direction: schema.Direction) -> list[str]:
        """The methods of all requests and notifications of one side, in order."""
        return [
            seen.message["method"]
            for seen in self.seen
            if seen.direction == direction and "method" in seen.message
        ]

    def assert_valid(self) -> None:
        """Fails if a message broke its schema, or nothing passed at all."""
        assert self.seen, "nothing passed through the recorder"
        assert not self.violations, "\n\n".join(self.violations)

    def record(self, direction: schema.Direction, session: str, version: str, body: Any) -> None:
        """Takes note of one body (a message or a batch) and judges it."""
        for message in body if isinstance(body, list) else [body]:
            self._record_one(direction, session, version, message)

    def _record_one(
        self, direction: schema.Direction, session: str, version: str, message: Any
    ) -> None:
        other = "server" if direction == "client" else "client"
        method = None
        if not isinstance(message, dict):
            self.violations.append(f"{direction} sent no JSON object: {message!r}")
            return
        if "method" in message and "id" in message:
            self._methods[direction, session, json.dumps(message["id"])] = message["method"]
        elif "id" in message:
            method = self._methods.get((other, session, json.dumps(message["id"])))
        if message.get("method") == "initialize":
            version = str(message["params"]["protocolVersion"])
        elif method == "initialize" and "result" in message:
            version = str(message["result"]["protocolVersion"])
        self.seen.append(Seen(direction, version, message))
        if not self.judge:
            return
        try:
            schema.check(message, version, direction, method)
        except schema.SchemaViolation as violation:
            self.violations.append(f"from the {direction}: {violation}")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Forwards one exchange."""
        body = await request.read()
        session = request.headers.get("Mcp-Session-Id", "")
        version = request.headers.get("MCP-Protocol-Version", "")
        sent: Any = None
        if request.method == "POST" and body:
            with suppress(ValueError):
                sent = json.loads(body)
        if not version:
            version = _version_in(sent) or self._versions.get(session, "2025-03-26")
        key = session or f"{request.remote}:{id(request.transport)}:{id(request)}"
        if sent is not None:
            self.record("client", key, version, sent)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_HEADERS}
        http: aiohttp.ClientSession = request.app[_HTTP]
        async with http.request(
            request.method, self.target, headers=headers, data=body or None
        ) as upstream:
            self.exchanges.append((request.method, upstream.status, upstream.content_type))
            given = upstream.headers.get("Mcp-Session-Id")
            if given:
                self._versions.setdefault(given, version)
            kept = {k: v for k, v in upstream.headers.items() if k.lower() not in _HOP_HEADERS}
            answer = web.StreamResponse(status=upstream.status, headers=kept)
            if upstream.content_type == "text/event-stream":
                # A client may go away in the middle of its stream: then so does the exchange.
                with suppress(ConnectionResetError):
                    await self._stream(request, upstream, answer, key, version)
                return answer
            content = await upstream.read()
            if upstream.content_type == "application/json" and content:
                self.record("server", key, version, json.loads(content))
            return web.Response(status=upstream.status, headers=kept, body=content)

    async def _stream(
        self,
        request: web.Request,
        upstream: aiohttp.ClientResponse,
        answer: web.StreamResponse,
        key: str,
        version: str,
    ) -> None:
        await answer.prepare(request)
        decoder = Decoder()
        async for chunk in upstream.content.iter_any():
            for event in decoder.feed(chunk):
                if event.message is not None:
                    self.record("server", key, version, event.message)
            await answer.write(chunk)
        await answer.write_eof()


_HTTP = web.AppKey("http", aiohttp.ClientSession)


def _version_in(sent: Any) -> str | None:
    if isinstance(sent, dict) and isinstance(sent.get("params"), dict):
        if sent.get("method") == "initialize":
            return str(sent["params"].get("protocolVersion"))
        meta = sent["params"].get("_meta")
        if isinstance(meta, dict):
            return meta.get("io.modelcontextprotocol/protocolVersion")
    return None


@contextmanager
def recording(target: str, *, judge: bool = True) -> Iterator[Recorder]:
    """Runs a recorder in front of `target`; `recorder.url` is what the outsider is given.

    Args:
        target: the real endpoint.
        judge: hold messages against their schemas; False only records.
    """
    recorder = Recorder(target, judge=judge)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def main() -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{tail:.*}", recorder.handle)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            timeout=timeout,
            # A kept connection that the server is just closing would be this recorder's own fault.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
        ) as http:
            app[_HTTP] = http
            async with served(app, cancelling=True) as origin:
                recorder.url = f"{origin}/mcp"
                ready.set()
                await stopping.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    try:
        if not ready.wait(10):
            raise TimeoutError("the recorder did not start")
        yield recorder
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()

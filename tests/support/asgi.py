"""An ASGI driver: requests put straight into an application, in the test's own event loop.

`Live` is one HTTP exchange as a server would run it: the application in a task, what it sends in
a list that can be waited for, and a client that can leave at any moment. `Peer` speaks MCP over
it and holds every message against the schema of its version.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Self

from tests.support import schema
from tests.support.sse import Decoder, Event

BOTH = "application/json, text/event-stream"
CLIENT_INFO = {"name": "peer", "version": "1.0"}
HANDSHAKE = ("2025-03-26", "2025-06-18", "2025-11-25")
STATELESS = "2026-07-28"
META = "io.modelcontextprotocol/"
_NAME_FIELD = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_SECONDS = 20.0

App = Callable[..., Any]


def http_scope(
    verb: str, path: str, headers: Iterable[tuple[str, str]], **extra: Any
) -> dict[str, Any]:
    """The scope of a request that arrived at 127.0.0.1:8000."""
    given = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers]
    if not any(name == b"host" for name, _ in given):
        given.insert(0, (b"host", b"127.0.0.1:8000"))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": verb,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": given,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        **extra,
    }


class Live:
    """One exchange that may still be running.

    Args:
        app: the application.
        scope: of the request.
        body: the whole body, or its chunks.
        judge: is called with every JSON-RPC message of the answer.
        stall: the client stops reading: every send after so many waits until `resume`.
    """

    def __init__(
        self,
        app: App,
        scope: MutableMapping[str, Any],
        body: bytes | list[bytes] = b"",
        judge: Callable[[Any], None] | None = None,
        stall: int | None = None,
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.finished = False
        self.events: list[Event] = []
        self.messages: list[Any] = []
        self._judge = judge
        self._chunks = list(body) if isinstance(body, list) else [body]
        self._left = asyncio.Event()
        self._changed = asyncio.Condition()
        self._decoder = Decoder()
        self._stall = stall
        self._resumed = asyncio.Event()
        self._sends = 0
        self.task = asyncio.get_running_loop().create_task(
            app(scope, self._receive, self._send), name="asgi exchange"
        )
        self.task.add_done_callback(lambda _: asyncio.ensure_future(self._notify()))

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _receive(self) -> dict[str, Any]:
        if self._chunks:
            chunk = self._chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self._chunks)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self._sends += 1
        if self._stall is not None and self._sends > self._stall:
            await self._resumed.wait()
        if message["type"] == "http.response.start":
            assert not self.status, "a response begins once"
            self.status = message["status"]
            self.raw_headers = list(message["headers"])
            self.headers = {k.decode().lower(): v.decode() for k, v in self.raw_headers}
        else:
            assert message["type"] == "http.response.body"
            assert self.status, "a body before its head"
            assert not self.finished, "a body after its end"
            self._take(message.get("body", b""))
            self.finished = not message.get("more_body", False)
            if self.finished:
                self._left.set()  # as servers do: after the response, receive() says goodbye
                if not self.is_stream and self.headers.get("content-type") == "application/json":
                    self._add(json.loads(self.body))
        await self._notify()

    def _take(self, chunk: bytes) -> None:
        self.body += chunk
        if self.is_stream:
            for event in self._decoder.feed(chunk):
                self.events.append(event)
                if event.message is not None:
                    self._add(event.message)

    def _add(self, message: Any) -> None:
        self.messages.append(message)
        if self._judge is not None:
            self._judge(message)

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type") == "text/event-stream"

    def leave(self) -> None:
        """The client closes the connection."""
        self._left.set()

    def resume(self) -> None:
        """The client reads again."""
        self._resumed.set()

    async def until(self, condition: Callable[[Self], Any]) -> Self:
        """Waits for what is sent; AssertionError if the exchange ends without it."""
        async with asyncio.timeout(_SECONDS), self._changed:
            while not condition(self):
                if self.task.done():
                    self.task.result()
                    raise AssertionError(f"the exchange ended: {self.status} {self.body!r}")
                await self._changed.wait()
        return self

    async def done(self) -> Self:
        """Waits for the application to return; raises what it raised."""
        async with asyncio.timeout(_SECONDS):
            await self.task
        return self

    # the answer

    @property
    def response(self) -> dict[str, Any]:
        """The one JSON-RPC response."""
        found = [m for m in self.messages if isinstance(m, dict) and "method" not in m]
        assert len(found) == 1, f"{len(found)} responses in {self.status} {self.body[:500]!r}"
        return found[0]

    @property
    def result(self) -> dict[str, Any]:
        response = self.response
        assert "result" in response, response
        return response["result"]

    @property
    def error(self) -> dict[str, Any]:
        response = self.response
        assert "error" in response, response
        return response["error"]

    @property
    def text(self) -> str:
        """The text of a tool result's first block."""
        return self.result["content"][0]["text"]

    def sent(self, method: str) -> list[dict[str, Any]]:
        """The messages of that method, as they came."""
        return [m for m in self.messages if isinstance(m, dict) and m.get("method") == method]


@dataclass
class Posted:
    """What `Peer.post` was asked to send."""

    headers: dict[str, str]
    body: bytes


class Peer:
    """A client of one endpoint, in one version.

    Args:
        app: the application.
        version: the protocol version it speaks.
        path: of the endpoint.
        capabilities: of the client.
        headers: of every request.
        sessions: whether the server keeps sessions in the handshake era.
    """

    def __init__(
        self,
        app: App,
        version: str = "2025-11-25",
        *,
        path: str = "/mcp",
        capabilities: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        sessions: bool = True,
    ) -> None:
        self.app = app
        self.version = version
        self.path = path
        self.capabilities = capabilities or {}
        self.headers = headers or {}
        self.sessions = sessions
        self.session_id: str | None = None
        self.log_level: str | None = None
        self._ids = itertools.count(1)

    @property
    def stateless(self) -> bool:
        return self.version == STATELESS

    # requests in any shape

    def send(
        self,
        verb: str,
        body: bytes | list[bytes] = b"",
        headers: dict[str, str] | None = None,
        *,
        path: str | None = None,
        judge: Callable[[Any], None] | None = None,
        stall: int | None = None,
        **scope: Any,
    ) -> Live:
        """Exactly this request."""
        made = http_scope(verb, path or self.path, (headers or {}).items(), **scope)
        return Live(self.app, made, body, judge, stall)

    def standard_headers(
        self, method: str | None = None, params: dict[str, Any] | None = None
    ) -> dict[str, str]:
        """What the version asks every request to carry."""
        headers = {"content-type": "application/json", "accept": BOTH, **self.headers}
        if self.stateless:
            headers["mcp-protocol-version"] = self.version
            if method is not None:
                headers["mcp-method"] = method
                key = _NAME_FIELD.get(method)
                if key and params and isinstance(params.get(key), str):
                    headers["mcp-name"] = params[key]
        elif method != "initialize":
            if self.version != "2025-03-26":
                headers["mcp-protocol-version"] = self.version
            if self.session_id is not None:
                headers["mcp-session-id"] = self.session_id
        return headers

    def message(
        self, method: str, params: dict[str, Any] | None, id: Any, meta: dict[str, Any] | None
    ) -> dict[str, Any]:
        merged = dict(meta or {})
        if self.stateless:
            merged.setdefault(META + "protocolVersion", self.version)
            merged.setdefault(META + "clientInfo", CLIENT_INFO)
            merged.setdefault(META + "clientCapabilities", self.capabilities)
            if self.log_level is not None:
                merged.setdefault(META + "logLevel", self.log_level)
        full = dict(params or {})
        if merged:
            full["_meta"] = merged
        request: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
        if full:
            request["params"] = full
        return request

    def start(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        id: Any = None,
        meta: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        valid: bool = True,
        stall: int | None = None,
    ) -> Live:
        """Begins a request; the answer comes while the test goes on.

        `valid=False`: the request breaks its own schema on purpose; the answer may not.
        """
        message = self.message(method, params, next(self._ids) if id is None else id, meta)
        if valid:
            schema.check(message, self.version, "client")

        def judge(answer: Any) -> None:
            schema.check(answer, self.version, "server", method if valid else None)
            if valid and "method" not in answer:
                assert answer.get("id") == message["id"]

        return self.send(
            "POST",
            json.dumps(message).encode(),
            {**self.standard_headers(method, params), **(headers or {})},
            judge=judge,
            stall=stall,
        )

    async def request(self, method: str, params: dict[str, Any] | None = None, **kw: Any) -> Live:
        """A request and its whole answer."""
        return await self.start(method, params, **kw).done()

    async def call(self, tool: str, arguments: dict[str, Any] | None = None, **kw: Any) -> Live:
        return await self.start_call(tool, arguments, **kw).done()

    def start_call(self, tool: str, arguments: dict[str, Any] | None = None, **kw: Any) -> Live:
        params: dict[str, Any] = {"name": tool, "arguments": arguments or {}}
        return self.start("tools/call", params, **kw)

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> Live:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        schema.check(message, self.version, "client")
        headers = self.standard_headers(method)
        return await self.send("POST", json.dumps(message).encode(), headers).done()

    async def answer(self, request: dict[str, Any], result: dict[str, Any]) -> None:
        """Answers a request of the server."""
        reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        schema.check(reply, self.version, "client", request["method"])
        live = await self.post(reply)
        assert (live.status, live.body) == (202, b"")

    async def post(self, message: Any, headers: dict[str, str] | None = None) -> Live:
        """Posts any JSON with the standard headers."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await self.send("POST", body, {**self.standard_headers(), **(headers or {})}).done()

    # the handshake

    async def open(self) -> Self:
        """The handshake, where the era has one."""
        if self.stateless:
            return self
        live = await self.request(
            "initialize",
            {
                "protocolVersion": self.version,
                "capabilities": self.capabilities,
                "clientInfo": CLIENT_INFO,
            },
        )
        assert live.status == 200, live.body
        assert live.result["protocolVersion"] == self.version
        self.session_id = live.headers.get("mcp-session-id")
        assert (self.session_id is not None) == self.sessions
        live = await self.notify("notifications/initialized")
        assert (live.status, live.body) == (202, b"")
        return self

    def listen(self) -> Live:
        """The GET stream."""
        headers = {**self.standard_headers(), "accept": "text/event-stream"}
        del headers["content-type"]
        return self.send(
            "GET", b"", headers, judge=lambda m: schema.check(m, self.version, "server")
        )


async def settled() -> None:
    """Lets everything run that can run now."""
    for _ in range(50):
        await asyncio.sleep(0)

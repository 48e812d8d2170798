"""A plain HTTP client for tests that speaks MCP the way curl would: every header in sight.

It knows no MCP library. Every JSON-RPC message it sends or receives is validated against the
schema of its version (`schema.py`), unless a test switches that off to send something wrong.
`Wire` adds what the version in force asks for (`MCP-Protocol-Version`, `Mcp-Session-Id` in the
handshake era; `Mcp-Method`, `Mcp-Name` and `_meta` in the stateless one); `send` adds nothing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.support import schema
from tests.support.sse import Decoder, Event

LATEST_HANDSHAKE = "2025-11-25"
STATELESS = schema.STATELESS
CLIENT_INFO = {"name": "wire", "version": "1.0"}
BOTH = "application/json, text/event-stream"
_NAME_FIELD = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_META = "io.modelcontextprotocol/"

OnRequest = Callable[[dict[str, Any]], dict[str, Any] | Awaitable[dict[str, Any]]]
"""Answers a request of the server with a result object."""


class RpcError(Exception):
    """The answer was a JSON-RPC error."""

    def __init__(self, error: dict[str, Any], status: int) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')} (HTTP {status})")
        self.code: int = error["code"]
        self.data: Any = error.get("data")
        self.status = status


@dataclass
class Answer:
    """One HTTP response, read to its end."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    events: list[Event] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    """Every JSON-RPC message in it, in order; for a JSON body the body itself."""

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def is_stream(self) -> bool:
        """Whether it came as server-sent events."""
        return self.content_type == "text/event-stream"

    @property
    def response(self) -> dict[str, Any]:
        """The JSON-RPC response; AssertionError if there is not exactly one."""
        found = [m for m in self.messages if isinstance(m, dict) and "method" not in m]
        assert len(found) == 1, f"{len(found)} responses in HTTP {self.status}: {self.body[:500]!r}"
        return found[0]

    @property
    def result(self) -> dict[str, Any]:
        """The result; RpcError if the response is an error."""
        response = self.response
        if "error" in response:
            raise RpcError(response["error"], self.status)
        return response["result"]

    @property
    def error(self) -> dict[str, Any]:
        """The error object; AssertionError if the response is a result."""
        response = self.response
        assert "error" in response, f"expected an error, got {response!r}"
        return response["error"]

    @property
    def text(self) -> str:
        """The text of the first content block of a tool result."""
        return self.result["content"][0]["text"]

    def notifications(self, method: str) -> list[dict[str, Any]]:
        """The params of every notification of that method."""
        return [m["params"] for m in self.messages if m.get("method") == method]


class Wire:
    """A client of one endpoint in one protocol version; an async context manager.

    Args:
        url: the endpoint.
        version: what it offers in `initialize`, or "2026-07-28" for the stateless era.
        validate: judge every message by its schema.
        capabilities: of the client, as the schema spells them.
        headers: sent with every request (an `Authorization`, say).
        seconds: for one exchange to end, or one event to come.
    """

    def __init__(
        self,
        url: str,
        version: str = LATEST_HANDSHAKE,
        *,
        validate: bool = True,
        capabilities: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = 20.0,
    ) -> None:
        self.url = url
        self.version = version
        self.validate = validate
        self.capabilities = capabilities or {}
        self.headers = headers or {}
        self.session_id: str | None = None
        self.log_level: str | None = None
        self._ids = itertools.count(1)
        self._methods: dict[Any, str] = {}
        self._seconds = seconds
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            skip_auto_headers=("Content-Type", "Accept", "User-Agent"),
            auto_decompress=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._http is not None
        await self._http.close()

    @property
    def stateless(self) -> bool:
        """Whether it speaks 2026-07-28."""
        return self.version == STATELESS

    # Plain HTTP

    async def send(
        self,
        verb: str,
        *,
        data: bytes | str | None = None,
        message: Any = None,
        headers: dict[str, str] | None = None,
        on_request: OnRequest | None = None,
        url: str | None = None,
    ) -> Answer:
        """One HTTP exchange with exactly these headers; the answer is read to its end.

        `on_request` answers requests that the server sends on the answer's stream.
        """
        if message is not None:
            data = json.dumps(message, ensure_ascii=False)
        body = data.encode() if isinstance(data, str) else data
        async with self._http_session.request(
            verb, url or self.url, data=body, headers=headers, allow_redirects=False
        ) as response:
            answer = Answer(
                response.status, {k.lower(): v for k, v in response.headers.items()}, b""
            )
            if answer.is_stream:
                await self._read_stream(response, answer, on_request)
                return answer
            answer.body = await response.read()
            if answer.content_type == "application/json" and answer.body:
                answer.messages = [json.loads(answer.body)]
                self._judge(answer.messages[0])
            return answer

    async def _read_stream(
        self, response: aiohttp.ClientResponse, answer: Answer, on_request: OnRequest | None
    ) -> None:
        decoder = Decoder()
        async for chunk in response.content.iter_any():
            answer.body += chunk
            for event in decoder.feed(chunk):
                answer.events.append(event)
                if (message := event.message) is None:
                    continue
                answer.messages.append(message)
                self._judge(message)
                if "method" in message and "id" in message:
                    assert on_request is not None, f"unexpected request: {message!r}"
                    await self.answer(message, on_request)

    async def answer(self, message: dict[str, Any], on_request: OnRequest) -> None:
        """Answers one request of the server, as a POST of its own (202)."""
        result = on_request(message)
        if not isinstance(result, dict):
            result = await result
        reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        if self.validate:
            schema.check(reply, self.version, "client", message["method"])
        answer = await self.send("POST", message=reply, headers=self.standard_headers())
        assert answer.status == 202, answer.body

    def _judge(self, message: Any) -> None:
        if not self.validate:
            return
        parts = message if isinstance(message, list) else [message]
        for part in parts:
            method = None if "method" in part else self._methods.get(part.get("id"))
            schema.check(part, self.version, "server", method)

    @property
    def _http_session(self) -> aiohttp.ClientSession:
        assert self._http is not None, "use it as an async context manager"
        return self._http

    # MCP

    def standard_headers(
        self, method: str | None = None, params: dict[str, Any] | None = None
    ) -> dict[str, str]:
        """What the version in force asks every request to carry."""
        headers = {"Content-Type": "application/json", "Accept": BOTH, **self.headers}
        if self.stateless:
            headers["MCP-Protocol-Version"] = self.version
            if method is not None:
                headers["Mcp-Method"] = method
                if (key := _NAME_FIELD.get(method)) and params and key in params:
                    headers["Mcp-Name"] = str(params[key])
        elif method != "initialize":
            # Not in the specification before 2025-06-18, and harmless there.
            headers["MCP-Protocol-Version"] = self.version
            if self.session_id is not None:
                headers["Mcp-Session-Id"] = self.session_id
        return headers

    def message(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        id: Any = None,
        meta: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A request as it goes on the wire, with a fresh id unless one is given."""
        request_id = next(self._ids) if id is None else id
        self._methods[request_id] = method
        merged = dict(meta or {})
        if self.stateless:
            merged.setdefault(_META + "protocolVersion", self.version)
            merged.setdefault(_META + "clientInfo", CLIENT_INFO)
            merged.setdefault(_META + "clientCapabilities", self.capabilities)
            if self.log_level is not None:
                merged.setdefault(_META + "logLevel", self.log_level)
        full = dict(params or {})
        if merged:
            full["_meta"] = {**full.get("_meta", {}), **merged}
        request: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id, "method": method}
        if full:
            request["params"] = full
        return request

    async def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        id: Any = None,
        meta: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        on_request: OnRequest | None = None,
    ) -> Answer:
        """One request and its whole answer, JSON or stream."""
        message = self.message(method, params, id=id, meta=meta)
        if self.validate:
            schema.check(message, self.version, "client")
        answer = await self.send(
            "POST",
            message=message,
            headers={**self.standard_headers(method, params), **(headers or {})},
            on_request=on_request,
        )
        if self.validate and answer.status == 200:
            assert answer.response.get("id") == message["id"], (answer.response, message["id"])
        return answer

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> Answer:
        """One notification; the answer should be an empty 202."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        if self.validate:
            schema.check(message, self.version, "client")
        return await self.send(
            "POST", message=message, headers=self.standard_headers(method, params)
        )

    async def initialize(self) -> dict[str, Any]:
        """The handshake, `notifications/initialized` included; returns the result."""
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": CLIENT_INFO,
        }
        answer = await self.request("initialize", params)
        assert answer.status == 200, (answer.status, answer.body)
        self.session_id = answer.headers.get("mcp-session-id")
        self.version = answer.result["protocolVersion"]
        accepted = await self.notify("notifications/initialized")
        assert accepted.status == 202, (accepted.status, accepted.body)
        assert accepted.body == b"", accepted.body
        return answer.result

    async def call(self, tool: str, arguments: dict[str, Any] | None = None, **kw: Any) -> Answer:
        """`tools/call`."""
        params: dict[str, Any] = {"name": tool}
        if arguments is not None:
            params["arguments"] = arguments
        return await self.request("tools/call", params, **kw)

    async def delete(self) -> Answer:
        """Ends the session."""
        return await self.send("DELETE", headers=self.standard_headers())

    @asynccontextmanager
    async def listen(self, last_event_id: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
        """The GET stream, open while the block runs; yields an iterator of its events."""
        headers = {**self.standard_headers(), "Accept": "text/event-stream"}
        del headers["Content-Type"]
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        async with self._http_session.get(self.url, headers=headers) as response:
            assert response.status == 200, (response.status, await response.text())
            assert response.content_type == "text/event-stream"

            yield self._events(response)

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
        decoder = Decoder()
        async for chunk in response.content.iter_any():
            for event in decoder.feed(chunk):
                if event.message is not None:
                    self._judge(event.message)
                yield event

    @asynccontextmanager
    async def subscribe(
        self, filter: dict[str, Any], *, url: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """`subscriptions/listen`, open while the block runs and acknowledged when it begins; yields
        an iterator of the messages that follow."""
        method = "subscriptions/listen"
        message = self.message(method, {"notifications": filter})
        async with self._http_session.post(
            url or self.url, json=message, headers=self.standard_headers(method)
        ) as response:
            assert response.status == 200, (response.status, await response.text())
            assert response.content_type == "text/event-stream"
            messages = (e.message async for e in self._events(response) if e.message is not None)
            first = await anext(messages)
            assert first["method"] == "notifications/subscriptions/acknowledged", first
            yield messages

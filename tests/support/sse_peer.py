"""A client of HTTP+SSE, put straight into an application in the test's own event loop.

It opens a stream, learns where to post, and hears everything there. Every message is held against
the schema of its version.
"""

from __future__ import annotations

import itertools
import json
from typing import Any, Self

from tests.support import schema
from tests.support.asgi import App, Live, http_scope

CLIENT_INFO = {"name": "old peer", "version": "1.0"}


class SsePeer:
    """One session.

    Args:
        app: the application.
        version: the protocol version it speaks.
        path: where the stream is opened.
        capabilities: of the client.
        headers: of every request.
        posts_to: the application that messages are posted to, where it is another worker.
        scope: further members of the ASGI scope of every request.
    """

    def __init__(
        self,
        app: App,
        version: str = "2024-11-05",
        *,
        path: str = "/sse",
        capabilities: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        posts_to: App | None = None,
        **scope: Any,
    ) -> None:
        self.app = app
        self.version = version
        self.capabilities = capabilities or {}
        self.headers = headers or {}
        self.posts_to = posts_to or app
        self.endpoint = ""
        self.initialized: dict[str, Any] = {}
        self._path = path
        self._scope = scope
        self._ids = itertools.count(1)
        self._asked: dict[Any, str] = {}
        self._live: Live | None = None

    @property
    def live(self) -> Live:
        """The stream."""
        assert self._live is not None, "connect first"
        return self._live

    def _judge(self, message: Any) -> None:
        method = None if "method" in message else self._asked.get(message.get("id"))
        schema.check(message, self.version, "server", method)

    async def connect(self) -> Self:
        """Open the stream and wait for its first event."""
        headers = {"accept": "text/event-stream", **self.headers}
        scope = http_scope("GET", self._path, headers.items(), **self._scope)
        self._live = Live(self.app, scope, b"", self._judge)
        await self.live.until(lambda live: live.events)
        first = self.live.events[0]
        assert first.event == "endpoint", first
        self.endpoint = first.data or ""
        return self

    async def open(self) -> Self:
        """Connect and initialize."""
        await self.connect()
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": CLIENT_INFO,
        }
        self.initialized = await self.request("initialize", params)
        assert self.initialized["protocolVersion"] == self.version
        await self.notify("notifications/initialized")
        return self

    async def post(
        self, message: Any, headers: dict[str, str] | None = None, *, to: str | None = None
    ) -> Live:
        """Post any JSON, or bytes."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        path, _, query = (self.endpoint if to is None else to).partition("?")
        given = {"content-type": "application/json", **self.headers, **(headers or {})}
        scope = http_scope("POST", path, given.items(), query_string=query.encode(), **self._scope)
        return await Live(self.posts_to, scope, body).done()

    async def start(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        id: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Send a request; its id."""
        id = next(self._ids) if id is None else id
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
        if params is not None:
            message["params"] = params
        schema.check(message, self.version, "client")
        self._asked[id] = method
        assert_taken(await self.post(message, headers))
        return id

    async def response(self, id: Any) -> dict[str, Any]:
        """The answer to a request."""

        def found() -> list[dict[str, Any]]:
            return [m for m in self.live.messages if m.get("id") == id and "method" not in m]

        await self.live.until(lambda _: found())
        assert len(found()) == 1, found()
        return found()[0]

    async def request(self, method: str, params: dict[str, Any] | None = None, **kw: Any) -> Any:
        """A request and its result."""
        response = await self.response(await self.start(method, params, **kw))
        assert "result" in response, response
        return response["result"]

    async def start_call(
        self, tool: str, arguments: dict[str, Any] | None = None, **kw: Any
    ) -> Any:
        return await self.start("tools/call", {"name": tool, "arguments": arguments or {}}, **kw)

    async def call(self, tool: str, arguments: dict[str, Any] | None = None, **kw: Any) -> str:
        """A call, and the text of its result."""
        response = await self.response(await self.start_call(tool, arguments, **kw))
        return response["result"]["content"][0]["text"]

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        schema.check(message, self.version, "client")
        assert_taken(await self.post(message))

    async def asked(self, method: str) -> dict[str, Any]:
        """The newest request of the server."""
        await self.live.until(lambda live: live.sent(method))
        return self.live.sent(method)[-1]

    async def answer(self, request: dict[str, Any], result: dict[str, Any]) -> None:
        """Answer a request of the server."""
        reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        schema.check(reply, self.version, "client", request["method"])
        assert_taken(await self.post(reply))

    async def leave(self) -> None:
        """Close the stream."""
        self.live.leave()
        await self.live.done()


def assert_taken(live: Live) -> None:
    """A message was taken."""
    assert live.status == 202, (live.status, live.body)

"""Readers of the MCP endpoint: a whole HTTP request, into a real application.

A request is written as text: a line with verb and target, lines of header fields, an empty line,
the body. A word with a dollar sign stands for what only a running server can say, such as the id of
a session: what nobody could guess would never be met otherwise.
Whatever comes, the answer has a status that is no server's fault, and is a message.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore
from fastmcp.settings import get_settings
from tests.fuzz import seeds
from tests.fuzz.reader import Reader, run
from tests.support.asgi import App, Live, Peer, http_scope, settled

_NAMED = re.compile(rb"\$([a-z]+)")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSENT = bytes(range(0x20)).replace(b"\t", b"") + b"\x7f"
"""What servers of HTTP do not let through in a header's value."""
_PASSING = (200, 201, 202, 204, 302, 303, 307, 308)


class Site:
    """An application, and what it said of itself.

    Args:
        app: makes it.
        named: what stands for a word with a dollar sign.
    """

    def __init__(
        self,
        app: Callable[[], App],
        named: dict[str, Callable[[Site], Coroutine[Any, Any, str]]] | None = None,
    ) -> None:
        self._make = app
        self._named = named or {}
        self.sessions: dict[str, Peer] = {}

    @property
    def app(self) -> App:
        return _made(self._make)

    def __call__(self, data: bytes) -> None:
        run(self.ask(data))

    async def ask(self, data: bytes) -> Live:
        """One exchange, from the request to the end of its answer.

        A stream that does not end by itself is left. The handler of a call that asks its client
        lives on behind its answer.
        """
        live = Live(self.app, *await self._request(data))
        await _begun(live)
        if not live.finished:
            live.leave()
            await live.done()
        await settled()
        self._judge(live)
        if b"DELETE" in data[:8]:
            self.sessions.clear()
        return live

    async def _request(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        words = dict.fromkeys(_NAMED.findall(data))
        for word in words:
            if (find := self._named.get(word.decode())) is not None:
                data = data.replace(b"$" + word, (await find(self)).encode())
        head, _, body = data.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        verb, _, target = first.partition(b" ")
        path, _, query = target.partition(b"?")
        fields = [
            (name.strip().lower(), value.strip(b" \t\r").translate(None, _UNSENT))
            for name, _, value in (line.partition(b":") for line in lines)
            if _FIELD.fullmatch(name.strip())
        ]
        scope = http_scope(
            verb.decode("latin-1").strip() or "GET",
            path.decode("latin-1") or "/",
            [],
            query_string=query,
            raw_path=path,
        )
        if any(name == b"host" for name, _ in fields):
            scope["headers"] = fields
        else:
            scope["headers"] = [*scope["headers"], *fields]
        return scope, body

    def _judge(self, live: Live) -> None:
        assert live.status in _PASSING or 400 <= live.status < 500, (live.status, live.body[:2000])
        for name, value in live.raw_headers:
            assert b"\n" not in value, (name, value)
            assert b"\r" not in value, (name, value)
        if live.headers.get("content-type", "").startswith("application/json") and live.body:
            json.loads(live.body)


@cache
def _made(make: Callable[[], App]) -> App:
    known = get_settings()
    if not known.home.name.startswith("fuzz-"):
        known.home = Path(tempfile.mkdtemp(prefix="fuzz-"))
        known.input_required_total = 5
        known.tasks_max = 5
    return make()


async def _begun(live: Live) -> None:
    """Waits for the head of the answer, and for what comes at once after it."""
    await live.until(lambda live: live.status or live.task.done())
    for _ in range(30):
        if live.finished or live.task.done():
            return
        await asyncio.sleep(0)
    if not live.is_stream:
        await live.until(lambda live: live.finished or live.task.done())


def server(**options: Any) -> FastMCP:
    """One with a component of each kind, and none that fails by itself."""
    mcp = FastMCP("fuzz", on_disconnect="cancel", **options)

    @mcp.tool
    def greet(name: str = "you", times: int = 1) -> str:
        return f"Hello, {name}" * min(max(times, 0), 3)

    @mcp.tool
    async def ask(ctx: Context) -> str:
        return (await ctx.elicit("Name?", str)).action

    @mcp.tool(task=True)
    async def job(ctx: Context) -> str:
        return (await ctx.elicit("Name?", str)).action

    @mcp.prompt
    def letter(to: str = "you") -> str:
        return f"Dear {to}"

    @mcp.resource("data://greeting")
    def greeting() -> str:
        return "Hello"

    @mcp.resource("data://users/{name}{?tags*}")
    def user(name: str, tags: list[str] | None = None) -> str:
        return f"{name} {tags}"

    @mcp.resource("files://{path*}")
    def file(path: str) -> str:
        return path

    @mcp.completion
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return ["one", "two"]

    return mcp


def _peer(version: str) -> Callable[[Site], Coroutine[Any, Any, str]]:
    async def session(site: Site) -> str:
        peer = site.sessions.get(version)
        if peer is None:
            able = {"elicitation": {}}
            peer = site.sessions[version] = await Peer(site.app, version, capabilities=able).open()
        return peer.session_id or ""

    return session


_SESSIONS = {"a": "2025-03-26", "b": "2025-06-18", "c": "2025-11-25"}
_NAMES = {f"session{letter}": _peer(version) for letter, version in _SESSIONS.items()}


def _post(version: str, message: Any, target: str = "/mcp") -> bytes:
    head = [
        f"POST {target}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        f"mcp-protocol-version: {version}",
    ]
    for letter, known in _SESSIONS.items():
        if version == known:
            head.append(f"mcp-session-id: $session{letter}")
    if version == seeds.STATELESS and isinstance(message, dict):
        params = message.get("params", {})
        name = params.get("name") or params.get("uri") or params.get("taskId")
        head.append(f"mcp-method: {message['method']}")
        head += [f"mcp-name: {name}"] if name else []
    return "\n".join(head).encode() + b"\n\n" + seeds.said(message)


def _posts() -> tuple[bytes, ...]:
    found = [
        _post(version, message)
        for version in (*seeds.HANDSHAKE, seeds.STATELESS)
        for message in seeds.requests(version)
    ]
    for version in (*seeds.HANDSHAKE, seeds.STATELESS):
        for name in ("ask", "job"):
            asked = seeds.request(version, "tools/call", {"name": name, "arguments": {}})
            found.append(_post(version, asked))
    batch = [seeds.request("2025-03-26", "ping"), seeds.request("2025-03-26", "tools/call")]
    answer = {"jsonrpc": "2.0", "id": "a.1", "result": {"action": "accept"}}
    return (
        *found,
        _post("2025-03-26", batch),
        *(_post(version, answer) for version in seeds.HANDSHAKE),
        b"GET /mcp\naccept: text/event-stream\nmcp-session-id: $sessionc\nlast-event-id: a.1\n\n",
        b"GET /mcp\naccept: text/event-stream\nmcp-session-id: $sessionb\n\n",
        b"DELETE /mcp\nmcp-session-id: $sessionc\n\n",
        b"OPTIONS /mcp\norigin: http://localhost:3000\naccess-control-request-method: POST\n\n",
        b"POST /mcp\nhost: evil.example:80\norigin: https://evil.example\n\n{}",
    )


def _grown(version: str, params: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def text(n: int) -> bytes:
        message = seeds.request(
            version, "tools/call", {"name": "greet", "arguments": {"name": "@"}}
        )
        return _post(version, message).replace(b'"@"', params(n))

    return text


_GROWS = (
    *(
        _grown(version, grown)
        for version in ("2025-11-25", seeds.STATELESS)
        for grown in (
            lambda n: b'"' + b"\\u00e9" * n + b'"',
            lambda n: b"[" * n + b"]" * n,
            lambda n: b"[" + b"{}," * n + b"{}]",
            lambda n: b'1,"\\u0061":{"b":1}' * (n // 4) + b',"c":1',
            lambda n: b"1" * n,
            lambda n: b"1e" + b"1" * n,
        )
    ),
    lambda n: _post("2025-03-26", [{"jsonrpc": "2.0", "method": "x"}] * n),
    lambda n: _post("2025-03-26", [1] * n),
    lambda n: b"POST /mcp\n" + b"accept: a\n" * n + b"\n{}",
    lambda n: b"POST /mcp\n" + b"mcp-x: a\n" * n + b"\n{}",
    lambda n: b"POST /mcp\ncontent-type: application/json\naccept: " + b"a/b;q=1," * n + b"\n\n{}",
    lambda n: b"POST /mcp?" + b"a=b&" * n + b"\n\n{}",
    lambda n: b"POST /" + b"%2e/" * n + b"\n\n{}",
    lambda n: b"POST /mcp\norigin: http://" + b"a." * n + b"\n\n{}",
    lambda n: b"GET /mcp\nmcp-session-id: " + b"a." * n + b"\n\n",
)

# --- HTTP+SSE ------------------------------------------------------------------------------------


class Streams(Site):
    """An application of the transport of 2024-11-05, and the streams that posts go to.

    What is said on a stream is held to be JSON as it comes (`Live`), and no post may end one.
    """

    def __init__(self, app: Callable[[], App]) -> None:
        super().__init__(app, {"stream": _stream, "fresh": _fresh})
        self.open: dict[bool, tuple[Live, str]] = {}

    async def ask(self, data: bytes) -> Live:
        live = await super().ask(data)
        for stream, _ in self.open.values():
            if stream.task.done():
                stream.task.result()
        return live

    async def stream(self, initialized: bool) -> str:
        """What names a stream that is open."""
        known = self.open.get(initialized)
        if known is not None and not known[0].finished and len(known[0].messages) < _HEARD:
            return known[1]
        if known is not None:  # what its calls hold ends with it
            known[0].leave()
            await known[0].done()
        live = Live(self.app, http_scope("GET", "/sse", [("accept", "text/event-stream")]))
        await live.until(lambda live: live.events)
        name = (live.events[0].data or "").partition("=")[2]
        self.open[initialized] = live, name
        if initialized:
            message = seeds.said(seeds.request("2025-11-25", "initialize"))
            await super().ask(_to_stream(message, name.encode()))
            await live.until(lambda live: live.messages)
        return name


_HEARD = 100
"""Messages after which a stream is left for another."""


async def _stream(site: Any) -> str:
    return await site.stream(True)


async def _fresh(site: Any) -> str:
    return await site.stream(False)


def _to_stream(body: bytes, name: bytes = b"$stream") -> bytes:
    head = b"POST /messages/?session_id=" + name + b"\ncontent-type: application/json"
    return head + b"\n\n" + body


def _streamed() -> tuple[bytes, ...]:
    found = [
        seeds.said(message) for version in seeds.HANDSHAKE for message in seeds.requests(version)
    ]
    for name in ("ask", "job"):
        asked = seeds.request("2025-11-25", "tools/call", {"name": name, "arguments": {}})
        found.append(seeds.said(asked))
    older = {**seeds.PLAIN["initialize"], "protocolVersion": "2025-03-26"}
    opening = seeds.said(seeds.request("2025-03-26", "initialize", older))
    ping = seeds.request("2025-03-26", "ping")
    batch = seeds.said([ping, seeds.request("2025-03-26", "tools/call"), 1])
    answer = {"jsonrpc": "2.0", "id": "a.1", "result": {"action": "accept"}}
    return (
        *map(_to_stream, dict.fromkeys(found)),
        _to_stream(opening, b"$fresh"),
        _to_stream(batch, b"$fresh"),
        _to_stream(batch),
        _to_stream(seeds.said(answer)),
        _to_stream(seeds.said(ping), b"$stream&session_id=$fresh&a=%C3%A9"),
        b"POST /messages\ncontent-type: application/json\n\n{}",
        b"GET /sse\naccept: text/event-stream\nx-forwarded-prefix: /a/b\n\n",
        b"OPTIONS /messages/\norigin: http://localhost:3000\n\n",
    )


READERS = (
    Reader(
        "messages of http+sse",
        Streams(lambda: server().http_app(legacy_sse=True)),
        _streamed(),
        words=(b"$stream", b"$fresh", b"session_id="),
        grows=(
            lambda n: _to_stream(b"{}", b"a." * n),
            lambda n: _to_stream(b"{}", b"$stream" + b"&session_id=a" * n),
            lambda n: _to_stream(b"{}", b"%C3%A9" * n),
            lambda n: _to_stream(b"[" + b"1," * n + b"1]"),
            lambda n: _to_stream(b'{"jsonrpc":"2.0","id":1,"method":"' + b"\\u00e9" * n + b'"}'),
        ),
    ),
    Reader(
        "endpoint",
        Site(lambda: server().http_app(event_store=EventStore()), _NAMES),
        _posts(),
        grows=_GROWS,
    ),
    Reader(
        "endpoint without sessions",
        Site(lambda: server().http_app(stateless_http=True, cors_origins=["http://localhost:*"])),
        tuple(one.replace(b"$session", b"session") for one in _posts()),
    ),
)

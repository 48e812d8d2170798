"""A small MCP server over plain sockets in which nothing is wrong, so that one thing can be.

A test takes `Patient`, overrides the one method that is to be ill, and lets the doctor look. It is
no server of ours and no ASGI: what it writes goes out byte for byte.
"""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs

from fastmcp.cli.doctor import doctor

SCHEMA = jsonschema_rs.validator_for(
    json.loads((Path(__file__).parents[3] / "docs" / "doctor.schema.json").read_text())
)
META = "io.modelcontextprotocol/"
HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STREAM = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}
BEAT = 1.1
"""Seconds between comments: the doctor counts what breaks a silence of one second."""


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The JSON-RPC message."""
        found = json.loads(self.body or b"{}")
        assert isinstance(found, dict)
        return found


@dataclass
class Reply:
    """What goes back: a body at once, or pieces as they are made."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""

    def __post_init__(self) -> None:
        self.headers = dict(self.headers)


def event(message: Any, **fields: str) -> bytes:
    """One frame of an event stream."""
    lines = [f"{name}: {value}" for name, value in fields.items()]
    data = message if isinstance(message, str) else json.dumps(message)
    return "\n".join([*lines, f"data: {data}", "", ""]).encode()


class Patient:
    """A server of both eras, in good health."""

    stateless = True
    handshake = True
    version = "1.1"

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.asked: list[Asked] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Of the endpoint."""
        return f"http://127.0.0.1:{self.port}/mcp"

    # What answers. A test overrides one of these.

    async def answer(self, asked: Asked) -> Reply:
        """Any request."""
        if asked.path.partition("?")[0] != "/mcp":
            return Reply(404, {"Content-Type": "text/plain"}, b"Not Found")
        if asked.headers.get("origin") == "https://doctor.invalid":
            return self.stranger(asked)
        if asked.headers.get("host") == "doctor.invalid":
            return Reply(421)
        return await getattr(self, asked.method.lower())(asked)

    def stranger(self, asked: Asked) -> Reply:
        """A page that nobody knows."""
        return Reply(403)

    async def options(self, asked: Asked) -> Reply:
        """A preflight; nobody is let in."""
        return Reply(405)

    async def post(self, asked: Asked) -> Reply:
        """One message."""
        message = asked.message
        if "id" not in message:
            return self.notified()
        meta = message.get("params", {}).get("_meta", {})
        if META + "protocolVersion" in meta and self.stateless:
            return await self.modern(asked, meta[META + "protocolVersion"])
        if not self.handshake:
            return self.error(asked, -32601, "Method not found", 404)
        if message["method"] == "initialize":
            return self.initialize(asked)
        return await self.in_session(asked)

    def notified(self) -> Reply:
        """A notification."""
        return Reply(202)

    async def modern(self, asked: Asked, version: str) -> Reply:
        """A request of the stateless era."""
        method = asked.message["method"]
        if asked.headers.get("mcp-method") != method:
            return self.mismatched(asked)
        if version != "2026-07-28":
            return self.unsupported(asked, version)
        if method == "server/discover":
            return self.discover(asked)
        if method == "subscriptions/listen":
            return self.listen(asked)
        return self.error(asked, -32601, "Method not found", 404)

    def mismatched(self, asked: Asked) -> Reply:
        """A header that says something else than the body."""
        return self.error(asked, -32020, "Header mismatch", 400)

    def unsupported(self, asked: Asked, version: str) -> Reply:
        """A revision that is not there."""
        data = {"supported": ["2026-07-28"], "requested": version}
        return self.error(asked, -32022, "Unsupported protocol version", 400, data)

    def discover(self, asked: Asked) -> Reply:
        """What the server is."""
        info = {META + "serverInfo": {"name": "patient", "version": "1"}}
        versions = ["2026-07-28"]
        return self.result(
            asked,
            {
                "resultType": "complete",
                "supportedVersions": versions,
                "capabilities": {},
                "_meta": info,
            },
        )

    def listen(self, asked: Asked) -> Reply:
        """A subscription: acknowledged at once, and kept alive."""
        return Reply(200, STREAM, self.beating(event(self.acknowledged(asked))))

    def acknowledged(self, asked: Asked) -> dict[str, Any]:
        """The first message of a subscription."""
        return {
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"_meta": {META + "subscriptionId": asked.message["id"]}},
        }

    def initialize(self, asked: Asked) -> Reply:
        """The handshake."""
        wanted = asked.message["params"]["protocolVersion"]
        version = wanted if wanted in HANDSHAKE else HANDSHAKE[-1]
        id = secrets.token_hex(8)
        self.sessions.add(id)
        info = {"name": "patient", "version": "1"}
        result = {"protocolVersion": version, "capabilities": {}, "serverInfo": info}
        reply = self.result(asked, result)
        reply.headers["Mcp-Session-Id"] = id
        return reply

    async def in_session(self, asked: Asked) -> Reply:
        """A request of the handshake era."""
        refused = self.refused(asked)
        if refused is not None:
            return refused
        return self.ping(asked)

    def refused(self, asked: Asked) -> Reply | None:
        """What is wrong with its session or its version."""
        if asked.headers.get("mcp-protocol-version") not in (None, *HANDSHAKE):
            return self.error(asked, -32600, "no such version", 400)
        id = asked.headers.get("mcp-session-id")
        if id is None:
            return self.error(asked, -32600, "no session", 400)
        if id not in self.sessions:
            return self.error(asked, -32001, "unknown session", 404)
        return None

    def ping(self, asked: Asked) -> Reply:
        """An answer, as a stream that can be resumed."""
        message = {"jsonrpc": "2.0", "id": asked.message["id"], "result": {}}
        if "text/event-stream" not in asked.headers.get("accept", ""):
            return self.result(asked, {})
        return Reply(200, STREAM, event("", id="s-0", retry="500") + event(message, id="s-1"))

    async def get(self, asked: Asked) -> Reply:
        """The standalone stream, or one that is resumed."""
        if asked.headers.get("mcp-session-id") not in self.sessions:
            return Reply(400)
        if "last-event-id" in asked.headers:
            return self.resume(asked)
        return self.standalone()

    def resume(self, asked: Asked) -> Reply:
        """What followed an event."""
        return Reply(200, STREAM, event({"jsonrpc": "2.0", "id": 1, "result": {}}, id="s-1"))

    def standalone(self) -> Reply:
        """The stream of what the server says unasked."""
        return Reply(200, STREAM, self.beating(b": here\n\n"))

    async def delete(self, asked: Asked) -> Reply:
        """The end of a session."""
        self.sessions.discard(asked.headers.get("mcp-session-id", ""))
        return Reply(200)

    # Helpers.

    async def beating(self, first: bytes, beat: float = BEAT) -> AsyncIterator[bytes]:
        """A stream that begins at once and never ends."""
        yield first
        while True:
            await asyncio.sleep(beat)
            yield b": beat\n\n"

    def result(self, asked: Asked, result: dict[str, Any]) -> Reply:
        """A JSON answer."""
        message = {"jsonrpc": "2.0", "id": asked.message["id"], "result": result}
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(message).encode())

    def error(
        self, asked: Asked, code: int, text: str, status: int = 200, data: Any = None
    ) -> Reply:
        """A JSON-RPC error."""
        error = {"code": code, "message": text} | ({} if data is None else {"data": data})
        message = {"jsonrpc": "2.0", "id": asked.message.get("id"), "error": error}
        return Reply(status, {"Content-Type": "application/json"}, json.dumps(message).encode())

    # The socket.

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request; closed by who accepted it."""
        await self.heard((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), reader, writer)

    async def heard(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """A request whose head was read."""
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in headers.items()}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(method, path, headers, body)
        self.asked.append(asked)
        await self.write(writer, await self.answer(asked))

    async def write(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        """An answer, and its pieces as they are made."""
        streamed = not isinstance(reply.body, bytes)
        headers = {"Connection": "close", **reply.headers}
        if streamed and self.version == "1.1":
            headers["Transfer-Encoding"] = "chunked"
        elif isinstance(reply.body, bytes):
            headers["Content-Length"] = str(len(reply.body))
        lines = [f"HTTP/{self.version} {reply.status} X"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await writer.drain()
        if isinstance(reply.body, bytes):
            writer.write(reply.body)
        else:
            async for piece in reply.body:
                chunked = self.version == "1.1"
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await writer.drain()
            writer.write(b"0\r\n\r\n" if self.version == "1.1" else b"")
        await writer.drain()


@asynccontextmanager
async def admitted(patient: Patient, ssl: Any = None) -> AsyncGenerator[Patient]:
    """The patient, listening."""
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
    leaving = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await patient.connected(reader, writer)
            writer.close()
        if not writer.is_closing():
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if leaving:
            writer.transport.abort()
            return
        serving[asyncio.ensure_future(serve(reader, writer))] = writer

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=ssl)
    patient.port = server.sockets[0].getsockname()[1]
    try:
        yield patient
    finally:
        leaving = True
        server.close()
        for _ in range(5):  # turns of the loop in which what was accepted arrives here
            await asyncio.sleep(0)
        for task, writer in serving.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*serving, return_exceptions=True)
        for writer in serving.values():
            with suppress(OSError):
                await writer.wait_closed()


class Diagnosis:
    """What the doctor said, as JSON."""

    def __init__(self, code: int, document: dict[str, Any]) -> None:
        self.code = code
        self.document = document
        self.findings: list[dict[str, str]] = document["findings"]

    def statuses(self) -> dict[str, str]:
        """The gravest status of each finding."""
        return {each["id"]: each["status"] for each in sorted(self.findings, key=_gravity)}

    def of(self, id: str) -> dict[str, str]:
        """The gravest finding with this name."""
        named = [each for each in self.findings if each["id"] == id]
        assert named, f"no {id} in {self.statuses()}"
        return max(named, key=_gravity)

    @property
    def bad(self) -> set[str]:
        """The names of all problems and warnings."""
        return {id for id, status in self.statuses().items() if status in ("problem", "warning")}


def _gravity(finding: dict[str, str]) -> int:
    return ("skipped", "ok", "note", "warning", "problem").index(finding["status"])


async def diagnosed(url: str, **options: Any) -> Diagnosis:
    """Run the command in a thread of its own, beside the server that the test runs itself."""
    options = {"idle": 0.5, "timeout": 30.0} | options

    def run() -> tuple[int, str]:
        out = io.StringIO()
        with redirect_stdout(out):
            code = doctor(url, json_output=True, **options)
        return code, out.getvalue()

    code, text = await asyncio.to_thread(run)
    document = json.loads(text)
    SCHEMA.validate(document)
    assert document["exit_status"] == code
    assert "please report it" not in text
    return Diagnosis(code, document)

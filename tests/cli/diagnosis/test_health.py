"""One thing is wrong at a time: it is found, and nothing else is."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cli.diagnosis.patient import (
    STREAM,
    Asked,
    Patient,
    Reply,
    admitted,
    diagnosed,
    event,
)

IDLE = 0.1
"""Streams are not what most of these tests are about."""


async def test_a_patient_in_good_health():
    """Every finding of these tests is one of a fault: here there is none, and nothing is left."""
    async with admitted(Patient()) as patient:
        found = await diagnosed(patient.url, idle=3)
    assert found.bad == set()
    assert set(found.statuses().values()) == {"ok"}
    assert found.code == 0
    assert found.document["versions"] == {
        "stateless": ["2026-07-28"],
        "handshake": ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
    }
    assert found.document["server"] == {"name": "patient", "version": "1"}
    assert "2026-07-28, 2025-11-25" in found.document["summary"]
    assert patient.sessions == set()
    assert {asked.message.get("method") for asked in patient.asked if asked.body} == {
        "server/discover",
        "subscriptions/listen",
        "initialize",
        "notifications/initialized",
        "ping",
    }
    assert len(patient.asked) == found.document["requests"] < 60


class OnlyHandshake(Patient):
    stateless = False


class OnlyStateless(Patient):
    handshake = False


class NoSessions(Patient):
    def initialize(self, asked: Asked) -> Reply:
        reply = super().initialize(asked)
        del reply.headers["Mcp-Session-Id"]
        return reply

    def refused(self, asked: Asked) -> Reply | None:
        asked.headers["mcp-session-id"] = next(iter(self.sessions))
        return super().refused(asked)

    def ping(self, asked: Asked) -> Reply:
        return self.result(asked, {})


class TwoWorkers(Patient):
    """Every second connection comes to a worker that does not know the session."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = itertools.cycle([False, True])

    def refused(self, asked: Asked) -> Reply | None:
        if asked.headers.get("mcp-session-id") in self.sessions and next(self.turns):
            return self.error(asked, -32001, "unknown session", 404)
        return super().refused(asked)


class AnyId(Patient):
    def refused(self, asked: Asked) -> Reply | None:
        self.sessions.add(asked.headers.get("mcp-session-id", ""))
        return super().refused(asked)


class NoIdNeeded(Patient):
    def refused(self, asked: Asked) -> Reply | None:
        return super().refused(asked) if "mcp-session-id" in asked.headers else None


class ForeignIs400(Patient):
    def refused(self, asked: Asked) -> Reply | None:
        refused = super().refused(asked)
        if refused is not None:
            refused.status = 400
        return refused


class OddId(Patient):
    def initialize(self, asked: Asked) -> Reply:
        reply = super().initialize(asked)
        reply.headers["Mcp-Session-Id"] = "an id of words"
        return reply


class LongId(Patient):
    def initialize(self, asked: Asked) -> Reply:
        reply = super().initialize(asked)
        self.sessions.discard(reply.headers["Mcp-Session-Id"])
        long = reply.headers["Mcp-Session-Id"] * 500
        self.sessions.add(long)
        reply.headers["Mcp-Session-Id"] = long
        return reply


class NoDelete(Patient):
    async def delete(self, asked: Asked) -> Reply:
        return Reply(405)


class ForbiddenDelete(Patient):
    async def delete(self, asked: Asked) -> Reply:
        return Reply(403)


class DeleteForNothing(Patient):
    async def delete(self, asked: Asked) -> Reply:
        return Reply(200)


class WordyNotification(Patient):
    def notified(self) -> Reply:
        return Reply(200, {"Content-Type": "application/json"}, b"{}")


class Lingering(Patient):
    """Takes messages, and does not end what it answers."""

    def notified(self) -> Reply:
        return Reply(202, {"Content-Type": "text/plain"}, self.lingering())

    async def delete(self, asked: Asked) -> Reply:
        await super().delete(asked)
        return Reply(200, {"Content-Type": "text/plain"}, self.lingering())

    async def lingering(self) -> AsyncIterator[bytes]:
        yield b"taken"
        await asyncio.sleep(60)


async def test_what_nobody_reads_is_not_waited_for():
    async with admitted(Lingering()) as patient:
        found = await diagnosed(patient.url, idle=IDLE, timeout=8.0)
    assert found.bad == set()
    assert "skipped" not in found.statuses().values()


class OldVersionOnly(Patient):
    """It knows no other revision than its own, and does not offer it."""

    def initialize(self, asked: Asked) -> Reply:
        if asked.message["params"]["protocolVersion"] == "2099-01-01":
            return self.error(asked, -32602, "Unsupported protocol version")
        return super().initialize(asked)


class InventedVersion(Patient):
    stateless = False

    def initialize(self, asked: Asked) -> Reply:
        return self.result(asked, {"protocolVersion": "9.9\x1b[31m", "serverInfo": {}})


class AnyVersionHeader(Patient):
    def refused(self, asked: Asked) -> Reply | None:
        asked.headers.pop("mcp-protocol-version", None)
        return super().refused(asked)


class AnyStatelessVersion(Patient):
    def unsupported(self, asked: Asked, version: str) -> Reply:
        return self.discover(asked)


class NoHeaderCheck(Patient):
    def mismatched(self, asked: Asked) -> Reply:
        return self.discover(asked)


class NoResultType(Patient):
    def discover(self, asked: Asked) -> Reply:
        reply = super().discover(asked)
        assert isinstance(reply.body, bytes)
        message = json.loads(reply.body)
        del message["result"]["resultType"]
        return Reply(200, reply.headers, json.dumps(message).encode())


class BothFormsOrNone(Patient):
    async def answer(self, asked: Asked) -> Reply:
        accept = asked.headers.get("accept", "")
        if asked.method == "POST" and "," not in accept:
            return Reply(406)
        return await super().answer(asked)


class NoEventIds(Patient):
    def ping(self, asked: Asked) -> Reply:
        return self.result(asked, {})


class NoReplay(Patient):
    def resume(self, asked: Asked) -> Reply:
        return Reply(200, STREAM, b": nothing\n\n")


class ResumptionRefused(Patient):
    def resume(self, asked: Asked) -> Reply:
        return Reply(400)


class Open(Patient):
    """To the pages of strangers."""

    async def answer(self, asked: Asked) -> Reply:
        asked.headers.pop("origin", None)
        return await super().answer(asked)


class AnyHost(Patient):
    async def answer(self, asked: Asked) -> Reply:
        asked.headers["host"] = "127.0.0.1"
        return await super().answer(asked)


class NoStandaloneStream(Patient):
    async def get(self, asked: Asked) -> Reply:
        return self.resume(asked) if "last-event-id" in asked.headers else Reply(405)


class PageForAStream(Patient):
    def standalone(self) -> Reply:
        return Reply(200, {"Content-Type": "text/html"}, b"<h1>Hello</h1>")


class Compressed(Patient):
    def standalone(self) -> Reply:
        whole = zlib.compressobj(wbits=31)
        first = whole.compress(b": here\n\n") + whole.flush(zlib.Z_SYNC_FLUSH)
        return Reply(200, STREAM | {"Content-Encoding": "gzip"}, self.beating(first, 60))


class Cacheable(Patient):
    def standalone(self) -> Reply:
        return Reply(200, {**STREAM, "Cache-Control": "max-age=60"}, self.beating(b":\n\n"))


class Unmarked(Patient):
    def standalone(self) -> Reply:
        headers = {name: value for name, value in STREAM.items() if name != "X-Accel-Buffering"}
        return Reply(200, headers, self.beating(b":\n\n"))


class Slow(Patient):
    def __init__(self) -> None:
        super().__init__()
        self.pings = 0

    async def in_session(self, asked: Asked) -> Reply:
        self.pings += 1
        if self.pings > 10:
            await asyncio.sleep(1.1)
        return await super().in_session(asked)


class Busy(Patient):
    async def delete(self, asked: Asked) -> Reply:
        return Reply(429)


class BehindNginx(Patient):
    async def answer(self, asked: Asked) -> Reply:
        reply = await super().answer(asked)
        reply.headers["Server"] = "nginx/1.29"
        return reply


@pytest.mark.parametrize(
    ("patient", "id", "status", "said"),
    [
        (OnlyHandshake, "stateless-none", "note", "2026-07-28"),
        (OnlyStateless, "handshake-none", "note", "-32601"),
        (NoSessions, "session", "note", "no Mcp-Session-Id"),
        (TwoWorkers, "session-workers", "problem", "of 6 new connections 3"),
        (AnyId, "session-foreign", "warning", "is accepted"),
        (NoIdNeeded, "session-missing", "note", "HTTP 200"),
        (ForeignIs400, "session-foreign", "warning", "HTTP 400"),
        (OddId, "session-id", "problem", "'an id of words'"),
        (LongId, "session-id-long", "warning", "8000 characters"),
        (NoDelete, "session-end", "note", "405"),
        (ForbiddenDelete, "session-end", "warning", "403"),
        (DeleteForNothing, "session-end", "warning", "was ended is answered with HTTP 200"),
        (WordyNotification, "notification", "note", "HTTP 200"),
        (OldVersionOnly, "negotiation", "warning", "-32602"),
        (InventedVersion, "handshake-version", "problem", r"'9.9\x1b[31m'"),
        (AnyVersionHeader, "version-header", "note", "HTTP 200"),
        (AnyStatelessVersion, "stateless-version", "warning", "HTTP 200"),
        (NoHeaderCheck, "stateless-headers", "warning", "HTTP 200"),
        (NoResultType, "stateless-result", "warning", "no resultType"),
        (BothFormsOrNone, "accept", "note", "406"),
        (NoEventIds, "resumption", "note", "no ids"),
        (NoReplay, "resumption", "warning", "does not come again"),
        (ResumptionRefused, "resumption", "warning", "HTTP 400"),
        (Open, "origin", "problem", "is served"),
        (AnyHost, "host", "note", "foreign Host"),
        (NoStandaloneStream, "stream-none", "note", "405"),
        (PageForAStream, "stream-refused", "warning", "text/html"),
        (Compressed, "stream-compressed", "warning", "gzip"),
        (Cacheable, "stream-cacheable", "note", "no Cache-Control"),
        (Unmarked, "stream-unmarked", "note", "X-Accel-Buffering"),
        (Patient, "stream-quiet", "note", "of silence"),
        (Busy, "rate-limit", "warning", "429"),
        (BehindNginx, "intermediary", "note", "nginx/1.29"),
        (Slow, "latency-slow", "warning", "1.1 s"),
    ],
)
async def test_one_fault(patient: type[Patient], id: str, status: str, said: str):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url, idle=IDLE)
    named = [each for each in found.findings if each["id"] == id and each["status"] == status]
    assert named, found.statuses()
    assert said in named[0]["seen"]
    if status in ("warning", "problem"):
        assert named[0]["means"]
        assert named[0]["do"]
    assert found.code == (1 if status == "problem" else 0)
    also = {Busy: {"session-end"}}.get(patient, set[str]())
    assert found.bad == also | ({id} if status in ("warning", "problem") else set()), found.findings


class Held(Patient):
    """Somebody lets nothing through before the end."""

    def standalone(self) -> Reply:
        return Reply(200, STREAM, self.late())

    def listen(self, asked: Asked) -> Reply:
        return Reply(200, STREAM, self.late())

    async def late(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(3)
        yield b": all at once\n\n"


class HeldAndCut(Held):
    """A buffer whose proxy loses its patience."""

    async def late(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(1.5)
        yield b": all at once\n\n"
        raise OSError


class Silent(Patient):
    """Not even the acknowledgement comes."""

    def listen(self, asked: Asked) -> Reply:
        return Reply(200, STREAM, self.nothing())

    async def nothing(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""


class HeadLate(Patient):
    async def get(self, asked: Asked) -> Reply:
        if "last-event-id" not in asked.headers:
            await asyncio.sleep(2.7)
        return await super().get(asked)


class Cut(Patient):
    """The connection is closed in the middle of the silence."""

    def standalone(self) -> Reply:
        return Reply(200, STREAM, self.broken())

    async def broken(self) -> AsyncIterator[bytes]:
        yield b": here\n\n"
        await asyncio.sleep(0.3)
        raise OSError


class Ended(Patient):
    def standalone(self) -> Reply:
        return Reply(200, STREAM, self.short())

    async def short(self) -> AsyncIterator[bytes]:
        yield b": here\n\n"


class OldHttp(Patient):
    version = "1.0"


class Gone(Patient):
    async def get(self, asked: Asked) -> Reply:
        if "last-event-id" in asked.headers:
            return await super().get(asked)
        await asyncio.sleep(0.3)
        return Reply(504, {"Server": "nginx"})


@pytest.mark.parametrize(
    ("patient", "id", "status", "said", "do"),
    [
        (Held, "stream-held", "problem", "together with the end", "proxy_buffering off;"),
        (Silent, "stream-held", "problem", "nothing came within 3.4 s", "X-Accel-Buffering: no"),
        (HeadLate, "stream-late", "warning", "its head came after 2.7 s", "proxy_buffering off;"),
        (Cut, "stream-cut", "problem", "was cut after", "proxy_read_timeout 1h;"),
        (Gone, "stream-cut", "problem", "HTTP 504", "proxy_read_timeout 1h;"),
        (Ended, "stream-ended", "note", "the server ended it", ""),
        (OldHttp, "stream-http10", "note", "HTTP/1.0", "proxy_http_version 1.1;"),
    ],
)
async def test_streams_that_do_not_last(
    patient: type[Patient], id: str, status: str, said: str, do: str
):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url, idle=3.4)
    finding = found.of(id)
    assert (finding["status"], said in finding["seen"]) == (status, True), finding
    assert do in finding["do"]
    assert found.bad == ({id} if status in ("warning", "problem") else set()), found.findings


class Dropped(Patient):
    """The subscription is never answered: its connection is closed."""

    def listen(self, asked: Asked) -> Reply:
        raise OSError


class Failing(Patient):
    status = 500

    def listen(self, asked: Asked) -> Reply:
        return Reply(self.status, {"Content-Type": "text/plain"}, b"a bug of mine")


class Full(Failing):
    status = 503


class Refusing(Patient):
    """An error that takes its time, and is told on a stream."""

    def listen(self, asked: Asked) -> Reply:
        return Reply(200, STREAM, self.refusing())

    async def refusing(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(1.2)
        error = {"code": -32603, "message": "a bug of mine"}
        yield event({"jsonrpc": "2.0", "id": None, "error": error})


class SlowAndBroken(Patient):
    """The head takes its time, and nothing follows it."""

    async def get(self, asked: Asked) -> Reply:
        if "last-event-id" in asked.headers:
            return await super().get(asked)
        await asyncio.sleep(1.2)
        return Reply(200, STREAM, self.broken())

    async def broken(self) -> AsyncIterator[bytes]:
        for piece in ():
            yield piece
        raise OSError


@pytest.mark.parametrize(
    ("patient", "id", "status", "said"),
    [
        (Dropped, "stream-failed", "problem", "closed without an answer"),
        (Failing, "stream-failed", "problem", "HTTP 500, 'text/plain': 'a bug of mine'"),
        (Full, "stream-failed", "problem", "HTTP 503"),
        (Refusing, "stream-refused", "warning", "error -32603 'a bug of mine'"),
        (SlowAndBroken, "stream-cut", "problem", "was cut"),
    ],
)
async def test_a_stream_that_fails_is_not_held_back(
    patient: type[Patient], id: str, status: str, said: str
):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url, idle=1.6)
    finding = found.of(id)
    assert (finding["status"], said in finding["seen"]) == (status, True), finding
    assert "buffering" not in finding["do"]
    assert found.bad == {id}, found.findings


async def test_a_stream_that_is_held_and_cut():
    async with admitted(HeldAndCut()) as ill:
        found = await diagnosed(ill.url, idle=3)
    assert found.bad == {"stream-held", "stream-cut"}
    assert re.search(
        r"came after \d+\.\d s, together with the end", found.of("stream-held")["seen"]
    )
    assert re.search(r"\d+\.\d s of silence", found.of("stream-cut")["seen"])


class Caller(Patient):
    """Has a tool; it is called when the user names it, and not otherwise."""

    held = False
    failing = False

    async def modern(self, asked: Asked, version: str) -> Reply:
        message = asked.message
        if message["method"] != "tools/call":
            return await super().modern(asked, version)
        assert asked.headers["mcp-name"] == message["params"]["name"] == "work"
        assert message["params"]["arguments"] == {"much": 1}
        if self.failing:
            return self.refusal(asked)
        return Reply(200, STREAM, self.working(message))

    def refusal(self, asked: Asked) -> Reply:
        return self.error(asked, -32602, "Unknown tool: work")

    async def working(self, message: dict[str, Any]) -> AsyncIterator[bytes]:
        token = message["params"]["_meta"]["progressToken"]
        params = {"progressToken": token, "progress": 1}
        said = event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        if not self.held:
            yield said
        await asyncio.sleep(1.2)
        if self.held:
            yield said
        yield event({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}})


class HeldCaller(Caller):
    held = True


class FailingCaller(Caller):
    failing = True


class UnreadCaller(FailingCaller):
    """Refuses a request unread, and so without its id."""

    streamed = False

    def refusal(self, asked: Asked) -> Reply:
        error = {"code": -32600, "message": "too much for me"}
        message = {"jsonrpc": "2.0", "id": None, "error": error}
        if self.streamed:
            return Reply(200, STREAM, event(message))
        return Reply(413, {"Content-Type": "application/json"}, json.dumps(message).encode())


class UnreadStreamingCaller(UnreadCaller):
    streamed = True


class BrokenCaller(FailingCaller):
    def refusal(self, asked: Asked) -> Reply:
        return Reply(500, {"Content-Type": "text/plain"}, b"a bug of mine")


class TalkingCaller(Caller):
    """Says so much that it can only be read if each part is looked at once."""

    async def working(self, message: dict[str, Any]) -> AsyncIterator[bytes]:
        said = event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        for _ in range(40_000):
            yield said
        yield event({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}})


@pytest.mark.parametrize(
    ("patient", "id", "status", "said"),
    [
        (Caller, "call", "ok", "the first of 1 notifications after"),
        (HeldCaller, "call-held", "problem", "came only then"),
        (FailingCaller, "call", "warning", "is refused: error -32602 'Unknown tool"),
        (UnreadCaller, "call", "warning", "is refused: error -32600 'too much for me'"),
        (UnreadStreamingCaller, "call", "warning", "is refused: error -32600 'too much for me'"),
        (BrokenCaller, "call", "problem", "is answered with HTTP 500: 'a bug of mine'"),
        (TalkingCaller, "call", "ok", "the first of 40000 notifications after"),
    ],
)
async def test_a_call(patient: type[Patient], id: str, status: str, said: str):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url, idle=IDLE, call="work", input_json='{"much": 1}')
    assert found.of(id)["status"] == status
    assert said in found.of(id)["seen"]
    assert found.bad == ({id} if status != "ok" else set())


async def test_strict_counts_warnings():
    async with admitted(ForeignIs400()) as ill:
        assert (await diagnosed(ill.url, idle=IDLE)).code == 0
        assert (await diagnosed(ill.url, idle=IDLE, strict=True)).code == 1

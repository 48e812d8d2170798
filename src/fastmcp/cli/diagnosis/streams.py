"""Long streams: whether they arrive as they are made, and how long they live in silence.

What can be watched without the help of tools: the GET's stream of the handshake era, that of
`subscriptions/listen`, and that of HTTP+SSE. All are opened at once and watched together. Two of
them must begin with an event at once, so a beginning that stays away is somebody's buffer; and
whatever arrives only in the moment the stream ends was held back till then. A stream that ends
without having ended (no last chunk) was cut by somebody who did not make it. Sources: 2026-07-28,
basic/patterns/subscriptions and basic/transports/streamable-http, "Receiving Messages"; 2025-11-25,
basic/transports, "Listening for Messages from the Server".
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from multidict import CIMultiDict

from fastmcp.cli.diagnosis.finding import (
    Finding,
    note,
    ok,
    problem,
    quote,
    seconds,
    skipped,
    warning,
)
from fastmcp.cli.diagnosis.intermediaries import Intermediary, advice, recognize
from fastmcp.cli.diagnosis.response import HttpResponse, Unreachable
from fastmcp.cli.diagnosis.speech import EVENTS, JSON
from fastmcp.cli.diagnosis.subject import Findings, Subject
from fastmcp.cli.diagnosis.wire import PATIENCE, Spent
from fastmcp.protocol.jsonrpc import Malformed, Response, decode
from fastmcp.protocol.sse import Decoder
from fastmcp.protocol.subscriptions import KINDS, LISTEN

__all__ = ["Watched", "examine", "watch"]

_AT_ONCE: Final = 2.5
"""Seconds within which the beginning of a stream must be there, beyond what a request takes."""
_LUMP: Final = 0.25
"""What arrives so shortly before the end came with it."""
_ENOUGH_SIGNS: Final = 2
"""After so many signs of life, each after a silence, there is nothing more to be learnt."""
_SILENCE: Final = 1.0
_LARGEST: Final = 16 * 1024 * 1024
_LARGEST_ERROR: Final = 64 * 1024

_KEEPALIVES: Final = (
    "the server: send a comment (': keep-alive') every 15 s; FastMCP does: "
    "FASTMCP_HTTP_KEEPALIVE_INTERVAL=15"
)
_UNBUFFERED: Final = "the server: send X-Accel-Buffering: no with event streams; FastMCP does"


@dataclass(slots=True)
class Watched:
    """One stream, as it was watched. Times are seconds since its request.

    Attributes:
        name: as it is told.
        begins: whether it must begin with an event at once.
        status: of HTTP; 0 where no response came.
        headers: of HTTP.
        version: of HTTP.
        head: when the response's head came.
        signs: when bytes came.
        ended: when it ended, None where it is open still.
        cut: whether it ended in the middle.
        text: its body, where it is no stream.
        fault: why there is no response.
        refused: the error that it begins with, if it does.
    """

    name: str
    begins: bool
    status: int = 0
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict[str])
    version: str = ""
    head: float = 0.0
    signs: list[float] = field(default_factory=list[float])
    ended: float | None = None
    cut: bool = False
    text: str = ""
    fault: Unreachable | Spent | None = None
    refused: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether the response was a stream at all."""
        return self.status == 200 and self.headers.get("Content-Type", "").lower().startswith(
            EVENTS
        )


async def examine(subject: Subject) -> Findings:
    """Open all streams there are, and watch them."""
    kept = await asyncio.gather(*_opened(subject))
    known = recognize([*subject.heads, *(each.headers for each in kept)])
    for each in kept:
        for finding in _judged(each, subject.wishes.idle, known):
            yield finding


def _opened(subject: Subject) -> list[asyncio.Task[Watched]]:
    speech, idle = subject.speech, subject.wishes.idle
    found: list[asyncio.Task[Watched]] = []

    def add(name: str, begins: bool, method: str, headers: CIMultiDict[str], body: bytes) -> None:
        watching = watch(subject, Watched(name, begins), method, headers, body, idle)
        found.append(asyncio.ensure_future(watching))

    session = subject.session
    if session is not None and session.id is not None:
        headers = speech.headers(version=session.version, session=session.id, accept=EVENTS)
        add("the GET stream", False, "GET", headers, b"")
    if subject.stateless:
        version = subject.stateless[-1]
        wanted = {kind.field: True for kind in KINDS if kind.key is None}
        _, body, form = speech.request(LISTEN, {"notifications": wanted}, version)
        headers = speech.headers(version=version, extra=form)
        add(f"the stream of {LISTEN}", True, "POST", headers, body)
    if subject.legacy is not None:
        headers = speech.headers(accept=EVENTS)
        add("the stream of HTTP+SSE", True, "GET", headers, b"")
    return found


async def watch(
    subject: Subject,
    watched: Watched,
    method: str,
    headers: CIMultiDict[str],
    body: bytes,
    idle: float,
) -> Watched:
    """Open a stream and write down what comes when.

    Args:
        subject: whose stream it is.
        watched: is filled, and returned.
        method: of the request.
        headers: of the request.
        body: of the request.
        idle: seconds that it is watched.
    """
    began = time.monotonic()
    try:
        response = await subject.http.open(method, subject.url, headers, body, wait=idle)
    except (Unreachable, Spent) as exc:
        watched.fault = exc
        watched.ended = time.monotonic() - began
        return watched
    watched.head = time.monotonic() - began
    watched.status, watched.headers = response.status, response.headers
    watched.version = response.version
    try:
        if watched.is_stream:
            await _follow(response, watched, began, idle)
        else:
            text = await response.body(4096, PATIENCE)
            watched.text = text.decode("utf-8", "replace")
    finally:
        response.close()
    return watched


async def _follow(response: HttpResponse, watched: Watched, began: float, idle: float) -> None:
    size, lively = 0, 0
    decoder: Decoder | None = Decoder()
    try:
        async with asyncio.timeout(max(0.0, began + idle - time.monotonic())):
            while size < _LARGEST:
                piece = await response.piece()
                now = time.monotonic() - began
                if not piece:
                    watched.ended, watched.cut = now, response.cut
                    return
                last = watched.signs[-1] if watched.signs else watched.head
                lively += now - last > _SILENCE
                if now - last > 0.01 or not watched.signs:
                    watched.signs.append(now)
                size += len(piece)
                if decoder is not None:
                    first = next((each for each in decoder.feed(piece) if each.data), None)
                    watched.refused = "" if first is None else _error(first.data)
                    if first is not None or decoder.buffered > _LARGEST_ERROR:
                        decoder = None
                if lively >= _ENOUGH_SIGNS:
                    return
    except TimeoutError:
        return


def _error(text: str) -> str:
    """The error that a message is; nothing, if it is none."""
    try:
        message = decode(text.encode())
    except Malformed:
        return ""
    error = message.error if isinstance(message, Response) else None
    return "" if error is None else f"error {error.code} {quote(error.message)}"


def _judged(watched: Watched, idle: float, known: list[Intermediary]) -> list[Finding]:
    if not watched.is_stream:
        return [_no_stream(watched, known)]
    if watched.refused:
        return [
            warning(
                "stream-refused",
                f"{watched.name} is answered with {watched.refused}",
                "Clients expect a stream that goes on, and hear nothing of changes.",
                "Look for the reason in these words, and in the server's log.",
            )
        ]
    found = _form(watched, known)
    held = _held_back(watched, idle, known)
    if held is not None and not watched.cut:
        return [*found, held]
    if held is not None:
        watched.signs.clear()  # they were signs of the buffer
        watched.head = 0.0
        found.append(held)
    return [*found, _lasting(watched, idle, known)]


def _no_response(watched: Watched, known: list[Intermediary]) -> Finding:
    name, took = watched.name, watched.ended or 0.0
    match watched.fault:
        case Spent():
            return skipped("streams", f"{name} was not opened: so many requests were sent")
        case Unreachable(why="silent") if watched.begins:
            return problem(
                "stream-held",
                f"{name}: no response began within {took:.0f} s, though it has to at once",
                "Somebody holds streams back until they end, so progress, changes and questions "
                "do not arrive.",
                advice(known, "buffering", _UNBUFFERED),
            )
        case Unreachable(why="silent"):
            return warning(
                "stream-late",
                f"{name}: no response began within {took:.0f} s",
                "Clients cannot tell a server that says nothing from one that is not there; a "
                "proxy may hold the response back until its first byte.",
                advice(known, "buffering", "the server: send the head and a comment at once"),
            )
        case fault:
            return problem(
                "stream-failed",
                f"{name} has no response: {fault}",
                "Clients lose what it would say, and open it again and again.",
                "Look into the server's log, and the proxy's.",
            )


def _no_stream(watched: Watched, known: list[Intermediary]) -> Finding:
    name = watched.name
    if watched.status == 0:
        return _no_response(watched, known)
    if watched.status in (404, 405, 501):
        return note(
            "stream-none",
            f"{name} is not there (HTTP {watched.status})",
            "Of changes (list_changed) and questions outside of a call clients hear nothing.",
        )
    waited = watched.status in (502, 503) and watched.head > _SILENCE
    if waited or watched.status == 504:
        return problem(
            "stream-cut",
            f"{name}: a proxy gave up after {seconds(watched.head)} with HTTP {watched.status}",
            "Calls that take so long without a sign fail.",
            advice(known, "silence", _KEEPALIVES),
        )
    type_ = watched.headers.get("Content-Type", "no content type").partition(";")[0]
    said = f": {quote(watched.text, 100)}" if type_.strip() in (JSON, "text/plain") else ""
    seen = f"{name} is answered with HTTP {watched.status}, {quote(type_, 60)}{said}"
    if watched.status >= 500:
        return problem(
            "stream-failed",
            seen,
            "Clients lose what it would say, and open it again and again.",
            "Look into the server's log; 502 and 503 may come from a proxy, and stand in its log.",
        )
    return warning(
        "stream-refused",
        seen,
        "Clients expect a stream, or 405 where there is none; some give up the connection.",
        "Answer 405 where there is no stream; upgrade the server's SDK.",
    )


def _form(watched: Watched, known: list[Intermediary]) -> list[Finding]:
    """What the head says."""
    found: list[Finding] = []
    encoding = watched.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        found.append(
            warning(
                "stream-compressed",
                f"{watched.name} is compressed ({quote(encoding, 20)})",
                "A compressor collects bytes before it lets any out, so events come late.",
                advice(
                    known,
                    "compression",
                    "the server: send Cache-Control: no-transform with "
                    "event streams, and keep middleware that compresses away from them",
                ),
            )
        )
    if watched.version == "1.0":
        found.append(
            note(
                "stream-http10",
                f"{watched.name} comes by HTTP/1.0",
                "Its end cannot be told from a connection that broke.",
                "Speak HTTP/1.1; nginx: proxy_http_version 1.1;",
            )
        )
    if not known and watched.headers.get("X-Accel-Buffering", "").lower() != "no":
        found.append(
            note(
                "stream-unmarked",
                f"{watched.name} does not say X-Accel-Buffering: no",
                "Behind nginx its events would be collected (basic/transports).",
                _UNBUFFERED,
            )
        )
    control = watched.headers.get("Cache-Control", "").lower()
    if not any(word in control for word in ("no-store", "no-cache", "no-transform", "private")):
        found.append(
            note(
                "stream-cacheable",
                f"{watched.name} has no Cache-Control",
                "A cache in between may collect it to the end first.",
                "Send Cache-Control: no-store, no-transform",
            )
        )
    return found


def _held_back(watched: Watched, idle: float, known: list[Intermediary]) -> Finding | None:
    began = watched.signs[0] if watched.signs else watched.head
    if not watched.signs and watched.begins and watched.ended is None:
        began = idle
    elif not watched.signs and watched.ended is not None:
        return None  # it failed: there was nothing to hold back
    with_the_end = watched.ended is not None and began > _SILENCE and watched.ended - began < _LUMP
    if with_the_end or (watched.begins and began > _AT_ONCE):
        when = f"the first byte came after {seconds(began)}"
        if not watched.signs:
            when = f"nothing came within {seconds(began)}"
        if with_the_end:
            when = f"all of it came after {seconds(began)}, together with the end"
        return problem(
            "stream-held",
            f"{watched.name}: {when}",
            "Somebody holds streams back, so progress, changes and questions do not arrive.",
            advice(known, "buffering", _UNBUFFERED),
        )
    if watched.head > _AT_ONCE:
        return warning(
            "stream-late",
            f"{watched.name}: its head came after {seconds(watched.head)}",
            "Somebody holds the head back until the first byte.",
            advice(known, "buffering", "the server: send a comment at once"),
        )
    return None


def _lasting(watched: Watched, idle: float, known: list[Intermediary]) -> Finding:
    name, signs = watched.name, watched.signs
    first = f"first byte after {seconds(signs[0])}" if signs else "no byte but the head"
    if watched.ended is not None:
        last = max(signs[-1] if signs else 0.0, watched.head)
        silence = watched.ended - last
        if watched.cut or (watched.version == "1.0" and silence > _SILENCE):
            return problem(
                "stream-cut",
                f"{name} was cut after {seconds(silence)} of silence",
                "Calls that take longer without a sign lose their answer, and streams of changes "
                "break all the time.",
                advice(known, "silence", _KEEPALIVES),
            )
        return note(
            "stream-ended",
            f"{name}: the server ended it after {seconds(watched.ended)}",
            "Clients open it again and again.",
        )
    pauses = [later - earlier for earlier, later in pairwise([watched.head, *signs])]
    beats = [pause for pause in pauses if pause > _SILENCE]
    if beats:
        return ok("stream", f"{name}: {first}, and a sign of life every {seconds(max(beats))}")
    return note(
        "stream-quiet",
        f"{name}: {first}, and open after {idle:.0f} s of silence",
        "Proxies end what is silent for 30 to 100 s.",
        f"To see whether it lives longer: --idle 120\n{_KEEPALIVES}",
    )

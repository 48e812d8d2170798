"""In which form the server answers, and for whom: `Accept`, and `Last-Event-ID`.

Clients list both forms; people with curl list one or none. A stream that breaks can be taken up
again where its events have ids (2025-11-25, basic/transports, "Resumability and Redelivery"): that
is tried with the stream of a `ping`, by asking for what came after its first event.
"""

from __future__ import annotations

import time
from typing import Final

from fastmcp.cli.diagnosis.finding import note, ok, warning
from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.speech import EVENTS, JSON, Answer, next_piece
from fastmcp.cli.diagnosis.subject import Findings, Session, Subject
from fastmcp.protocol.sse import Decoder

__all__ = ["accept", "resumption"]

_REPLAY_SECONDS: Final = 5.0
_EVENT_STORE: Final = (
    "In FastMCP: http_app(event_store=EventStore()); with several workers give it a store that "
    "they share, or FASTMCP_REDIS_URL."
)


async def accept(subject: Subject) -> Findings:
    """One form alone, instead of both."""
    refused: list[str] = []
    for form in (JSON, EVENTS):
        answer = await subject.ask_lightly(accept=form)
        if not answer.served:
            refused.append(f"{form} alone gets {answer.said}")
    if refused:
        yield note(
            "accept",
            "; ".join(refused),
            "Clients list both, as they must. Requests by hand need "
            f"-H 'Accept: {JSON}, {EVENTS}'.",
        )
    else:
        yield ok("accept", "JSON alone and event streams alone are both served")


async def resumption(subject: Subject) -> Findings:
    """Whether a stream that breaks can be taken up again."""
    session = subject.session
    assert session is not None
    answer = await _streamed(subject)
    ids = [event.id for event in answer.events if event.id]
    if not ids:
        if session.id is not None:
            yield note(
                "resumption",
                "streams cannot be resumed: their events have no ids",
                "If a connection breaks during a call, its answer is lost.",
                _EVENT_STORE,
            )
        return
    retry = "" if answer.retry is None else f", to be retried after {answer.retry} ms"
    replayed = await _replay(subject, session, ids[0])
    wanted = len(ids) > 1
    if isinstance(replayed, str):
        yield warning(
            "resumption",
            f"events have ids, but a GET with Last-Event-ID is answered with {replayed}",
            "If a connection breaks during a call, its answer is lost.",
            "With several workers the event store must be one they share. " + _EVENT_STORE,
        )
    elif wanted and not replayed:
        yield warning(
            "resumption",
            "events have ids, but what followed the last one seen does not come again",
            "If a connection breaks during a call, its answer is lost.",
            "With several workers the event store must be one they share. " + _EVENT_STORE,
        )
    else:
        yield ok("resumption", f"a broken stream is resumed with Last-Event-ID{retry}")


async def _streamed(subject: Subject) -> Answer:
    """A ping that is answered with a stream, where the server can be brought to it."""
    answer = await subject.ask_lightly()
    if answer.content_type == EVENTS:
        return answer
    alone = await subject.ask_lightly(accept=EVENTS)
    return alone if alone.content_type == EVENTS else answer


async def _replay(subject: Subject, session: Session, last: str) -> int | str:
    """How many events follow that one, or what kept them from coming."""
    headers = subject.speech.headers(
        version=session.version,
        session=session.id,
        accept=EVENTS,
        extra={"Last-Event-ID": last},
    )
    try:
        response = await subject.http.open("GET", subject.url, headers)
    except Unreachable as exc:
        return str(exc)
    try:
        if response.status != 200 or response.content_type != EVENTS:
            return f"HTTP {response.status}"
        decoder = Decoder()
        until = time.monotonic() + _REPLAY_SECONDS
        while piece := await next_piece(response, until):
            events = [event for event in decoder.feed(piece) if event.data]
            if events:
                return len(events)
        return 0
    finally:
        response.close()

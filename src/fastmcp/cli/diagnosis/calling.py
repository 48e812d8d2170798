"""One call of a tool, where the user names it: does its stream arrive as it is made?

The only thing that the doctor does to a server. A progress token goes with it, so that a tool which
reports progress shows whether what it says comes while it works, or with the result.
"""

from __future__ import annotations

import time

from fastmcp.cli.diagnosis.finding import (
    note,
    ok,
    problem,
    quote,
    seconds,
    warning,
)
from fastmcp.cli.diagnosis.intermediaries import advice, recognize
from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.speech import EVENTS, next_piece
from fastmcp.cli.diagnosis.subject import Findings, Subject
from fastmcp.protocol.jsonrpc import Malformed, Message, Response, as_object, decode
from fastmcp.protocol.sse import Decoder

__all__ = ["examine"]

_LARGEST = 16 * 1024 * 1024
_SECONDS = 60.0
_LATE = 1.0


async def examine(subject: Subject) -> Findings:
    """Call it."""
    name = subject.wishes.call
    assert name is not None
    if subject.stateless:
        version, session = subject.stateless[-1], None
    else:
        assert subject.session is not None
        version, session = subject.session.version, subject.session.id
    params = {
        "name": name,
        "arguments": subject.wishes.arguments,
        "_meta": {"progressToken": "doctor"},
    }
    id, body, form = subject.speech.request("tools/call", params, version)
    headers = subject.speech.headers(version=version, session=session, extra=form)
    began = time.monotonic()
    try:
        response = await subject.http.open("POST", subject.url, headers, body, wait=_SECONDS)
    except Unreachable as exc:
        yield problem(
            "call",
            f"the call of {quote(name)} was not answered: {exc}",
            "Nothing came in all that time.",
            advice(recognize(subject.heads), "silence", "Look into the server's log."),
        )
        return
    came: list[tuple[float, Message]] = []
    try:
        decoder, read, rest = Decoder(), 0, b""
        streamed = response.content_type == EVENTS
        while read < _LARGEST and (piece := await next_piece(response, began + _SECONDS)):
            now = time.monotonic() - began
            read += len(piece)
            texts = [event.data.encode() for event in decoder.feed(piece)] if streamed else []
            rest = b"" if streamed else rest + piece
            came += [(now, message) for text in texts if (message := _message(text)) is not None]
            if any(isinstance(message, Response) for _, message in came):
                break
        if rest and (message := _message(rest)) is not None:
            came.append((time.monotonic() - began, message))
    finally:
        response.close()
    answered = [(when, each) for when, each in came if isinstance(each, Response)]
    said = [when for when, each in came if not isinstance(each, Response)]
    if not answered or answered[0][1].id != id:
        yield problem(
            "call",
            f"the call of {quote(name)} has no answer (HTTP {response.status})",
            "Its stream broke, or ended without it.",
            advice(recognize(subject.heads), "silence", "Look into the server's log."),
        )
        return
    when, answer = answered[0]
    if answer.error is not None:
        yield warning(
            "call",
            f"the call of {quote(name)} is refused: {quote(answer.error.message)}",
            "The doctor's call does not fit.",
            "--call NAME --input-json '{...}'",
        )
        return
    result = as_object(answer.result) or {}
    how = "with an error of the tool's" if result.get("isError") is True else "with a result"
    if result.get("resultType") == "input_required":
        how = "with questions to the user"
    seen = f"{quote(name)} was answered after {seconds(when)} {how}"
    if said and when > _LATE and when - said[0] < 0.1 * when:
        yield problem(
            "call-held",
            f"{seen}, and its {len(said)} notifications came only then",
            "Somebody holds streams back until they end.",
            advice(recognize(subject.heads), "buffering", "the server: X-Accel-Buffering: no"),
        )
    elif said:
        yield ok("call", f"{seen}; the first of {len(said)} notifications after {seconds(said[0])}")
    else:
        yield note("call", f"{seen}; it said nothing on the way, so no more can be seen")


def _message(text: bytes) -> Message | None:
    try:
        return decode(text)
    except Malformed:
        return None

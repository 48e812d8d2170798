"""One call of a tool, where the user names it: does its stream arrive as it is made?

The only thing that the doctor does to a server. A progress token goes with it, so that a tool which
reports progress shows whether what it says comes while it works, or with the result.
"""

from __future__ import annotations

import time

from fastmcp.cli.diagnosis.finding import Finding, note, ok, problem, quote, seconds, warning
from fastmcp.cli.diagnosis.intermediaries import advice, recognize
from fastmcp.cli.diagnosis.response import HttpResponse, Unreachable, beginning
from fastmcp.cli.diagnosis.speech import EVENTS, JSON, answer_to, next_piece
from fastmcp.cli.diagnosis.subject import Findings, Subject
from fastmcp.protocol.jsonrpc import Malformed, Response, as_object, decode
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
    said: list[float] = []
    answer: Response | None = None
    when, read, decoder, text = 0.0, 0, Decoder(), bytearray()
    try:
        while answer is None and read < _LARGEST:
            piece = await next_piece(response, began + _SECONDS)
            if not piece:
                break
            when = time.monotonic() - began
            read += len(piece)
            if response.content_type != EVENTS:
                text += piece
                continue
            for data in (event.data.encode() for event in decoder.feed(piece)):
                answer = answer_to(data, id)
                if answer is not None:
                    break
                if _is_said(data):
                    said.append(when)
    finally:
        response.close()
    answer = answer or answer_to(bytes(text), id)
    if answer is None:
        yield _lost(subject, response, bytes(text))
        return
    if answer.error is not None:
        error = answer.error
        yield warning(
            "call",
            f"the call of {quote(name)} is refused: error {error.code} {quote(error.message)}",
            "The call does not fit, or the server fails at it: the error says which.",
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


def _lost(subject: Subject, response: HttpResponse, text: bytes) -> Finding:
    """There is no answer, and why."""
    call, status = f"the call of {quote(subject.wishes.call)}", response.status
    if status < 400:
        return problem(
            "call",
            f"{call} has no answer (HTTP {status})",
            "Its stream broke, or ended without it.",
            advice(recognize(subject.heads), "silence", "Look into the server's log."),
        )
    words = f": {beginning(text)}" if response.content_type in (JSON, "text/plain") else ""
    return problem(
        "call",
        f"{call} is answered with HTTP {status}{words}",
        "That is no answer of MCP, so a client does not learn what became of its call.",
        "Look into the server's log; 502 to 504 come from a proxy, and stand in its log.",
    )


def _is_said(data: bytes) -> bool:
    """Whether it is what a server says while it works, and no stray answer."""
    try:
        return not isinstance(decode(data), Response)
    except Malformed:
        return False

"""Sessions of the handshake era: whether every worker knows them, and what ends them.

Behind a load balancer, or several workers of one server, each new connection may come to a process
that has never heard of the session. So the same session is used over several connections here.
Source: 2025-11-25, basic/transports, "Session Management".
"""

from __future__ import annotations

import secrets
from typing import Final

from fastmcp.cli.diagnosis.finding import Finding, note, ok, problem, quote, warning
from fastmcp.cli.diagnosis.speech import Answer
from fastmcp.cli.diagnosis.subject import Findings, Session, Subject

__all__ = ["examine"]

_CONNECTIONS: Final = 6
"""Two workers that take turns by chance are told apart in 31 of 32 runs."""
_LONG: Final = 6 * 1024
"""Common proxies give up at 8 kB for all headers together."""


async def examine(subject: Subject) -> Findings:
    """The id, its use at other workers, foreign ids, and the end."""
    session = subject.session
    assert session is not None
    answer = await subject.speech.tell(
        "notifications/initialized", version=session.version, session=session.id
    )
    if answer.status != 202:
        yield note(
            "notification",
            f"a notification is answered with {answer.said}",
            "It must be 202 without a body; strict clients complain.",
            "Upgrade the server's SDK.",
        )
    if session.id is None:
        yield note(
            "session",
            "no session: the server gives no Mcp-Session-Id",
            "Any worker serves any request; it cannot ask its client (sampling, elicitation, "
            "roots), nor tell it of changes, before 2026-07-28.",
            "In FastMCP that is stateless_http=True.",
        )
        return
    if not _well_formed(session.id):
        yield problem(
            "session-id",
            f"the id {quote(session.id, 60)} has characters that are not visible ASCII",
            "Clients cannot send it back.",
            "Make ids of letters and digits, such as a UUID or a JWT.",
        )
        subject.session = None  # which cannot be used
        return
    if len(session.id) > _LONG:
        yield warning(
            "session-id-long",
            f"the id has {len(session.id)} characters, and goes with every request",
            "Proxies refuse headers of more than 4 to 8 kB (431).",
            "Make it shorter, or nginx: large_client_header_buffers 4 32k;",
        )
    async for finding in _workers(subject, session):
        yield finding
    foreign = Session(secrets.token_hex(16), session.version)
    refused = await subject.ask_lightly(session=foreign)
    yield _stranger(refused)
    answer = await subject.ask_lightly(session=Session(None, session.version))
    if answer.status == 400:
        yield ok("session-missing", "a request without an id is answered with 400")
    else:
        yield note(
            "session-missing",
            f"a request without a session id is answered with {answer.said}",
            "It should be 400.",
        )
    ended = await _end(subject, session.version, refused)
    if ended is not None:
        yield ended


async def _workers(subject: Subject, session: Session) -> Findings:
    """The session over several connections."""
    failed: list[str] = []
    for _ in range(_CONNECTIONS):
        answer = await subject.ask_lightly()
        if not answer.served:
            failed.append(answer.said)
    if not failed:
        yield ok("session-workers", f"the session is known on {_CONNECTIONS} new connections")
        return
    yield problem(
        "session-workers",
        f"of {_CONNECTIONS} new connections {len(failed)} do not know the session: {failed[0]}",
        "Several workers or machines serve, and each knows its own sessions alone; calls fail by "
        "chance.",
        "One worker (uvicorn --workers 1); or no sessions (stateless_http=True); or sticky "
        "routing (nginx: hash $http_mcp_session_id consistent;). Sessions of this package are "
        "known at every worker; over several machines set FASTMCP_SESSION_KEY.",
    )


def _stranger(answer: Answer) -> Finding:
    """What a session's id gets that the server never gave."""
    if answer.status == 404:
        return ok("session-foreign", "an id that it never gave is answered with 404")
    if answer.served:
        return warning(
            "session-foreign",
            "an id that the server never gave is accepted",
            "Sessions keep nothing apart, or anybody can make one.",
            "Refuse ids that are not known with 404.",
        )
    return warning(
        "session-foreign",
        f"an id that the server never gave is answered with {answer.said}",
        "Clients begin a new session on 404 alone; after a restart of the server they fail until "
        "they are restarted too.",
        "Answer 404; upgrade the server's SDK.",
    )


async def _end(subject: Subject, version: str, foreign: Answer) -> Finding | None:
    """A session that is ended, in which the doctor asks once more.

    Args:
        subject: whose.
        version: of the session.
        foreign: what an id got that never was; where an ended one gets the same, it was told.
    """
    answer = await subject.speech.initialize(version)
    id = answer.headers.get("Mcp-Session-Id")
    if answer.result is None or id is None:
        return None
    session = Session(id, version)
    subject.opened.append(session)
    ended = await subject.end(session)
    assert ended is not None
    if ended.status in (404, 405, 501):
        return note(
            "session-end",
            f"DELETE is answered with HTTP {ended.status}",
            "Clients cannot end their sessions; the server keeps them until it forgets them "
            "(session_idle_timeout).",
        )
    if not 200 <= ended.status < 300:
        return warning(
            "session-end",
            f"DELETE is answered with {ended.said}",
            "Sessions that clients end stay open.",
            "Let DELETE through proxy and firewall; nginx: remove limit_except, or name DELETE "
            "in it.",
        )
    after = await subject.ask_lightly(session=session)
    if after.status == 404:
        return ok("session-end", "DELETE ends a session; afterwards it is answered with 404")
    if after.status == foreign.status:
        return None
    return warning(
        "session-end",
        f"a session that was ended is answered with {after.said}",
        "It must be 404; whoever has the id can go on using it.",
        "Upgrade the server's SDK; with several workers, the end must be told to all.",
    )


def _well_formed(id: str) -> bool:
    """Visible ASCII, 0x21 to 0x7E."""
    return bool(id) and all("\x21" <= char <= "\x7e" for char in id)

"""The checks in their order, and how they are run.

A check finds one thing after the other and may end early: by its time, by the limit of requests, by
a server that goes away. What it found until then counts. The order is that of a client's way:
connection, redirects, the door, the protocol, and then what clients meet later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Final, NamedTuple

from fastmcp.cli.diagnosis import (
    address,
    authorization,
    browser,
    calling,
    certificate,
    eras,
    forms,
    latency,
    legacy,
    passers,
    redirects,
    sessions,
    streams,
)
from fastmcp.cli.diagnosis.finding import Report, quote, skipped
from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.subject import Findings, Subject
from fastmcp.cli.diagnosis.wire import Spent

__all__ = ["CHECKS", "Check", "examine"]

_FAREWELL_SECONDS: Final = 3.0
_OVER: Final = "the time was over (--timeout SECONDS gives more)"


class Check(NamedTuple):
    """One thing that is looked at.

    Attributes:
        id: in one word.
        title: what is looked at, for who waits.
        examine: finds.
        applies: whether there is anything to look at, as far as is known by then.
    """

    id: str
    title: str
    examine: Callable[[Subject], Findings]
    applies: Callable[[Subject], bool]


def _always(_: Subject) -> bool:
    return True


def _reached(subject: Subject) -> bool:
    return subject.reached


def _let_in(subject: Subject) -> bool:
    return subject.reached and not subject.locked


def _streamable(subject: Subject) -> bool:
    return _let_in(subject) and subject.streamable


def _in_session(subject: Subject) -> bool:
    return _let_in(subject) and subject.session is not None


def _speaks(subject: Subject) -> bool:
    return _streamable(subject) or (_let_in(subject) and subject.legacy is not None)


def _for_a_page(subject: Subject) -> bool:
    return subject.reached and subject.wishes.origin is not None


def _to_call(subject: Subject) -> bool:
    return _streamable(subject) and subject.wishes.call is not None


CHECKS: Final = (
    Check("address", "name and connection", address.examine, _always),
    Check("certificate", "certificate", certificate.examine, _reached),
    Check("redirects", "redirects", redirects.examine, _reached),
    Check("authorization", "authorization", authorization.examine, _reached),
    Check("stateless", "the stateless era", eras.stateless, _let_in),
    Check("handshake", "the handshake era", eras.handshake, _let_in),
    Check("legacy", "HTTP+SSE of 2024-11-05", legacy.examine, _let_in),
    Check("path", "the path", legacy.path, _let_in),
    Check("versions", "revisions that do not exist", eras.versions, _streamable),
    Check("sessions", "sessions at every worker", sessions.examine, _in_session),
    Check("accept", "forms of answers", forms.accept, _streamable),
    Check("resumption", "resumption", forms.resumption, _in_session),
    Check("origin", "pages of strangers", browser.origin, _speaks),
    Check("cors", "pages of yours", browser.cors, _for_a_page),
    Check("latency", "latency", latency.examine, _streamable),
    Check("call", "a call", calling.examine, _to_call),
    Check("streams", "streams, in silence", streams.examine, _speaks),
    Check("intermediaries", "who stands in between", passers.examine, _reached),
)


async def examine(
    subject: Subject, report: Report, limit: float, tell: Callable[[str], None]
) -> None:
    """Run the checks.

    Args:
        subject: what is examined.
        report: takes the findings.
        limit: seconds for all of them together.
        tell: hears what is being looked at.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + limit
    try:
        for check in CHECKS:
            if not check.applies(subject):
                continue
            tell(check.title)
            why = await _run(check, subject, report, until)
            if why:
                report.add(skipped(check.id, f"{check.title}: {why}"))
    finally:
        with suppress(TimeoutError, Spent):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while subject.opened:
                    await subject.end(subject.opened[-1])


async def _run(check: Check, subject: Subject, report: Report, until: float) -> str:
    """One check; why it ended early, or did not begin, where it did."""
    if asyncio.get_running_loop().time() >= until:
        return _OVER
    try:
        async with asyncio.timeout_at(until), aclosing(check.examine(subject)) as findings:
            async for finding in findings:
                report.add(finding)
    except TimeoutError:
        return _OVER
    except Spent:
        return "so many requests were sent that the server is left in peace"
    except Unreachable as exc:
        return f"the server went away: {exc}"
    except (ValueError, TypeError, LookupError) as exc:
        # What a server said was read wrongly: a fault of the doctor's, which hides no other.
        return f"the doctor failed ({type(exc).__name__} {quote(exc)}); please report it"
    return ""

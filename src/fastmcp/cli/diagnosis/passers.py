"""Who answers: proxies that name themselves, and whether somebody counts the requests."""

from __future__ import annotations

from fastmcp.cli.diagnosis.finding import note, quote, warning
from fastmcp.cli.diagnosis.intermediaries import recognize
from fastmcp.cli.diagnosis.subject import Findings, Subject

__all__ = ["examine"]


async def examine(subject: Subject) -> Findings:
    """Read the headers of all responses."""
    known = recognize(subject.heads)
    named = {
        f"{name}: {quote(value, 60)}"
        for head in subject.heads
        for name in ("Server", "Via")
        for value in head.getall(name, [])
    }
    if known or named:
        who = ", ".join(each.name for each in known) or "no proxy that is known"
        told = f" ({', '.join(sorted(named)[:4])})" if named else ""
        yield note("intermediary", f"in between: {who}{told}")
    if subject.http.limited:
        yield warning(
            "rate-limit",
            f"{subject.http.limited} of {subject.http.sent} requests were refused with 429",
            "What was found may be wrong, for the server answered others than were asked.",
            "Wait and examine again, or let this address ask more often.",
        )

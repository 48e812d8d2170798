"""How far away the server is, and how quick: some light requests, each on a connection of its own.

A new connection shows what a client feels at its first request. The median is told, since one slow
sample says more about the network's mood than about the server.
"""

from __future__ import annotations

import statistics
from typing import Final

from fastmcp.cli.diagnosis.finding import ok, seconds, warning
from fastmcp.cli.diagnosis.response import Times
from fastmcp.cli.diagnosis.subject import Findings, Subject

__all__ = ["examine"]

_SAMPLES: Final = 5
_SLOW: Final = 1.0
_ENOUGH: Final = 3.0
"""Who is so slow need not be asked again."""


async def examine(subject: Subject) -> Findings:
    """Measure."""
    times: list[Times] = []
    while len(times) < _SAMPLES and sum(each.head for each in times) < _ENOUGH:
        answer = await subject.ask_lightly()
        if not answer.served:
            break
        times.append(answer.times)
    if not times:
        return
    connect = statistics.median(each.connect for each in times)
    tls = statistics.median(each.tls for each in times)
    heads = [each.head for each in times]
    head = statistics.median(heads)
    encrypted = f", TLS {seconds(tls)}" if tls else ""
    seen = (
        f"connection {seconds(connect)}{encrypted}, answer {seconds(head)} "
        f"(median of {len(times)}; the slowest {seconds(max(heads))})"
    )
    if head > _SLOW:
        yield warning(
            "latency-slow",
            seen,
            "Every call waits so long before its work begins.",
            "Look whether something blocks the server's event loop: in an async tool no "
            "time.sleep and no synchronous I/O. Cold starts of a serverless host look like that "
            "too.",
        )
    else:
        yield ok("latency", seen)

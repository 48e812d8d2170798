"""The trace context that `_meta` may carry: `traceparent`, `tracestate`, `baggage`.

These keys alone have no prefix (2026-07-28, basic/index, "OpenTelemetry trace context"; SEP-414),
and their values are those of the W3C's Trace Context and Baggage. They are a peer's words, so a
value that is not such is as good as absent: it is no error, and nobody downstream sees or logs
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

__all__ = ["TRACE_KEYS", "trace_context"]

TRACE_KEYS: Final = ("traceparent", "tracestate", "baggage")

_LONGEST: Final = 512
"""Of traceparent and tracestate: what everybody must be able to carry (Trace Context, 3.3.1.5)."""
_LONGEST_BAGGAGE: Final = 8192
_LONGEST_MEMBER: Final = 4096
_MOST_STATES: Final = 32
_MOST_MEMBERS: Final = 64
"""Of baggage: likewise (Baggage, 3.3.2)."""

_IDS: Final = "(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_TRACEPARENT: Final = re.compile(f"00-{_IDS}|(?!00|ff)[0-9a-f]{{2}}-{_IDS}(?:-[!-~]*)?")
"""Later versions may append to what version 00 has (Trace Context, 2.2)."""

_KEY: Final = r"[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_STATE: Final = re.compile(rf"(?:{_KEY})=[ -+\--<>-~]{{0,255}}[!-+\--<>-~]")
# Possessive: nothing that was matched is tried again, so a member costs no more than its length.
_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE: Final = r"[!#-+\--:<-\[\]-~]*+"
_BLANK: Final = r"[ \t]*+"
_PROPERTY: Final = rf"{_BLANK};{_BLANK}{_NAME}{_BLANK}(?:={_BLANK}{_VALUE})?"
_MEMBER: Final = re.compile(rf"{_NAME}{_BLANK}={_BLANK}{_VALUE}(?:{_PROPERTY})*+")


def trace_context(meta: object) -> dict[str, str]:
    """The trace context in a `_meta`, without what is malformed or too long.

    Args:
        meta: a request's `_meta`, whatever a peer sent as such.
    Returns:
        Some of the three keys. `tracestate` never without `traceparent`, to which it belongs.
    """
    found: dict[str, str] = {}
    if not isinstance(meta, Mapping):
        return found
    meta = cast("Mapping[str, Any]", meta)
    parent, state, baggage = (meta.get(key) for key in TRACE_KEYS)
    if isinstance(parent, str) and len(parent) <= _LONGEST and _TRACEPARENT.fullmatch(parent):
        found["traceparent"] = parent
        if isinstance(state, str) and len(state) <= _LONGEST:
            states = _members(state)
            if states and len(states) <= _MOST_STATES and all(map(_STATE.fullmatch, states)):
                found["tracestate"] = ",".join(states)
    if isinstance(baggage, str) and len(baggage) <= _LONGEST_BAGGAGE:
        members = [
            member
            for member in _members(baggage)
            if len(member) <= _LONGEST_MEMBER and _MEMBER.fullmatch(member)
        ]
        if members:
            found["baggage"] = ",".join(members[:_MOST_MEMBERS])
    return found


def _members(value: str) -> list[str]:
    return [member for member in (part.strip(" \t") for part in value.split(",")) if member]

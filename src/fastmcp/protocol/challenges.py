"""`WWW-Authenticate`: the challenges of a 401 and their parameters.

The header is one grammar with commas at two levels (RFC 9110, 11.6.1); what does not fit it ends
the reading, and is no error.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Challenge", "read_challenges"]

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  (a grammar's name)
_PART: Final = re.compile(
    rf"""\s*(?:,\s*)*(?:
        (?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>{_TOKEN}))
        |(?P<scheme>{_TOKEN})(?:\s+(?P<token68>[A-Za-z0-9._~+/-]+=*)(?=\s*(?:,|$)))?(?=\s|,|$)
    )""",
    re.VERBOSE,
)
_LONGEST: Final = 8192


class Challenge(NamedTuple):
    """One way to be let in: its scheme in lower case, and its parameters."""

    scheme: str
    parameters: dict[str, str]


def read_challenges(header: str) -> list[Challenge]:
    """The challenges of a header, as far as it can be read."""
    found: list[Challenge] = []
    text, at = header[:_LONGEST], 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            break
        at = part.end()
        if part["scheme"] is not None:
            found.append(Challenge(part["scheme"].lower(), {}))
        elif found:
            quoted = part["quoted"]
            value = part["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1].parameters.setdefault(part["name"].lower(), value)
    return found

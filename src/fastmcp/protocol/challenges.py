"""`WWW-Authenticate`: the challenges of a 401 and their parameters, read and written.

The header is one grammar with commas at two levels (RFC 9110, 11.6.1); what does not fit it ends
the reading, and is no error. What is written may have come from a stranger, so it can neither end
its quotes nor the header's line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["Challenge", "bearer_challenge", "read_challenges"]

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  (a grammar's name)
_PART: Final = re.compile(
    rf"""\s*(?:,\s*)*(?:
        (?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>{_TOKEN}))
        |(?P<scheme>{_TOKEN})(?:\s+(?P<token68>[A-Za-z0-9._~+/-]+=*)(?=\s*(?:,|$)))?(?=\s|,|$)
    )""",
    re.VERBOSE,
)
_LONGEST: Final = 8192
_UNSAFE: Final = re.compile(r"[^\x20-\x7e]")


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


def bearer_challenge(
    *,
    error: str | None = None,
    description: str | None = None,
    scopes: Sequence[str] = (),
    metadata: str | None = None,
) -> str:
    """The challenge of a protected resource: RFC 6750, 3; RFC 9728, 5.1; 2026-07-28,
    basic/authorization, "Scope Challenge Handling".

    Args:
        error: one of RFC 6750, 3.1; None where no token came: then nothing was wrong with it.
        description: of the error, for whoever reads it.
        scopes: that are needed.
        metadata: the URL of the protected resource's metadata.
    """
    parameters = {
        "error": error,
        "error_description": description,
        "scope": " ".join(scopes) or None,
        "resource_metadata": metadata,
    }
    said = [f"{name}={_quoted(value)}" for name, value in parameters.items() if value is not None]
    return " ".join(["Bearer", ", ".join(said)]) if said else "Bearer"


def _quoted(text: str) -> str:
    """A quoted-string (RFC 9110, 5.6.4)."""
    safe = _UNSAFE.sub(" ", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"'

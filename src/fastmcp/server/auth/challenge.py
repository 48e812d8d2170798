"""How a client is told that it needs a token, or another one: `WWW-Authenticate`.

RFC 6750, 3; RFC 9728, 5.1; 2026-07-28, basic/authorization, "Scope Challenge Handling". What
stands in it may have come from a stranger, so it can neither end its quotes nor the header's line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["challenge"]

_UNSAFE: Final = re.compile(r"[^\x20-\x7e]")


def challenge(
    *,
    error: str | None = None,
    description: str | None = None,
    scopes: Sequence[str] = (),
    metadata: str | None = None,
) -> str:
    """The value of the header.

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

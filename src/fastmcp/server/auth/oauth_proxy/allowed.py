"""Where clients may be answered at all, whatever they register: patterns of the author.

A pattern is a URL in which `*` stands for anything within the part where it is: the host (a star in
front of a dot is one label or more), the port, the path. Without a path it allows any, without a
port that of the scheme. A redirect URI is taken apart first and its parts are compared:
`http://localhost:*` does not allow `http://localhost:1@elsewhere.example`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["is_allowed"]

_PARTS: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):"
    r"(?://(?P<host>\[[0-9A-Fa-f:.*]+\]|[^/?#@:\[\]\\]*)(?::(?P<port>[0-9*]+))?(?=[/?]|$))?"
    r"(?P<path>[^#@\\]*)"
)
_DEFAULTS: Final = {"http": "80", "https": "443"}


def is_allowed(uri: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns allows it."""
    return any(_fits(uri, pattern) for pattern in patterns)


def _fits(uri: str, pattern: str) -> bool:
    if uri == pattern:
        return True
    given, wanted = _PARTS.fullmatch(uri), _PARTS.fullmatch(pattern)
    if given is None or wanted is None:
        return False
    path = wanted["path"]
    return (
        given["scheme"].lower() == wanted["scheme"].lower()
        and (given["host"] is None) == (wanted["host"] is None)
        and _like((given["host"] or "").lower(), (wanted["host"] or "").lower())
        and _like(_port(given), _port(wanted))
        and (path in ("", "/*") or _like(given["path"], path))
        and not _climbs(given["path"])
    )


def _port(parts: re.Match[str]) -> str:
    return parts["port"] or _DEFAULTS.get(parts["scheme"].lower(), "")


def _like(text: str, pattern: str) -> bool:
    first, *pieces = (re.escape(one) for one in pattern.split("*"))
    if not pieces:
        return text == pattern
    # Each where it comes first, and nowhere else: a stranger could make it long to try all places.
    between = "".join(f"(?>.*?{one})" for one in pieces[:-1])
    return re.fullmatch(f"{first}{between}.*{pieces[-1]}", text) is not None


def _climbs(path: str) -> bool:
    """Whether a browser would read it as another path than the one that is compared."""
    plain = path.lower().replace("%2e", ".")
    return any(part in (".", "..") for part in re.split(r"[/?]", plain))

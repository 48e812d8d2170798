"""Protocol revisions and the two eras they fall into.

*Handshake era*: a session begins with `initialize`, which fixes the version for all that
follows. *Stateless era*: every request names its version in `_meta`
(specification 2026-07-28, basic/versioning, "Terminology": legacy and modern).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = [
    "DEFAULT_HTTP_VERSION",
    "HANDSHAKE_VERSIONS",
    "LATEST_HANDSHAKE",
    "LATEST_STATELESS",
    "STATELESS_VERSIONS",
    "Era",
    "era_of",
    "negotiate",
]


class Era(Enum):
    """How a request says which protocol it speaks."""

    HANDSHAKE = "handshake"
    STATELESS = "stateless"


HANDSHAKE_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STATELESS_VERSIONS: Final = ("2026-07-28",)
LATEST_HANDSHAKE: Final = HANDSHAKE_VERSIONS[-1]
LATEST_STATELESS: Final = STATELESS_VERSIONS[-1]

DEFAULT_HTTP_VERSION: Final = "2025-03-26"
"""What a request over HTTP without `MCP-Protocol-Version` speaks (2025-11-25, basic/transports,
"Protocol Version Header")."""

_ERAS: Final[dict[str, Era]] = {
    **dict.fromkeys(HANDSHAKE_VERSIONS, Era.HANDSHAKE),
    **dict.fromkeys(STATELESS_VERSIONS, Era.STATELESS),
}


def era_of(version: str) -> Era | None:
    """The era of a revision, or None for one this implementation does not know."""
    return _ERAS.get(version)


def negotiate(requested: str) -> str:
    """The version a server answers `initialize` with.

    The requested one where it is known, else the latest that the server speaks
    (2025-11-25, basic/lifecycle, "Version Negotiation"). Stateless revisions have no
    handshake, so asking for one by `initialize` gets the latest handshake revision.
    """
    return requested if requested in HANDSHAKE_VERSIONS else LATEST_HANDSHAKE

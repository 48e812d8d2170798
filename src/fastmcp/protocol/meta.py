"""The names of `_meta` that the protocol reserves (2026-07-28, basic/index, "_meta")."""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "CLIENT_CAPABILITIES",
    "CLIENT_INFO",
    "LOG_LEVEL",
    "LOG_LEVELS",
    "PROGRESS_TOKEN",
    "PROTOCOL_VERSION",
    "SERVER_INFO",
    "SUBSCRIPTION_ID",
    "check_extension_id",
]

PROTOCOL_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
CLIENT_INFO: Final = "io.modelcontextprotocol/clientInfo"
CLIENT_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"
SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_ID: Final = "io.modelcontextprotocol/subscriptionId"
PROGRESS_TOKEN: Final = "progressToken"  # noqa: S105  (a JSON key)

LOG_LEVELS: Final[dict[str, int]] = {
    level: rank
    for rank, level in enumerate(
        ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
    )
}
"""RFC 5424 severities, least severe first."""

_LABEL: Final = r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?"
_NAME: Final = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
_EXTENSION_ID: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*/{_NAME}")


def check_extension_id(id: str) -> None:
    """Refuse what cannot name an extension (basic/versioning, "Extension Negotiation": a key of
    `_meta` whose prefix is not left out).

    Raises:
        ValueError: it is none.
    """
    if _EXTENSION_ID.fullmatch(id) is None:
        raise ValueError(
            f"{id!r} does not name an extension: write a domain you own in reverse, a slash and a "
            "name, as in 'com.example/search'"
        )

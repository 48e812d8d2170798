"""Who still uses HTTP+SSE: what somebody who wants to turn it off has to know.

Each session is a line in the log, a count in OpenTelemetry where the program has that, and a number
that a program can read. A line names the client as it names itself, and never its credentials.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from fastmcp.utilities.tracing import Telemetry

__all__ = ["LegacyUse"]

_logger: Final = logging.getLogger("fastmcp.server.sse")

_LONGEST: Final = 80
"""Characters of what a client says of itself."""
_MOST: Final = 1000
"""Clients that are told apart: their names are their own words."""
_OTHERS: Final = ("(others)", "")
_announced: bool = False


class LegacyUse:
    """The HTTP+SSE sessions of one application in this process.

    Args:
        served: what is served, and where: a line for people.
        instead: where clients can connect instead; None where there is no such address yet.
        telemetry: counts too; None if nothing is ever counted.

    Attributes:
        open: streams that are open now.
        total: sessions that were initialized since the start.
        clients: how many of them, by the client's name and version.
    """

    def __init__(self, served: str, instead: str | None, telemetry: Telemetry | None) -> None:
        self.open = 0
        self.total = 0
        self.clients: Counter[tuple[str, str]] = Counter()
        self._served = served
        self._instead = instead
        self._telemetry = telemetry

    def announce(self) -> None:
        """Say once in this process that it is deprecated."""
        global _announced
        if not _announced:
            _announced = True
            _logger.warning(
                "HTTP+SSE, the transport of 2024-11-05, is deprecated, and is served at %s. %s",
                self._served,
                f"Let clients connect to {self._instead}; each one that does not is logged here."
                if self._instead
                else 'Write transport="http" and let clients connect to /mcp, or legacy_sse=True '
                "beside it to serve both for a while.",
            )

    def began(self, client: Mapping[str, Any], version: str, user_agent: bytes) -> None:
        """A client has initialized.

        Args:
            client: its `clientInfo`.
            version: the protocol version spoken.
            user_agent: its header.
        """
        name, release = _text(client.get("name")), _text(client.get("version"))
        self.total += 1
        known = (name, release)
        self.clients[known if known in self.clients or len(self.clients) < _MOST else _OTHERS] += 1
        _logger.info(
            "HTTP+SSE session of %r %r, protocol %s, user agent %r%s",
            name,
            release,
            version,
            _text(user_agent.decode("latin-1")),
            f"; it could connect to {self._instead}" if self._instead else "",
        )
        if self._telemetry is not None:
            self._telemetry.count(
                "fastmcp.server.legacy_sse.sessions",
                "Sessions over HTTP+SSE, the deprecated transport",
                {"mcp.client.name": name, "mcp.protocol.version": version},
            )


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""

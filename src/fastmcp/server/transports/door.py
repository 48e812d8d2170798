"""What every request passes before anybody looks at what it says, and how it is turned away.

The endpoints of one application have one door: the server's lifespan runs, the header is not too
large, and whoever comes from a browser may come. What is turned away hears why, as JSON-RPC.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, Protocol

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Reject
from fastmcp.protocol.errors import INVALID_REQUEST
from fastmcp.protocol.jsonrpc import encode_error
from fastmcp.server.transports.asgi import (
    JSON_HEADERS,
    Headers,
    Receive,
    Scope,
    Send,
    joined,
    respond,
)
from fastmcp.server.transports.limits import RETRY_AFTER, Limits
from fastmcp.server.transports.security import HostOriginGuard
from fastmcp.server.transports.security import refuse as refuse_page

__all__ = ["Door", "Gate", "leased", "refuse", "reject"]

_logger: Final = logging.getLogger("fastmcp.server.http")


class Life(Protocol):
    """What has to run while requests are served: the server's lifespan, the backplane."""

    loop: asyncio.AbstractEventLoop | None
    """On which it does; None where it does not."""

    async def start(self) -> None:
        """Start it, where nobody did."""
        ...


class Gate(Protocol):
    """Knows who may come."""

    async def admit(self, scope: Scope, headers: Mapping[bytes, bytes], send: Send) -> bool:
        """Whether a request may come in, as the user whom its scope names from now on; where it
        may not, it was answered."""
        ...

    async def identify(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Name the user in the scope of a request that another worker let in."""
        ...


class Door:
    """Lets requests in.

    Args:
        life: is started before the first request is served, if nobody did before.
        limits: how large a header may be.
        guard: who may come from a browser; None lets everyone in.
        gate: who may come at all; None lets everyone in.
    """

    def __init__(
        self,
        life: Life,
        limits: Limits,
        guard: HostOriginGuard | None,
        gate: Gate | None = None,
    ) -> None:
        self._life = life
        self._gate = gate
        self._limits = limits
        self._guard = guard

    async def enter(self, scope: Scope, send: Send) -> dict[bytes, bytes] | None:
        """The header of a request that may come in; None where it was turned away."""
        if self._life.loop is not asyncio.get_running_loop() and not await self._started(send):
            return None
        size = sum([len(name) + len(value) for name, value in scope["headers"]])
        if size > self._limits.header_bytes:
            await reject(send, self._limits.header_too_large())
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(headers) != len(scope["headers"]):
            headers = joined(scope["headers"])
        if self._guard is not None:
            refusal = self._guard.refusal(scope, headers)
            if refusal is not None:
                await refuse_page(send, *refusal)
                return None
        if self._gate is not None and not await self._gate.admit(scope, headers, send):
            return None
        return headers

    async def identify(self, scope: Scope) -> None:
        """Name the user of a request that another worker let in."""
        if self._gate is not None:
            await self._gate.identify(scope, joined(scope["headers"]))

    async def _started(self, send: Send) -> bool:
        try:
            await self._life.start()
        except Exception:
            _logger.exception("The server's lifespan failed to start; requests are refused")
            await refuse(send, 503, "The server could not start; its log says why")
            return False
        return True


def leased(scope: Scope, receive: Receive) -> Receive:
    """The channel of a request that stays open: on it the client leaves, at the latest, when what
    it was let in by ends."""
    lease = scope.get("fastmcp.lease")
    return receive if lease is None else lease.bound(receive)


async def reject(send: Send, what: Reject) -> None:
    """Answer with a refusal."""
    headers = [*JSON_HEADERS, RETRY_AFTER] if what.status in (429, 503) else JSON_HEADERS
    await respond(send, what.status, encode_error(what.id, what.error), headers)


async def refuse(send: Send, status: int, message: str, headers: Headers | None = None) -> None:
    """Answer that a request is none that is served here."""
    body = encode_error(None, McpError(INVALID_REQUEST, message))
    await respond(send, status, body, [*JSON_HEADERS, *(headers or [])])

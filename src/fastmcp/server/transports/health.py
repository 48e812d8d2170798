"""Two answers for whoever watches over a process: whether it is up, and whether it is ready.

An orchestrator restarts a process that is not up, and sends nothing to one that is not ready;
so `/healthz` asks nothing of anybody, and `/readyz` every readiness check. Neither is guarded nor
authenticated, because a probe calls by address and holds no token: a body names the checks that
failed and how, and no more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from fastmcp.server.transports.asgi import Headers, Receive, Scope, Send, respond

__all__ = ["HEALTH_PATH", "READINESS_PATH", "Alive", "Readiness", "ReadinessCheck"]

HEALTH_PATH: Final = "/healthz"
READINESS_PATH: Final = "/readyz"

ReadinessCheck: TypeAlias = Callable[[], Awaitable[bool]]
"""Says whether what it stands for is ready; raising is another way of saying no."""

_logger: Final = logging.getLogger("fastmcp.server.health")

_SECONDS: Final = 2.0
_HEADERS: Final[Headers] = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
]


class Alive:
    """The ASGI application of `/healthz`: 200 as long as anything is answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"ok", _HEADERS)


class Readiness:
    """The ASGI application of `/readyz`: 200, or 503 with a line for each check that failed."""

    def __init__(self) -> None:
        self._checks: dict[str, ReadinessCheck] = {}

    def add(self, name: str, check: ReadinessCheck) -> None:
        """Ask this as well from now on; a check of the same name is replaced.

        Args:
            name: what is checked, in one word: it stands in the answer.
            check: has two seconds to say.
        """
        self._checks[name] = check

    async def unmet(self) -> list[str]:
        """A line for each check that does not say yes, all asked at once."""
        answers = await asyncio.gather(*(_ask(*item) for item in self._checks.items()))
        return [line for line in answers if line is not None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unmet = await self.unmet()
        body = "\n".join(unmet) or "ready"
        await respond(send, 503 if unmet else 200, body.encode(), _HEADERS)


async def _ask(name: str, check: ReadinessCheck) -> str | None:
    try:
        async with asyncio.timeout(_SECONDS):
            return None if await check() else f"{name}: not ready"
    except TimeoutError:
        return f"{name}: no answer within {_SECONDS:g} seconds"
    except Exception as error:
        _logger.warning("Readiness check %r failed: %s: %s", name, type(error).__name__, error)
        return f"{name}: {type(error).__name__}"

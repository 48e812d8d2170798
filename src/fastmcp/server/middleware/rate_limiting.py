"""Limits on how often a client may ask: a token bucket, and a sliding window.

A bucket allows bursts and then a steady rate; a window counts the requests of the last minutes
exactly. Both keep a record per client name, and a name is whatever `get_client_id` makes of a
message, so a client may be able to invent names: the table is bounded and forgets the client
that has been silent longest, whose record was closest to full again.
"""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from fastmcp.exceptions import McpError
from fastmcp.server.middleware.middleware import CallNext, Middleware, MiddlewareContext

__all__ = [
    "RateLimitError",
    "RateLimitingMiddleware",
    "SlidingWindowRateLimiter",
    "SlidingWindowRateLimitingMiddleware",
    "TokenBucketRateLimiter",
]

ClientIdGetter = (
    Callable[[MiddlewareContext[Any]], str] | Callable[[MiddlewareContext[Any]], Awaitable[str]]
)
L = TypeVar("L")

_MAX_CLIENTS = 10_000
_GLOBAL = "global"


class RateLimitError(McpError):
    """Too many requests; the client's fault, and waiting mends it.

    The code is FastMCP's: MCP leaves -32000 to -32019 to implementations that used them before.
    """

    def __init__(self, message: str = "Rate limit exceeded") -> None:
        super().__init__(-32000, message)


class TokenBucketRateLimiter:
    """Holds at most `capacity` tokens and wins `refill_rate` a second; a request takes one."""

    def __init__(
        self,
        capacity: int,
        refill_rate: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.capacity = capacity
        self.refill_rate = refill_rate
        self.tokens = float(capacity)
        self._clock = clock
        self._refilled = clock()

    async def consume(self, tokens: int = 1) -> bool:
        """Take tokens if there are enough."""
        return self.try_consume(tokens)

    def try_consume(self, tokens: int = 1) -> bool:
        now = self._clock()
        won = (now - self._refilled) * self.refill_rate
        self.tokens = min(float(self.capacity), self.tokens + won)
        self._refilled = now
        if self.tokens < tokens:
            return False
        self.tokens -= tokens
        return True


class SlidingWindowRateLimiter:
    """Allows `max_requests` in any `window_seconds`; remembers one instant per request."""

    def __init__(
        self,
        max_requests: int,
        window_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_requests = max_requests
        self.window_seconds = window_seconds
        self.requests: deque[float] = deque()
        self._clock = clock

    async def is_allowed(self) -> bool:
        """Whether one more request fits; if so it counts."""
        return self.try_consume()

    def try_consume(self) -> bool:
        now = self._clock()
        while self.requests and self.requests[0] <= now - self.window_seconds:
            self.requests.popleft()
        if len(self.requests) >= self.max_requests:
            return False
        self.requests.append(now)
        return True


class _Clients(Generic[L]):
    """A limiter per client name, the longest silent forgotten first."""

    def __init__(self, make: Callable[[], L], max_clients: int = _MAX_CLIENTS) -> None:
        self._make = make
        self._max = max_clients
        self._limiters: OrderedDict[str, L] = OrderedDict()

    def __len__(self) -> int:
        return len(self._limiters)

    def __getitem__(self, name: str) -> L:
        limiter = self._limiters.get(name)
        if limiter is None:
            if len(self._limiters) >= self._max:
                self._limiters.popitem(last=False)
            limiter = self._limiters[name] = self._make()
        else:
            self._limiters.move_to_end(name)
        return limiter


class RateLimitingMiddleware(Middleware):
    """A token bucket per client. Requests only: notifications are owed no answer to refuse with.

    Args:
        max_requests_per_second: the steady rate.
        burst_capacity: requests at once after a silence; default twice the rate, at least one.
        get_client_id: names the client of a message, sync or async; without it all clients
            share one bucket.
        global_limit: one bucket for all, whatever `get_client_id` says.

    Raises:
        RateLimitError: at the request that finds the bucket empty.
    """

    def __init__(
        self,
        max_requests_per_second: float = 10.0,
        burst_capacity: int | None = None,
        get_client_id: ClientIdGetter | None = None,
        global_limit: bool = False,
    ) -> None:
        self.max_requests_per_second = max_requests_per_second
        if burst_capacity is None:
            burst_capacity = max(1, int(max_requests_per_second * 2))
        self.burst_capacity = burst_capacity
        self.get_client_id = get_client_id
        self.global_limit = global_limit
        self.limiters = _Clients(self._bucket)
        self.global_limiter = self._bucket()

    def _bucket(self) -> TokenBucketRateLimiter:
        return TokenBucketRateLimiter(self.burst_capacity, self.max_requests_per_second)

    async def on_request(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        if self.global_limit:
            if not self.global_limiter.try_consume():
                raise RateLimitError("Global rate limit exceeded")
        else:
            client = await _client_name(self.get_client_id, context)
            if not self.limiters[client].try_consume():
                raise RateLimitError(f"Rate limit exceeded for client: {client}")
        return await call_next(context)


class SlidingWindowRateLimitingMiddleware(Middleware):
    """At most so many requests of a client in any so many minutes.

    Args:
        max_requests: in the window.
        window_minutes: its length.
        get_client_id: names the client of a message, sync or async; without it all clients
            share one window.

    Raises:
        RateLimitError: at the request that is one too many.
    """

    def __init__(
        self,
        max_requests: int,
        window_minutes: int = 1,
        get_client_id: ClientIdGetter | None = None,
    ) -> None:
        self.max_requests = max_requests
        self.window_minutes = window_minutes
        self.window_seconds = window_minutes * 60
        self.get_client_id = get_client_id
        self.limiters = _Clients(
            lambda: SlidingWindowRateLimiter(self.max_requests, self.window_seconds)
        )

    async def on_request(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        client = await _client_name(self.get_client_id, context)
        if not self.limiters[client].try_consume():
            raise RateLimitError(
                f"Rate limit exceeded: {self.max_requests} requests per "
                f"{self.window_minutes} minutes for client: {client}"
            )
        return await call_next(context)


async def _client_name(get: ClientIdGetter | None, context: MiddlewareContext[Any]) -> str:
    if get is None:
        return _GLOBAL
    name = get(context)
    return await name if inspect.isawaitable(name) else name

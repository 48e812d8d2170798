"""Rate limits: bursts, the steady rate, windows, names of clients, bounded memory."""

from __future__ import annotations

from typing import Any

import pytest

from fastmcp.exceptions import McpError
from fastmcp.server.middleware import Middleware, MiddlewareContext
from fastmcp.server.middleware import rate_limiting as module
from fastmcp.server.middleware.middleware import compose
from fastmcp.server.middleware.rate_limiting import (
    RateLimitError,
    RateLimitingMiddleware,
    SlidingWindowRateLimiter,
    SlidingWindowRateLimitingMiddleware,
    TokenBucketRateLimiter,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def handler(context: Any) -> str:
    return "result"


async def ask(middleware: Middleware, client: str = "", method: str = "tools/call") -> Any:
    context = MiddlewareContext(message=client, method=method)
    return await compose([middleware], method, None, handler)(context)


async def test_bucket():
    clock = Clock()
    bucket = TokenBucketRateLimiter(capacity=2, refill_rate=1.0, clock=clock)
    assert [await bucket.consume() for _ in range(3)] == [True, True, False]
    clock.now += 1.5
    assert [await bucket.consume() for _ in range(2)] == [True, False]
    clock.now += 100
    assert [await bucket.consume() for _ in range(3)] == [True, True, False]


async def test_window():
    clock = Clock()
    window = SlidingWindowRateLimiter(max_requests=2, window_seconds=60, clock=clock)
    assert await window.is_allowed()
    clock.now += 30
    assert await window.is_allowed()
    assert not await window.is_allowed()
    clock.now += 31
    assert await window.is_allowed()
    assert not await window.is_allowed()


async def test_all_clients_share_a_bucket_by_default():
    middleware = RateLimitingMiddleware(max_requests_per_second=0.001, burst_capacity=2)
    assert await ask(middleware, "a") == "result"
    assert await ask(middleware, "b") == "result"
    with pytest.raises(RateLimitError, match=r"^Rate limit exceeded for client: global$") as caught:
        await ask(middleware, "c")
    assert isinstance(caught.value, McpError)
    assert caught.value.error.code == -32000


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_bucket_per_client(kind: str):
    def name(context: Any) -> str:
        return context.message

    async def aname(context: Any) -> str:
        return context.message

    middleware = RateLimitingMiddleware(0.001, 1, name if kind == "sync" else aname)
    assert await ask(middleware, "a") == "result"
    assert await ask(middleware, "b") == "result"
    with pytest.raises(RateLimitError, match="client: a"):
        await ask(middleware, "a")


async def test_global_limit():
    middleware = RateLimitingMiddleware(0.001, 1, lambda context: context.message, True)
    assert await ask(middleware, "a") == "result"
    with pytest.raises(RateLimitError, match=r"^Global rate limit exceeded$"):
        await ask(middleware, "b")


def test_burst_defaults_to_twice_the_rate():
    assert RateLimitingMiddleware(10).burst_capacity == 20
    assert RateLimitingMiddleware(0.1).burst_capacity == 1


async def test_notifications_are_not_limited():
    middleware = RateLimitingMiddleware(0.001, 1)
    for _ in range(3):
        assert await ask(middleware, "", "notifications/progress") == "result"


async def test_sliding_window_middleware():
    middleware = SlidingWindowRateLimitingMiddleware(1, 2, lambda context: context.message)
    assert await ask(middleware, "a") == "result"
    assert await ask(middleware, "b") == "result"
    text = "^Rate limit exceeded: 1 requests per 2 minutes for client: a$"
    with pytest.raises(RateLimitError, match=text):
        await ask(middleware, "a")


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    limiters = module._Clients(lambda: TokenBucketRateLimiter(1, 0.001), max_clients=3)
    for name in "abc":
        assert limiters[name].try_consume()
    assert not limiters["a"].try_consume()
    assert limiters["d"].try_consume()
    assert len(limiters) == 3
    assert not limiters["a"].try_consume()
    assert limiters["b"].try_consume()

"""Composition: which hooks run, in which order, and what they cost."""

from __future__ import annotations

import dataclasses
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.middleware.middleware import TYPED_HOOKS, compose

HOOK = "on_call_tool"


def call(**changes: Any) -> MiddlewareContext[Any]:
    message = SimpleNamespace(name="add", arguments={"a": 1})
    return MiddlewareContext(message=message, method="tools/call", **changes)


class Recorder(Middleware):
    """Notes every hook it passes, in and out."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name = name
        self.seen = seen

    async def _note(self, hook: str, context: Any, call_next: Any) -> Any:
        self.seen.append(f"{self.name}.{hook}")
        result = await call_next(context)
        self.seen.append(f"{self.name}.{hook} out")
        return result

    async def on_message(self, context: Any, call_next: Any) -> Any:
        return await self._note("message", context, call_next)

    async def on_request(self, context: Any, call_next: Any) -> Any:
        return await self._note("request", context, call_next)

    async def on_notification(self, context: Any, call_next: Any) -> Any:
        return await self._note("notification", context, call_next)

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        return await self._note("call_tool", context, call_next)

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        return await self._note("list_tools", context, call_next)


async def test_order():
    seen: list[str] = []

    async def handler(context: Any) -> str:
        seen.append("handler")
        return "result"

    chain = compose([Recorder("a", seen), Recorder("b", seen)], "tools/call", HOOK, handler)
    assert await chain(call()) == "result"
    way_in = [f"{who}.{hook}" for who in "ab" for hook in ("message", "request", "call_tool")]
    assert seen == [*way_in, "handler", *(f"{step} out" for step in reversed(way_in))]


async def test_notifications_take_their_own_hook():
    seen: list[str] = []

    async def handler(context: Any) -> None:
        seen.append("handler")

    chain = compose([Recorder("a", seen)], "notifications/cancelled", None, handler)
    await chain(MiddlewareContext(message={}, type="notification"))
    assert seen[:3] == ["a.message", "a.notification", "handler"]


async def test_a_method_without_a_hook_takes_the_wide_ones():
    seen: list[str] = []

    async def handler(context: Any) -> None:
        seen.append("handler")

    await compose([Recorder("a", seen)], "ping", None, handler)(call())
    assert seen[:3] == ["a.message", "a.request", "handler"]


async def handler(context: MiddlewareContext[Any]) -> Any:
    return context.message


def test_nothing_overridden_is_the_handler_itself():
    class Idle(Middleware):
        pass

    class OtherHook(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            return await call_next(context)

    assert compose([Idle(), OtherHook(), Middleware()], "tools/call", HOOK, handler) is handler


async def test_hooks_left_alone_cost_no_frame():
    class OnlyCalls(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            return await call_next(context)

    chain = compose([OnlyCalls()] * 5, "tools/call", HOOK, handler)
    names: list[str] = []

    def count(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            names.append(frame.f_code.co_name)

    context = call()
    sys.setprofile(count)
    try:
        await chain(context)
    finally:
        sys.setprofile(None)
    assert names == ["on_call_tool"] * 5 + ["handler"]


async def test_call_next_comes_by_keyword():
    class KeywordOnly(Middleware):
        async def on_call_tool(self, context: Any, *, call_next: Any) -> Any:
            return await call_next(context)

    chain = compose([KeywordOnly()], "tools/call", HOOK, handler)
    assert (await chain(call())).name == "add"


async def test_call_override_takes_the_raw_message():
    class Raw(Middleware):
        async def __call__(self, context: Any, next_one: Any) -> Any:
            return ["raw", await next_one(context)]

        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            raise AssertionError("the ladder is replaced")

    async def plain(context: Any, next_one: Any) -> Any:
        return ["plain", await next_one(context)]

    async def three(context: Any) -> int:
        return 3

    chain = compose([Raw(), plain], "tools/call", HOOK, three)
    assert await chain(call()) == ["raw", ["plain", 3]]


async def test_call_override_may_climb_the_ladder():
    seen: list[str] = []

    class Both(Recorder):
        async def __call__(self, context: Any, call_next: Any) -> Any:
            seen.append("raw")
            return await super().__call__(context, call_next)

    await compose([Both("a", seen)], "tools/call", HOOK, handler)(call())
    assert seen[:4] == ["raw", "a.message", "a.request", "a.call_tool"]


async def test_copy_reaches_the_handler():
    class Rename(Middleware):
        async def on_call_tool(
            self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
        ) -> Any:
            message = SimpleNamespace(name="sub", arguments={})
            return await call_next(context.copy(message=message))

    chain = compose([Rename(), Recorder("a", [])], "tools/call", HOOK, handler)
    assert (await chain(call())).name == "sub"


async def test_a_hook_may_answer_alone():
    class Cache(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            return "cached"

    async def never(context: Any) -> Any:
        raise AssertionError("not reached")

    assert await compose([Cache()], "tools/call", HOOK, never)(call()) == "cached"


async def test_exceptions_pass_outwards():
    caught: list[str] = []

    class Catch(Middleware):
        async def on_message(self, context: Any, call_next: Any) -> Any:
            try:
                return await call_next(context)
            except LookupError as error:
                caught.append(str(error))
                raise

    async def fail(context: Any) -> Any:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        await compose([Catch(), Catch()], "tools/call", HOOK, fail)(call())
    assert caught == ["lost", "lost"]


async def test_a_hook_set_on_the_instance_counts():
    middleware = Middleware()

    async def hook(context: Any, call_next: Any) -> Any:
        return "own"

    middleware.on_call_tool = hook
    assert await compose([middleware], "tools/call", HOOK, handler)(call()) == "own"


def test_the_context_is_frozen_and_dated():
    context = call()
    assert (context.source, context.type) == ("client", "request")
    assert context.timestamp.tzinfo is UTC
    assert context.timestamp <= datetime.now(UTC)
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.method = "ping"  # type: ignore[misc]  # the write is what must fail
    assert context.copy(method="x").timestamp == context.timestamp


def test_every_typed_hook_exists():
    for hook in TYPED_HOOKS.values():
        assert callable(getattr(Middleware, hook))

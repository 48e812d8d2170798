"""Parameters filled from the call: markers, `Depends`, `Shared` and dependencies of authors."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, Optional

import pytest

from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.tools import Tool
from fastmcp.utilities.injection import (
    Dependency,
    Depends,
    Shared,
    find_injection,
    hold_shared,
)

current: ContextVar[str] = ContextVar("current")


class Ctx:
    """Stands for any class that injects itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    @staticmethod
    def __fastmcp_inject__() -> "Ctx":
        try:
            return Ctx(current.get())
        except LookupError:
            raise RuntimeError("no call in progress") from None


class SubCtx(Ctx):
    pass


async def text(fn: Any, **arguments: Any) -> str:
    wire = (await Tool.from_function(fn).run(arguments)).to_wire()
    return wire["content"][0]["text"]


class TestMarker:
    @pytest.mark.parametrize(
        "hint",
        [
            Ctx,
            Ctx | None,
            Optional[Ctx],  # noqa: UP045
            Annotated[Ctx, "doc"],
            SubCtx,
            "Ctx",
            "Ctx | None",
        ],
    )
    async def test_annotations(self, hint: Any) -> None:
        def fn(n: int, ctx: Any) -> str:
            return f"{n} {ctx.name}"

        fn.__annotations__["ctx"] = hint
        made = Tool.from_function(fn)
        assert list(made.parameters["properties"]) == ["n"]
        current.set("a")
        assert await text(fn, n=1) == "1 a"
        with pytest.raises(ValidationError, match="Unexpected keyword argument"):
            await made.run({"n": 1, "ctx": "mine"})

    async def test_outside_of_a_call(self) -> None:
        async def needs(ctx: Ctx) -> str:
            return ctx.name

        async def can_do_without(ctx: Ctx = None) -> str:  # type: ignore[assignment]  # pyright: ignore
            return repr(ctx)

        with pytest.raises(RuntimeError, match="no call in progress"):
            await Tool.from_function(needs).run({})
        assert await text(can_do_without) == "None"

    async def test_everywhere(self) -> None:
        current.set("here")

        def fn(ctx: Ctx) -> str:
            return ctx.name

        def of(x: str, ctx: Ctx) -> str:
            return x + ctx.name

        assert (await Resource.from_function(fn, "a://b").read()).contents[0].content == "here"
        template = ResourceTemplate.from_function(of, "a://{x}")
        assert list(template.parameters["properties"]) == ["x"]
        assert (await template.read("a://1", {"x": "1"})).contents[0].content == "1here"
        prompt = Prompt.from_function(of)
        assert [argument.name for argument in prompt.arguments] == ["x"]
        rendered = await prompt.render({"x": "2", "ctx": "mine"})
        assert rendered.to_wire()["messages"][0]["content"]["text"] == "2here"

    def test_nothing_to_inject(self) -> None:
        assert find_injection(lambda x: x) is None
        assert find_injection(len) is None


class TestDepends:
    async def test_kinds_of_factories(self) -> None:
        log: list[str] = []

        def plain() -> str:
            return "plain"

        async def coroutine() -> str:
            return "coroutine"

        def generator() -> Iterator[str]:
            yield "generator"
            log.append("generator closed")

        async def async_generator() -> AsyncIterator[str]:
            yield "async_generator"
            log.append("async_generator closed")

        @contextmanager
        def manager() -> Iterator[str]:
            yield "manager"
            log.append("manager closed")

        @asynccontextmanager
        async def async_manager() -> AsyncIterator[str]:
            yield "async_manager"
            log.append("async_manager closed")

        async def fn(
            a: str = Depends(plain),
            b: str = Depends(coroutine),
            c: str = Depends(generator),
            d: str = Depends(async_generator),
            e: str = Depends(manager),
            f: str = Depends(async_manager),
        ) -> str:
            assert not log
            return " ".join([a, b, c, d, e, f])

        assert Tool.from_function(fn).parameters["properties"] == {}
        assert await text(fn) == "plain coroutine generator async_generator manager async_manager"
        assert log == [
            "async_manager closed",
            "manager closed",
            "async_generator closed",
            "generator closed",
        ]

    async def test_nested_and_made_once_per_call(self) -> None:
        made: list[int] = []

        def base(ctx: Ctx) -> str:
            made.append(1)
            return ctx.name

        def left(value: str = Depends(base)) -> str:
            return f"l{value}"

        def fn(
            a: str = Depends(left),
            b: str = Depends(base),
            c: Annotated[str, Depends(base)] = "",
        ) -> str:
            return a + b + c

        current.set("x")
        assert await text(fn) == "lxxx"
        assert len(made) == 1
        assert await text(fn) == "lxxx"
        assert len(made) == 2

    async def test_without_cache(self) -> None:
        made: list[int] = []

        def base() -> int:
            made.append(1)
            return len(made)

        def fn(a: int = Depends(base, use_cache=False), b: int = Depends(base, use_cache=False)):
            return [a, b]

        assert await text(fn) == "[1,2]"

    async def test_failures(self) -> None:
        def broken() -> str:
            raise ValueError("down")

        def refusing() -> str:
            raise ToolError("no")

        def outer(value: str = Depends(broken)) -> str:
            return value

        def one(a: str = Depends(broken)) -> None: ...
        def two(a: str = Depends(refusing)) -> None: ...
        def three(deep: str = Depends(outer)) -> None: ...

        with pytest.raises(RuntimeError, match=r"^Failed to resolve dependency 'a' for one$"):
            await text(one)
        with pytest.raises(ToolError, match=r"^no$"):
            await text(two)
        with pytest.raises(RuntimeError, match=r"^Failed to resolve dependency 'deep' for three$"):
            await text(three)

    async def test_closed_when_the_body_fails(self) -> None:
        closed: list[str] = []

        def resource() -> Iterator[int]:
            try:
                yield 1
            finally:
                closed.append("yes")

        def fn(r: int = Depends(resource)) -> None:
            raise KeyError("body")

        with pytest.raises(KeyError):
            await text(fn)
        assert closed == ["yes"]

    async def test_clients_cannot_fill_it(self) -> None:
        def fn(a: str = Depends(str)) -> str:
            return a

        with pytest.raises(ValidationError, match="Unexpected keyword argument"):
            await text(fn, a="mine")

    def test_needs_a_function(self) -> None:
        with pytest.raises(TypeError, match="needs a function"):
            Depends(5)  # pyright: ignore


class TestDependency:
    async def test_subclass(self) -> None:
        class Fixed(Dependency[str]):
            async def resolve(self) -> str:
                return "fixed"

        class Closing(Dependency[str]):
            closed = False

            async def __aenter__(self) -> str:
                return "open"

            async def __aexit__(self, *exc_info: object) -> None:
                Closing.closed = True

        def fn(a: Any = Fixed(), b: Any = Closing()) -> str:  # noqa: B008
            assert not Closing.closed
            return a + b

        assert await text(fn) == "fixedopen"
        assert Closing.closed

    async def test_base_has_no_value(self) -> None:
        def fn(a: Any = Dependency()) -> None: ...  # noqa: B008

        with pytest.raises(RuntimeError, match="Failed to resolve dependency 'a' for fn"):
            await text(fn)


class TestShared:
    async def test_made_once_for_all_calls(self) -> None:
        made: list[int] = []
        closed: list[int] = []

        async def inner() -> int:
            await asyncio.sleep(0)
            made.append(1)
            return 1

        async def pool(n: int = Shared(inner)) -> AsyncIterator[int]:
            made.append(2)
            yield n + 1
            closed.append(1)

        async def fn(p: int = Shared(pool), i: int = Shared(inner)) -> str:
            return f"{p}{i}"

        async with hold_shared():
            assert await asyncio.gather(*(text(fn) for _ in range(5))) == ["21"] * 5
            assert sorted(made) == [1, 2]
            async with hold_shared():  # another user of the same loop
                await text(fn)
            assert closed == []
        assert closed == [1]
        async with hold_shared():
            await text(fn)
            assert sorted(made) == [1, 1, 2, 2]
        assert closed == [1, 1]

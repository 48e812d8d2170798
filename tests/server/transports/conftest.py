"""A server with one tool for each thing that can happen to a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.settings import get_settings


class Stage:
    """A server, and the events by which a test and its tools wait for each other."""

    def __init__(self, **options: Any) -> None:
        self.mcp = FastMCP("stage", version="1.0", **options)
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.finished = asyncio.Event()
        self.said: list[Any] = []
        mcp = self.mcp

        @mcp.tool
        async def add(a: int, b: int) -> int:
            return a + b

        @mcp.tool
        def add_in_thread(a: int, b: int) -> int:
            return a + b

        @mcp.tool
        async def echo(text: str) -> str:
            return text

        @mcp.tool
        async def wait(tag: str = "") -> str:
            self.started.set()
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            self.finished.set()
            return tag

        @mcp.tool
        async def stubborn(ctx: Context) -> str:
            self.started.set()
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                await ctx.info("from the grave")
                self.cancelled.set()
            return "anyway"

        @mcp.tool
        async def step(ctx: Context, n: int) -> str:
            for i in range(n):
                await ctx.report_progress(i + 1, n, f"step {i + 1}")
            await ctx.info("done", logger_name="stage", extra={"n": n})
            return "stepped"

        @mcp.tool
        async def speak_then_wait(ctx: Context) -> str:
            await ctx.info("hello")
            self.started.set()
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            self.said.append(await ctx.log("later"))
            self.finished.set()
            return "heard"

        @mcp.tool
        async def ask_name(ctx: Context) -> str:
            self.started.set()
            answer = await ctx.elicit("Your name?", str)
            return f"{answer.action}: {getattr(answer, 'data', None)}"

        @mcp.tool
        async def ask_model(ctx: Context) -> str:
            return (await ctx.sample("Say hi", max_tokens=5, system_prompt="be kind")).text or ""

        @mcp.tool
        async def ask_roots(ctx: Context) -> list[str]:
            return [str(root.uri) for root in await ctx.list_roots()]

        @mcp.tool
        async def grow(name: str) -> str:
            mcp.tool(lambda: name, name=name)
            return name

        @mcp.tool
        async def fail() -> str:
            raise RuntimeError("it broke")

        @mcp.resource("data://{id}")
        async def data(id: str) -> str:
            return f"data {id}"

        @mcp.prompt
        async def greet(name: str) -> str:
            return f"Greet {name}"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@contextmanager
def set_settings(**values: Any) -> Iterator[None]:
    """Settings while the block runs."""
    settings = get_settings()
    before = {name: getattr(settings, name) for name in values}
    for name, value in values.items():
        setattr(settings, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)

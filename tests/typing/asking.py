"""What type checkers make of `ctx.elicit` and `ctx.sample`; pyright reads it in `make check`.

It is never run, so it may await what nobody answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, assert_type

from pydantic import BaseModel

from fastmcp import Context
from fastmcp.server.elicitation import (
    AcceptedElicitation,
    CancelledElicitation,
    DeclinedElicitation,
)


class Size(Enum):
    BIG = "big"


class Order(BaseModel):
    size: Size


@dataclass
class Point:
    x: int


async def elicit(ctx: Context) -> None:
    asked = await ctx.elicit("?", Order)
    assert_type(asked, AcceptedElicitation[Order] | DeclinedElicitation | CancelledElicitation)
    if asked.action == "accept":
        assert_type(asked.data, Order)
    match asked:
        case AcceptedElicitation(data=order):
            assert_type(order, Order)
        case _:
            assert_type(asked, DeclinedElicitation | CancelledElicitation)
    for answer in (await ctx.elicit("?", str, response_title="Name"),):
        if answer.action == "accept":
            assert_type(answer.data, str)
    if isinstance(point := await ctx.elicit("?", Point), AcceptedElicitation):
        assert_type(point.data, Point)
    if isinstance(size := await ctx.elicit("?", Size), AcceptedElicitation):
        assert_type(size.data, Size)
    if isinstance(word := await ctx.elicit("?", ["a", "b"]), AcceptedElicitation):
        assert_type(word.data, str)
    if isinstance(word := await ctx.elicit("?", {"a": {"title": "A"}}), AcceptedElicitation):
        assert_type(word.data, str)
    if isinstance(words := await ctx.elicit("?", [["a", "b"]]), AcceptedElicitation):
        assert_type(words.data, list[str])
    if isinstance(words := await ctx.elicit("?", [{"a": "A"}]), AcceptedElicitation):
        assert_type(words.data, list[str])
    if isinstance(sizes := await ctx.elicit("?", list[Size]), AcceptedElicitation):
        assert_type(sizes.data, list[Size])
    if isinstance(letter := await ctx.elicit("?", Literal["a", "b"]), AcceptedElicitation):
        assert_type(letter.data, Any)
    page = await ctx.elicit_url("?", "https://example.com")
    assert_type(page, AcceptedElicitation[None] | DeclinedElicitation | CancelledElicitation)


async def sample(ctx: Context) -> None:
    assert_type((await ctx.sample("?")).result, str)
    assert_type((await ctx.sample("?", max_tokens=5, temperature=0.1)).result, str)
    assert_type((await ctx.sample("?", result_type=Order, tools=[print])).result, Order)
    assert_type((await ctx.sample("?", result_type=int)).result, int)
    assert_type((await ctx.sample("?", result_type=list[Point])).result, list[Point])
    await ctx.sample("?", top_k=5)  # pyright: ignore[reportCallIssue]  # no such option
    await ctx.sample_step("?", tool_choice="maybe")  # pyright: ignore[reportArgumentType]  # no such choice
    step = await ctx.sample_step("?", tools=[print], tool_choice="required", execute_tools=False)
    assert_type(step.text, str | None)

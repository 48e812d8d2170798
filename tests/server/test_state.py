"""What `ctx.set_state` keeps, and for whom."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.server.state import SessionState
from tests.support.asgi import STATELESS, Peer


async def test_by_session_and_key():
    state = SessionState()
    await state.set(None, "a", "k", {"x": [1]})
    await state.set(None, "b", "k", None)
    assert await state.get(None, "a", "k") == {"x": [1]}
    assert await state.get(None, "b", "k") is None
    assert await state.get(None, "a", "other") is None
    await state.delete(None, "a", "k")
    await state.delete(None, "a", "k")
    assert await state.get(None, "a", "k") is None


async def test_values_are_copies_and_json():
    state = SessionState()
    value: list[Any] = [date(2020, 1, 2)]
    await state.set(None, "a", "k", value)
    value.append(1)
    assert await state.get(None, "a", "k") == ["2020-01-02"]
    with pytest.raises(TypeError, match="serializable=False"):
        await state.set(None, "a", "k", object())


async def test_the_session_id_is_not_shown_to_the_store():
    seen: list[str] = []

    class Store:
        async def get(self, key: str, *, collection: str | None = None) -> None:
            seen.append(key)

        async def put(self, key: str, value: Any, **_: Any) -> None:
            seen.append(key)

        async def delete(self, key: str, *, collection: str | None = None) -> bool:
            seen.append(key)
            return True

    state = SessionState(Store())
    await state.set(None, "secret-session", "k", 1)
    await state.get(None, "secret-session", "k")
    await state.delete(None, "secret-session", "k")
    assert len(set(seen)) == 1
    assert "secret-session" not in seen[0]


async def test_over_the_wire():
    mcp = FastMCP("state")

    @mcp.tool
    async def put(ctx: Context, value: int) -> None:
        await ctx.set_state("n", value)
        marker = object()
        await ctx.set_state("object", marker, serializable=False)
        assert await ctx.get_state("object") is marker

    @mcp.tool
    async def look(ctx: Context) -> str:
        return f"{await ctx.get_state('n')} {await ctx.get_state('object')}"

    @mcp.tool
    async def forget(ctx: Context) -> None:
        await ctx.delete_state("n")

    app = mcp.http_app()
    one, two = await Peer(app).open(), await Peer(app).open()
    await one.call("put", {"value": 1})
    await two.call("put", {"value": 2})
    assert (await one.call("look")).text == "1 None"
    assert (await two.call("look")).text == "2 None"
    await one.call("forget")
    assert (await one.call("look")).text == "None None"
    stateless = Peer(app, STATELESS)
    await stateless.call("put", {"value": 3})
    assert (await stateless.call("look")).text == "None None"

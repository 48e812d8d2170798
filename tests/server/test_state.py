"""What `ctx.set_state` keeps, and for whom."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.server.sessions import Session
from fastmcp.server.state import SessionState
from tests.support.asgi import STATELESS, Peer


def session(id: str) -> Session:
    return Session(id, "2025-11-25", {}, {})


class Store:
    """Keeps nothing, and sees every key that it is asked for."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def get(self, key: str, *, collection: str | None = None) -> None:
        self.seen.append(key)

    async def put(self, key: str, value: Any, **_: Any) -> None:
        self.seen.append(key)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        self.seen.append(key)
        return True


async def test_by_session_and_key():
    state = SessionState()
    await state.set(session("a"), "k", {"x": [1]})
    await state.set(session("b"), "k", None)
    assert await state.get(session("a"), "k") == {"x": [1]}
    assert await state.get(session("b"), "k") is None
    assert await state.get(session("a"), "other") is None
    await state.delete(session("a"), "k")
    await state.delete(session("a"), "k")
    assert await state.get(session("a"), "k") is None


async def test_values_are_copies_and_json():
    state = SessionState()
    value: list[Any] = [date(2020, 1, 2)]
    await state.set(session("a"), "k", value)
    value.append(1)
    assert await state.get(session("a"), "k") == ["2020-01-02"]
    with pytest.raises(TypeError, match="serializable=False"):
        await state.set(session("a"), "k", object())


async def test_the_session_id_is_not_shown_to_the_store():
    store = Store()
    state = SessionState(store)
    await state.set(session("secret-session"), "k", 1)
    await state.get(session("secret-session"), "k")
    await state.delete(session("secret-session"), "k")
    assert len(store.seen) == 3
    assert len(set(store.seen)) == 1
    assert "secret-session" not in store.seen[0]


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


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_without_a_session_it_lasts_as_long_as_the_request(version: str):
    """And is put nowhere: nobody could ever ask for it."""
    store = Store()
    mcp = FastMCP("state", session_state_store=store)

    @mcp.tool
    async def put(ctx: Context, value: int) -> str:
        await ctx.set_state("n", [value])
        await ctx.set_state("m", value)
        await ctx.delete_state("m")
        with pytest.raises(TypeError, match="serializable=False"):
            await ctx.set_state("object", object())
        return f"{await ctx.get_state('n')} {await ctx.get_state('m')}"

    @mcp.tool
    async def look(ctx: Context) -> str:
        return f"{await ctx.get_state('n')}"

    peer = await Peer(mcp.http_app(stateless_http=True), version, sessions=False).open()
    assert (await peer.call("put", {"value": 3})).text == "[3] None"
    assert (await peer.call("look")).text == "None"
    assert store.seen == []

"""The session's own stream: what changes, what was missed, and what is said to one session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mcp_types
import pytest

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore
from tests.support.asgi import Live, Peer

pytestmark = pytest.mark.usefixtures("no_leaks")
CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"


def build(**options: Any) -> tuple[FastMCP, Any]:
    mcp = FastMCP("standalone")

    @mcp.tool
    async def update(ctx: Context, uri: str) -> str:
        params = mcp_types.ResourceUpdatedNotificationParams(uri=uri)
        await ctx.send_notification(mcp_types.ResourceUpdatedNotification(params=params))
        return "updated"

    @mcp.tool
    async def talk(ctx: Context) -> str:
        await ctx.info("hello")
        await ctx.report_progress(1, 2)
        return "talked"

    @mcp.tool
    async def close(ctx: Context) -> str:
        await ctx.close_standalone_sse_stream()
        return "closed"

    return mcp, mcp.http_app(**options)


def listen(peer: Peer, last: str | None = None) -> Live:
    headers = {**peer.standard_headers(), "accept": "text/event-stream"}
    if last is not None:
        headers["last-event-id"] = last
    return peer.send("GET", b"", headers)


def last_id(live: Live) -> str:
    return [event.id for event in live.events if event.id][-1]


def methods(live: Live) -> list[str]:
    return [message["method"] for message in live.messages]


async def leave(*lives: Live) -> None:
    for live in lives:
        live.leave()
        await live.done()


def change(mcp: FastMCP, name: str) -> None:
    def tool() -> str:
        return name

    mcp.tool(tool, name=name)


async def test_what_was_missed_is_heard_once_and_in_order():
    mcp, app = build(event_store=EventStore(), retry_interval=250)
    peer = await Peer(app).open()
    await peer.request("resources/subscribe", {"uri": "a:1"})
    first = await listen(peer).until(lambda live: live.events)
    assert (first.events[0].data, first.events[0].retry) == ("", 250)
    change(mcp, "one")
    await first.until(lambda live: methods(live) == [CHANGED])
    await leave(first)
    await peer.call("update", {"uri": "a:1"})
    await peer.call("update", {"uri": "a:2"})
    change(mcp, "two")
    second = listen(peer, last_id(first))
    await second.until(lambda live: len(live.messages) == 2)
    change(mcp, "three")
    await second.until(lambda live: len(live.messages) == 3)
    assert methods(second) == [UPDATED, CHANGED, CHANGED]
    assert second.messages[0]["params"] == {"uri": "a:1"}
    ids = [event.id for event in [*first.events, *second.events] if event.data]
    assert len(set(ids)) == len(ids)
    again = listen(peer, last_id(first))  # and again, from the same place
    await again.until(lambda live: len(live.messages) == 3)
    assert methods(again) == methods(second)
    await leave(second, again)


@pytest.mark.parametrize("last", ["~0badc0de.5", "~another.1"])
async def test_what_cannot_be_known_any_more_is_to_be_looked_at(last: str):
    _, app = build(event_store=EventStore())
    peer = await Peer(app).open()
    await peer.request("resources/subscribe", {"uri": "a:1"})
    live = listen(peer, last)
    await live.until(lambda live: len(live.messages) == 4)
    assert methods(live) == [
        CHANGED,
        "notifications/resources/list_changed",
        "notifications/prompts/list_changed",
        UPDATED,
    ]
    await leave(live)


async def test_one_that_came_too_late():
    mcp, app = build(event_store=EventStore())
    peer = await Peer(app).open()
    first = await listen(peer).until(lambda live: live.events)
    change(mcp, "first")
    await first.until(lambda live: live.messages)
    await leave(first)
    for number in range(1100):
        change(mcp, f"t{number}")
    live = listen(peer, last_id(first))
    await live.until(lambda live: len(live.messages) == 3)
    assert methods(live)[0] == CHANGED
    await leave(live)


async def test_without_an_event_store_there_are_no_ids():
    mcp, app = build()
    peer = await Peer(app).open()
    live = await listen(peer).until(lambda live: live.body)
    change(mcp, "one")
    await live.until(lambda live: live.messages)
    assert b"id:" not in live.body
    await leave(live)


async def test_an_older_client_gets_no_event_without_data():
    _, app = build(event_store=EventStore(), retry_interval=250)
    peer = await Peer(app, "2025-06-18").open()
    live = await listen(peer).until(lambda live: live.body)
    assert live.body.startswith(b":")
    await leave(live)


async def test_with_json_alone_logs_and_progress_are_on_the_sessions_stream():
    _, app = build(json_response=True)
    peer = await Peer(app).open()
    live = await listen(peer).until(lambda live: live.body)
    params = {"name": "talk", "arguments": {}, "_meta": {"progressToken": "p"}}
    answer = await peer.start("tools/call", params).done()
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == "talked"
    await live.until(lambda live: len(live.messages) == 2)
    assert methods(live) == ["notifications/message", "notifications/progress"]
    await leave(live)
    assert (await peer.call("talk")).text == "talked"  # nobody listens, and nobody waits


@pytest.mark.parametrize("store", [EventStore, lambda: None])
async def test_the_server_closes_it_and_the_client_comes_back(store: Callable[[], Any]):
    _, app = build(event_store=store())
    peer = await Peer(app).open()
    live = await listen(peer).until(lambda live: live.body)
    assert (await peer.call("close")).text == "closed"
    await live.done()
    assert live.finished
    assert live.body.endswith(b"retry: 1000\r\n\r\n")
    assert (await peer.call("close")).text == "closed"


async def test_a_stream_has_its_time(monkeypatch: pytest.MonkeyPatch):
    from fastmcp.settings import get_settings

    monkeypatch.setattr(get_settings(), "http_stream_lifetime", 0.2)
    _, app = build(keepalive_interval=0.1)
    peer = await Peer(app).open()
    live = await listen(peer).done()
    assert live.finished
    assert live.body.endswith(b"retry: 1000\r\n\r\n")


async def test_so_many_streams_and_no_more(monkeypatch: pytest.MonkeyPatch):
    from fastmcp.settings import get_settings

    monkeypatch.setattr(get_settings(), "http_max_session_streams", 1)
    _, app = build()
    peer = await Peer(app).open()
    first = await listen(peer).until(lambda live: live.body)
    second = await listen(peer).done()
    assert second.status == 429
    assert second.headers["retry-after"] == "1"
    await leave(first)

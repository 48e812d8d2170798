"""Sessions: any process with the key serves them; forged, ended and idle ones are alike unknown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.exceptions import McpError
from fastmcp.protocol.jsonrpc import Response
from fastmcp.server import sessions as module
from fastmcp.server.bus import ResourceUpdated, ToolsChanged
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.sessions import Session, SessionManager, Stream
from fastmcp.settings import get_settings
from tests.support.asgi import Peer
from tests.support.process import script, serve
from tests.support.wire import Wire

KEYS = SessionKeys([b"k" * 32])
INFO = {"name": "c", "version": "1", "title": "C", "icons": ["x" * 9000]}


def manager(**options: Any) -> SessionManager:
    return SessionManager(KEYS, **options)


class Clock:
    """The monotonic clock of the module, moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Call:
    """A request that is being served."""

    def __init__(self) -> None:
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def test_another_worker_rebuilds_it():
    session = manager().create("2025-06-18", INFO, {"sampling": {}}, "owner")
    again = manager().get(session.id, "owner")
    assert again is not None
    assert again is not session
    assert (again.version, again.client_capabilities) == ("2025-06-18", {"sampling": {}})
    assert again.client_info == {"name": "c", "version": "1", "title": "C"}


def test_who_is_a_stranger():
    sessions = manager()
    session = sessions.create("2025-11-25", INFO, {}, "ann")
    assert sessions.get(session.id, "ann") is session
    for owner in ("", "bob"):
        assert sessions.get(session.id, owner) is None
        assert manager().get(session.id, owner) is None
    anonymous = sessions.create("2025-11-25", INFO, {})
    assert sessions.get(anonymous.id, "ann") is None
    assert sessions.get(anonymous.id) is anonymous
    forged = SessionManager(SessionKeys([b"x" * 32])).create("2025-11-25", INFO, {})
    for token in (forged.id, "", "x", session.id + "x", session.id[:-3], "." * 7000):
        assert sessions.get(token) is None
    assert sessions.get(KEYS.sign(b"{}")) is None
    assert sessions.get(KEYS.sign(b"no json")) is None


def test_what_does_not_fit_into_a_header():
    with pytest.raises(McpError, match="at most 6144 fit"):
        manager().create("2025-11-25", INFO, {"experimental": {"x": {"y": "z" * 9000}}})


def test_ended():
    sessions = manager()
    session = sessions.create("2025-11-25", INFO, {})
    call = Call()
    session.begin(1, call)
    sessions.end(session)
    assert call.cancelled == 1
    assert sessions.get(session.id) is None
    assert len(sessions) == 0


def test_idle(clock: Clock):
    sessions = manager(idle_timeout=10)
    idle, busy = (sessions.create("2025-11-25", INFO, {}) for _ in range(2))
    call = Call()
    busy.begin(1, call)
    clock.now += 9
    assert sessions.get(idle.id) is idle
    clock.now += 9
    assert sessions.get(idle.id) is idle
    clock.now += 100
    assert sessions.get(idle.id) is None
    assert sessions.get(busy.id) is busy
    clock.now += 100
    busy.end(1, call)  # a call that took long: idle is counted from its end
    clock.now += 9
    assert sessions.get(busy.id) is busy
    clock.now += 11
    assert sessions.get(busy.id) is None


def test_without_a_timeout_nothing_idles_out(clock: Clock):
    sessions = manager()
    session = sessions.create("2025-11-25", INFO, {})
    clock.now += 10**9
    assert sessions.get(session.id) is session


def test_an_open_stream_keeps_it(clock: Clock):
    sessions = manager(idle_timeout=10)
    session = sessions.create("2025-11-25", INFO, {})
    session.stream = Stream()
    clock.now += 100
    assert sessions.get(session.id) is session


def test_a_flood_pushes_out_the_least_recently_used_and_no_busy_one():
    sessions = manager(capacity=3)
    used, unused, busy = (sessions.create("2025-11-25", INFO, {}) for _ in range(3))
    used.log_level = unused.log_level = "error"
    call = Call()
    busy.begin(1, call)
    assert sessions.get(used.id) is used
    sessions.create("2025-11-25", INFO, {})
    assert len(sessions) == 3
    assert sessions.get(used.id) is used
    for _ in range(100):
        sessions.create("2025-11-25", INFO, {})
    assert len(sessions) == 3
    assert sessions.get(busy.id) is busy
    assert sessions.open_sessions() == [busy]
    rebuilt = sessions.get(unused.id)  # still valid; only what was set is forgotten
    assert rebuilt is not None
    assert rebuilt.log_level is None


def test_the_newest_of_two_calls_with_one_id_is_cancelled():
    session = Session("s", "2025-11-25", {}, {})
    older, newer = Call(), Call()
    session.begin(1, older)
    session.begin(1, newer)
    assert session.cancel(1)
    assert (older.cancelled, newer.cancelled) == (0, 1)
    session.end(1, newer)
    assert session.cancel(1)
    assert older.cancelled == 1
    session.end(1, older)
    assert not session.busy
    for id in (1, "1", None, [], 1.0):
        assert not session.cancel(id)


async def test_answers():
    session = Session("s", "2025-11-25", {}, {})
    loop = asyncio.get_running_loop()
    (first, one), (second, two) = session.open_ask(loop), session.open_ask(loop)
    assert first != second
    assert session.answer(Response(second, {"x": 1}))
    assert not session.answer(Response(second, {"x": 2}))
    assert await two == {"x": 1}
    assert session.answer(Response(first, error=McpError(-1, "no")))
    with pytest.raises(McpError, match="no"):
        await one
    for id in (None, "other", 5):
        assert not session.answer(Response(id, {}))


async def test_streams():
    stream = Stream()
    assert await stream.take(0.001) == []
    stream.put(b"1")
    stream.put(b"2")
    assert await stream.take() == [b"1", b"2"]
    for number in range(Stream.limit + 5):
        stream.put(b"%d" % number)
    assert stream.dropped == 5
    stream.close()
    assert len(await stream.take() or []) == Stream.limit
    assert await stream.take() is None


def test_changes():
    session = Session("s", "2025-11-25", {}, {})
    session.deliver(ToolsChanged())  # nobody listens
    session.stream = Stream()
    session.subscriptions.add("a:1")
    session.deliver(ToolsChanged())
    session.deliver(ResourceUpdated("a:1"))
    session.deliver(ResourceUpdated("a:2"))
    assert session.stream._backlog == [
        b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
        b'{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}',
    ]


# over the wire


def build() -> FastMCP:
    mcp = FastMCP("s")

    @mcp.tool
    async def me(ctx: Context) -> str:
        return f"{ctx.client_info['name']} {sorted(ctx.client_capabilities)} {ctx.session_id}"

    return mcp


async def test_a_restarted_application_knows_its_sessions():
    peer = await Peer(build().http_app(), capabilities={"roots": {}}).open()
    peer.app = build().http_app()
    assert (await peer.call("me")).text == f"peer ['roots'] {peer.session_id}"


async def test_a_server_with_another_key_does_not():
    peer = await Peer(build().http_app()).open()
    settings = get_settings()
    settings.session_key = "another key of enough bytes"
    try:
        peer.app = build().http_app()
    finally:
        settings.session_key = None
    live = await peer.request("ping")
    assert live.status == 404


async def test_rejected_requests_cost_no_session():
    app = build().http_app()
    peer = await Peer(app).open()
    sessions: Any = app.sessions
    before = len(sessions)
    for _ in range(5):
        for verb in ("GET", "HEAD", "OPTIONS", "DELETE"):
            await peer.send(verb, headers={"mcp-session-id": "x"}).done()
        await peer.post(b"nonsense")
        await Peer(app).request("initialize", {"protocolVersion": 5}, valid=False)
    assert len(sessions) == before
    for _ in range(5):
        other = await Peer(app).open()
        await other.send("DELETE", headers=other.standard_headers()).done()
    assert len(sessions) == before


async def test_two_processes_serve_each_others_sessions(tmp_path: Path):
    file = tmp_path / "server.py"
    file.write_text(
        "import sys\nfrom fastmcp import FastMCP\nmcp = FastMCP('twin')\n"
        "@mcp.tool\ndef add(a: int, b: int) -> int:\n    return a + b\n"
        "mcp.run(transport='http', port=int(sys.argv[1]), show_banner=False)\n"
    )
    import os

    env = {**os.environ, "FASTMCP_HOME": str(tmp_path / "home")}
    with serve(script(file), env=env) as one, serve(script(file), env=env) as two:
        async with Wire(one.url) as wire:
            await wire.initialize()
            wire.url = two.url
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
            await wire.delete()
            assert (await wire.request("ping")).status == 404

"""Sessions: any process with the key serves them; forged, ended and idle ones are alike unknown."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.exceptions import McpError
from fastmcp.protocol.jsonrpc import Response
from fastmcp.server import session_manager
from fastmcp.server.backplane.base import Backplane, BackplaneDown, Facts, Noted, Receive, Said
from fastmcp.server.backplane.local import LocalBackplane
from fastmcp.server.backplane.memory import MemoryBackplane
from fastmcp.server.backplane.redis import RedisBackplane
from fastmcp.server.backplane.redis_line import line_at
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.bus import Bus
from fastmcp.server.registry import SessionVisibility, VisibilityRule
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.session_manager import SessionManager
from fastmcp.server.sessions import Session
from fastmcp.settings import get_settings
from tests.support.asgi import Peer
from tests.support.process import script, serve, until
from tests.support.redis import redis
from tests.support.wire import Wire

KEYS = SessionKeys([b"k" * 32])
INFO = {"name": "c", "version": "1", "title": "C", "icons": ["x" * 9000]}


def manager(backplane: Backplane | None = None, **options: Any) -> SessionManager:
    """A worker; those that are given one backplane share what is noted."""
    return SessionManager(KEYS, Workers(Bus(), backplane), **options)


async def started(backplane: Backplane | None = None, **options: Any) -> SessionManager:
    """One that hears the others and keeps what is open."""
    workers = Workers(Bus(), backplane)
    sessions = SessionManager(KEYS, workers, **options)
    await workers.start()
    sessions.start()
    return sessions


async def ended(sessions: SessionManager) -> None:
    sessions.stop()
    await sessions.backplane.stop()


class Clock:
    """The clocks of the sessions, moved by the test: time goes by, and nobody sets one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr(session_manager, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Call:
    """A request that is being served."""

    def __init__(self) -> None:
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


class OpenStream:
    """A standalone stream."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.closed = False

    def put(self, message: bytes) -> None:
        self.said.append(message)

    def close(self) -> None:
        self.closed = True

    def stop(self) -> None:
        self.closed = True


async def test_another_worker_rebuilds_it():
    session = manager().create("2025-06-18", INFO, {"sampling": {}}, "owner")
    worker = manager()
    assert worker.known(session.id, "owner") is None
    again = await worker.find(session.id, "owner")
    assert again is not None
    assert again is not session
    assert worker.known(session.id, "owner") is again
    assert (again.version, again.client_capabilities) == ("2025-06-18", {"sampling": {}})
    assert again.client_info == {"name": "c", "version": "1", "title": "C"}


async def test_who_is_a_stranger():
    sessions = manager()
    session = sessions.create("2025-11-25", INFO, {}, "ann")
    assert sessions.known(session.id, "ann") is session
    assert await sessions.find(session.id, "ann") is session
    for owner in ("", "bob"):
        assert sessions.known(session.id, owner) is None
        assert await sessions.find(session.id, owner) is None
        assert await manager().find(session.id, owner) is None
    anonymous = sessions.create("2025-11-25", INFO, {})
    assert await sessions.find(anonymous.id, "ann") is None
    assert await sessions.find(anonymous.id) is anonymous
    stranger = SessionManager(SessionKeys([b"x" * 32]), Workers(Bus()))
    forged = stranger.create("2025-11-25", INFO, {})
    for token in (forged.id, "", "x", session.id + "x", session.id[:-3], "." * 7000):
        assert await sessions.find(token) is None
    assert await sessions.find(KEYS.sign(b"{}")) is None
    assert await sessions.find(KEYS.sign(b"no json")) is None


def test_what_does_not_fit_into_a_header():
    with pytest.raises(McpError, match="at most 6144 fit"):
        manager().create("2025-11-25", INFO, {"experimental": {"x": {"y": "z" * 9000}}})


async def test_ended():
    shared = MemoryBackplane(Bus())
    sessions, other = manager(shared), manager(shared)
    session = sessions.create("2025-11-25", INFO, {})
    call = Call()
    session.begin(1, call)
    await session.remember("key", "value")
    await sessions.end(session)
    assert call.cancelled == 1
    assert await shared.notes(session.name) == {"ended": "1"}
    assert sessions.known(session.id) is None
    assert await sessions.find(session.id) is None
    assert await other.find(session.id) is None
    assert len(sessions) == 0


async def test_idle(clock: Clock):
    sessions = manager(idle_timeout=10)
    idle, busy = (sessions.create("2025-11-25", INFO, {}) for _ in range(2))
    call = Call()
    busy.begin(1, call)
    for _ in range(2):
        clock.now += 9
        assert sessions.known(idle.id) is None  # its use has to be noted
        assert await sessions.find(idle.id) is idle
        assert sessions.known(idle.id) is idle
    clock.now += 100
    assert await sessions.find(idle.id) is None
    assert await sessions.find(busy.id) is busy
    clock.now += 100
    busy.end(call)  # a call that took long: idle is counted from its end
    clock.now += 9
    assert await sessions.find(busy.id) is busy
    clock.now += 11
    assert await sessions.find(busy.id) is None


async def test_idle_is_what_nobody_uses_anywhere(clock: Clock):
    shared = MemoryBackplane(Bus())
    one, two = (manager(shared, idle_timeout=10) for _ in range(2))
    session = one.create("2025-11-25", INFO, {})
    for _ in range(5):
        clock.now += 9
        assert await two.find(session.id) is not None
    assert await manager(shared, idle_timeout=10).find(session.id) is not None
    clock.now += 11
    assert await manager(shared, idle_timeout=10).find(session.id) is None


async def test_a_restart_forgets_when_it_was_used_and_ends_none(clock: Clock):
    session = manager().create("2025-11-25", INFO, {})
    clock.now += 1000
    restarted = manager(idle_timeout=10)
    clock.now += 9
    assert await restarted.find(session.id) is not None
    clock.now += 11
    assert await restarted.find(session.id) is None


async def test_without_a_timeout_nothing_idles_out(clock: Clock):
    sessions = manager()
    session = sessions.create("2025-11-25", INFO, {})
    clock.now += 10**9
    assert sessions.known(session.id) is session


async def test_no_session_lives_for_ever(clock: Clock):
    sessions = manager(lifetime=100)
    session = sessions.create("2025-11-25", INFO, {})
    clock.now += 99
    assert sessions.known(session.id) is session
    clock.now += 2
    assert sessions.known(session.id) is None
    assert await sessions.find(session.id) is None
    assert await manager(lifetime=100).find(session.id) is None


async def test_an_open_stream_keeps_it(clock: Clock):
    shared = MemoryBackplane(Bus())
    sessions = await started(shared, idle_timeout=0.2)
    session = sessions.create("2025-11-25", INFO, {})
    await session.open_stream(OpenStream())
    clock.now += 100
    assert await sessions.find(session.id) is session
    clock.now += 100

    async def told() -> bool:
        used = await shared.fact(session.name, "used")
        return used is not None and float(used) == clock.now

    await until(told, "its use is noted")
    assert await manager(shared, idle_timeout=0.2).find(session.id) is not None
    await ended(sessions)


async def test_the_stream_of_a_worker_that_died_keeps_nothing(clock: Clock):
    shared = MemoryBackplane(Bus())
    died = manager(shared, idle_timeout=10)  # it keeps nothing alive
    session = died.create("2025-11-25", INFO, {})
    await session.open_stream(OpenStream())
    other = manager(shared, idle_timeout=10)
    clock.now += 9
    assert await other.find(session.id) is not None
    clock.now += 11
    assert await other.find(session.id) is None


async def test_a_flood_pushes_out_the_least_recently_used_and_no_busy_one():
    sessions = manager(capacity=3)
    used, unused, busy = (sessions.create("2025-11-25", INFO, {}) for _ in range(3))
    call = Call()
    busy.begin(1, call)
    await unused.set_log_level("error")
    assert sessions.known(used.id) is used
    for _ in range(100):
        sessions.create("2025-11-25", INFO, {})
        assert sessions.known(used.id) is used
    assert len(sessions) == 3
    assert sessions.known(busy.id) is busy
    assert sessions.open_sessions() == [busy]
    assert sessions.known(unused.id) is None
    rebuilt = await sessions.find(unused.id)
    assert rebuilt is not None
    assert rebuilt.log_level == "error"


async def test_what_one_worker_is_told_another_knows():
    shared = MemoryBackplane(Bus())
    one, two = manager(shared), manager(shared)
    session = one.create("2025-11-25", INFO, {})
    await session.set_log_level("warning")
    await session.subscribe("a:1")
    await session.subscribe("a:2")
    await session.unsubscribe("a:1")
    visibility = SessionVisibility()
    visibility.add([VisibilityRule.of(False, {"x"}, None, None, {"t"}, None)])
    await session.show(visibility)
    known = await two.find(session.id)
    assert known is not None
    assert (known.log_level, known.subscriptions) == ("warning", {"a:2"})
    assert known.visibility is not None
    assert known.visibility.rules == visibility.rules
    await session.show(None)
    rebuilt = await manager(shared).find(session.id)
    assert rebuilt is not None
    assert rebuilt.visibility is None


async def test_a_second_stream_ends_the_first():
    sessions = manager()
    session = sessions.create("2025-11-25", INFO, {})
    older, newer = OpenStream(), OpenStream()
    await session.open_stream(older)
    await session.open_stream(newer)
    assert (older.closed, newer.closed) == (True, False)
    await session.close_stream(older)
    assert session.stream is newer
    await session.say(b"{}")
    assert (older.said, newer.said) == ([], [b"{}"])
    await session.close_stream(newer)
    await session.say(b"{}")
    assert newer.said == [b"{}"]


class DownBackplane(MemoryBackplane):
    """Can keep nothing."""

    async def note(self, session: str, facts: Facts, ttl: float | None) -> None:
        raise BackplaneDown("Redis")


async def test_a_session_that_is_known_goes_on_though_its_use_cannot_be_told(clock: Clock):
    sessions = manager(DownBackplane(Bus()), idle_timeout=10)
    session = sessions.create("2025-11-25", INFO, {})
    for _ in range(3):
        clock.now += 9
        assert await sessions.find(session.id) is session
    clock.now += 11
    with pytest.raises(BackplaneDown):  # it is over, which the others have to know
        await sessions.find(session.id)


class LateBackplane(MemoryBackplane):
    """What it is asked is answered late, and what is noted meanwhile is told at once."""

    def __init__(self) -> None:
        super().__init__(Bus())
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def start(self, receive: Receive) -> None:
        await super().start(receive)
        self.receive = receive

    async def notes(self, session: str) -> Facts:
        facts = dict(await super().notes(session))
        self.asked.set()
        await self.go_on.wait()
        return facts


@pytest.mark.parametrize("fact", ["ended", "level"])
async def test_what_is_noted_while_a_session_is_looked_up(fact: str):
    late = LateBackplane()
    sessions = await started(late)
    session = manager().create("2025-11-25", INFO, {})
    finding = asyncio.create_task(sessions.find(session.id))
    await late.asked.wait()
    late.receive(Noted(session.name, {fact: "error"}))
    late.go_on.set()
    found = await finding
    assert (found is None) if fact == "ended" else (found and found.log_level == "error")
    await ended(sessions)


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")
async def test_a_worker_that_says_what_it_was_told_ends_no_stream():
    """One that starts tells all it knows, and that a stream is here it may know from a third."""
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as folder:
        home = Path(folder) / "home"
        here, second, third = (LocalBackplane(Bus(), home, "s", KEYS) for _ in range(3))
        sessions = await started(here)
        await second.start(lambda _: None)
        session, stream = sessions.create("2025-11-25", INFO, {}), OpenStream()
        await session.open_stream(stream)

        async def known() -> bool:
            return bool(await second.notes(session.name))

        await until(known, "the stream is known")
        (socket,) = home.rglob(f"{here.worker}.sock")
        hidden = socket.rename(socket.with_suffix(".hidden"))
        await third.start(lambda _: None)
        assert await third.notes(session.name) == {f"stream:{here.worker}": ""}
        hidden.rename(socket)
        assert await third.send(here.worker, Said(session.name, b"{}"))

        async def said() -> bool:
            return bool(stream.said)

        await until(said, "the stream is reached")
        assert not stream.closed
        for backplane in (second, third):
            await backplane.stop()
        await ended(sessions)


async def test_a_stream_that_was_opened_while_redis_was_away():
    with redis() as store:
        url = f"redis://127.0.0.1:{store.port}"
        one = await started(RedisBackplane(Bus(), line_at(url), "s", KEYS))
        two = await started(RedisBackplane(Bus(), line_at(url), "s", KEYS))
        session, stream = one.create("2025-11-25", INFO, {}), OpenStream()
        store.stop(signal.SIGKILL)
        with pytest.raises(BackplaneDown):
            await session.open_stream(stream)
        with redis(store.port):

            async def said() -> bool:
                with suppress(BackplaneDown):
                    there = await two.find(session.id)
                    assert there is not None
                    await there.say(b"{}")
                return bool(stream.said)

            await until(said, "the stream is reached")
            await ended(one)
            await ended(two)


def test_the_newest_of_two_calls_with_one_id_is_cancelled():
    session = Session("s", "2025-11-25", {}, {})
    older, newer = Call(), Call()
    session.begin(1, older)
    session.begin(1, newer)
    assert session.cancel(1)
    assert (older.cancelled, newer.cancelled) == (0, 1)
    session.end(newer)
    assert session.cancel(1)
    assert older.cancelled == 1
    session.end(older)
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


async def test_a_session_subscribes_to_so_much_and_no_more():
    peer = await Peer(build().http_app()).open()
    for number in range(1000):
        await peer.request("resources/subscribe", {"uri": f"a:{number}"})
    for uri in ("a:1000", "a:" + "x" * 5000):
        refused = await peer.request("resources/subscribe", {"uri": uri})
        assert refused.error["code"] == -32602
    await peer.request("resources/unsubscribe", {"uri": "a:1"})
    assert (await peer.request("resources/subscribe", {"uri": "a:1000"})).result == {}


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

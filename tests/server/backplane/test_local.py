"""Workers of one machine: they find each other, tell each other, and outlive each other."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fastmcp.server.backplane.base import (
    Answered,
    Message,
    Noted,
    Published,
    Resync,
    Said,
    StreamClosed,
    encode_message,
)
from fastmcp.server.backplane.line import MAX_FRAME, Proof, frame
from fastmcp.server.backplane.local import LocalBackplane
from fastmcp.server.bus import Bus, ResourceUpdated, ToolsChanged
from fastmcp.server.session_keys import SessionKeys
from tests.support.asgi import settled
from tests.support.process import until

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets"),
    pytest.mark.usefixtures("no_leaks"),
]

mixed = pytest.mark.asyncio(loop_factories=["asyncio"])
"""Its processes bring the other loop."""

KEY = "the key of these tests"
SECONDS = 20.0


@pytest.fixture
def home() -> Iterator[Path]:
    """Short enough for a socket; pytest's own folders need not be."""
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as folder:
        yield Path(folder) / "home"


class Peer:
    """A worker in this process, and what it hears."""

    def __init__(
        self,
        home: Path,
        *,
        group: str = "server",
        keys: tuple[str, ...] = (KEY,),
        patience: float = 10.0,
    ) -> None:
        self.bus = Bus()
        secret = SessionKeys([key.encode() for key in keys])
        self.backplane = LocalBackplane(self.bus, home, group, secret, patience)
        self.heard: list[Message] = []
        self._news = asyncio.Event()

    @property
    def name(self) -> str:
        return self.backplane.worker

    def hear(self, message: Message) -> None:
        self.heard.append(message)
        self._news.set()

    async def hears(self, *messages: Message) -> None:
        """Wait until it has heard so many, and compare all."""
        await self.hears_until(lambda: len(self.heard) >= len(messages))
        assert self.heard == list(messages)
        self.heard.clear()

    async def hears_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def nothing_more(self, *others: Peer) -> None:
        """Whoever had something to say has said it: a line is in order, so a word more from
        each proves it."""
        for other in others:
            word = StreamClosed(secrets.token_hex(4))
            assert await other.backplane.send(self.name, word)
            await self.hears(word)


@asynccontextmanager
async def peer(home: Path, **given: Any) -> AsyncIterator[Peer]:
    new = Peer(home, **given)
    await new.backplane.start(new.hear)
    try:
        yield new
    finally:
        await new.backplane.stop()


@asynccontextmanager
async def peers(home: Path, count: int, **given: Any) -> AsyncIterator[list[Peer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(peer(home, **given)) for _ in range(count)]


class Remote:
    """A worker in a process of its own (`worker.py`)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.name = ""
        self.heard: list[list[Any]] = []

    async def ask(self, *command: Any) -> Any:
        self.tell(*command)
        return await self.reply()

    def tell(self, *command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def reply(self) -> Any:
        while (said := await self._line())[0] == "heard":
            self.heard.append(said[1:])
        return said[1] if said[0] == "done" else said[0]

    async def hears(self, *messages: list[Any]) -> None:
        """Wait until it has heard so many, and compare all."""
        await self.hears_until(lambda: len(self.heard) >= len(messages))
        assert self.heard == list(messages)
        self.heard.clear()

    async def hears_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            said = await self._line()
            assert said[0] == "heard"
            self.heard.append(said[1:])

    async def _line(self) -> list[Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
            line = await self.process.stdout.readline()
        assert line, f"the worker ended: {await self.process.wait()}"
        return json.loads(line)

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


@asynccontextmanager
async def remotes(
    home: Path, *loops: str, key: str = KEY, patience: float = 10.0, start: bool = True
) -> AsyncIterator[list[Remote]]:
    """Processes, one a loop, that are started one after the other unless told otherwise."""
    found: list[Remote] = []
    try:
        for loop in loops:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(Path(__file__).with_name("worker.py")),
                *(str(home), "server", key, loop, str(patience)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            found.append(Remote(process))
        for remote in found:
            assert await remote.reply() == "ready"
        if start:
            for remote in found:
                remote.name = await remote.ask("start")
        yield found
    finally:
        for remote in found:
            await remote.end()


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def sockets(folder: Path) -> list[Path]:
    return [path for path in everything(folder) if stat.S_ISSOCK(path.lstat().st_mode)]


# Telling each other


async def test_two_workers(home: Path):
    async with peers(home, 2) as (a, b):
        answer = Answered("s", f"{b.name}.1", b"{}")
        assert await a.backplane.send(b.name, answer)
        await b.hears(answer)
        assert await b.backplane.send(a.name, Said("s", b"1"))
        await a.hears(Said("s", b"1"))
        assert a.name != b.name
        assert await a.backplane.ready()


async def each_hears_each_once(workers: list[Peer]) -> None:
    last = StreamClosed("last")
    for worker in workers:
        await worker.backplane.broadcast(StreamClosed(worker.name))
    for worker in workers:
        others = [w for w in workers if w is not worker]
        await worker.hears_until(lambda w=worker: len(w.heard) >= len(workers) - 1)
        for other in others:
            # What it said before on any line is there now: all lines are in this process.
            assert await other.backplane.send(worker.name, last)
        await worker.hears_until(lambda w=worker: w.heard.count(last) == len(workers) - 1)
        expected = [StreamClosed(w.name) for w in others] + [last] * len(others)
        assert sorted(map(repr, worker.heard)) == sorted(map(repr, expected))
        worker.heard.clear()


async def test_a_broadcast_reaches_all_others_once(home: Path):
    async with peers(home, 4) as workers:
        await each_hears_each_once(workers)


async def test_order_is_kept(home: Path):
    async with peers(home, 2) as (a, b):
        messages = [Said("s", str(n).encode() * 1000) for n in range(500)]
        for message in messages:
            await a.backplane.broadcast(message)
        await b.hears(*messages)


async def test_nobody_of_that_name(home: Path):
    async with peer(home) as a:
        (home.parent / "outside.sock").touch()
        for name in ("0badc0de", "", "..", "../../outside", "x" * 8, "0badc0de\n", a.name):
            assert not await a.backplane.send(name, StreamClosed("s"))
        assert (home.parent / "outside.sock").exists()
        assert a.heard == []


async def test_alone_it_is_a_memory_backplane(home: Path):
    async with peer(home) as a:
        await a.backplane.broadcast(StreamClosed("s"))
        await a.backplane.note("s", {"level": "info"}, None)
        assert await a.backplane.notes("s") == {"level": "info"}


@pytest.mark.parametrize("other", [{"group": "another"}, {"home": "another"}])
async def test_strangers_do_not_meet(home: Path, other: dict[str, str]):
    where = home.with_name(other.get("home", home.name))
    async with peer(home) as a, peer(where, group=other.get("group", "server")) as b:
        assert not await a.backplane.send(b.name, StreamClosed("s"))
        assert not await b.backplane.send(a.name, StreamClosed("s"))


async def test_facts_are_told(home: Path):
    async with peers(home, 3) as (a, b, c):
        await a.backplane.note("s", {"level": "info", "ended": None}, None)
        for other in (b, c):
            await other.hears(Noted("s", {"level": "info", "ended": None}))
            assert await other.backplane.notes("s") == {"level": "info"}
        await b.backplane.note("s", {"level": None}, None)
        await a.hears(Noted("s", {"level": None}))
        assert await a.backplane.notes("s") == {}
        assert await b.backplane.notes("s") == {}


async def test_changes_are_told_and_go_no_further(home: Path):
    async with peers(home, 3) as (a, b, c):
        published: list[Any] = []
        b.bus.subscribe(published.append)
        a.bus.publish(ToolsChanged())
        a.bus.publish(ResourceUpdated("test://1"))
        both = Published(ToolsChanged()), Published(ResourceUpdated("test://1"))
        await b.hears(*both)
        await c.hears(*both)
        for worker in (a, b, c):
            assert worker.backplane.feed.after(0) == [(1, both[0].change), (2, both[1].change)]
        await a.nothing_more(b, c)
        await b.nothing_more(a, c)
        assert published == []


async def test_a_large_message(home: Path):
    async with peers(home, 2) as (a, b):
        message = Said("s", secrets.token_bytes(10_000_000))
        assert await a.backplane.send(b.name, message)
        await b.hears(message)


async def test_a_message_that_is_too_large(home: Path, caplog: pytest.LogCaptureFixture):
    async with peers(home, 2) as (a, b):
        message = Said("s", bytes(MAX_FRAME))
        assert not await a.backplane.send(b.name, message)
        await a.backplane.broadcast(message)
        assert "too large for another worker" in caplog.text
        await b.nothing_more(a)


async def test_a_message_nobody_knows_is_passed_over(home: Path):
    async with peers(home, 2) as (a, b):
        a.backplane._lines[b.name][0].write(frame(b"\x81\xa4type\xa6Future"))
        a.backplane._lines[b.name][0].write(frame(encode_message(Resync())))  # never a worker's
        await b.nothing_more(a)


async def test_a_listener_that_fails_does_not_end_the_line(
    home: Path, caplog: pytest.LogCaptureFixture
):
    async with peers(home, 2) as (a, b):
        b.backplane._receive = lambda message: (
            1 / 0 if message == StreamClosed("bad") else b.hear(message)
        )
        await a.backplane.broadcast(StreamClosed("bad"))
        await b.nothing_more(a)
        assert "ZeroDivisionError" in caplog.text


# Starting late, and again


async def test_the_end_of_a_session_is_told_and_nobody_keeps_it_longer(home: Path):
    async with peers(home, 2) as (a, b):
        await a.backplane.note("brief", {"ended": "1"}, 0.05)
        await until(lambda: len(b.heard) == 1, "it is told")

        async def forgotten() -> bool:
            await a.backplane.note("lasting", {"level": "info"}, 60.0)
            return not any([await one.backplane.notes("brief") for one in (a, b)])

        await until(forgotten, "it is forgotten")
        assert await b.backplane.notes("lasting") == {"level": "info"}
        async with peer(home) as late:
            assert await late.backplane.notes("lasting") == {"level": "info"}


async def test_a_late_starter_knows_the_facts(home: Path):
    async with peers(home, 2) as (a, b):
        await a.backplane.note("one", {"ended": "1"}, None)
        await b.backplane.note("two", {"level": "debug", "uris": "test://1"}, None)
        await b.hears(Noted("one", {"ended": "1"}))
        async with peer(home) as late:
            assert await late.backplane.notes("one") == {"ended": "1"}
            assert await late.backplane.notes("two") == {"level": "debug", "uris": "test://1"}
            # Both told both; and who starts has missed nothing.
            assert len(late.heard) == 4
            assert all(isinstance(message, Noted) for message in late.heard)


async def test_many_facts(home: Path):
    """More than fits into a socket: each side hears while it tells."""
    async with peer(home) as a:
        for n in range(9000):
            await a.backplane.note(f"session-{n}", {"uris": "u" * 100}, None)
        async with peer(home) as late:
            assert len(late.heard) == 9000
            assert await late.backplane.notes("session-8999") == {"uris": "u" * 100}


async def test_a_backplane_starts_again(home: Path):
    async with peers(home, 2) as (a, b):
        before = b.name
        await b.backplane.stop()
        assert not await a.backplane.send(before, StreamClosed("s"))
        await b.backplane.start(b.hear)
        assert b.name != before
        await b.nothing_more(a)
        await a.nothing_more(b)


async def test_stop_leaves_nothing(home: Path):
    async with peers(home, 3) as (a, b, c):
        assert len(sockets(home)) == 3
        await a.backplane.stop()
        assert len(sockets(home)) == 2
        assert not await a.backplane.send(b.name, StreamClosed("s"))
        await a.backplane.broadcast(StreamClosed("s"))
        await a.backplane.stop()  # twice is as good
        await b.nothing_more(c)
    assert [path for path in everything(home) if not path.is_dir()] == []


async def test_what_was_said_last_arrives(home: Path):
    async with peers(home, 2) as (a, b):
        message = Said("s", bytes(2_000_000))
        sending = asyncio.create_task(a.backplane.send(b.name, message))
        await asyncio.sleep(0)
        await a.backplane.stop()
        await sending
        await b.hears(message)


async def test_workers_that_start_at_once(home: Path):
    async with AsyncExitStack() as stack:
        entering = [stack.enter_async_context(peer(home)) for _ in range(4)]
        workers = await asyncio.gather(*entering)
        await each_hears_each_once(workers)
        assert not [w for w in workers if Resync() in w.heard]


async def test_two_that_called_each_other(home: Path):
    """It comes about by chance when workers start at once; here it is certain."""
    async with peers(home, 3) as (a, b, c):
        await a.backplane._call(b.name)
        assert len(a.backplane._lines[b.name]) == len(b.backplane._lines[a.name]) == 2
        await a.hears(Resync())
        await b.hears(Resync())
        await each_hears_each_once([a, b, c])


async def test_one_line_lost_of_two_is_both_lost(home: Path):
    """Something may have been on its way on it; so they meet again, and look again."""
    async with peers(home, 2, patience=60.0) as (a, b):
        await a.backplane._call(b.name)
        await a.hears(Resync())
        await b.hears(Resync())
        a.backplane._lines[b.name][0].abort()
        await a.hears_until(lambda: Resync() in a.heard)
        await b.hears_until(lambda: Resync() in b.heard)


@mixed
async def test_processes_that_start_at_once(home: Path):
    async with remotes(home, "asyncio", "uvloop", "asyncio", "uvloop", start=False) as workers:
        for worker in workers:
            worker.tell("start")
        for worker in workers:
            worker.name = await worker.reply()
        assert len(sockets(home)) == 4
        for worker in workers:
            await worker.ask("broadcast", worker.name, 1)
            await worker.ask("publish", f"test://{worker.name}")
        for worker in workers:
            others = [w for w in workers if w is not worker]
            for other in others:  # the last word of each
                assert await other.ask("send", worker.name, "last", 2)
            assert await worker.ask("notes", "none") == {}
            heard = worker.heard
            await worker.hears_until(lambda heard=heard: heard.count(["said", "last", 2]) == 3)
            expected = [["said", "last", 2]] * 3
            expected += [["said", other.name, 1] for other in others]
            expected += [["published", f"test://{other.name}"] for other in others]
            assert sorted(worker.heard) == sorted(expected)
            worker.heard.clear()
        for worker in workers:
            assert await worker.ask("stop") == []
        assert sockets(home) == []


# Death


@mixed
async def test_a_killed_worker_is_gone_at_once(home: Path):
    async with (
        remotes(home, "asyncio", "uvloop", patience=60.0) as (a, b),
        peer(home, patience=60.0) as c,  # nobody looks around for so long
    ):
        b.process.kill()
        await b.process.wait()

        async def cleaned() -> bool:
            return sorted(path.stem for path in sockets(home)) == sorted([a.name, c.name])

        await until(cleaned, "the dead worker's socket is removed", SECONDS)

        async def gone() -> bool:
            return not await c.backplane.send(b.name, Said("s", b"1"))

        await until(gone, "the dead worker is known to be dead", SECONDS)
        assert await c.backplane.send(a.name, Said("s", b"1"))
        await a.hears(["said", "s", 1])


@mixed
async def test_the_socket_of_a_dead_worker_is_removed_by_who_starts(home: Path):
    async with remotes(home, "asyncio") as (dead,):
        dead.process.kill()
        await dead.process.wait()
        assert len(sockets(home)) == 1
        async with peer(home) as a:
            assert [path.stem for path in sockets(home)] == [a.name]


@mixed
async def test_a_killed_worker_that_is_started_again(home: Path):
    async with peer(home) as a:
        await a.backplane.note("s", {"ended": "1"}, None)
        async with remotes(home, "asyncio") as (first,):
            await first.hears(["noted", "s", {"ended": "1"}])
            first.process.kill()
            await first.process.wait()
        async with remotes(home, "uvloop") as (second,):
            assert await second.ask("notes", "s") == {"ended": "1"}
            assert await a.backplane.send(second.name, StreamClosed("s")) is True
    assert Resync() not in a.heard  # it is another worker: nothing was missed


# A worker that does not read


@contextmanager
def stopped(remote: Remote) -> Iterator[None]:
    remote.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        remote.process.send_signal(signal.SIGCONT)


@mixed
async def test_a_stuck_worker_holds_nobody_up_and_comes_back(home: Path):
    async with (
        remotes(home, "asyncio", "uvloop") as (stuck, free),
        peer(home, patience=1.0) as a,
    ):
        await a.backplane.note("s", {"level": "old"}, None)
        await stuck.hears(["noted", "s", {"level": "old"}])
        await free.hears(["noted", "s", {"level": "old"}])
        with stopped(stuck):
            telling = asyncio.create_task(a.backplane.broadcast(Said("s", bytes(1_000_000))))
            await free.hears(["said", "s", 1_000_000])
            async with asyncio.timeout(SECONDS):
                await telling
            await a.backplane.note("s", {"level": "new"}, None)
            a.bus.publish(ResourceUpdated("test://1"))
            await free.hears(["noted", "s", {"level": "new"}], ["published", "test://1"])
            assert not await a.backplane.send(stuck.name, StreamClosed("s"))
            async with peer(home, patience=1.0) as late:  # it can start beside a stuck one
                assert await late.backplane.notes("s") == {"level": "new"}
        # What it missed it learns, and what it believed meanwhile it takes back.
        await stuck.hears(["noted", "s", {"level": "new"}], ["resync"])
        await a.hears_until(lambda: Resync() in a.heard)
        assert await a.backplane.notes("s") == {"level": "new"}
        assert a.backplane.feed.after(0) is None
        assert await a.backplane.send(stuck.name, Said("s", b"1"))
        await stuck.hears(["said", "s", 1])


@mixed
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_what_waits_for_a_stuck_worker_is_bounded(home: Path, loop: str):
    async with remotes(home, loop, "asyncio") as (other, stuck):
        with stopped(stuck):
            before = await other.ask("memory")
            await other.ask("flood", 500, 1_000_000)
            assert await other.ask("memory") - before < 4 * MAX_FRAME
        await stuck.hears_until(lambda: ["resync"] in stuck.heard)


@mixed
async def test_who_could_not_be_reached_is_reached_later(home: Path):
    async with remotes(home, "asyncio", patience=0.5) as (stuck,):
        a = Peer(home, patience=0.2)
        try:
            with stopped(stuck):
                await a.backplane.start(a.hear)
                await a.backplane.note("s", {"level": "info"}, None)
            # With no other word of ours. Both were at work, and may have said more than that.
            await stuck.hears(["noted", "s", {"level": "info"}], ["resync"])
            await a.hears(Resync())
        finally:
            await a.backplane.stop()


# Who may come in


async def test_another_key_is_refused(home: Path, caplog: pytest.LogCaptureFixture):
    async with peer(home) as a:
        await a.backplane.note("s", {"level": "secret"}, None)
        async with peer(home, keys=("another key altogether",)) as b:
            for _ in range(2):
                assert not await b.backplane.send(a.name, StreamClosed("s"))
                assert not await a.backplane.send(b.name, StreamClosed("s"))
            await a.backplane.broadcast(StreamClosed("s"))
            assert len(sockets(home)) == 2
            assert (a.heard, b.heard) == ([], [])
            assert await b.backplane.notes("s") == {}
    assert len(caplog.records) == 2  # one each
    assert "FASTMCP_SESSION_KEY" in caplog.text


async def test_keys_that_are_changing(home: Path):
    new = "the next key of these tests"
    async with peer(home, keys=(KEY, new)) as a, peer(home, keys=(new, KEY)) as b:
        await a.nothing_more(b)
        await b.nothing_more(a)


@asynccontextmanager
async def connection(
    worker: Peer, home: Path
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    (path,) = (path for path in sockets(home) if path.stem == worker.name)
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SECONDS):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_a_wrong_proof_gets_nothing(home: Path, caplog: pytest.LogCaptureFixture):
    async with peer(home) as a:
        await a.backplane.note("s", {"level": "secret"}, None)
        for _ in range(3):
            async with connection(a, home) as (reader, writer):
                writer.write(b"0badc0de" + bytes(32))
                await reader.readexactly(64)
                writer.write(bytes(32))
                assert await all_of(reader) == b""
        assert len(caplog.records) == 1
        assert a.heard == []


async def test_who_is_called_proves_itself_as_well(home: Path, caplog: pytest.LogCaptureFixture):
    got: list[bytes] = []

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(40)
        writer.write(bytes(64))
        got.append(await all_of(reader))
        writer.close()

    async with peer(home) as a:
        await a.backplane.note("s", {"level": "secret"}, None)
        (path,) = sockets(home)
        server = await asyncio.start_unix_server(pretend, str(path.with_name("0badc0de.sock")))
        for _ in range(2):
            assert not await a.backplane.send("0badc0de", Said("s", b"secret"))
        server.close()
        await server.wait_closed()
    assert got == [b"", b""]
    assert len(caplog.records) == 1


async def test_a_proof_is_no_proof_of_the_other_side(home: Path):
    """A worker's own proof, given back to it, proves nothing."""
    async with peer(home) as a, connection(a, home) as (reader, writer):
        writer.write(b"0badc0de" + bytes(32))
        writer.write((await reader.readexactly(64))[32:])
        assert await all_of(reader) == b""


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 40])
async def test_who_does_not_prove_itself_is_hung_up_on(home: Path, said: bytes):
    async with peer(home, patience=0.2) as a, connection(a, home) as (reader, writer):
        writer.write(said)
        assert len(await all_of(reader)) in (0, 64)


async def test_a_worker_that_sends_no_frames_is_dropped(
    home: Path, caplog: pytest.LogCaptureFixture
):
    proof = Proof(SessionKeys([KEY.encode()]), "server", "0badc0de")
    async with peer(home) as a, connection(a, home) as (reader, writer):
        await proof.call(a.name, reader, writer)
        assert await reader.readexactly(4 + 7) == frame(b"working")  # it has nothing to tell
        writer.write(b"\xff\xff\xff\xff")
        assert await all_of(reader) == b""
        assert "0badc0de sent a frame of 4294967295 bytes" in caplog.text


# The folder


async def test_modes(home: Path):
    before = os.umask(0)
    try:
        async with peers(home, 2):
            (folder,) = {path.parent for path in sockets(home)}
            assert folder.parent == home / "workers"
            for path in (home, home / "workers", folder):
                assert stat.S_IMODE(path.stat().st_mode) == 0o700
            for path in sockets(home):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


async def refused(home: Path, match: str) -> None:
    """Starting fails, and nothing of it is left."""
    before = everything(home.parent)
    a = Peer(home)
    with pytest.raises(OSError, match=match):
        await a.backplane.start(a.hear)
    a.bus.publish(ToolsChanged())
    await settled()
    assert a.backplane.feed.position == 0
    assert not await a.backplane.send("0badc0de", StreamClosed("s"))
    await a.backplane.stop()
    assert everything(home.parent) == before


async def test_a_folder_that_others_can_enter_is_refused(home: Path):
    async with peer(home):
        (folder,) = (home / "workers").iterdir()
    folder.chmod(0o750)
    await refused(home, "mode 0700")
    folder.chmod(0o700)
    async with peer(home):
        assert len(sockets(home)) == 1


async def test_no_place_for_a_folder(home: Path):
    (home.parent / "file").touch()
    await refused(home.parent / "file" / "home", "file")


async def test_no_unix_sockets(home: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        await refused(home, "Windows")


async def test_a_path_too_long_for_a_socket(home: Path, monkeypatch: pytest.MonkeyPatch):
    temporary = home.parent / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    long = home / ("long" * 20) / "home"
    async with peers(long, 2) as (a, b):
        await a.nothing_more(b)
        (folder,) = temporary.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(sockets(temporary)) == 2
        async with peer(home / ("long" * 20) / "other") as c:
            assert not await c.backplane.send(a.name, StreamClosed("s"))
    assert sockets(temporary) == []

    # What someone else put there before us is not used.
    real = home.parent / "real"
    folder.rename(real)
    folder.symlink_to(real)
    await refused(long, "mode 0700")


async def test_no_path_short_enough(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(home.parent / ("long" * 25)))
    await refused(home / ("long" * 20), "too long")


async def test_nothing_is_made_before_the_start(home: Path):
    """A server is built before its workers fork."""
    a = Peer(home)
    assert everything(home.parent) == []
    assert a.name == ""
    await a.backplane.stop()

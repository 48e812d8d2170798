"""What a test sees of our client from outside: what it sends, how it leaves, what stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.outsiders.meeting import HANDSHAKE
from tests.support.process import Server, serve
from tests.support.recorder import Recorder, recording


class Restartable:
    """A server that can be ended and started again at the same port.

    Args:
        argv: makes its command line from the port.
        env: its environment.
    """

    def __init__(self, argv: Callable[[int], Sequence[str | Path]], env: dict[str, str]) -> None:
        self._argv = argv
        self._env = env
        self._running: Any = None
        self.server = self._start(None)

    def _start(self, port: int | None) -> Server:
        self._running = serve(self._argv, env=self._env, clean=False, port=port)
        self.server = self._running.__enter__()
        return self.server

    def stop(self) -> None:
        """Let it end."""
        self._running.__exit__(None, None, None)

    async def restart(self) -> None:
        """As a deploy does: ended, waited for, started again."""
        await asyncio.to_thread(self.stop)
        await asyncio.to_thread(self._start, self.server.port)

    async def replace(self) -> None:
        """As after a crash: killed, so that it answers nobody, and started again."""
        self.server.process.kill()
        await self.restart()


@contextmanager
def watched(url: str) -> Iterator[Recorder]:
    """A recorder in front of a server; what our side sends must fit the protocol."""
    with recording(url) as recorder:
        yield recorder
    ours = [violation for violation in recorder.violations if "from the client" in violation]
    assert not ours, "\n".join(ours)
    assert recorder.seen


def assert_left(recorder: Recorder, version: str | None) -> None:
    """The session, where there was one, was ended once."""
    ended = [status for verb, status, _ in recorder.exchanges if verb == "DELETE"]
    assert ended == ([200] if version == HANDSHAKE else [])


@contextmanager
def nothing_stays() -> Iterator[None]:
    """No task that was begun inside is there at the end."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() <= before

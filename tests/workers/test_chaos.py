"""Many clients at three workers behind nginx, while workers are restarted and killed.

Nothing that was promised is lost: every call that ends well has all its progress, in order and
once, and the right answer; none is run twice; no session is lost. Only calls that ran on a killed
worker fail, and they hear of it within the lease.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.exceptions import McpError
from tests.support.extent import extent
from tests.support.nginx import balanced, nginx
from tests.support.process import Server, free_port, serve, uvicorn
from tests.support.redis import redis
from tests.workers.conftest import HERE, environment

SESSIONS = extent(60, 200)
LEASE = 3.0
GRACE = 10
MARGIN = 6.0
"""Seconds beyond the lease: the machine of the tests has more processes than cores."""


class Crew:
    """Three workers at fixed ports, which can be ended and started again."""

    def __init__(self, folder: Path, store: Server) -> None:
        self._stack = ExitStack()
        self._env = environment(
            folder, store, LEASE=str(LEASE), FASTMCP_HTTP_SHUTDOWN_GRACE=str(GRACE)
        )
        self.ports = [free_port() for _ in range(3)]
        self.servers: dict[int, Server] = {}
        self.killed: dict[int, float] = {}
        """When workers were killed, by their process ids."""
        for port in self.ports:
            self.start(port)

    def start(self, port: int) -> None:
        app = uvicorn("server:app", "--log-level", "warning")
        self.servers[port] = self._stack.enter_context(
            serve(app, cwd=HERE, env=self._env, port=port, clean=False)
        )

    async def restart(self, port: int) -> None:
        """As a deploy does: told to stop, waited for, started again."""
        server = self.servers[port]
        code = await asyncio.to_thread(server.stop, signal.SIGTERM)
        assert code == 0, server.log
        server.assert_clean()
        await asyncio.to_thread(self.start, port)

    async def kill(self, port: int) -> None:
        server = self.servers[port]
        self.killed[server.process.pid] = time.monotonic()
        os.killpg(server.process.pid, signal.SIGKILL)
        await asyncio.to_thread(server.process.wait)
        await asyncio.to_thread(self.start, port)

    def close(self) -> None:
        self._stack.close()


class Customer:
    """One client: what it asked for, what it got."""

    def __init__(self, number: int, url: str) -> None:
        self.number = number
        self.url = url
        self.done: Counter[str] = Counter()
        self.failed: list[tuple[str, float, str]] = []
        self.changes = 0
        self.random = random.Random(number)

    async def run(self, stop: asyncio.Event) -> None:
        async def elicited(message: str, kind: Any, params: Any, context: Any) -> Any:
            return kind(value=message[::-1])

        async def heard(message: Any) -> None:
            if getattr(message, "method", None) == "notifications/prompts/list_changed":
                self.changes += 1

        client = Client(
            self.url,
            mode="legacy",
            timeout=60,
            elicitation_handler=elicited,
            message_handler=heard,
        )
        async with client:
            turn = 0
            while not stop.is_set():
                turn += 1
                await self._one(client, self.random.choice(("add", "ticking", "ask", "slow")), turn)
                await asyncio.sleep(self.random.random())
            # Whatever happened, the session is still the same.
            assert (await client.call_tool("add", {"a": 1, "b": self.number})).data == (
                1 + self.number
            )

    async def _one(self, client: Client, tool: str, turn: int) -> None:
        tag = f"{self.number}.{turn}"
        steps: list[float] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            steps.append(done)

        try:
            if tool == "add":
                result = await client.call_tool("add", {"a": turn, "b": self.number})
                assert result.data == turn + self.number
            elif tool == "ask":
                result = await client.call_tool("ask", {"question": tag})
                assert result.data == f"{tag}: {tag[::-1]}"
            elif tool == "slow":
                result = await client.call_tool("slow", {"seconds": 0.5, "tag": tag})
                assert result.data == f"slow {tag}"
            else:
                arguments = {"n": 5, "pause": 0.1, "tag": tag}
                result = await client.call_tool("ticking", arguments, progress_handler=progress)
                assert result.data == f"ticked {tag}"
                assert steps == [1, 2, 3, 4, 5]
            self.done[tool] += 1
        except McpError as error:
            assert steps == list(range(1, len(steps) + 1))
            self.failed.append((tag, time.monotonic(), f"{tool}: {error}"))


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("many_files")
async def test_chaos(tmp_path: Path) -> None:
    with ExitStack() as stack:
        store = stack.enter_context(redis())
        crew = Crew(tmp_path, store)
        stack.callback(crew.close)
        proxy = stack.enter_context(nginx(lambda port: balanced(port, crew.ports)))
        stop = asyncio.Event()
        customers = [Customer(number, proxy.url) for number in range(SESSIONS)]
        async with asyncio.TaskGroup() as group:
            for customer in customers:
                group.create_task(customer.run(stop))
                await asyncio.sleep(0.01)
            for port in crew.ports:
                await crew.restart(port)
            for port in crew.ports[:2]:
                await crew.kill(port)
                await asyncio.sleep(LEASE)
            async with Client(proxy.url, mode="legacy") as client:
                await client.call_tool("change")
            await asyncio.sleep(2 * LEASE)
            stop.set()
        for server in crew.servers.values():
            server.assert_clean()

    done = sum((customer.done for customer in customers), Counter[str]())
    failed = [failure for customer in customers for failure in customer.failed]
    print(f"chaos: {dict(done)} done, {len(failed)} failed")
    assert min(done[tool] for tool in ("add", "ticking", "ask", "slow")) > SESSIONS / 2
    journal = [line.split() for line in (tmp_path / "journal").read_text().splitlines()]
    began = {tag: int(pid) for _, what, pid, tag in journal if what == "begins"}
    twice = Counter(tag for _, what, _, tag in journal if what == "begins")
    assert max(twice.values()) == 1, "a call ran twice"
    for tag, at, why in failed:
        # It ran on a worker that was killed, or was on its way to it, and failed within the lease.
        pid = began.get(tag)
        killed = [crew.killed[pid]] if pid is not None else crew.killed.values()
        after = [round(at - then, 2) for then in killed]
        assert any(0 <= late < LEASE + MARGIN for late in after), (tag, why, after)
    changed = sum(customer.changes > 0 for customer in customers)
    assert changed == SESSIONS, "a change did not reach every stream"

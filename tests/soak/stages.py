"""The servers that are soaked, each with its clients in a process of their own.

Two kinds: two workers that share a Redis, behind nginx, with tokens; and one process alone, with
its events in memory, that lets everybody in. Their times are short, so that all that a server
keeps for a while comes and goes many times.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import redis as redis_py

from fastmcp.server.auth.providers.jwt import RSAKeyPair
from tests.soak.broken import LIMIT
from tests.soak.ledger import Ledger
from tests.soak.load import Work
from tests.support.locks import ROOT
from tests.support.nginx import balanced, nginx
from tests.support.process import Server, serve, uvicorn
from tests.support.redis import redis

HERE = Path(__file__).parent
Figures = dict[str, int]
LOGGING = {"FASTMCP_LOG_FORMAT": "json", "FASTMCP_LOG_LEVEL": "WARNING"}
_MESSAGE = 2**24
"""Bytes of a line that a process of clients writes, at most."""
_GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Larger pieces of memory are given back to the system as soon as they are free. By itself glibc
learns from the first large body that such come and go, and puts the next among the small pieces: a
process that reads bodies of any size then grows for half an hour by the holes that they leave,
though it holds nothing more."""


@dataclass(frozen=True)
class Times:
    """How long servers keep things, in seconds.

    Attributes:
        session: a session.
        kept: what waits for a client: events, questions, outcomes of tasks.
        task: a background task, whatever it does.
    """

    session: int
    kept: int
    task: int

    def environment(self) -> dict[str, str]:
        """As servers are told."""
        return {
            "FASTMCP_HTTP_SESSION_LIFETIME": str(self.session),
            "FASTMCP_INPUT_REQUIRED_HOLD": str(self.kept),
            "FASTMCP_REQUEST_STATE_TTL": str(self.kept),
            "FASTMCP_TASKS_RETENTION": str(self.kept),
            "FASTMCP_TASKS_LIFETIME": str(self.task),
            "SOAK_EVENTS": str(self.kept),
            "FASTMCP_HTTP_WRITE_TIMEOUT": "3",
            "FASTMCP_HTTP_STREAM_LIFETIME": "10",
            "FASTMCP_HTTP_TOKEN_RECHECK": "1",
            "FASTMCP_HTTP_SSE_INITIALIZE_TIMEOUT": "5",
            "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "1",
            "FASTMCP_HTTP_MAX_BODY_BYTES": str(LIMIT),
            "FASTMCP_HTTP_SHUTDOWN_GRACE": "1",
            **LOGGING,
        }


class Clients:
    """The process of a stage's clients, seen from here.

    Args:
        process: whose pipes are open.
        log: what it writes to stderr.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self.heard: Callable[[Figures], None] = lambda _: None

    async def _tell(self, words: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(words) + b"\n")
        await self._process.stdin.drain()

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(errors="replace")

    async def begin(self, work: Work) -> None:
        await self._tell(work)

    async def do(self, what: str, **more: Any) -> Any:
        """Have something done; figures that come meanwhile go to `heard`."""
        await self._tell({"do": what, **more})
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            found = json.loads(line)
            if "done" in found:
                return Ledger.decode(found["done"])
            if "kinds" in found:
                return found
            self.heard(found["vitals"])
        raise RuntimeError("the process of the clients has ended")


@dataclass
class Stage:
    """A server and its clients.

    Attributes:
        name: for people.
        servers: its workers.
        clients: who come.
        store: the Redis of its workers, or None.
    """

    name: str
    servers: list[Server]
    clients: Clients
    store: Server | None

    async def figures(self) -> dict[str, Figures]:
        """What each of its processes holds now, by name; without the clients'."""
        found = {
            f"{self.name} {number}": await self.ask(server, "vitals")
            for number, server in enumerate(self.servers, 1)
        }
        if self.store is not None:
            found[f"{self.name} Redis"] = await asyncio.to_thread(self._store)
        return found

    async def ask(self, server: Server, what: str) -> Any:
        """What a worker says of itself."""
        url = f"http://127.0.0.1:{server.port}/{what}"
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
            http.get(url) as response,
        ):
            response.raise_for_status()
            return await response.json(content_type=None)

    def _store(self) -> Figures:
        assert self.store is not None
        with redis_py.Redis(port=self.store.port) as client:
            found: Any = client.info()
            kinds: Figures = {}
            for key in client.scan_iter(count=1000):
                kind = f"keys: {_kind(key.decode())}"
                kinds[kind] = kinds.get(kind, 0) + 1
            return {
                "memory": found["used_memory"] // 1024,
                "keys": found["db0"]["keys"] if "db0" in found else 0,
                "channels": found.get("pubsub_channels", 0),
                **kinds,
            }


def _kind(key: str) -> str:
    """What a key is of: `fastmcp:events:...` is of events."""
    _, of_group, name = key.partition("}:")
    return name.partition(":")[0] if of_group else key.split(":")[1]


@asynccontextmanager
async def stages(times: Times, folder: Path, **work: Any) -> AsyncIterator[list[Stage]]:
    """Both kinds of servers with their clients, ended with the block.

    Args:
        times: how long servers keep things.
        folder: for what the workers share.
        work: of the clients, as in `Work`.
    """
    async with AsyncExitStack() as stack:
        pair = RSAKeyPair.generate()
        store = stack.enter_context(redis())
        common = {**os.environ, **times.environment()}
        shared = {
            **common,
            "FASTMCP_HOME": str(folder / "home"),
            "FASTMCP_REDIS_URL": f"redis://127.0.0.1:{store.port}",
            "SOAK_PUBLIC_KEY": pair.public_key,
        }
        app = uvicorn("server:app", "--log-level", "warning", "--timeout-keep-alive", "30")
        workers = [
            stack.enter_context(serve(app, cwd=HERE, env=shared, clean=False)) for _ in range(2)
        ]
        ports = [server.port for server in workers]
        front = stack.enter_context(nginx(lambda port: balanced(port, ports)))
        alone = stack.enter_context(serve(app, cwd=HERE, env=common, clean=False))
        secret = pair.private_key.get_secret_value()
        found: list[Stage] = []
        for name, url, servers, key, redis_of in (
            ("workers", front.url, workers, secret, store),
            ("alone", alone.url, [alone], "", None),
        ):
            clients = await stack.enter_async_context(_clients(folder / f"{name}.log"))
            urls = [server.url for server in servers]
            await clients.begin(Work(url, urls, key, seed=len(found), **work))
            found.append(Stage(name, servers, clients, redis_of))
        yield found


@asynccontextmanager
async def _clients(log: Path) -> AsyncIterator[Clients]:
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.soak.load",
            cwd=ROOT,
            env={
                **os.environ,
                **LOGGING,
                **_GIVEN_BACK,
                "FASTMCP_HOME": str(log.with_suffix("")),
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=_MESSAGE,
        )
    try:
        yield Clients(process, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()

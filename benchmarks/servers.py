"""What is measured: server processes on core 0, all with the same uvicorn options.

A server is one of these kinds: `stateful` (the default), `stateless` (`stateless_http=True`),
`memory` (stateful, with an event store in memory), `redis` (with one on Redis) and `protected`
(stateful, with a token verified for every call). The official SDK has the interfaces of an event
store and of a verifier and none to use, so it has no server of the last three kinds.
The floor is one process for all kinds.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.support import venvs
from tests.support.process import Server, serve

from benchmarks.report import FASTMCP_4, FLOOR, MCP_SDK, OURS

HERE = Path(__file__).parent
PLAIN = frozenset({"stateful", "stateless"})
EVERY_KIND = PLAIN | {"memory", "redis", "protected"}


@dataclass(frozen=True)
class Target:
    """One who is measured, and the kinds of servers it has."""

    name: str
    python: Path | str
    script: str
    kinds: frozenset[str] = EVERY_KIND


def floor() -> Target:
    """The bare ASGI function."""
    return Target(FLOOR, sys.executable, "echo_server.py")


def ours(python: str | None) -> Target:
    """This package, run by that interpreter, by this one as a rule."""
    return Target(OURS, python or sys.executable, "fastmcp_server.py")


def peers() -> list[Target]:
    """FastMCP 4 and the official SDK, each in an environment of its own, built at need."""
    # The same Redis client on both sides. FastMCP 4 keeps key-value below 0.5.
    fastmcp_4 = (*venvs.FASTMCP_4, "py-key-value-aio[redis]", f"redis=={version('redis')}")
    return [
        Target(FASTMCP_4, venvs.python_of("bench-fastmcp-4", fastmcp_4), "fastmcp_server.py"),
        Target(MCP_SDK, venvs.python_of("mcp-sdk", venvs.MCP_SDK), "sdk_server.py", PLAIN),
    ]


def pin(pid: int, core: int) -> None:
    """Binds a process to a core, where the machine has more than one and can do that."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def start(
    stack: ExitStack, target: Target, kind: str, body: str = "default", redis: str = "-"
) -> Server:
    """A server process, pinned to core 0, ended with the stack.

    Args:
        stack: ends it.
        target: whose.
        kind: of the server.
        body: "json" for `json_response=True`.
        redis: the URL of the Redis that a server of kind `redis` writes to.
    """
    server = stack.enter_context(
        serve(
            lambda port: [
                target.python,
                HERE / "targets" / target.script,
                str(port),
                kind,
                body,
                redis,
            ],
            env=venvs.environment(),
            clean=False,
        )
    )
    pin(server.process.pid, 0)
    return server

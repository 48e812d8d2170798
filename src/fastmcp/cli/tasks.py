"""`fastmcp tasks worker`: a process that runs a server's background tasks and serves nobody."""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp.cli import load
from fastmcp.cli.errors import CliError, describe
from fastmcp.server.background.docket import DocketTasks

__all__ = ["worker"]


def worker(server_spec: str | None = None, /) -> int:
    """Run a server's background tasks, and serve nobody.

    The queue is that of FASTMCP_DOCKET_URL, which the processes that serve name as well.

    Args:
        server_spec: file.py, or file.py:object (a server, or a function that makes one).
    """
    if server_spec is None:
        raise CliError("Name the server: fastmcp tasks worker server.py", 2)
    spec = load.Spec.parse(server_spec)
    asyncio.run(_work(load.load(spec), spec))
    return 0


async def _work(found: Any, spec: load.Spec) -> None:
    server: Any = await load.resolve(found, spec)
    run = getattr(server, "run_tasks_async", None)
    if run is None:
        raise CliError(
            f"{spec.text} is a server that cannot run tasks; name one that is a FastMCP."
        )
    running = asyncio.ensure_future(run())
    broken: list[BaseException] = []

    def end(error: BaseException) -> None:
        # Whoever looks after the process starts it anew; one that lived on would do nothing.
        broken.append(error)
        running.cancel()

    tasks = server._engine.tasks
    if isinstance(tasks, DocketTasks):
        tasks.when_broken(end)
    try:
        await running
    except RuntimeError as error:
        raise CliError(str(error)) from None
    except asyncio.CancelledError:
        if not broken:
            raise
        raise CliError(f"Tasks cannot be run any more: {describe(broken[0])}") from None

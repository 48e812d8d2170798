"""What people use to test their own servers: settings for a while, a server for a while, and a
client whom nobody has to authorize.

A server is known by its shape here (`run_http_async`), so that this stays below the server. It
is told the socket to listen on, already bound: no port can be lost between being chosen and
being used, and a client that comes early waits in the backlog and is answered.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from fastmcp.settings import get_settings
from fastmcp.utilities.http import find_available_port

if TYPE_CHECKING:
    from fastmcp.client.auth.headless import HeadlessOAuth

__all__ = ["HeadlessOAuth", "run_server_async", "run_server_in_process", "temporary_settings"]

_STOP_SECONDS: Final = 5.0
_START_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.05


class _Runnable(Protocol):
    async def run_http_async(
        self, show_banner: bool | None = None, *args: Any, **kwargs: Any
    ) -> None: ...


@contextmanager
def temporary_settings(**values: Any) -> Generator[None]:
    """Assign settings by name for a block; `a__b` names the setting `b` of the nested `a`.

    Settings are read when a server, an application or a client is built: make these inside of
    the block.

    Raises:
        AttributeError: there is no such setting.
        pydantic.ValidationError: a value does not fit.
    """
    settings = get_settings()
    before = {name: settings.get_setting(name) for name in values}
    try:
        for name, value in values.items():
            settings.set_setting(name, value)
        yield
    finally:
        for name, value in before.items():
            settings.set_setting(name, value)


@asynccontextmanager
async def run_server_async(
    server: _Runnable,
    port: int | None = None,
    transport: Literal["http", "streamable-http", "sse"] = "http",
    path: str = "/mcp",
    host: str = "127.0.0.1",
) -> AsyncGenerator[str]:
    """Serve a server over HTTP in this event loop, for the length of a block.

    Args:
        server: a `FastMCP`.
        port: where to listen; any free port by default.
        transport: as for `FastMCP.run_http_async`.
        path: where the endpoint is.
        host: the address to listen on.

    Yields:
        The endpoint's URL.

    Raises:
        RuntimeError: the server ended before it answered; the cause says why.
    """
    listener = socket.create_server((host, port or 0))
    bound: int = listener.getsockname()[1]
    serving = asyncio.create_task(
        server.run_http_async(
            show_banner=False, transport=transport, path=path, port=bound, sockets=[listener]
        )
    )
    try:
        await _answers(host, bound, serving)
        yield f"http://{host}:{bound}{path}"
    finally:
        serving.cancel()
        await asyncio.wait({serving}, timeout=_STOP_SECONDS)
        listener.close()


async def _answers(host: str, port: int, serving: asyncio.Task[None]) -> None:
    """Return when the server has answered something, whatever it says."""
    asking = asyncio.create_task(_ask(host, port))
    try:
        await asyncio.wait({asking, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            cause = None if serving.cancelled() else serving.exception()
            raise RuntimeError(
                f"The server ended while it was starting: {cause or 'without an error'}."
            ) from cause
        await asking
    finally:
        asking.cancel()


async def _ask(host: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        await writer.drain()
        await reader.readline()
    finally:
        writer.close()


@contextmanager
def run_server_in_process(
    server_fn: Callable[..., None],
    *args: Any,
    provide_host_and_port: bool = True,
    host: str = "127.0.0.1",
    port: int | None = None,
    **kwargs: Any,
) -> Generator[str]:
    """Run a function that serves in a process of its own, for the length of a block.

    Args:
        server_fn: makes the server and runs it; it has to be importable by the other process.
        args: given to it.
        provide_host_and_port: give it `host` and `port` as well.
        host: the address it listens on.
        port: the port it listens on; any free port by default.
        kwargs: given to it.

    Yields:
        `http://host:port`, without a path.

    Raises:
        RuntimeError: nothing listens there in the end, or the process has ended.
    """
    port = find_available_port(host) if port is None else port
    if provide_host_and_port:
        kwargs |= {"host": host, "port": port}
    process = multiprocessing.Process(target=server_fn, args=args, kwargs=kwargs, daemon=True)
    process.start()
    try:
        _listens(host, port, process)
        yield f"http://{host}:{port}"
    finally:
        process.terminate()
        process.join(_STOP_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()


def _listens(host: str, port: int, process: multiprocessing.Process) -> None:
    waited = 0.0
    while waited < _START_SECONDS:
        try:
            socket.create_connection((host, port), timeout=_START_SECONDS).close()
            return
        except OSError:
            # Doubles as the pause: returns at once when the process has ended.
            process.join(_RETRY_SECONDS)
            waited += _RETRY_SECONDS
        if not process.is_alive():
            raise RuntimeError(
                f"The server's process ended with exit code {process.exitcode} before it listened."
            )
    raise RuntimeError(f"Nothing listens on {host}:{port} after {_START_SECONDS:g} seconds.")


def __getattr__(name: str) -> Any:
    if name == "HeadlessOAuth":
        return importlib.import_module("fastmcp.client.auth.headless").HeadlessOAuth
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Real server processes for tests: started, polled until they answer, ended, and their log read;
and what tests wait for that happens somewhere else.

Every process runs in a session (process group) of its own, because a reloader or a supervisor of
workers has children; the end of a test ends the whole group. Ports are asked of the kernel, and a
start that loses the race for one is tried again with another.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import nursery
from tests.support.locks import ROOT

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02


def free_port() -> int:
    """A port that nothing on the loopback interface listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Polls `condition` until it holds; TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(_POLL_SECONDS)


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, seconds: float = 20
) -> None:
    """The same beside other tasks of the loop; `condition` may have to ask somebody.

    Raises:
        TimeoutError: it did not hold within `seconds`; the message says `what`.
    """
    try:
        async with asyncio.timeout(seconds) as scope:
            while not await _answer(condition()):  # noqa: ASYNC110  (often another process's)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        if not scope.expired():
            raise
        raise TimeoutError(f"{what}: not within {seconds:g} s") from None


async def _answer(held: bool | Awaitable[bool]) -> bool:
    return held if isinstance(held, bool) else await held


def children() -> set[int]:
    """The processes that this one has started and that are still there, by Linux's /proc; one that
    ended and was not yet asked how is."""
    while True:
        found: set[int] = set()
        try:
            for thread in Path("/proc/self/task").iterdir():
                found.update(map(int, (thread / "children").read_text().split()))
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended, and its children are another's, maybe one's read above
        return found


def without_settings(**extra: str) -> dict[str, str]:
    """The environment of the tests without what sets FastMCP, and with `extra`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FASTMCP_")}
    return own | extra


def listening(port: int) -> bool:
    """Whether something accepts connections on that port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Server:
    """A running process and the port it serves."""

    process: subprocess.Popen[bytes] | nursery.Born
    port: int
    log_path: Path
    path: str = "/mcp"

    @property
    def url(self) -> str:
        """The address of its MCP endpoint."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def log(self) -> str:
        """What it wrote to stdout and stderr so far."""
        return self.log_path.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process (group) and returns its exit code; kills it after STOP_SECONDS."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill_group()
                self.process.wait()
                raise AssertionError(f"did not stop on {how.name}:\n{self.log}") from None
        self._kill_group()
        return self.process.returncode

    def _kill_group(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def assert_clean(self) -> None:
        """Fails if the log shows a stack trace: no input of a client may cause one."""
        log = self.log
        for sign in ("Traceback (most recent call last)", "exception was never retrieved"):
            at = log.find(sign)
            assert at < 0, f"in the server's log:\n{log[max(0, at - 500) : at + 3000]}"


@contextmanager
def serve(
    argv: Callable[[int], Sequence[str | Path]],
    *,
    path: str = "/mcp",
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
    clean: bool = True,
    seconds: float = START_SECONDS,
    port: int | None = None,
) -> Iterator[Server]:
    """Starts `argv(port)`, waits until the port accepts (where a supervisor listens for others:
    until one of them answers), and ends it at the end of the block.

    Args:
        argv: makes the command line from the port.
        path: of the MCP endpoint, for `Server.url`.
        cwd: where the process runs.
        env: the whole environment; None for that of the tests. FASTMCP_HOME is a folder of this
            server alone, unless set here.
        clean: assert at the end that the log holds no stack trace.
        seconds: until it must accept connections.
        port: the one to serve at, where a server that ended is started again; a free one if None.
    """
    with tempfile.TemporaryDirectory(prefix="fastmcp-test-") as folder:
        whole = {"FASTMCP_HOME": str(Path(folder) / "home"), **(os.environ if env is None else env)}
        server = _start(argv, path, cwd, whole, Path(folder) / "log", seconds, port)
        try:
            yield server
        finally:
            server.stop()
        if clean:
            server.assert_clean()


def _accepting(server: Server, supervised: bool) -> bool:
    """Whether a request would be heard there now. A supervisor listens before anybody serves: on a
    machine that is busy with other tests, a request then waits for as long as a start takes."""
    if not supervised:
        return listening(server.port)
    try:
        with socket.create_connection(("127.0.0.1", server.port), START_SECONDS) as probe:
            probe.sendall(b"GET /anybody HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            return bool(probe.recv(1))
    except OSError:  # one of them had it and ended
        return False


_SUPERVISED = {"--workers", "--reload"}


def _start(
    argv: Callable[[int], Sequence[str | Path]],
    path: str,
    cwd: Path,
    env: dict[str, str],
    log_path: Path,
    seconds: float,
    fixed: int | None,
) -> Server:
    for attempt in range(3):
        port = fixed or free_port()
        words = [str(part) for part in argv(port)]
        with open(log_path, "wb") as log:
            process = nursery.start(words, cwd, env, log)
        server = Server(process, port, log_path, path)
        try:
            eventually(
                lambda server=server, words=words: (
                    server.process.poll() is not None
                    or _accepting(server, not _SUPERVISED.isdisjoint(words))
                ),
                seconds,
                "the server accepts connections",
            )
        except TimeoutError as error:
            server.stop(signal.SIGKILL)
            raise TimeoutError(f"{error}; its log:\n{server.log}") from None
        if process.poll() is None:
            return server
        server.stop()
        if attempt == 2 or "address already in use" not in server.log.lower():
            raise RuntimeError(f"the server ended with {process.returncode}:\n{server.log}")
    raise AssertionError


def uvicorn(
    app: str, *options: str, python: str | Path = sys.executable
) -> Callable[[int], list[str]]:
    """The command line of `uvicorn app` on the loopback interface, for `serve`."""
    return lambda port: [
        str(python),
        "-m",
        "uvicorn",
        app,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *options,
    ]


def script(
    file: Path, *arguments: str, python: str | Path = sys.executable
) -> Callable[[int], list[str]]:
    """The command line `python file PORT *arguments`, for `serve`."""
    return lambda port: [str(python), str(file), str(port), *arguments]

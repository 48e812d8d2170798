"""Server processes that begin with what others wrote already imported.

Most of what a short-lived server costs is the import of its dependencies, which are the same each
time. So each process of the tests has a nursery: a Python process that imports those and nothing
of ours, and forks whenever a server is wanted. The child is a process of its own in every respect
(session, signals, working directory, environment, streams), runs its command as `python` would,
and imports this package itself.

Only what is a stage in the tests is started so: uvicorn alone, and scripts. A command that is the
subject (`fastmcp run`), one that starts further processes, and one that is given other variables
that Python reads when it starts, are ordinary processes.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.support.locks import ROOT

_WARM = (
    "docstring_parser",
    "httptools",
    "joserfc.jws",
    "jsonschema_rs",
    "mcp_types",
    "msgspec",
    "dotenv",
    "starlette.applications",
    "starlette.middleware.cors",
    "uvicorn.main",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
"""What a server of this package imports of others."""

_PACKET = 2**18


class Born:
    """A process of the nursery, with as much of `subprocess.Popen` as `process.Server` uses."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.ask({"poll": self.pid})
            if self.returncode is not None:
                os.close(self._handle)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; subprocess.TimeoutExpired after `timeout` seconds."""
        if self.poll() is None:
            if not select.select([self._handle], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.poll()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, how: int) -> None:
        """Signals it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, how)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """Our end: asks the process that forks."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the tests, which end their servers
            )

    def ask(self, question: dict[str, Any], *files: int) -> Any:
        """One question, one answer."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(question).encode()], files)
            return json.loads(self._socket.recv(_PACKET))

    def close(self) -> None:
        """No more is asked, and it ends."""
        self._socket.close()
        self._process.wait()


@cache
def _nursery() -> Nursery:
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery


def start(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes] | Born:
    """Starts a command in a session of its own, with no input and its output in `log`."""
    if _is_plain(command) and _same_python(env):
        question = {"command": list(command[1:]), "cwd": str(cwd), "env": dict(env)}
        nursery = _nursery()
        return Born(nursery, nursery.ask(question, log.fileno()))
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _is_plain(command: Sequence[str]) -> bool:
    """Whether it is one of this Python's uvicorn, alone, or one of its scripts."""
    python, *words = command
    return (
        python == sys.executable
        and (words[:2] == ["-m", "uvicorn"] or words[0].endswith(".py"))
        and not {"--workers", "--reload"} & set(words)
    )


def _same_python(env: Mapping[str, str]) -> bool:
    """Whether nothing is set that `python` itself, or its loader, would read when it starts."""

    def settings(variables: Mapping[str, str]) -> dict[str, str]:
        return {key: value for key, value in variables.items() if key.startswith(("PYTHON", "LD_"))}

    return settings(env) == settings(os.environ)


def _main(requests: socket.socket) -> list[str]:
    """The other end. Only children come out of here: each with its command."""
    for name in _WARM:
        importlib.import_module(name)
    while True:
        packet, files, _, _ = socket.recv_fds(requests, _PACKET, 1)
        if not packet:
            os._exit(0)  # the tests are over
        question = json.loads(packet)
        if "poll" in question:
            pid, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                requests.detach()  # closed with all the others
                return _become(question, files[0])
            os.close(files[0])
        requests.send(json.dumps(answer).encode())


def _become(question: dict[str, Any], log: int) -> list[str]:
    """Turns the child into what was asked for."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 64)
    os.chdir(question["cwd"])
    os.environ.clear()
    os.environ.update(question["env"])
    command: list[str] = question["command"]
    if command[0] == "-m":
        sys.path[0] = question["cwd"]
        sys.argv = command[1:]
    else:
        sys.path[0] = str(Path(command[0]).parent)
        sys.argv = command
    return command


if __name__ == "__main__":
    run = _main(socket.socket(fileno=int(sys.argv[1])))
    if run[0] == "-m":
        runpy.run_module(run[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(run[0], run_name="__main__")

"""Servers and clients of the corpus, rewritten, started as processes, and talking to each other.

Those of FastMCP and of the official SDK also run as they were before, in environments of their own,
so what is migrated here is what really worked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cli.migration.project import copied, migrate
from tests.support.process import free_port, serve
from tests.support.venvs import FASTMCP_4, MCP_SDK, MCP_SDK_1, environment, python_of

Python = Callable[[], Path]


def ours() -> Path:
    return Path(sys.executable)


def fastmcp_4() -> Path:
    return python_of("fastmcp-4", FASTMCP_4)


def sdk_1() -> Path:
    return python_of("mcp-sdk-1", MCP_SDK_1)


def sdk_2() -> Path:
    return python_of("mcp-sdk", MCP_SDK)


def ask(python: Path, client: Path) -> str:
    """What a client prints."""
    done = subprocess.run(
        [python, client],
        cwd=client.parent,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def talk(
    folder: Path, port: int, server: Sequence[str | Path], clients: Sequence[tuple[Path, str]]
) -> None:
    """Start a server of a project, and let clients ask it."""
    env = environment(FASTMCP_CHECK_FOR_UPDATES="off", PYTHON=sys.executable)
    with serve(lambda _: server, cwd=folder, env=env, port=port, clean=False):
        for python, client in clients:
            assert ask(python, folder / client) == "sum 3\n"


def migrated(name: str, to: Path) -> tuple[Path, int]:
    """A project, rewritten, and the port its server will have."""
    port = free_port()
    folder = copied(name, to, port)
    done = migrate(folder, "--write")
    assert done.returncode == 0, done.stderr
    return folder, port


@pytest.mark.parametrize("python", [ours, fastmcp_4])
def test_a_server_and_its_clients_by_file(python: Python, tmp_path: Path):
    folder, port = migrated("plain", tmp_path)
    talk(folder, port, [python(), "server.py"], [(python(), "client.py")])


def test_a_server_by_a_script(tmp_path: Path):
    """`fastmcp run server.py --transport "$TRANSPORT"`."""
    folder, port = migrated("plain", tmp_path)
    talk(folder, port, ["bash", "start.sh"], [(ours(), "short_client.py")])


def test_a_client_by_a_configuration_file(tmp_path: Path):
    folder, port = migrated("plain", tmp_path)
    talk(folder, port, [ours(), "server.py"], [(fastmcp_4(), "config_client.py")])


@pytest.mark.parametrize(
    ("name", "python", "clients"),
    [
        ("sdk1", sdk_1, ["client.py", "stack_client.py"]),
        ("sdk2", sdk_2, ["client.py"]),
    ],
)
def test_the_official_sdk(name: str, python: Python, clients: list[str], tmp_path: Path):
    folder, port = migrated(name, tmp_path)
    asking = [(python(), client) for client in clients]
    talk(folder, port, [python(), "server.py"], asking)


@pytest.mark.parametrize(
    ("name", "python", "clients"),
    [
        ("plain", fastmcp_4, ["client.py"]),
        ("sdk1", sdk_1, ["client.py", "stack_client.py"]),
        ("sdk2", sdk_2, ["client.py"]),
    ],
)
def test_they_worked_before(name: str, python: Python, clients: list[str], tmp_path: Path):
    port = free_port()
    folder = copied(name, tmp_path, port)
    asking = [(python(), client) for client in clients]
    talk(folder, port, [python(), "server.py"], asking)


def test_an_env_file_and_a_client_on_the_command_line(tmp_path: Path):
    """`fastmcp run` with FASTMCP_TRANSPORT of an env file, then `fastmcp call`."""
    port = free_port()
    folder = copied("plain", tmp_path, port)
    (folder / ".env").write_text(f"FASTMCP_TRANSPORT=sse\nFASTMCP_PORT={port}\n")
    (folder / "ask.sh").write_text(
        f'"$PYTHON" -m fastmcp call http://127.0.0.1:{port}/sse add a=1 b=2\n'
    )
    assert migrate(folder, "--write").returncode == 0
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FASTMCP_")}
    run = [sys.executable, "-m", "fastmcp", "run", "server.py"]
    with serve(lambda _: run, cwd=folder, env=clean, port=port):
        done = subprocess.run(
            ["sh", "ask.sh"],
            cwd=folder,
            env={**clean, "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr

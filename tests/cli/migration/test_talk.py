"""Servers and clients of the corpus, rewritten, started as processes, and talking to each other.

They also run as they were before, so what is migrated here is what really worked. Those of FastMCP
4 and of the official SDK have environments of their own, and what worked there is not for us to
break: they run as they were before in a long run alone.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from fastmcp.cli.migrate import migrate
from tests.cli.migration import ask
from tests.cli.migration.project import copied
from tests.support.extent import LONG
from tests.support.process import free_port, serve, without_settings
from tests.support.venvs import FASTMCP_4, MCP_SDK, MCP_SDK_1, environment, python_of

Python = Callable[[], Path]
Running = tuple[Path, int, Sequence[str | Path]]
"""A server: its folder, its port, its command line."""
PLAIN = ["client.py", "short_client.py", "config_client.py"]


def ours() -> Path:
    return Path(sys.executable)


def fastmcp_4() -> Path:
    return python_of("fastmcp-4", FASTMCP_4)


def sdk_1() -> Path:
    return python_of("mcp-sdk-1", MCP_SDK_1)


def sdk_2() -> Path:
    return python_of("mcp-sdk", MCP_SDK)


def talk(
    servers: Sequence[Running], python: Path, package: str, clients: Sequence[tuple[Path, int]]
) -> None:
    """Start servers, and the clients that ask them, all together.

    Args:
        python: of the clients.
        package: what they import.
        clients: each with the port that it asks at.
    """
    asked = [f"{client}:{port}" for client, port in clients]
    env = environment(FASTMCP_CHECK_FOR_UPDATES="off")
    with ExitStack() as stack, ThreadPoolExecutor() as starting:
        asking = stack.enter_context(
            subprocess.Popen(
                [python, ask.__file__, package, *asked],
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(asking.kill)
        started = [
            starting.submit(
                stack.enter_context,
                serve(lambda _, line=line: line, cwd=folder, env=env, port=port, clean=False),
            )
            for folder, port, line in servers
        ]
        for one in started:
            one.result()
        said, complaints = asking.communicate(timeout=ask.SECONDS)
        assert asking.returncode == 0, complaints
        assert said == "sum 3\n" * len(clients)


def migrated(name: str, to: Path, port: int) -> Path:
    """A project, rewritten, whose server has this port."""
    folder = copied(name, to, port)
    assert migrate(folder, write=True) == 0
    return folder


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "package", "python", "before", "after"),
    [
        ("plain", "fastmcp", ours, ["client.py", "config_client.py"], PLAIN),
        # Its StreamableHttpTransport has no `sse_read_timeout`, which client.py says.
        ("plain", "fastmcp", fastmcp_4, ["client.py", "config_client.py"], PLAIN[1:]),
        ("sdk1", "mcp", sdk_1, ["client.py", "stack_client.py"], ["client.py", "stack_client.py"]),
        ("sdk2", "mcp", sdk_2, ["client.py"], ["client.py"]),
    ],
)
def test_they_worked_before_and_work_afterwards(
    name: str, package: str, python: Python, before: list[str], after: list[str], tmp_path: Path
):
    line = [python(), "server.py"]
    new = free_port()
    folder = migrated(name, tmp_path / "after", new)
    servers: list[Running] = [(folder, new, line)]
    clients = [(folder / client, new) for client in after]
    if LONG or python is ours:
        old = free_port()
        folder = copied(name, tmp_path / "before", old)
        servers.append((folder, old, line))
        clients += [(folder / client, old) for client in before]
    talk(servers, python(), package, clients)


def test_a_server_by_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`fastmcp run server.py --transport "$TRANSPORT"`."""
    port = free_port()
    folder = migrated("plain", tmp_path, port)
    capsys.readouterr()
    env = environment(PYTHON=sys.executable)
    with serve(lambda _: ["bash", "start.sh"], cwd=folder, env=env, port=port):
        runpy.run_path(str(folder / "short_client.py"), run_name="__main__")
    assert capsys.readouterr().out == "sum 3\n"


def test_an_env_file_and_a_client_on_the_command_line(tmp_path: Path):
    """`fastmcp run` with FASTMCP_TRANSPORT of an env file, then `fastmcp call`."""
    port = free_port()
    folder = copied("plain", tmp_path, port)
    (folder / ".env").write_text(f"FASTMCP_TRANSPORT=sse\nFASTMCP_PORT={port}\n")
    (folder / "ask.sh").write_text(
        f'"$PYTHON" -m fastmcp call http://127.0.0.1:{port}/sse add a=1 b=2\n'
    )
    assert migrate(folder, write=True) == 0
    clean = without_settings()
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

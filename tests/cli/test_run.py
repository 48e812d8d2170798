"""`fastmcp run`: what it finds, what it serves, what it says when it cannot."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.support.process import Server, serve


@contextlib.contextmanager
def running(
    environment: dict[str, str], *words: str | Path, path: str = "/mcp", cwd: Path | None = None
) -> Iterator[Server]:
    """`fastmcp run <words> --transport http` on a free port."""
    head, tail = [str(word) for word in words], []
    if "--" in head:
        cut = head.index("--")
        head, tail = head[:cut], head[cut:]

    def argv(port: int) -> list[str]:
        run = [sys.executable, "-m", "fastmcp", "run", *head]
        return [*run, "-t", "http", "--port", str(port), *tail]

    folder = cwd or Path(environment["FASTMCP_HOME"]).parent
    with serve(argv, path=path, env=environment, cwd=folder) as server:
        yield server


def ask(url: str, method: str, params: dict[str, Any], session: str | None = None) -> Any:
    """One JSON-RPC request in the handshake era: (result, session id)."""
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    if session is not None:
        headers["Mcp-Session-Id"] = session
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read().decode()
        if text.lstrip().startswith("{"):
            message = json.loads(text)
        else:
            (data,) = (
                line[5:] for line in text.splitlines() if line.startswith("data:") and "{" in line
            )
            message = json.loads(data)
        return message["result"], answer.headers.get("Mcp-Session-Id")


HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def tell(url: str, tool: str, session: str | None = None) -> Any:
    """Call a tool without arguments, in a new session if none is given."""
    if session is None:
        _, session = ask(url, "initialize", HELLO)
    result, _ = ask(url, "tools/call", {"name": tool, "arguments": {}}, session)
    return result


def test_a_file_with_arguments(environment: dict[str, str], server_file: Path):
    with running(environment, server_file, "--", "--config", "x.json") as server:
        about = tell(server.url, "about")["structuredContent"]
        assert about == {"argv": ["--config", "x.json"], "name": "my_server"}
        assert f"url        {server.url}" in server.log
        assert "FastMCP server cli-server" in server.log
        assert f"fastmcp list {server.url}" in server.log


def test_no_banner(environment: dict[str, str], server_file: Path):
    with running(environment, server_file, "--no-banner") as server:
        assert "FastMCP server" not in server.log
    quiet = environment | {"FASTMCP_SHOW_SERVER_BANNER": "false"}
    with running(quiet, server_file) as server:
        assert "FastMCP server" not in server.log


@pytest.mark.parametrize("name", ["other", "make", "amake"])
def test_an_object_or_a_factory(environment: dict[str, str], server_file: Path, name: str):
    with running(environment, f"{server_file}:{name}") as server:
        assert tell(server.url, "only_here")["content"][0]["text"] == "other"


def test_path_and_stateless(environment: dict[str, str], server_file: Path):
    options = (server_file, "--path", "/api/mcp/", "--stateless")
    with running(environment, *options, path="/api/mcp/") as server:
        result, session = ask(server.url, "initialize", HELLO)
        assert result["serverInfo"]["name"] == "cli-server"
        assert session is None


def test_a_sibling_imports_the_same_module(environment: dict[str, str], tmp_path: Path):
    (tmp_path / "tools_of_mine.py").write_text(
        "from main_file import mcp\n@mcp.tool\ndef sibling() -> str:\n    return 'here'\n"
    )
    file = tmp_path / "main_file.py"
    file.write_text(
        "from fastmcp import FastMCP\nserver = FastMCP('x')\nmcp = server\nimport tools_of_mine\n"
    )
    with running(environment, file, cwd=Path("/")) as server:
        assert tell(server.url, "sibling")["content"][0]["text"] == "here"


def test_a_module(environment: dict[str, str], server_file: Path):
    package = server_file.parent / "pack"
    package.mkdir()
    (package / "__init__.py").touch()
    server_file.rename(package / "serving.py")
    for spec in ("pack.serving", "pack.serving:mcp"):
        with running(environment, "-m", spec) as server:
            assert tell(server.url, "about")["structuredContent"]["name"] == "pack.serving"


def test_a_module_that_runs_itself(environment: dict[str, str], tmp_path: Path):
    (tmp_path / "own_main.py").write_text(
        "from fastmcp import FastMCP\n"
        "def main():\n"
        "    made = FastMCP('self-made')\n"
        "    made.tool(lambda: 'yes', name='ran')\n"
        "    made.run()\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    with running(environment, "-m", "own_main") as server:
        assert tell(server.url, "ran")["content"][0]["text"] == "yes"
        assert server.log.count("FastMCP server self-made") == 1


def test_stdio_is_the_default(fastmcp: Command, server_file: Path):
    server_file.write_text(server_file.read_text().replace("print(", "len("))
    first = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    done = fastmcp("run", server_file, stdin=json.dumps(first) + "\n")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["result"]["serverInfo"]["name"] == "cli-server"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_quietly(
    environment: dict[str, str], server_file: Path, how: signal.Signals
):
    with running(environment, server_file) as server:
        assert server.stop(how) in (0, 130, -how)
        server.assert_clean()


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        ("x = 1\n", "", "has no server named mcp, server or app"),
        ("import nonsense_module\n", "", "No module named 'nonsense_module' ("),
        ("def f(:\n", "", "SyntaxError: invalid syntax ("),
        ("1 / 0\n", "", "bad.py could not be loaded: ZeroDivisionError: division by zero ("),
        ("x = 1\n", ":y", "bad.py has no y; write the name of what is in it, or none."),
        ("x = 1\n", ":x", "x in bad.py is neither a FastMCP server nor a function"),
        ("def f():\n    raise OSError('no')\n", ":f", "f() failed: OSError: no"),
        ("async def f():\n    raise OSError('no')\n", ":f", "f() failed: OSError: no"),
        ("async def f():\n    return 3\n", ":f", "but of type int"),
        ("from fastmcp import FastMCP\nmine = FastMCP()\n", "", "name it: fastmcp run"),
        (
            "from starlette.applications import Starlette\napp = Starlette()\n",
            "",
            "uvicorn bad:app",
        ),
        ("from fastapi import FastAPI\nx = FastAPI()\n", ":x", "ASGI application (FastAPI)"),
    ],
)
def test_what_cannot_be_loaded(fastmcp: Command, tmp_path: Path, text: str, suffix: str, said: str):
    (tmp_path / "bad.py").write_text(text)
    done = fastmcp("run", f"bad.py{suffix}")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.py"], "There is no file missing.py"),
        (["."], "is a folder"),
        (["notes.txt"], "is not a Python file"),
        (["config.json"], "config.json is not JSON"),
        (["fastmcp.json"], "later version"),
        (["empty.json"], "No MCP servers"),
        (["https://example.com/mcp", "--reload"], "--reload watches Python files"),
        (["my_server.py:"], "ends with a colon"),
        (["-m", "no_such_module"], "There is no module no_such_module"),
        (["my_server.py", "--port", "8001"], "add --transport http"),
        (["my_server.py", "--reload", "--reload-dir", "nowhere"], "is not a folder"),
        ([], "Name what to run"),
    ],
)
def test_what_is_no_spec(
    fastmcp: Command, tmp_path: Path, server_file: Path, words: list[str], said: str
):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "config.json").touch()
    (tmp_path / "empty.json").write_text('{"mcpServers": {}}')
    (tmp_path / "fastmcp.json").write_text('{"source": {"path": "my_server.py"}}')
    done = fastmcp("run", *words)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_debug_shows_the_traceback(fastmcp: Command, tmp_path: Path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    assert "Traceback" in fastmcp("run", "bad.py", "--log-level", "DEBUG").stderr


def test_a_port_in_use_is_one_line(
    environment: dict[str, str], fastmcp: Command, server_file: Path
):
    with running(environment, server_file) as server:
        done = fastmcp("run", server_file, "-t", "http", "-p", str(server.port), "--no-banner")
    assert done.returncode != 0
    assert "address already in use" in done.stderr.lower()
    assert "Traceback" not in done.stderr

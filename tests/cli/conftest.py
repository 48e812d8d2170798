"""The command as a real process, and the server files it is given."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.process import without_settings

FILE = '''
import sys
from fastmcp import FastMCP

print("noise of an import")
mcp = FastMCP("cli-server")
other = FastMCP("other")

@mcp.tool
def add(a: int, b: int = 2, tags: list[str] | None = None) -> int:
    """Add two numbers."""
    return a + b

@mcp.tool
def about() -> dict:
    return {"argv": sys.argv[1:], "name": __name__}

@mcp.tool
def fail() -> str:
    raise ValueError("boo")

@other.tool
def only_here() -> str:
    return "other"

@mcp.resource("data://x", description="some data")
def data() -> str:
    return "the data"

@mcp.prompt
def greet(who: str) -> str:
    """Greets."""
    return f"Say hello to {who}."

def make():
    return other

async def amake():
    return other

number = 7

if __name__ == "__main__":
    raise SystemExit("must not run as __main__")
'''

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of the tests without settings, with a home of its own."""
    return without_settings(FASTMCP_HOME=str(tmp_path / "home"), COLUMNS="200")


@pytest.fixture
def server_file(tmp_path: Path) -> Path:
    file = tmp_path / "my_server.py"
    file.write_text(FILE)
    return file


@pytest.fixture
def fastmcp(tmp_path: Path, environment: dict[str, str]) -> Command:
    """Runs `python -m fastmcp ...` to its end, in the folder of the test."""

    def run(
        *words: str | Path, stdin: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fastmcp", *map(str, words)],
            cwd=tmp_path,
            env=environment | (env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run

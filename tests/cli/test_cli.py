"""The command as a whole: how it is found, what it says of a wrong command line, what it loads."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from fastmcp.cli import app, main
from tests.cli.conftest import Command


def test_the_console_script_is_main():
    (script,) = (
        entry
        for entry in importlib.metadata.distribution("fastmcp-streamline").entry_points
        if entry.group == "console_scripts"
    )
    assert (script.name, script.value) == ("fastmcp", "fastmcp.cli:main")
    assert script.load() is main
    assert app.name == ("fastmcp",)
    installed = Path(sys.executable).parent / "fastmcp"
    done = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == importlib.metadata.version("fastmcp-streamline")


def test_help_names_the_commands(fastmcp: Command):
    done = fastmcp("--help")
    assert done.returncode == 0
    for name in ("run", "list", "call", "bridge", "nginx", "version"):
        assert f" {name} " in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], 'Unknown command "nonsense"'),
        (["run", "--nonsense", "x.py"], "Unknown option"),
        (["run", "x.py", "--port", "many"], "--port"),
        (["run", "x.py", "--transport", "pigeon"], "--transport"),
        (["run", "x.py", "-t", "http", "--log-level", "loud"], "There is no log level loud"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(fastmcp: Command, words: list[str], said: str):
    done = fastmcp(*words)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.startswith("fastmcp: ")
    assert done.stderr.count("\n") == 1


def test_a_bad_setting_is_one_sentence(fastmcp: Command, server_file: Path):
    done = fastmcp("run", server_file, env={"FASTMCP_PORT": "many"})
    assert done.returncode == 1
    assert "FASTMCP_PORT is not valid" in done.stderr
    assert "Traceback" not in done.stderr


def test_start_up_loads_no_server_and_no_client():
    code = (
        "import sys; from fastmcp.cli import main; main(['version']);"
        "bad = {'rich', 'starlette', 'uvicorn', 'aiohttp', 'mcp_types', 'pydantic', 'watchfiles'};"
        "print(sorted(bad & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

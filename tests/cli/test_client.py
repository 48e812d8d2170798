"""`fastmcp list` and `fastmcp call`, against a file, a URL and a command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.process import serve


@pytest.fixture
def url(server_file: Path, environment: dict[str, str]) -> Iterator[str]:
    def argv(port: int) -> list[str]:
        run = [sys.executable, "-m", "fastmcp", "run", str(server_file)]
        return [*run, "--transport", "http", "--port", str(port), "--no-banner"]

    with serve(argv, env=environment) as server:
        yield server.url


def test_list_shows_signatures(fastmcp: Command, server_file: Path):
    done = fastmcp("list", server_file, "--resources", "--prompts")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Tools (3)"
    assert (
        "  add(a: integer, b: integer = 2, tags: array[string] | null = null) -> integer" in lines
    )
    assert "    Add two numbers." in lines
    assert "  data://x" in lines
    assert "Resource templates (0)" in lines
    assert "  greet(who)" in lines
    assert "noise" not in done.stdout
    assert "noise" in done.stderr


def test_list_shows_schemas(fastmcp: Command, server_file: Path):
    done = fastmcp("list", server_file, "--input-schema", "--output-schema")
    assert '"required": ["a"]' in done.stdout
    assert "x-fastmcp-wrap-result" in done.stdout


def test_list_json(fastmcp: Command, server_file: Path):
    done = fastmcp("list", server_file, "--json", "--resources")
    listing = json.loads(done.stdout)
    assert set(listing) == {"tools", "resources", "resourceTemplates"}
    assert listing["tools"][0]["inputSchema"]["required"] == ["a"]


def test_over_http(fastmcp: Command, url: str):
    assert "Tools (3)" in fastmcp("list", url).stdout
    done = fastmcp("call", url, "add", "a=3", "b=4", "--timeout", "20", "--auth", "some-token")
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr
    assert "noise" not in done.stderr


def test_over_a_command(fastmcp: Command, server_file: Path):
    quiet = server_file.with_name("quiet.py")
    quiet.write_text(server_file.read_text().replace("print(", "len("))
    command = f"{sys.executable} -m fastmcp run {quiet} --no-banner"
    done = fastmcp("call", "--command", command, "add", "a=5")
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


def test_call_coerces_by_the_schema(fastmcp: Command, server_file: Path):
    done = fastmcp("call", server_file, "add", "a=1", 'tags=["x"]', "--json")
    assert json.loads(done.stdout) == {
        "content": [{"type": "text", "text": "3"}],
        "is_error": False,
        "structured_content": {"result": 3},
    }
    done = fastmcp("call", server_file, "add", "--input-json", '{"a": 40}')
    assert done.stdout == "42\n"


def test_call_an_object(fastmcp: Command, server_file: Path):
    for name in ("other", "make", "amake"):
        done = fastmcp("call", f"{server_file}:{name}", "only_here")
        assert (done.returncode, done.stdout) == (0, "other\n"), done.stderr


def test_resources_and_prompts(fastmcp: Command, server_file: Path):
    assert fastmcp("call", server_file, "data://x").stdout == "the data\n"
    done = fastmcp("call", server_file, "greet", "who=Ada", "--prompt")
    assert done.stdout == "user:\n  Say hello to Ada.\n"
    done = fastmcp("call", server_file, "greet", "who=Ada", "--prompt", "--json")
    assert json.loads(done.stdout)["messages"][0]["role"] == "user"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fail"], "Error calling tool 'fail': boo"),
        (["ad"], "The server has no tool named ad; did you mean add?"),
        (["xyz"], "it has add, about, fail."),
        (["add"], "Tool add needs a=..."),
        (["add", "a=x"], "Argument a must be an integer, not 'x'."),
        (["add", "a"], "'a' is not an argument"),
        (["data://missing"], "data://missing"),
        (["nobody", "--prompt"], "nobody"),
        ([], "Name what to call"),
    ],
)
def test_errors_are_one_sentence(fastmcp: Command, server_file: Path, words: list[str], said: str):
    done = fastmcp("call", server_file, *words)
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("fastmcp: ")
    assert said in last
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(fastmcp: Command, server_file: Path):
    done = fastmcp("call", server_file, "fail", env={"FASTMCP_LOG_LEVEL": "DEBUG"})
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://127.0.0.1:9/mcp"], "127.0.0.1:9"),
        (["http://127.0.0.1:9/mcp", "--auth", "oauth"], "no response from"),
        (["http://127.0.0.1:9/sse", "-t", "sse"], "no response from http://127.0.0.1:9/sse"),
        (["--command", "/no/such/program"], "/no/such/program"),
        (["--command", " "], "--command is empty"),
        ([], "Name one server"),
    ],
)
def test_servers_that_cannot_be_reached(fastmcp: Command, words: list[str], said: str):
    done = fastmcp("list", *words)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr

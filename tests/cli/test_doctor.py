"""`fastmcp doctor` in front of real servers: ours, the official SDK's, workers, a real nginx."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastmcp.cli import main
from tests.cli.conftest import Command
from tests.cli.diagnosis.patient import SCHEMA, diagnosed
from tests.proxies import server as behind
from tests.support import venvs
from tests.support.nginx import nginx
from tests.support.process import Server, free_port, script, serve, uvicorn

ROOT = Path(__file__).parents[2]
PAGE = "https://app.example"

FILE = """
from fastmcp import FastMCP

mcp = FastMCP("patient")
called = []

@mcp.tool
def touch() -> str:
    raise SystemExit("nobody may call this")

app = mcp.http_app()
stateless = mcp.http_app(stateless_http=True)
friendly = mcp.http_app(cors_origins=["https://app.example"])
"""

DEFAULTS = """
location / {
    proxy_pass http://127.0.0.1:8000;
    proxy_read_timeout 1500ms;
}
"""
BUFFERING = """
gzip on;
gzip_proxied any;
gzip_types text/event-stream;
location / {
    proxy_pass http://127.0.0.1:8000;
    proxy_ignore_headers X-Accel-Buffering;
    proxy_read_timeout 1500ms;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("doctor")
    (found / "patient.py").write_text(FILE)
    return found


@pytest.fixture(scope="module")
def ours(folder: Path) -> Iterator[Server]:
    """As it comes, but with livelier streams."""
    env = {**os.environ, "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "1.2"}
    with serve(uvicorn("patient:app"), cwd=folder, env=env) as server:
        yield server


@pytest.fixture(scope="module")
def silent(folder: Path) -> Iterator[Server]:
    """As it comes: its keep-alives are rarer than the proxies here have patience."""
    with serve(uvicorn("patient:app"), cwd=folder) as server:
        yield server


def lines(done: Any) -> list[str]:
    return done.stdout.splitlines()


def test_ours_in_words(fastmcp: Command, ours: Server):
    done = fastmcp("doctor", ours.url, "--idle", "4")
    assert (done.returncode, done.stderr) == (0, "")
    first = lines(done)[0]
    assert first.startswith(f"{ours.url} is a Streamable HTTP server ('patient'), protocol 2026-07")
    assert "nothing is wrong with it." in done.stdout
    assert re.search(r"^\d+ requests in \d", done.stdout, re.MULTILINE)
    stream = [line for line in lines(done) if line.endswith("[stream]")]
    assert len(stream) == 2
    assert all("and a sign of life every 1." in line for line in stream)
    assert not re.search("^(problem|warning)", done.stdout, re.MULTILINE)


def test_problems_come_first_with_the_line_to_change(fastmcp: Command, ours: Server):
    done = fastmcp("doctor", ours.url, "--idle", "0.2", "--origin", PAGE)
    assert done.returncode == 1
    assert "; 1 problem." in done.stdout
    at = done.stdout.index
    assert at("\nproblem ") < at("\nnote ") < at("\nok ")
    assert f'-> FastMCP: http_app(cors_origins=["{PAGE}"])' in done.stdout
    assert all(len(line) <= 100 for line in lines(done))


def test_json_alone_is_on_stdout(fastmcp: Command, ours: Server):
    done = fastmcp("doctor", ours.url, "--idle", "0.2", "--json")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    SCHEMA.validate(document)
    assert document["server"]["name"] == "patient"


def test_a_token_is_never_shown(fastmcp: Command, ours: Server):
    words = ("doctor", ours.url, "--idle", "0.2", "--auth", "do-not-show-this-token")
    for extra in ((), ("--json",)):
        done = fastmcp(*words, *extra)
        assert done.returncode == 0
        assert "do-not-show" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--header", "do-not-show"], '--header has the form "Name: value"'),
        (["--header", "X: do-not\nshow"], "--header X: a value is one line"),
        (["--header", "X: ${NO_SUCH_NAME}"], "--header X needs the variable NO_SUCH_NAME"),
        (["--auth", "do-not\nshow"], "--auth: a value is one line"),
        (["--auth", "env:NO_SUCH_NAME"], "--auth needs the variable NO_SUCH_NAME"),
        (["--auth", ""], "--auth is empty"),
        (["--auth", "oauth"], "pass a bearer token"),
        (["--origin", "app.example/path"], "not an origin"),
        (["--idle", "0"], "--idle is a number of seconds"),
        (["--timeout", "-1"], "--timeout is a number of seconds"),
        (["--call", "x", "--input-json", "[1]"], "not a JSON object"),
        (["--ca", "/no/such/file"], "holds no certificates"),
    ],
)
def test_a_wrong_command_line(capsys: pytest.CaptureFixture[str], words: list[str], said: str):
    code = main(["doctor", f"http://127.0.0.1:{free_port()}/mcp", *words])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert said in err
    assert "do-not-show" not in err
    assert "Traceback" not in err


async def test_ours_without_sessions(folder: Path):
    with serve(uvicorn("patient:stateless"), cwd=folder) as server:
        found = await diagnosed(server.url, idle=0.3)
    assert found.bad == set()
    assert "stateless_http=True" in found.of("session")["do"]


async def test_ours_for_pages(folder: Path):
    with serve(uvicorn("patient:friendly"), cwd=folder) as server:
        found = await diagnosed(server.url, idle=0.3, origin=PAGE)
        assert found.bad == set()
        assert found.of("cors")["status"] == "ok"
        found = await diagnosed(server.url, idle=0.3, origin="https://other.example")
        assert found.bad == {"cors"} or found.bad == {"cors-preflight"}


async def test_several_workers_of_ours_are_one_server(folder: Path):
    with serve(uvicorn("patient:app", "--workers", "2"), cwd=folder) as server:
        found = await diagnosed(server.url, idle=0.3)
    assert found.bad == set()
    assert found.of("session-workers")["status"] == "ok"


async def test_resumable_streams_and_calls():
    with serve(script(Path(behind.__file__))) as server:
        arguments = '{"count": 3, "pause": 0.6}'
        found = await diagnosed(server.url, idle=0.3, call="steps", input_json=arguments)
    assert found.bad == set()
    assert found.of("resumption")["status"] == "ok"
    assert "first of 3 notifications after" in found.of("call")["seen"]


async def test_nginx_that_cuts_what_is_silent(silent: Server):
    """Streams of ours say X-Accel-Buffering: no, so they are not held back."""
    with nginx(DEFAULTS.replace("8000", str(silent.port))) as proxy:
        found = await diagnosed(proxy.url, idle=3.5)
    assert found.bad == {"stream-cut"}
    assert found.code == 1
    finding = found.of("stream-cut")
    assert "proxy_read_timeout 1h;" in finding["do"]
    assert "FASTMCP_HTTP_KEEPALIVE_INTERVAL=15" in finding["do"]
    assert "nginx" in found.of("intermediary")["seen"]


async def test_nginx_that_holds_streams_back(silent: Server):
    with nginx(BUFFERING.replace("8000", str(silent.port)).replace("1500ms", "60s")) as proxy:
        found = await diagnosed(proxy.url, idle=3)
    assert found.bad == {"stream-held", "stream-late"}
    assert "no response began within 3 s" in found.of("stream-held")["seen"]
    assert "proxy_buffering off;" in found.of("stream-held")["do"]


async def test_nginx_that_holds_streams_back_until_its_patience_is_over(silent: Server):
    with nginx(BUFFERING.replace("8000", str(silent.port))) as proxy:
        found = await diagnosed(proxy.url, idle=3.5)
    assert found.bad == {"stream-held", "stream-cut", "stream-compressed"}
    assert "proxy_buffering off;" in found.of("stream-held")["do"]
    assert "gzip off;" in found.of("stream-compressed")["do"]


async def test_nginx_as_this_package_configures_it(fastmcp: Command, ours: Server):
    block = fastmcp("nginx", f"127.0.0.1:{ours.port}").stdout
    with nginx(block) as proxy:
        found = await diagnosed(proxy.url, idle=4)
    assert found.bad == set()
    assert found.of("stream")["status"] == "ok"


SDK_1 = """
import sys
from mcp.server.fastmcp import FastMCP
mcp = FastMCP("old", host="127.0.0.1", port=int(sys.argv[1]))
mcp.run(sys.argv[2])
"""


async def test_the_official_sdk_1(tmp_path: Path):
    python = venvs.python_of("mcp-sdk-1", venvs.MCP_SDK_1)
    file = tmp_path / "old.py"
    file.write_text(SDK_1)
    env = venvs.environment()
    with serve(script(file, "streamable-http", python=python), env=env) as server:
        found = await diagnosed(server.url, idle=0.3)
        assert found.bad == set()
        assert found.document["versions"]["stateless"] == []
        assert found.of("stateless-none")["status"] == "note"
    # A GET that it refuses, for its Host or Origin, is a stack trace in its log.
    old = script(file, "sse", python=python)
    with serve(old, env=env, path="/sse", clean=False) as server:
        found = await diagnosed(server.url, idle=0.3)
        assert found.bad == {"sse"}
        assert found.document["transports"]["http_sse"] is True
        assert found.document["server"]["name"] == "old"


async def test_the_official_sdk():
    python = venvs.python_of("mcp-sdk", venvs.MCP_SDK)
    with serve(
        script(ROOT / "tests/outsiders/servers/sdk_server.py", python=python),
        env=venvs.environment(),
    ) as server:
        found = await diagnosed(server.url, idle=0.3)
    assert found.bad == set()
    assert found.document["server"] == {"name": "stranger", "version": "9.9.9"}


def test_every_finding_is_explained():
    """docs/doctor.md has a row for each, and for no other, with its gravest status."""
    statuses = ("ok", "note", "warning", "problem")
    made: dict[str, str] = {}
    for file in (ROOT / "src" / "fastmcp" / "cli" / "diagnosis").glob("*.py"):
        for status, id in re.findall(
            r'\b(ok|note|warning|problem|finding)\(\s*"([a-z0-9-]+)"', file.read_text()
        ):
            status = "problem" if status == "finding" else status
            made[id] = max(made.get(id, "ok"), status, key=statuses.index)
    page = (ROOT / "docs" / "doctor.md").read_text()
    rows = re.findall(r"^\| `([a-z][a-z0-9-]+)` \| (\w+) \|", page, re.MULTILINE)
    assert len(rows) > 50
    assert dict(rows) == made

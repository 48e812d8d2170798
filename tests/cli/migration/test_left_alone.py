"""What must not be rewritten: what is not known for sure to be an MCP server or client."""

from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import pytest

from fastmcp.cli.migration.edits import Note
from fastmcp.cli.migration.endpoints import Endpoints
from fastmcp.cli.migration.files import File, write_file
from fastmcp.cli.migration.knowledge import Knowledge
from fastmcp.cli.migration.plan import make_plan, rewrite

OURS = "from fastmcp import FastMCP\n"
SDK = "from mcp.server.fastmcp import FastMCP\n"
SERVER = OURS + 'mcp = FastMCP("a")\n'


def rewritten(text: str, name: str = "a.py") -> tuple[str, list[Note]]:
    """A text that is migrated alone."""
    known = Knowledge()
    rewrite(text, name, known)
    return rewrite(text, name, known)


def planned(folder: Path, **files: str) -> dict[str, tuple[str, list[Note]]]:
    """What becomes of Python files that are migrated together."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    plan = make_plan([folder], Endpoints())
    assert plan.errors == []
    became: dict[str, tuple[str, list[Note]]] = {name: (text, []) for name, text in files.items()}
    return became | {Path(one.name).stem: (one.text, one.notes) for one in plan.changes}


def stays(text: str, name: str = "a.py", said: str = "") -> None:
    """It is left as it is, and listed with these words, if any are given."""
    became, notes = rewritten(text, name)
    assert became == text
    assert bool(notes) == bool(said)
    assert any(said in note.reason for note in notes) or not said


# --- the text itself -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "became"),
    [
        ("make() if c else None", "(make() if c else None).http_app()"),
        ("(make() if c else None)", "(make() if c else None).http_app()"),
        ("await make()", "(await make()).http_app()"),
        ("a or b", "(a or b).http_app()"),
        ("servers[0]", "servers[0].http_app()"),
        ("make(\n1)", "make(\n1).http_app()"),
    ],
)
def test_the_server_of_an_application_is_bracketed(server: str, became: str):
    head = "from fastmcp.server.http import create_sse_app, x\nasync def f():\n    app = "
    text, notes = rewritten(f'{head}create_sse_app({server}, "/messages/", "/sse")\n')
    assert text.splitlines()[-1] == f"    app = {became}".splitlines()[-1]
    assert notes == []
    ast.parse(text)


def test_what_is_no_server_is_listed():
    head = "from fastmcp.server.http import create_sse_app\n"
    stays(f'{head}a = create_sse_app(lambda: 1, "/messages/", "/sse")\n', said="An application")


def test_what_would_be_no_python_is_left():
    head = "from fastmcp.server.http import create_sse_app\n"
    stays(f'{head}a = create_sse_app(a\n.b, "/messages/", "/sse")\n', said="no Python")


@pytest.mark.parametrize("blank", ["\f", "\f\f", "    \f", "\f    "])
def test_a_form_feed_before_a_line(blank: str):
    head = SERVER + ("if mcp:\n" if " " in blank else "")
    line = 'mcp.run_sse_async(host="h", message_path="/m")\n'
    text, _ = rewritten(head + blank + line)
    assert text in (
        head + blank + 'mcp.run_http_async(host="h")\n',
        head + blank + line,
    )


# --- whose it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rest",
    [
        'class Bus:\n    pass\nbus = Bus()\nbus.run(transport="sse")\n',
        'import broker\nbroker.run(transport="sse")\n',
        'from other import broker\nbroker.run(transport="sse")\n',
        (
            "class A:\n    def __init__(self):\n        self.bus = Bus()\n"
            '    def go(self):\n        self.bus.run("sse")\n'
        ),
        'def go(bus: Bus):\n    bus.run("sse")\n',
        'class A(B):\n    def go(self):\n        self.run("sse")\n',
    ],
)
def test_a_stranger_s_run(rest: str):
    stays(OURS + rest, said="whose server this is cannot be told")


@pytest.mark.parametrize(
    "rest",
    [
        "def go(mcp):\n    mcp.run(transport=%s)\n",
        'def go(mcp: "FastMCP"):\n    mcp.run(transport=%s)\n',
        (
            "class A:\n    def __init__(self, mcp):\n        self.mcp = mcp\n"
            "    def go(self):\n        self.mcp.run(%s)\n"
        ),
    ],
)
def test_a_server_that_is_given(rest: str):
    text, notes = rewritten(OURS + rest % '"sse"')
    assert text == OURS + rest % '"http"'
    assert notes == []


def test_settings_of_something_else():
    stays('a.settings.sse_path = "/x"\nmcp = "sse_path"\n')
    stays(SERVER + 'a.settings.sse_path = "/x"\n')
    text, notes = rewritten(
        SDK + 'a = FastMCP()\nb = FastMCP()\na.settings.sse_path = "/a"\n'
        'b.settings.sse_path = "/b"\na.run(transport="sse")\n'
    )
    assert 'a.settings.streamable_http_path = "/a"' in text
    assert 'b.settings.sse_path = "/b"' in text
    assert len(notes) == 1


@pytest.mark.parametrize(
    "rest",
    [
        SDK + 'mcp = FastMCP("a", sse_path="/events")\nmcp.run(transport="streamable-http")\n',
        SDK + 'mcp = FastMCP("a", sse_path="/events")\napp = mcp.streamable_http_app()\n',
        SDK + 'mcp = FastMCP("a")\nmcp.settings.sse_path = "/events"\nmcp.run("streamable-http")\n',
        OURS + 'mcp = FastMCP("a", sse_path="/events")\nmcp.run(transport="http")\n',
        OURS + 'mcp = FastMCP("a", sse_path="/events")\napp = mcp.http_app()\n',
    ],
)
def test_the_old_path_of_a_server_that_is_at_streamable_http(rest: str):
    stays(rest)


@pytest.mark.parametrize(
    "rest",
    [
        'mcp = FastMCP("a", sse_path="/events")\n',
        'mcp = FastMCP("a")\nmcp.settings.sse_path = "/events"\n',
    ],
)
def test_the_old_path_of_a_server_that_is_at_both(rest: str):
    # Renamed, it would move the one that is at /mcp.
    text, notes = rewritten(SDK + rest + "new = mcp.streamable_http_app()\nold = mcp.sse_app()\n")
    assert text == SDK + rest + "new = mcp.streamable_http_app()\nold = mcp.streamable_http_app()\n"
    assert notes == []


def test_clients_of_a_server_that_was_at_another_path():
    client = (
        "from fastmcp.client.transports import SSETransport, StreamableHttpTransport\n"
        'a = %s("http://localhost:8000/%s")\n'
    )
    server = SDK + 'mcp = FastMCP("a", sse_path="/events")\nmcp.run(transport="streamable-http")\n'
    text, notes = rewritten(server + client % ("SSETransport", "events"))
    assert 'StreamableHttpTransport("http://localhost:8000/mcp")' in text
    assert 'FastMCP("a", sse_path="/events")' in text
    assert notes == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.service", "Environment=FASTMCP_SSE_PATH=/x\nEnvironment=FASTMCP_TRANSPORT=sse\n"),
        ("serve.sh", "export FASTMCP_SSE_PATH=/x\nexport FASTMCP_TRANSPORT=sse\n"),
        ("serve.bat", "set FASTMCP_SSE_PATH=/x\nset FASTMCP_TRANSPORT=sse\n"),
        ("Dockerfile", "FROM a\nENV FASTMCP_SSE_PATH=/x\nENV FASTMCP_TRANSPORT=sse\n"),
        (".env", "FASTMCP_SSE_PATH=/x\nFASTMCP_TRANSPORT=sse\n"),
        ("a.py", "env = {'FASTMCP_SSE_PATH': '/x', 'FASTMCP_TRANSPORT': 'sse'}\n"),
    ],
)
def test_settings_of_a_server_that_moves_go_together(name: str, text: str):
    became, notes = rewritten(text, name)
    assert became == text.replace("SSE_PATH", "STREAMABLE_HTTP_PATH").replace("sse", "http")
    assert notes == []


def test_settings_of_a_server_that_stays_go_together():
    chosen = 'if [ "$1" = sse ]; then\n  export FASTMCP_TRANSPORT=sse\nfi\n'
    stays(chosen + "export FASTMCP_SSE_PATH=/x\n", "serve.sh", said="sse")


def test_settings_of_one_command_are_not_another_s():
    one, other = "FASTMCP_TRANSPORT=%s fastmcp run a.py\n", "FASTMCP_SSE_PATH=/x fastmcp run b.py\n"
    became, _ = rewritten(one % "sse" + other, "serve.sh")
    assert became == one % "http" + other


def test_where_a_server_is_that_exports_say():
    exports = "export FASTMCP_TRANSPORT=%s\nexport FASTMCP_PORT=9000\nexport FASTMCP_%s_PATH=/x\n"
    client = "npx mcp-remote http://localhost:%s --transport %s\n"
    became, notes = rewritten(
        exports % ("sse", "SSE")
        + client % ("9000/x", "sse-only")
        + client % ("8000/sse", "sse-only"),
        "serve.sh",
    )
    assert became == (
        exports % ("http", "STREAMABLE_HTTP")
        + client % ("9000/x", "http-only")
        + client % ("8000/sse", "sse-only")
    )
    assert len(notes) == 1


@pytest.mark.parametrize(
    "settings",
    [
        "FASTMCP_TRANSPORT=http FASTMCP_SSE_PATH=/events fastmcp run a.py",
        "FASTMCP_SSE_PATH=/events fastmcp run a.py --transport http",
    ],
)
def test_the_setting_for_the_old_path_says_nothing_of_the_new_one(settings: str):
    client = "npx mcp-remote http://localhost:8000/%s --transport %s\n"
    text, notes = rewritten(f"{settings}\n{client % ('events', 'sse-only')}", "serve.sh")
    assert text == f"{settings}\n{client % ('mcp', 'http-only')}"
    assert notes == []


# --- a choice ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rest",
    [
        'if args.transport == "sse":\n    mcp.run(transport="sse")\nelse:\n    mcp.run()\n',
        'if t in ("sse", "old"):\n    mcp.run_sse_async()\n',
        'match t:\n    case "sse" | "old":\n        mcp.run(transport="sse")\n',
        'SSE = "sse"\nif t == SSE:\n    mcp.run(transport="sse")\n',
        'go = {"sse": lambda: mcp.run(transport="sse")}\n',
    ],
)
def test_a_branch_that_is_chosen_by_the_word(rest: str):
    stays(SERVER + rest, said="the word sse chooses this branch")


@pytest.mark.parametrize(
    "text",
    [
        'if [ "$T" = sse ]; then fastmcp run a.py -t sse; else fastmcp run a.py -t http; fi\n',
        '[[ "$T" == sse ]] && fastmcp run a.py --transport=sse\n',
        "case $T in\n  sse)\n    fastmcp run a.py -t sse;;\n  *) fastmcp run a.py;;\nesac\n",
        'case "$T" in http) x;; "sse"|old) FASTMCP_TRANSPORT=sse fastmcp run a.py;; esac\n',
    ],
)
def test_a_branch_of_a_script(text: str):
    stays(text, "a.sh", said="sse")
    indented = "".join(f"      {line}\n" for line in text.splitlines())
    stays(f"jobs:\n  - run: |\n{indented}", "a.yaml", said="sse")


# --- names that are used elsewhere ---------------------------------------------------------------

HOLDER = SERVER + 'TRANSPORT = "sse"\nmcp.run(transport=TRANSPORT)\n'


@pytest.mark.parametrize(
    "user",
    [
        "from a import TRANSPORT\n",
        "from pkg.a import (\n    mcp,\n    TRANSPORT as T,\n)\n",
        "from .a import *\n",
        "import a\nprint(a.TRANSPORT)\n",
        "import pkg.a\nprint(pkg.a.TRANSPORT)\n",
        "import pkg.a as c\nprint(c.TRANSPORT)\n",
        "from pkg import a as c\nprint(c.TRANSPORT)\n",
    ],
)
def test_a_name_that_another_file_uses(tmp_path: Path, user: str):
    text, notes = planned(tmp_path, a=HOLDER, b=user)["a"]
    assert text == HOLDER
    assert any("TRANSPORT says it, and is used elsewhere" in note.reason for note in notes)


def test_a_name_that_no_other_file_uses(tmp_path: Path):
    text, notes = planned(tmp_path, a=HOLDER, b="from a import mcp\nimport c\nc.TRANSPORT\n")["a"]
    assert text == HOLDER.replace('"sse"', '"http"')
    assert notes == []


CLIENT = (
    "from fastmcp import Client\nfrom fastmcp.client.transports import SSETransport\n"
    'URL = "http://localhost:8000/sse"\na = Client(SSETransport(URL))\n'
)
RUN = SERVER + 'mcp.run(transport="sse")\n'


def test_an_address_that_a_stranger_uses_too(tmp_path: Path):
    text = CLIENT + "import requests\nrequests.get(URL)\n"
    became, notes = planned(tmp_path, server=RUN, a=text)["a"]
    assert became == text
    assert any("URL is the address" in note.reason for note in notes)


def test_an_address_that_another_file_uses(tmp_path: Path):
    files = planned(tmp_path, server=RUN, a=CLIENT, b="from a import URL\n")
    became, notes = files["a"]
    assert became == CLIENT
    assert any("URL is the address" in note.reason for note in notes)


def test_an_address_that_clients_alone_use(tmp_path: Path):
    became, notes = planned(tmp_path, server=RUN, a=CLIENT + "b = Client(URL)\nprint(URL)\n")["a"]
    assert 'URL = "http://localhost:8000/mcp"' in became
    assert "Client(StreamableHttpTransport(URL))" in became
    assert notes == []


# --- the streams of the SDK's client -------------------------------------------------------------

STREAMS = SDK + (
    'm = FastMCP()\nfrom mcp.client.sse import sse_client\nm.run("sse")\n'
    'async def f():\n    async with sse_client("http://localhost:8000/sse") as '
)


@pytest.mark.parametrize("use", ["streams[-1]", "streams[:]", "streams[i]", "len(streams)"])
def test_streams_that_cannot_be_followed(use: str):
    text, notes = rewritten(f"{STREAMS}streams:\n        {use}\n")
    assert "sse_client(" in text
    assert any("cannot be followed" in note.reason for note in notes)


def test_streams_in_an_inner_function():
    text, notes = rewritten(
        f"{STREAMS}streams:\n        def g():\n            return S(*streams), streams[1]\n"
    )
    assert "return S(*streams[:2]), streams[1]" in text
    assert notes == []
    text, _ = rewritten(f"{STREAMS}streams:\n        def g():\n            return len(streams)\n")
    assert "sse_client(" in text


def test_an_underscore_that_means_something():
    text, _ = rewritten(f'from gettext import gettext as _\n{STREAMS}(a, b):\n        _("x")\n')
    assert ", _)" not in text
    assert "as (a, b, _get_session_id):" in text


# --- other files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "servers:\n  - url: https://mcp.atlassian.com/v1/sse\nopenapi: 3.1.0\n"),
        ("a.json", '{"swagger": "2.0", "servers": [{"url": "https://mcp.atlassian.com/v1/sse"}]}'),
        ("a.yaml", "servers:\n  - url: http://localhost:8000/sse\n    type: sse\n"),
        ("a.yaml", "extensions:\n  a:\n    url: http://localhost:8000/sse\n    type: sse\n"),
    ],
)
def test_servers_of_another_kind(name: str, text: str):
    known = Knowledge()
    rewrite(RUN, "server.py", known)
    assert rewrite(text, name, known) == (text, [])


def test_a_request_to_any_host():
    _, notes = rewritten("curl https://stocks.example/sse\n", "a.sh")
    assert not any("will not have any more" in note.reason for note in notes)


def test_many_open_signatures_take_no_time(tmp_path: Path):
    began = time.process_time()
    planned(tmp_path, a="def a(\n" * 70_000)
    assert time.process_time() - began < 8


def test_what_nobody_reads_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data.csv").write_text("mcp sse\n")
    (tmp_path / "tool").write_text("#!/bin/sh\nfastmcp run a.py --transport sse\n")
    (tmp_path / "plain").write_text("fastmcp run a.py --transport sse\n")
    (tmp_path / "data.csv").chmod(0)
    plan = make_plan([tmp_path], Endpoints())
    assert [Path(one.name).name for one in plan.changes] == ["tool"]
    assert plan.errors == []


# --- what is written -----------------------------------------------------------------------------


def test_a_hard_link_is_not_broken(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "b.py")
    with pytest.raises(OSError, match="other names"):
        write_file(File(path, b"old"), "new")
    assert path.read_bytes() == b"old"


def test_a_file_that_nobody_may_write(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(OSError, match="may not be written"):
        write_file(File(path, b"old"), "new")
    assert path.read_bytes() == b"old"

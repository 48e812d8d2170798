"""`fastmcp migrate`: what it shows, what it writes and what not, and where it looks."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from fastmcp.cli.migration.files import File, write_file
from tests.cli.conftest import Command
from tests.cli.migration.project import copied, texts_of

SERVER = 'from fastmcp import FastMCP\nmcp = FastMCP("a")\nmcp.run(transport="sse", port=8000)\n'
CLIENT = 'from fastmcp import Client\nclient = Client("http://localhost:8000/sse")\n'


@pytest.fixture
def server(tmp_path: Path) -> Path:
    file = tmp_path / "server.py"
    file.write_text(SERVER)
    return file


def test_a_diff_is_shown_and_nothing_written(fastmcp: Command, server: Path):
    done = fastmcp("migrate", ".")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "--- a/server.py",
        "+++ b/server.py",
        "@@ -1,3 +1,3 @@",
        " from fastmcp import FastMCP",
        ' mcp = FastMCP("a")',
        '-mcp.run(transport="sse", port=8000)',
        '+mcp.run(transport="http", port=8000)',
        "",
        "1 file would change; --write changes them.",
    ]
    assert server.read_text() == SERVER


def test_write(fastmcp: Command, server: Path):
    done = fastmcp("migrate", "server.py", "--write")
    assert done.returncode == 0
    assert '+mcp.run(transport="http", port=8000)' in done.stdout
    assert done.stdout.endswith("\n1 file changed.\n")
    assert server.read_text() == SERVER.replace('"sse"', '"http"')
    about = server.stat()
    again = fastmcp("migrate", ".", "--write")
    assert (again.returncode, again.stdout) == (0, "Nothing to change.\n")
    assert server.stat().st_mtime_ns == about.st_mtime_ns
    assert sorted(path.name for path in server.parent.iterdir()) == ["server.py"]


def test_check(fastmcp: Command, server: Path):
    assert fastmcp("migrate", ".", "--check").returncode == 1
    assert server.read_text() == SERVER
    fastmcp("migrate", ".", "--write")
    assert fastmcp("migrate", ".", "--check").returncode == 0


def test_json(fastmcp: Command, server: Path):
    server.with_name("client.py").write_text(CLIENT.replace("8000", "9999"))
    done = fastmcp("migrate", ".", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert [(file["path"], file["written"]) for file in report["files"]] == [("server.py", False)]
    assert '+mcp.run(transport="http", port=8000)\n' in report["files"][0]["diff"]
    (note,) = report["notes"]
    assert (note["path"], note["line"]) == ("client.py", 2)
    assert "no server in these files is known" in note["reason"]
    assert "--sse-url-to http://localhost:9999/sse=http://localhost:9999/mcp" in note["advice"]
    assert report["errors"] == []


def test_a_terminal_is_shown_colours(server: Path, environment: dict[str, str]):
    ours, theirs = pty.openpty()
    env = {**environment, "TERM": "xterm"}
    env.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "fastmcp", "migrate", str(server)], stdout=theirs, env=env
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass  # the other side is closed
        assert process.wait(50) == 0
    os.close(ours)
    assert b'\x1b[32m+mcp.run(transport="http", port=8000)\x1b[0m' in shown
    assert b'\x1b[31m-mcp.run(transport="sse", port=8000)\x1b[0m' in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name what to migrate: fastmcp migrate ."),
        ([".", "--write", "--check"], "--write changes files, --check only looks"),
        ([".", "--sse-url-to", "a"], "--sse-url-to 'a' is not FROM=TO"),
        ([".", "--endpoints", "missing.json"], "--endpoints missing.json: No such file"),
        ([".", "--endpoints", "server.py"], "--endpoints server.py is not JSON"),
    ],
)
def test_a_wrong_command_line(fastmcp: Command, server: Path, words: list[str], said: str):
    done = fastmcp("migrate", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_cannot_be_read_stops_nothing(fastmcp: Command, server: Path):
    done = fastmcp("migrate", "missing", "server.py", "--write")
    assert done.returncode == 2
    assert "missing: no such file or directory" in done.stdout
    assert 'transport="http"' in server.read_text()


def test_what_is_broken_is_listed_and_stops_nothing(fastmcp: Command, server: Path):
    folder = server.parent
    (folder / "broken.py").write_text('import mcp\nmcp.run(transport="sse"\n')
    (folder / "broken.json").write_text('{"mcpServers": {"a": {"type": "sse", }, , }}')
    (folder / "broken.yaml").write_text("mcp: sse\n  a: [\n")
    (folder / "broken.toml").write_text('mcp = "sse"\na = \n')
    (folder / "not_ours.py").write_text("def f(:\n")
    done = fastmcp("migrate", ".", "--write")
    assert done.returncode == 0
    for place in ("broken.py:2:", "broken.json:1:", "broken.yaml:2:", "broken.toml:2:"):
        assert f"{place} This file was not looked at" in done.stdout
    assert "not_ours.py" not in done.stdout
    assert 'transport="http"' in server.read_text()


@pytest.mark.parametrize(
    "data",
    [
        SERVER.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + SERVER.encode(),
        SERVER.rstrip("\n").encode(),
        SERVER.replace('"a"', '"é"').encode("latin-1").join([b"# coding: latin-1\n", b""]),
        SERVER.replace("\n", "\r\n", 1).encode() + b"# mixed\r\n\tnot code",
        SERVER.encode() + b'"""\x0c \xe2\x80\xa8 """\n',
    ],
    ids=["crlf", "bom", "no end", "latin-1", "broken", "separators"],
)
def test_bytes_are_kept(fastmcp: Command, server: Path, data: bytes):
    server.write_bytes(data)
    fastmcp("migrate", ".", "--write")
    became = server.read_bytes()
    broken = b"not code" in data
    assert became == (data if broken else data.replace(b'"sse"', b'"http"'))


def test_the_mode_is_kept_and_a_link_stays_one(fastmcp: Command, server: Path, tmp_path: Path):
    real = tmp_path / "elsewhere" / "real.sh"
    real.parent.mkdir()
    real.write_text("#!/bin/sh\nfastmcp run server.py --transport sse\n")
    real.chmod(0o754)
    link = tmp_path / "link.sh"
    link.symlink_to(real)
    assert fastmcp("migrate", "link.sh", "--write").returncode == 0
    assert link.is_symlink()
    assert real.read_text().endswith("--transport http\n")
    assert real.stat().st_mode & 0o777 == 0o754


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_bytes(b"new")
    with pytest.raises(OSError, match="it changed while it was being migrated"):
        write_file(File(path, b"old"), "mine")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.py", b"new")]


def test_where_it_looks(fastmcp: Command, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "server.py").write_text(SERVER)
    root = tmp_path / "root"
    looked = ["server.py", "src/deep/server.py", "vendor/kept.py", "logs/x/server.py"]
    passed = [
        ".git/hook.py",
        "node_modules/a/server.py",
        "my-env/lib/server.py",
        "__pycache__/server.py",
        "generated/server.py",
        "src/deep/out_1.py",
        "vendor/other.py",
    ]
    for name in [*looked, *passed]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(SERVER)
    (root / "my-env" / "pyvenv.cfg").touch()
    (root / ".gitignore").write_text(
        "# made\n/generated/\nout_?.py\nvendor/*\n!vendor/kept.py\n/logs/*.py\n.env\n"
    )
    (root / ".env").write_text("FASTMCP_TRANSPORT=sse\n")
    (root / "linked").symlink_to(outside)
    (root / "linked.py").symlink_to(outside / "server.py")
    (root / "binary.py").write_bytes(b'\0 "sse" mcp')
    (root / "large.py").write_text(SERVER + "#" * 600_000)
    os.mkfifo(root / "pipe.py")
    done = fastmcp("migrate", "root", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert {file["path"] for file in report["files"]} == {
        f"root/{name}" for name in [*looked, ".env"]
    }
    assert report["notes"] == []
    assert report["errors"] == []


def test_nothing_that_is_read_is_run(fastmcp: Command, tmp_path: Path):
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w')\n"
    (tmp_path / "server.py").write_text(evil + SERVER)
    (tmp_path / "a.yaml").write_text(f"mcp: sse\na: !!python/object/apply:os.mkdir [{mark}]\n")
    (tmp_path / "a.sh").write_text(f"touch {mark} # mcp sse\n")
    assert fastmcp("migrate", ".", "--write").returncode == 0
    assert not mark.exists()


def test_a_server_s_own_name_is_said_once(fastmcp: Command, tmp_path: Path):
    """A client alone is not rewritten; it is when its server is known, or said to move."""
    (tmp_path / "client.py").write_text(CLIENT)
    assert fastmcp("migrate", ".", "--check").returncode == 0
    pair = "http://localhost:8000/sse=http://localhost:8000/tools"
    done = fastmcp("migrate", ".", "--sse-url-to", pair)
    assert '+client = Client("http://localhost:8000/tools")' in done.stdout
    (tmp_path / "server.py").write_text(SERVER)
    done = fastmcp("migrate", ".")
    assert '+client = Client("http://localhost:8000/mcp")' in done.stdout


def test_more_endpoints(fastmcp: Command, tmp_path: Path):
    (tmp_path / "mcp.json").write_text(
        '{"mcpServers": {"a": {"type": "sse", "url": "https://tools.example.com/v1/sse"}}}'
    )
    entry = {"from": "https://tools.example.com/v1/sse", "to": "https://tools.example.com/v2"}
    (tmp_path / "own.json").write_text(json.dumps([entry]))
    done = fastmcp("migrate", "mcp.json", "--endpoints", "own.json")
    assert '"type": "http", "url": "https://tools.example.com/v2"' in done.stdout


def test_a_diff_does_nothing_to_a_terminal(fastmcp: Command, server: Path):
    server.write_text(SERVER + 'NAME = "\x1b]0;owned\x07\x9b31m"\n')
    done = fastmcp("migrate", ".")
    assert "\x1b" not in done.stdout
    assert "\x9b" not in done.stdout
    assert "\\x1b]0;owned" in done.stdout


def test_a_whole_project_is_written(fastmcp: Command, tmp_path: Path):
    folder = copied("configurations", tmp_path)
    before = texts_of(folder)
    assert fastmcp("migrate", "configurations", "--write").returncode == 0
    after = texts_of(folder)
    assert before.keys() == after.keys()
    assert before != after

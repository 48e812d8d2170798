"""`fastmcp run --reload`: edits are live within seconds, the port is released, the end is clean."""

from __future__ import annotations

import asyncio
import signal
import time
import urllib.error
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cli.test_run import HELLO, ask, running, tell
from tests.support.process import Server, eventually, listening
from tests.support.wire import Wire

SECONDS = 10.0


def write(file: Path, word: str) -> None:
    file.write_text(
        "from fastmcp import FastMCP\n"
        "mcp = FastMCP('reloaded')\n"
        f"@mcp.tool\ndef word() -> str:\n    return '{word}'\n"
    )


def says(server: Server, word: str, session: str | None = None) -> bool:
    try:
        return tell(server.url, "word", session)["content"][0]["text"] == word
    except (OSError, urllib.error.URLError):
        return False


def test_an_edit_is_live_and_sessions_survive(environment: dict[str, str], tmp_path: Path):
    file = tmp_path / "edited.py"
    write(file, "one")
    with running(environment, file, "--reload") as server:
        _, session = ask(server.url, "initialize", HELLO)
        assert says(server, "one", session)
        write(file, "two")
        eventually(lambda: says(server, "two", session), SECONDS, "the edit is live")
        assert "edited.py changed: restarting." in server.log
        assert server.log.count("FastMCP server reloaded") == 1
        assert server.stop() == 0
        eventually(lambda: not listening(server.port), SECONDS, "the port is released")


def test_a_mistake_is_survived(environment: dict[str, str], tmp_path: Path):
    file = tmp_path / "edited.py"
    write(file, "one")
    with running(environment, file, "--reload") as server:
        file.write_text("def broken(:\n")
        eventually(lambda: "waiting for a change" in server.log, SECONDS, "the child failed")
        assert "SyntaxError" in server.log
        write(file, "three")
        eventually(lambda: says(server, "three"), SECONDS, "the mended file is live")


def test_a_file_beside_it_counts_and_another_kind_does_not(
    environment: dict[str, str], tmp_path: Path
):
    file = tmp_path / "watched" / "edited.py"
    file.parent.mkdir()
    write(file, "one")
    with running(environment, file, "--reload", "--reload-dir", file.parent) as server:
        (file.parent / "picture.bin").write_bytes(b"1")
        (tmp_path / "outside.py").touch()
        (file.parent / "settings.toml").touch()
        eventually(lambda: "restarting" in server.log, SECONDS, "the change is seen")
        assert "settings.toml changed: restarting." in server.log
        eventually(lambda: says(server, "one"), SECONDS, "it is back")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on(environment: dict[str, str], tmp_path: Path, how: signal.Signals):
    file = tmp_path / "edited.py"
    write(file, "one")
    with running(environment, file, "--reload") as server:
        assert server.stop(how) == 0
        server.assert_clean()
        assert not listening(server.port)


async def test_t29_open_streams_do_not_delay_a_restart(environment: dict[str, str], tmp_path: Path):
    """Three idle streams and a client in the middle of its session."""
    file = tmp_path / "edited.py"
    write(file, "one")
    with running(environment, file, "--reload") as server:
        async with AsyncExitStack() as stack:
            wires = [await stack.enter_async_context(Wire(server.url)) for _ in range(3)]
            streams = []
            for wire in wires:
                await wire.initialize()
                streams.append(await stack.enter_async_context(wire.listen()))
            session = wires[0].session_id
            write(file, "two")
            start = time.monotonic()
            for stream in streams:
                async for _ in stream:  # to its proper end
                    pass
            await asyncio.to_thread(
                eventually, lambda: says(server, "two", session), SECONDS, "the edit is live"
            )
            # 2 s at rest; a server that waited for its streams would take its grace time more.
            assert time.monotonic() - start < 6
            assert (await wires[0].call("word")).text == "two"
            assert wires[0].session_id == session


def test_a_child_does_not_outlive_its_supervisor(environment: dict[str, str], tmp_path: Path):
    file = tmp_path / "edited.py"
    write(file, "one")
    with running(environment, file, "--reload") as server:
        assert says(server, "one")
        server.process.kill()
        server.process.wait()
        eventually(lambda: not listening(server.port), SECONDS, "the child has ended")

"""Logging: names, nothing on import, one line per record, time that text cannot stretch."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fastmcp import Client, Context, FastMCP
from fastmcp.settings import get_settings
from fastmcp.utilities.logging import configure_logging, get_logger, temporary_log_level

PACKAGE = logging.getLogger("fastmcp")


@pytest.fixture(autouse=True)
def restored():
    before = PACKAGE.level, list(PACKAGE.handlers), PACKAGE.propagate
    yield
    PACKAGE.setLevel(before[0])
    PACKAGE.handlers[:], PACKAGE.propagate = before[1], before[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["plain", "terminal"])
def take_stderr(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """To be called by the test itself: pytest exchanges sys.stderr after a fixture's set-up."""

    def take() -> io.StringIO:
        stream = Terminal() if request.param == "terminal" else io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        return stream

    return take


def test_names_nest_under_fastmcp():
    assert get_logger("a.b").name == "fastmcp.a.b"
    assert get_logger("fastmcp.c").name == "fastmcp.c"
    assert get_logger("fastmcp").name == "fastmcp"
    assert get_logger("fastmcpx").name == "fastmcp.fastmcpx"


def test_import_adds_no_handler_and_prints_nothing():
    code = (
        "import logging, fastmcp.utilities.logging, sys;"
        "assert not logging.getLogger().handlers;"
        "assert not logging.getLogger('fastmcp').handlers;"
        "assert 'rich' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_one_line_on_stderr(take_stderr: Callable[[], io.StringIO]):
    stderr = take_stderr()
    root = list(logging.getLogger().handlers)
    configure_logging("INFO")
    configure_logging("INFO")
    get_logger("x").info("hello [bold]x[/] %d", 7)
    get_logger("x").debug("not written")
    text = stderr.getvalue()
    assert text.count("\n") == 1
    assert "hello [bold]x[/] 7" in text
    assert ("\x1b[" in text) is stderr.isatty()
    assert logging.getLogger().handlers == root


def test_a_message_cannot_forge_lines_or_styles(take_stderr: Callable[[], io.StringIO]):
    stderr = take_stderr()
    configure_logging("INFO")
    get_logger("x").warning("first\nERROR fastmcp: forged \x1b[31mred\r\u2028")
    text = stderr.getvalue()
    assert text.count("\n") == 1
    assert r"first\nERROR fastmcp: forged \x1b[31mred\r" in text


def test_tracebacks_are_written(take_stderr: Callable[[], io.StringIO]):
    stderr = take_stderr()
    configure_logging("INFO", enable_rich_tracebacks=False)
    try:
        raise LookupError("lost")
    except LookupError:
        get_logger("x").exception("went wrong")
    assert "LookupError: lost" in stderr.getvalue()
    configure_logging("INFO", enable_rich_tracebacks=True)
    try:
        raise LookupError("lost again")
    except LookupError:
        get_logger("x").exception("went wrong")
    assert "lost again" in stderr.getvalue()


@pytest.mark.parametrize("text", ["a" * 20_000, "\n" * 20_000, "[b]" * 7_000])
def test_long_text_is_quick(take_stderr: Callable[[], io.StringIO], text: str):
    stderr = take_stderr()
    configure_logging("INFO")
    logger = get_logger("x")
    logger.info("the first record pays for imports")
    times: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        logger.info(text)
        times.append(time.perf_counter() - started)
    assert stderr.getvalue().count("\n") == 6
    # A few thousandths of a second, on a busy machine some more; laid out as markup it would be
    # many times as many.
    assert min(times) < 0.1


def test_log_enabled_false(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(get_settings(), "log_enabled", False)
    PACKAGE.handlers.clear()
    configure_logging("INFO")
    assert PACKAGE.handlers == []


def test_foreign_handlers_stay():
    mine = logging.NullHandler()
    PACKAGE.addHandler(mine)
    configure_logging("INFO")
    assert mine in PACKAGE.handlers
    assert len(PACKAGE.handlers) == 2


def test_temporary_level():
    configure_logging("WARNING")
    before = list(PACKAGE.handlers)
    with temporary_log_level("debug"):
        assert PACKAGE.level == logging.DEBUG
    assert PACKAGE.level == logging.WARNING
    assert PACKAGE.handlers == before
    with temporary_log_level(None):
        assert PACKAGE.level == logging.WARNING


def test_t26_building_attaches_nothing_and_prints_nothing():
    code = (
        "import logging, fastmcp\n"
        "mcp = fastmcp.FastMCP('quiet')\n"
        "@mcp.tool\n"
        "def add(a: int, b: int) -> int: return a + b\n"
        "app = mcp.http_app()\n"
        "client = fastmcp.Client(mcp)\n"
        "assert not logging.getLogger().handlers\n"
        "assert not logging.getLogger('fastmcp').handlers\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_t26_json_is_one_object_a_line(
    take_stderr: Callable[[], io.StringIO], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(get_settings(), "log_format", "json")
    stderr = take_stderr()
    configure_logging("INFO")
    get_logger("x").warning("first\nsecond \u2028 %s", "Ωmega \ud800")
    try:
        raise LookupError("lost")
    except LookupError:
        get_logger("y").exception("went wrong")
    first, second = map(json.loads, stderr.getvalue().splitlines())
    assert set(first) == {"time", "level", "logger", "message"}
    assert (first["level"], first["logger"]) == ("WARNING", "fastmcp.x")
    assert first["message"] == "first\nsecond \u2028 Ωmega \ud800"
    stamp = datetime.fromisoformat(first["time"])
    assert abs(datetime.now(UTC) - stamp) < timedelta(minutes=1)
    assert set(second) == {"time", "level", "logger", "message", "exception"}
    assert second["message"] == "went wrong"
    assert second["exception"].endswith("LookupError: lost")


async def test_t26_a_long_message_of_a_tool_costs_no_time(take_stderr: Callable[[], io.StringIO]):
    take_stderr()
    configure_logging("DEBUG")
    mcp = FastMCP("talkative")
    times: list[float] = []

    @mcp.tool
    async def talk(ctx: Context) -> None:
        for _ in range(5):
            started = time.perf_counter()
            await ctx.info("x" * 20_000)
            times.append(time.perf_counter() - started)

    heard: list[Any] = []

    async def hear(message: Any) -> None:
        heard.append(message.data)

    async with Client(mcp, log_handler=hear) as client:
        await client.call_tool("talk")
    assert len(heard) == 5
    assert min(times) < 0.05  # a search for things to colour takes seconds

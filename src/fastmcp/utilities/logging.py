"""Logging: every logger of the package nests under `fastmcp`, and a library prints nothing.

Importing the package or building a server attaches no handler: whoever runs a program decides.
`configure_logging` is that decision for our own runners (`mcp.run()`, the command line): one
handler on the logger `fastmcp`, writing to stderr, because on stdio transports stdout is the
wire. The root logger is never touched.

Two looks: colours from rich on a terminal, else one plain line per record. A message is never
searched for things to colour and never read as markup: that costs time in proportion to text a
client chose, and lets a client style or forge lines. Control characters in a message are
escaped for the same reason; only a traceback takes more than its line.

For machines there is a third (FASTMCP_LOG_FORMAT=json): one JSON object a line, tracebacks
included, with time, level, logger, message and, where there is one, exception.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastmcp.settings import LogLevel, get_settings

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["configure_logging", "get_logger", "temporary_log_level"]

ROOT_NAME = "fastmcp"

_PLAIN_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LEVEL_STYLES = {
    logging.DEBUG: "dim",
    logging.INFO: "blue",
    logging.WARNING: "yellow",
    logging.ERROR: "red",
    logging.CRITICAL: "bold red",
}


def get_logger(name: str) -> logging.Logger:
    """The logger `fastmcp.<name>`; a name that already nests there is taken as it is."""
    if name == ROOT_NAME or name.startswith(ROOT_NAME + "."):
        return logging.getLogger(name)
    return logging.getLogger(f"{ROOT_NAME}.{name}")


def configure_logging(
    level: LogLevel | int | str | None = None,
    logger: logging.Logger | None = None,
    enable_rich_tracebacks: bool | None = None,
    **rich_kwargs: Any,
) -> None:
    """Send the records of `fastmcp` to stderr. Calling it again replaces what it set up.

    Does nothing but set the level when FASTMCP_LOG_ENABLED is false.

    Args:
        level: least level that is written, a name or a number of `logging`; default is
            FASTMCP_LOG_LEVEL.
        logger: which logger to set up; the package's own by default.
        enable_rich_tracebacks: on a terminal, draw tracebacks with rich; default is the setting.
        rich_kwargs: further arguments of `rich.console.Console`.
    """
    settings = get_settings()
    target = logging.getLogger(ROOT_NAME) if logger is None else logger
    level = settings.log_level if level is None else level
    target.setLevel(level.upper() if isinstance(level, str) else level)
    for handler in list(target.handlers):
        if isinstance(handler, _StderrHandler):
            target.removeHandler(handler)
    if not settings.log_enabled:
        return
    if settings.log_format == "json":
        target.addHandler(_PlainHandler(_JsonFormatter()))
    elif settings.enable_rich_logging and sys.stderr.isatty():
        tracebacks = settings.enable_rich_tracebacks
        if enable_rich_tracebacks is not None:
            tracebacks = enable_rich_tracebacks
        target.addHandler(_RichHandler(tracebacks, rich_kwargs))
    else:
        target.addHandler(_PlainHandler(_LineFormatter(_PLAIN_FORMAT)))
    # The root logger's handlers are somebody else's program: one record, one line.
    target.propagate = False


@contextlib.contextmanager
def temporary_log_level(
    level: LogLevel | str | None,
    logger: logging.Logger | None = None,
    enable_rich_tracebacks: bool | None = None,
    **rich_kwargs: Any,
) -> Generator[None]:
    """`configure_logging(level)` for the time of a block; None changes nothing."""
    if level is None:
        yield
        return
    target = logging.getLogger(ROOT_NAME) if logger is None else logger
    before = target.level, list(target.handlers), target.propagate
    configure_logging(level, target, enable_rich_tracebacks, **rich_kwargs)
    try:
        yield
    finally:
        target.setLevel(before[0])
        target.handlers[:] = before[1]
        target.propagate = before[2]


def one_line(text: str) -> str:
    """`text` with its control characters escaped, so that it cannot start a line of its own."""
    return text if text.isprintable() else text.translate(_ESCAPES)


_ESCAPES = {
    code: repr(chr(code))[1:-1]
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
    if code != 0x09
}


class _StderrHandler(logging.Handler):
    """What `configure_logging` attaches, and may therefore remove.

    It asks for `sys.stderr` at each record: a program or a test may have replaced it.
    """


class _LineFormatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        record.message = one_line(record.message)
        return super().formatMessage(record)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class _PlainHandler(_StderrHandler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class _RichHandler(_StderrHandler):
    """Colours for time and level only; the message is printed as it is, wrapped by the terminal."""

    def __init__(self, tracebacks: bool, console_kwargs: dict[str, Any]) -> None:
        super().__init__()
        self._tracebacks = tracebacks
        self._console_kwargs = {"soft_wrap": True, "highlight": False, **console_kwargs}
        self._clock = logging.Formatter(datefmt="%H:%M:%S")
        self._console: Console | None = None

    def emit(self, record: logging.LogRecord) -> None:
        # rich is imported by the first record on a terminal, not by every import of the package.
        from rich.text import Text

        try:
            console = self._console
            if console is None:
                console = self._console = self._open()
            time = self._clock.formatTime(record, self._clock.datefmt)
            style = _LEVEL_STYLES.get(record.levelno, "")
            line = Text.assemble(
                (f"{time} ", "dim"),
                (f"{record.levelname:<8} ", style),
                one_line(record.getMessage()),
                no_wrap=True,
            )
            console.print(line, soft_wrap=True)
            if record.exc_info and record.exc_info[1] is not None:
                self._print_traceback(console, record)
        except Exception:
            self.handleError(record)

    def _open(self) -> Console:
        from rich.console import Console

        options: dict[str, Any] = {"stderr": True, **self._console_kwargs}
        return Console(**options)

    def _print_traceback(self, console: Console, record: logging.LogRecord) -> None:
        from rich.traceback import Traceback

        assert record.exc_info is not None
        kind, value, traceback = record.exc_info
        if self._tracebacks and kind is not None and value is not None:
            console.print(Traceback.from_exception(kind, value, traceback))
        else:
            text = self._clock.formatException(record.exc_info)
            console.print(text, markup=False, soft_wrap=True)

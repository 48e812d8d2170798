"""What a child writes to stderr: passed on as it comes, and its end remembered.

It goes to this process's own stderr, to a file or to a logger. The last lines are kept, because
they say why a child ended ("ModuleNotFoundError: ..."), and a user wants to read them in the error.
A thread does the copying: a terminal or a file that is slow must not hold up the event loop.
"""

from __future__ import annotations

import codecs
import io
import logging
import os
import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TextIO, TypeAlias, cast

__all__ = ["LogFile", "Stderr"]

LogFile: TypeAlias = Path | TextIO | logging.Logger
"""Where a child's stderr goes: a path (appended to), an open file, or a logger (a line each)."""

_OUR_STDERR: Final = 2
_CHUNK: Final = 64 * 1024
_REMEMBERED: Final = 8 * 1024
_LONGEST_LINE: Final = 16 * 1024
"""A line for a logger; a longer one is cut into several."""
_SHOWN_LINES: Final = 12
_RAISED: Final = re.compile(r"^[\w.]*(Error|Exception|Exit|Interrupt)\b( \[\w+\])?:")
"""How Python and Node name what ended them, after the lines that say where."""
_ERROR: Final = re.compile(r"\berror\b", re.IGNORECASE)
"""How package runners begin; what follows explains."""

Sink: TypeAlias = Callable[[bytes], None]


class Stderr:
    """The stderr of one child.

    Args:
        log_file: where it goes, None for this process's own stderr.
        ended: called from the copying thread when nothing more can come.

    Attributes:
        fd: what the child gets as its stderr; closed by `begin`.
    """

    def __init__(self, log_file: LogFile | None, ended: Callable[[], None]) -> None:
        self._sink, self._close = _sink(log_file)
        self._ended = ended
        self._tail = b""
        self._from, self.fd = os.pipe()

    def begin(self) -> None:
        """The child has its end of the pipe: copy what comes out of the other."""
        os.close(self.fd)
        # A daemon: what left the child's group may hold the pipe open for good.
        threading.Thread(target=self._copy, name="fastmcp-stdio-stderr", daemon=True).start()

    def _copy(self) -> None:
        broken = False
        while data := os.read(self._from, _CHUNK):
            self._tail = (self._tail + data)[-_REMEMBERED:]
            if not broken:
                try:
                    self._sink(data)
                except (OSError, ValueError):  # a full disk, a file closed meanwhile
                    broken = True  # still read: a child that cannot write would stand still
        os.close(self._from)
        self._close()
        self._ended()

    def epitaph(self) -> str:
        """The last lines, to be added to a sentence that says how the child ended; empty if it
        wrote nothing. The line that looks like the error comes first."""
        lines = [line.rstrip() for line in self._tail.decode(errors="replace").splitlines()]
        lines = [line for line in lines if line][-_SHOWN_LINES:]
        if not lines:
            return ""
        raised = [line for line in lines if _RAISED.search(line)]
        errors = [line for line in lines if _ERROR.search(line)]
        telling = (raised[-1:] or errors[:1] or lines[-1:])[0]
        if len(lines) == 1:
            return f": {telling.strip()}"
        return "\n    ".join([f": {telling.strip()}\nThe end of its stderr:", *lines])


def _sink(log_file: LogFile | None) -> tuple[Sink, Callable[[], None]]:
    """What takes the bytes, and what is to be called after the last ones."""
    if log_file is None:
        return _to_our_stderr, _nothing
    if isinstance(log_file, (str, Path)):
        file = open(log_file, "ab", buffering=0)  # noqa: SIM115  (closed after the last bytes)
        return lambda data: _write_all(file.fileno(), data), file.close
    if isinstance(log_file, logging.Logger):
        lines = _Lines(log_file)
        return lines.take, lines.end
    if isinstance(log_file, (io.RawIOBase, io.BufferedIOBase)):  # opened without "t"
        return partial(_to_binary, cast("BinaryIO", log_file)), _nothing
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def to_text(data: bytes) -> None:
        log_file.write(decoder.decode(data))
        log_file.flush()

    return to_text, _nothing


def _nothing() -> None:
    pass


def _to_binary(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()


def _to_our_stderr(data: bytes) -> None:
    _write_all(_OUR_STDERR, data)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class _Lines:
    """Whole lines, for a logger."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._begun = b""

    def take(self, data: bytes) -> None:
        *lines, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > _LONGEST_LINE:
            lines, self._begun = [*lines, self._begun], b""
        for line in lines:
            self._log(line)

    def end(self) -> None:
        self._log(self._begun)

    def _log(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self._logger.info("%s", text)

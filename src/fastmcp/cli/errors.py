"""What the command line tells a person when it cannot go on: one sentence, never a traceback."""

from __future__ import annotations

import traceback
from types import TracebackType

__all__ = ["CliError", "describe"]


class CliError(Exception):
    """The command cannot be carried out; the text says why and what to do.

    Args:
        message: one sentence, shown on stderr as it is.
        code: exit code of the process; 1 for what went wrong, 2 for a wrong command line.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def describe(error: BaseException, file: str | None = None) -> str:
    """An exception in one line: type, text, and the last place it passed.

    Args:
        file: prefer the last place in this file, which is the user's own.
    """
    text = " ".join(str(error).split())
    kind = type(error).__name__
    where = _place(error.__traceback__, file)
    if isinstance(error, SyntaxError) and error.filename is not None:
        text, where = error.msg, f"{error.filename}, line {error.lineno}"
    said = f"{kind}: {text}" if text else kind
    return f"{said} ({where})" if where else said


def _place(trace: TracebackType | None, file: str | None) -> str | None:
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(trace)]
    own = [place for place in places if place[0] == file]
    if not own:
        return None
    return f"{own[-1][0]}, line {own[-1][1]}"

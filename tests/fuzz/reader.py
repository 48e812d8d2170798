"""A reader: a function of this package that is handed bytes which a stranger may have written.

What it may do with them is said once, here: give a value, or raise an error that it documents.
Anything else is a crash, and so is what it does behind its caller's back: a stack trace in the log,
a task that fails unseen. A reader that needs an event loop runs on one that all readers share.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

SECONDS = 20.0
"""After which a reader that waits for something waits for ever."""


@dataclass(frozen=True)
class Reader:
    """One way in.

    Attributes:
        name: of what is read.
        read: takes the bytes.
        seeds: what it is meant for; everything else is made of these.
        refuses: errors with which it documents that it takes no such bytes.
        words: that mean something to it, beside those that mean something everywhere.
        grows: further texts that can be of any size, as functions of a number of repetitions.
        examples: what once broke it.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refuses: tuple[type[Exception], ...] = ()
    words: tuple[bytes, ...] = ()
    grows: tuple[Callable[[int], bytes], ...] = ()
    examples: tuple[bytes, ...] = ()

    def __call__(self, data: bytes) -> None:
        """Have it read, and see that nothing happens that may not.

        Raises:
            Exception: what happened.
        """
        with unharmed():
            try:
                self.read(data)
            except self.refuses as refusal:
                _check(refusal)


def _check(refusal: Exception) -> None:
    """A refusal says what is wrong; these two, which are errors of a kind that is documented too,
    say only that nobody thought of it."""
    assert not isinstance(refusal, UnicodeError | RecursionError), repr(refusal)


class _Harm(logging.Handler):
    """What is logged as an error of the program's own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or "Traceback" in record.getMessage():
            self.seen.append(self.format(record))


_harm = _Harm()


@contextmanager
def unharmed() -> Generator[None]:
    """Fails where a stack trace is logged meanwhile, by this package or by the event loop."""
    _harm.seen.clear()
    loggers = [logging.getLogger(name) for name in ("fastmcp", "asyncio", "aiohttp")]
    for logger in loggers:
        logger.addHandler(_harm)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(_harm)
    assert not _harm.seen, "\n".join(_harm.seen)


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The event loop of all readers."""
    return asyncio.new_event_loop()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Its result.

    Raises:
        TimeoutError: it has none.
    """

    async def bounded() -> Any:
        async with asyncio.timeout(SECONDS):
            return await work

    return loop().run_until_complete(bounded())


def end() -> None:
    """End whatever still runs on the loop."""

    async def cancelled() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=SECONDS)

    loop().run_until_complete(cancelled())

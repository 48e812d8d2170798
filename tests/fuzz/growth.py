"""Texts of any size, and what it costs to read them.

A reader whose cost grows faster than its text lets a stranger buy much work for little. Texts are
made by repetition: of what means something to the reader, alone, before, within and behind a text
that it is meant for, and as the reader's own `grows` has it.
Cost is time of this process. A text that is 16 times as long may cost 128 times as much: a cost
that grows with the square grows by 256. A machine that is busy makes times longer and never
shorter, so what looks too slow is measured again, and the least counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from tests.fuzz.reader import Reader
from tests.support.extent import LONG

TIMES = 16
"""How much longer the longer text is."""
MOST = 8 * TIMES
"""How much more it may cost."""
_ATTEMPTS = 5
_SMALL = 0.05
"""Seconds; what the longer text costs less than, is not measured further."""

Grows = Callable[[int], bytes]

FRAGMENTS: tuple[bytes, ...] = (
    b"[",
    b"{",
    b'{"a":',
    b'"',
    b"\\",
    b'\\"',
    b"\\u00e9",
    b"\\ud800",
    b"%41",
    b"%",
    b"a",
    b"A=",
    b"1",
    b"0.",
    b"1e1",
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b",",
    b", ",
    b";",
    b";q=",
    b".",
    b"/",
    b"../",
    b"&a=",
    b"=",
    b"-",
    b":",
    b"data:\n",
    b"a b\t",
    b"(a*)*",
    b"\xff",
    b"\xc3\xa9",
)
"""What is repeated."""


def texts(reader: Reader) -> Iterator[tuple[str, Grows]]:
    """Its texts that grow, each with a name."""
    for number, grow in enumerate(reader.grows):
        yield f"its own {number}", grow
    for number, fragment in enumerate(FRAGMENTS):
        seed = reader.seeds[number % len(reader.seeds)]
        middle = _middle(seed, number)
        yield f"{fragment!r} alone", _repeated(b"", fragment, b"")
        yield f"{fragment!r} within", _repeated(seed[:middle], fragment, seed[middle:])
        if LONG:
            yield f"{fragment!r} behind", _repeated(seed, fragment, b"")


def _repeated(before: bytes, fragment: bytes, behind: bytes) -> Grows:
    return lambda size: before + fragment * (size // len(fragment)) + behind


def _middle(seed: bytes, number: int) -> int:
    """A place in it, mostly behind a quote or a separator: where a value begins."""
    places = [at + 1 for at, byte in enumerate(seed) if byte in b'":=, ']
    return places[number * 7 % len(places)] if places else len(seed) // 2


def cost(reader: Reader, data: bytes) -> float:
    """Seconds of this process that it takes to read."""
    begun = time.process_time()
    reader(data)
    return time.process_time() - begun


def is_slow(reader: Reader, grow: Grows, size: int) -> str | None:
    """What a text costs of which 16 times as much costs too much; None where there is none."""
    short, long = grow(size), grow(size * TIMES)
    more = cost(reader, long)
    if more < _SMALL:
        return None
    less = cost(reader, short)
    for _ in range(_ATTEMPTS):
        if more <= MOST * less:
            return None
        less = min(less, cost(reader, short))
        more = min(more, cost(reader, long))
    return f"{len(short)} bytes cost {less:.6f} s, {len(long)} bytes {more:.6f} s"

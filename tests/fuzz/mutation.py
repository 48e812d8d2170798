"""Messages that are nearly right: a valid one, changed in a few places.

Random bytes are refused at the first of them. What is found deep inside is found by what gets so
far: JSON that is still JSON, a header that is still a line, a token whose parts are still base64.
So a change is made at a level that is drawn: of the bytes, of the lines, of what stands between
separators, of the JSON in the text, of the JSON in a part of a token.
All chance comes from the `Random` that is given, so it can be replayed, and shrunk.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Change = Callable[[bytes, Random], bytes]

LONGEST = 64 * 1024
"""Bytes; what is slow with more is looked for by growing it (`growth`)."""

WORDS: tuple[bytes, ...] = (
    *(bytes([byte]) for byte in b"\0\t\n\r \"%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f\x80\xff"),
    b"\r\n",
    b"\r\n\r\n",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\xa6\x84",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"\\",
    b"%",
    b"%00",
    b"%ff",
    b"%2e%2e%2f",
    b"%25",
    b"../",
    b"//",
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"-0",
    b"1e400",
    b"1e-400",
    b"1e15",
    b"9007199254740993",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"9" * 400,
    b"9" * 5000,
    b"[" * 40 + b"]" * 40,
    b"[" * 1200 + b"]" * 1200,
    b'{"a":' * 40 + b"1" + b"}" * 40,
    b'{"a":1,"a":2}',
    b"[]",
    b"{}",
    b'""',
    b"a" * 300,
    b"a" * 9000,
    b"=?base64?",
    b"?=",
    b"\xd9\xa1",
    b"\xe2\x82\xac",
    b"jsonrpc",
    b"2.0",
    b"2025-03-26",
    b"2025-11-25",
    b"2026-07-28",
    b"http://[",
    b"http://a:99999/",
    b"http://\xc3\xa9.example/",
    b"javascript:1",
    b"__proto__",
    b"__class__",
    b"$ref",
    b'"$ref":"#"',
)
"""What readers have stumbled over since there are any."""

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    2**53 + 1,
    2**64,
    -(2**63) - 1,
    10**400,
    float("inf"),
    float("nan"),
    "",
    "a",
    "0",
    "é",
    "\0",
    "\u2028",
    "\ud800",
    "🦄",
    "#",
    "#/",
    "../..",
    "http://[",
    "data://greeting",
    "x" * 3000,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"a": {"b": {"c": []}}},
    {"$ref": "#"},
    {"type": "object"},
    ["a", 1, None, {}],
)


def mutated(data: bytes, random: Random, words: Sequence[bytes] = (), others: Any = ()) -> bytes:
    """The same text, changed in one to four places.

    Args:
        data: the text.
        random: decides.
        words: beside `WORDS`.
        others: texts of the same kind, pieces of which are put in.
    """
    known = (*words, *WORDS)
    changes: list[Change] = [
        lambda text, chance: _bytes(text, chance, known),
        lambda text, chance: _pieces(text, chance, known),
        _json,
        _json,
        _token,
    ]
    for _ in range(random.randint(1, 4)):
        if others and random.randrange(8) == 0:
            data = _spliced(data, random.choice(others), random)
        else:
            data = random.choice(changes)(data, random)
        data = data[:LONGEST]
    return data


def _bytes(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    start = random.randint(0, len(data))
    end = min(len(data), start + random.choice((0, 1, 2, 8, 64)))
    how = random.randrange(5)
    if how == 0:
        return data[:start] + data[end:]
    if how == 1:
        return data[:start] + data[start:end] * random.choice((2, 3, 50)) + data[end:]
    if how == 2:
        return data[:start]
    if how == 3:
        return data[:start] + bytes([random.randrange(256)]) + data[end:]
    return data[:start] + random.choice(words) + data[end:]


_SEPARATORS = (b"\n", b"\r\n", b"&", b"=", b",", b";", b" ", b".", b"/", b":", b"|", b"-")


def _pieces(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """What stands between separators, left out, repeated, exchanged or replaced."""
    there = [one for one in _SEPARATORS if one in data]
    if not there:
        return _bytes(data, random, words)
    separator = random.choice(there)
    pieces = data.split(separator)
    at, other = random.randrange(len(pieces)), random.randrange(len(pieces))
    how = random.randrange(5)
    if how == 0:
        del pieces[at]
    elif how == 1:
        pieces[at:at] = [pieces[other]] * random.choice((1, 2, 100))
    elif how == 2:
        pieces[at], pieces[other] = pieces[other], pieces[at]
    elif how == 3:
        pieces[at] = random.choice(words)
    else:
        pieces[at] += random.choice(words)
    return separator.join(pieces)


def _spliced(data: bytes, other: bytes, random: Random) -> bytes:
    start, end = sorted((random.randint(0, len(other)), random.randint(0, len(other))))
    at = random.randint(0, len(data))
    return data[:at] + other[start:end] + data[at:]


def _json(data: bytes, random: Random) -> bytes:
    """The JSON that is in the text, changed as a tree."""
    for start in (at for at, byte in enumerate(data) if byte in b"{["):
        try:
            value, end = json.JSONDecoder().raw_decode(data[start:].decode())
        except (ValueError, RecursionError):
            continue
        length = len(data[start:].decode()[:end].encode())
        try:
            changed = tree(value, random)
        except RecursionError:  # it was made so deep before
            return data
        return data[:start] + dumped(changed, random) + data[start + length :]
    return data


def dumped(value: Any, random: Random) -> bytes:
    """JSON text of it, in one of the ways in which that is written."""
    plain = random.randrange(3) > 0
    try:
        text = json.dumps(value, ensure_ascii=plain, indent=None if random.randrange(4) else 1)
    except (ValueError, RecursionError):
        return b"null"
    return text.encode("utf-8", "surrogatepass")


def tree(value: Any, random: Random) -> Any:
    """It with something left out, replaced, added, repeated, or wrapped."""
    places = list(_places([value]))
    holder, key = random.choice(places)
    how = random.randrange(7)
    if how == 0 and holder is not None and len(places) > 1:
        del holder[key]
    elif how == 1:
        holder[key] = random.choice(VALUES)
    elif how == 2:
        holder[key] = _deep(holder[key], random)
    elif how == 3:
        other, where = random.choice(places)
        holder[key] = json.loads(json.dumps(other[where]))
    elif how == 4 and isinstance(holder, list):
        holder[key:key] = [holder[key]] * random.choice((1, 3, 200))
    elif how == 4:
        holder[random.choice(("", "a", "_meta", "$ref", "é", key + key))] = random.choice(VALUES)
    elif how == 5 and isinstance(holder, dict):
        holder[random.choice(("", "A", key.upper(), key + " "))] = holder.pop(key)
    else:
        holder[key] = _other(holder[key], random)
    return _places_root(places, value)


def _places_root(places: list[tuple[Any, Any]], value: Any) -> Any:
    root = places[0][0]
    return root[0] if root else value


def _places(holder: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [holder]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], dict | list):
                waiting.append(one[key])
    return found


def _deep(value: Any, random: Random) -> Any:
    for _ in range(random.choice((1, 2, 40, 200))):
        value = [value] if random.randrange(2) else {"a": value}
    return value


def _other(value: Any, random: Random) -> Any:
    """A value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return random.choice((0, -1, 1, value + 1, -value, value * 10, 0.1, 2**63, 1e300))
    if isinstance(value, str):
        return mutated(value.encode("utf-8", "surrogatepass"), random).decode("utf-8", "replace")
    return [value]


def _token(data: bytes, random: Random) -> bytes:
    """A part of a token, or of anything that is base64, changed as what it holds."""
    for at, part in enumerate(parts := data.split(b".")):
        head, _, body = part.rpartition(b" ")
        try:
            raw = base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))
        except ValueError:
            continue
        if not raw or (at + 1 < len(parts) and random.randrange(2)):
            continue
        changed = _json(raw, random) if raw[:1] in b"{[" else _bytes(raw, random, WORDS)
        body = base64.urlsafe_b64encode(changed).rstrip(b"=")
        parts[at] = head + b" " + body if head else body
        break
    return b".".join(parts)

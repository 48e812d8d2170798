"""Hosted servers whose endpoints are known to have moved: `endpoints.json`, data for readers.

The file holds a list; each entry has `from`, `to`, `source` (where its owner says so) and may have
`note`. An entry without `to` is an endpoint that ended without one that could simply be written
instead. Own entries are added with `fastmcp migrate --endpoints FILE`, in the same form, or one by
one with `--sse-url-to FROM=TO`, where one `*` in either stands for the same text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

__all__ = ["Endpoint", "Endpoints", "Url", "port_of"]

_TABLE: Final = Path(__file__).with_name("endpoints.json")

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#\s'\"]+)(?P<path>/[^?#\s'\"]*)?(?P<rest>[?#][^\s'\"]*)?",
    re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Url:
    """An http(s) URL in its parts, each as it was written."""

    scheme: str
    authority: str
    path: str
    rest: str

    @classmethod
    def parse(cls, text: str) -> Url | None:
        """The URL that `text` is; None if it is none, or not that alone."""
        found = _URL.fullmatch(text)
        if found is None:
            return None
        return cls(*(found[part] or "" for part in ("scheme", "authority", "path", "rest")))

    @property
    def host(self) -> str:
        """In lower case, without port and credentials."""
        address = self.authority.rpartition("@")[2].lower()
        return re.sub(r":[0-9]*$", "", address).strip("[]")

    @property
    def port(self) -> int | None:
        """None if it is not a number, such as a variable."""
        found = re.search(r":([^:\]]*)$", self.authority.rpartition("@")[2])
        if found is None:
            return _DEFAULT_PORTS[self.scheme.lower()]
        return port_of(found[1])

    @property
    def is_sse(self) -> bool:
        """Whether its path ends in /sse, the path of the old transport."""
        return self.path.rstrip("/").endswith("/sse")

    def at(self, path: str) -> str:
        """The URL with another path."""
        return f"{self.scheme}://{self.authority}{path}{self.rest}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that moved, or ended."""

    old: str
    new: str | None
    source: str = ""
    note: str = ""

    def moved(self, url: str) -> str | None:
        """Where `url` is now, if it is this endpoint; empty if it is and has no other."""
        head, star, tail = self.old.partition("*")
        if star:
            inner = url[len(head) : len(url) - len(tail)]
            fits = url.startswith(head) and url.endswith(tail) and head + inner + tail == url
            return (self.new or "").replace("*", inner, 1) if fits else None
        if url.rstrip("/").lower() == self.old.rstrip("/").lower():
            return self.new or ""
        return None


class Endpoints:
    """The table, and what the caller added to it."""

    def __init__(self, entries: Iterable[Endpoint] = ()) -> None:
        self.entries = [*entries, *self.read(_TABLE.read_text("utf-8"), _TABLE.name)]

    @staticmethod
    def read(text: str, name: str) -> list[Endpoint]:
        """The entries of a file like `endpoints.json`.

        Raises:
            ValueError: it is not of that form.
        """
        try:
            data: Any = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{name} is not JSON: {error}") from None
        if not isinstance(data, list):
            raise ValueError(f"{name} must hold a list of entries with from and to")
        entries: list[Endpoint] = []
        for item in cast("list[Any]", data):
            if not isinstance(item, Mapping) or "from" not in item:
                raise ValueError(f"{name}: each entry has at least from and to")
            entry = cast("Mapping[str, Any]", item)
            new = entry.get("to")
            entries.append(
                Endpoint(
                    str(entry["from"]),
                    None if new is None else str(new),
                    str(entry.get("source", "")),
                    str(entry.get("note", "")),
                )
            )
        return entries

    @staticmethod
    def pair(text: str) -> Endpoint:
        """The entry that `FROM=TO` says.

        Raises:
            ValueError: it is not two URLs with one `=` between them, has a `*` too many, or its
                new URL would move again.
        """
        found = re.fullmatch(r"([^=\s]+)=([^=\s]+)", text)
        if found is None:
            raise ValueError(f"{text!r} is not FROM=TO: write the old URL, =, and the new one")
        old, new = found[1], found[2]
        if old.count("*") > 1 or new.count("*") != old.count("*"):
            raise ValueError(f"{text!r}: one * may stand in the old URL, and then one in the new")
        endpoint = Endpoint(old, new, "", "said by --sse-url-to")
        if endpoint.moved(new) is not None:
            raise ValueError(f"{text!r}: the new URL is an old one too, and would move again")
        return endpoint

    def find(self, url: Url) -> tuple[Endpoint, str] | None:
        """The entry for an endpoint, and the whole URL to write instead (empty: there is none)."""
        bare = Url(url.scheme, url.authority, url.path, "").at(url.path)
        for entry in self.entries:
            moved = entry.moved(bare)
            if moved is not None:
                return entry, moved + url.rest if moved else ""
        return None


def port_of(text: str) -> int | None:
    """The port that a text is; None if it is none, such as a variable."""
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) else None

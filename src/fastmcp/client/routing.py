"""Names of several servers side by side: how they are told apart, and found again.

Tools and prompts of the server `weather` are called `weather_forecast`, its resources
`data://weather/today` where it says `data://today` itself. A name is taken apart by the longest
name of a server that it begins with: beside a server `a` there may be one that is called `a_b`.
What was listed is known exactly; only what was not is taken apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote, unquote

from fastmcp.protocol.jsonrpc import as_object

__all__ = ["Catalog", "Names", "Place", "map_links"]

_URI: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://(.*)$", re.DOTALL)
_SAFE: Final = "!$&'()*+,;=-._~"
"""What may stand in the authority of a URI as it is (RFC 3986, 3.2.2)."""


class Place(NamedTuple):
    """Where something is: the server, and what it is called there."""

    server: str
    name: str


class Names:
    """The rule of prefixes.

    Args:
        servers: their names.
        prefixed: False leaves every name as it is.
    """

    def __init__(self, servers: Iterable[str], prefixed: bool) -> None:
        self._servers = list(servers)
        self._prefixed = prefixed
        if prefixed:
            self._servers.sort(key=len, reverse=True)

    def public(self, place: Place) -> str:
        """What a tool or prompt is called for the client."""
        return f"{place.server}_{place.name}" if self._prefixed else place.name

    def places(self, public: str) -> list[Place]:
        """Where a name may belong, the likeliest first."""
        if not self._prefixed:
            return [Place(server, public) for server in self._servers]
        return [
            Place(server, public[len(server) + 1 :])
            for server in self._servers
            if public.startswith(f"{server}_")
        ]

    def public_uri(self, place: Place) -> str:
        """What a URI, or the template of one, is for the client. One without an authority (`urn:x`)
        has no place for a prefix and stays as it is."""
        match = _URI.match(place.name)
        if match is None or not self._prefixed:
            return place.name
        scheme, rest = match.groups()
        if scheme.lower() == "file":  # its authority is empty, and two slashes would become one
            rest = rest.removeprefix("/")
        return f"{scheme}://{quote(place.server, safe=_SAFE)}/{rest}"

    def uri_places(self, public: str) -> list[Place]:
        """Where a URI may belong."""
        match = _URI.match(public)
        if match is None or not self._prefixed:
            return [Place(server, public) for server in self._servers]
        scheme, rest = match.groups()
        authority, _, path = rest.partition("/")
        if scheme.lower() == "file":
            path = f"/{path.removeprefix('/')}"
        return [
            Place(server, f"{scheme}://{path}")
            for server in self._servers
            if server == unquote(authority)
        ]


class Catalog:
    """What was listed last, of one kind of component."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}

    def get(self, public: str) -> Place | None:
        """Where it was when it was listed; None if it was not."""
        return self._places.get(public)

    def take(self, public: str, place: Place) -> Place | None:
        """Enter what a server lists, unless the name is another's: of two prefixes that fit, the
        longer has it; without prefixes, the first. Returns who loses it, if anybody."""
        other = self._places.get(public)
        if other is not None and other != place:
            if other.name == place.name or len(other.server) >= len(place.server):
                return place
            self._places[public] = place
            return other
        self._places[public] = place
        return None

    def forget(self, server: str) -> None:
        """What this server lists is not known any more."""
        self._places = {
            public: place for public, place in self._places.items() if place.server != server
        }


def map_links(content: Any, names: Names, server: str) -> None:
    """Give the URIs in content blocks the names under which the client can read them.

    Args:
        content: a block or a list of them, changed in place.
        names: the rule.
        server: whose content it is.
    """
    blocks = cast("list[Any]", content) if isinstance(content, list) else [content]
    for block in map(as_object, blocks):
        if block is None:
            continue
        holder = as_object(block.get("resource")) if block.get("type") == "resource" else block
        if holder is not None and isinstance(uri := holder.get("uri"), str):
            holder["uri"] = names.public_uri(Place(server, uri))

"""Which of the two HTTP transports is tried at an address, and in which order: the one table of it.

A second one is tried only where the first is answered by a server that does not speak it, and only
with the request that opens a session: nothing is ever asked twice that could act twice. A server
that is down, refuses who asks, or is at fault would be that on the other transport too, so its word
is final (2025-11-25 basic/transports and 2026-07-28 streamable-http, "Backwards Compatibility").
What answered is remembered (`known`), and forgotten when it does not any more.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from fastmcp.client.transports.known import Known

__all__ = [
    "NOT_HERE",
    "ORDERS",
    "TITLES",
    "Kind",
    "Order",
    "check_order",
    "forget",
    "remember",
    "tries",
]

Kind: TypeAlias = Literal["http", "sse"]
Order: TypeAlias = Literal["http-first", "sse-first", "http-only", "sse-only"]

ORDERS: Final[dict[Order, tuple[Kind, ...]]] = {
    "http-first": ("http", "sse"),
    "sse-first": ("sse", "http"),
    "http-only": ("http",),
    "sse-only": ("sse",),
}

TITLES: Final[dict[Kind, str]] = {"http": "Streamable HTTP", "sse": "HTTP+SSE"}

NOT_HERE: Final[dict[Kind, frozenset[int]]] = {
    # The specification names these for a POST,
    "http": frozenset((400, 404, 405)),
    # and a GET may also be answered with a page, with a stream of another kind, or with "not as an
    # event stream".
    "sse": frozenset((200, 400, 404, 405, 406)),
}
"""What a server answers, as HTTP status, that does not speak a transport at an address."""

_chosen: Final = Known[Kind]()


def check_order(order: str) -> Order:
    """An order by its name.

    Raises:
        ValueError: there is no such order.
    """
    if order not in ORDERS:
        names = ", ".join(map(repr, get_args(Order)))
        raise ValueError(f"transport_order must be one of {names}, not {order!r}")
    return order


def tries(order: Order, url: str) -> list[Kind]:
    """What to try at an address, the one that answered there last before the others."""
    known = _chosen.get(url)
    return sorted(ORDERS[order], key=lambda kind: kind != known)


def remember(url: str, kind: Kind) -> None:
    """This one answered."""
    _chosen.learn(url, kind)


def forget(url: str, kind: Kind) -> None:
    """This one does not, or not any more."""
    if _chosen.get(url) == kind:
        del _chosen[url]

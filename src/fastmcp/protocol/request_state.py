"""What `requestState` says: the claims that a client carries from one round to the next, sealed.

A stateless server remembers nothing of a call that it answered with `input_required`; what it has
to know when the client comes back stands here (2026-07-28, basic/patterns/mrtr, "Server
Requirements"). It is an attacker's input until it has proved itself: it is sealed, and bound to
the principal, to the request it belongs to and to a time. Sealing is injected, so this file
knows no key and no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.jsonrpc import UNREADABLE

__all__ = [
    "LONGEST_STATE",
    "Answer",
    "RequestState",
    "digest",
    "fingerprint",
    "open_state",
    "seal_state",
]

_ROUND: Final = ("_meta", "inputResponses", "requestState")
"""Members of the params that belong to one round, and not to the request."""
LONGEST_STATE: Final = 1024 * 1024
"""Characters; a longer one is not decrypted."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """An answer that the client gave in an earlier round, and the digest of its question."""

    question: str
    value: Any


class RequestState(msgspec.Struct, frozen=True, array_like=True):
    """The claims.

    Attributes:
        owner: whose request it is: a hash of the principal, "" for nobody in particular.
        request: the fingerprint of the request.
        ends_at: when it is worth nothing any more, in seconds since the epoch.
        asked: the questions of this round: their method and digest by key.
        own: what the author's handler wants to have back, or None.
        call: the name of the suspended handler that goes on with the answers, or "": then the
            handler is called anew.
        worker: who holds it.
        round: how often it has asked.
        again: whether it may be run again from its start, should it be gone.
        answers: what was answered before, by key; only where it may run again.
    """

    owner: str
    request: str
    ends_at: int
    asked: dict[str, tuple[str, str]] = {}
    own: str | None = None
    call: str = ""
    worker: str = ""
    round: int = 0
    again: bool = False
    answers: dict[str, Answer] = {}


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(RequestState).decode


def digest(value: Any) -> str:
    """A short name of a JSON value: equal values have equal names, others have not."""
    return hashlib.sha256(_encode(value)).hexdigest()[:32]


def fingerprint(method: str, params: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    """A short name of a request, the same in every round; of its `_meta` only the version of the
    component that it wants is of the request."""
    own = {key: params[key] for key in params if key not in _ROUND}
    return digest([method, own, meta.get("fastmcp")])


def seal_state(state: RequestState, seal: Callable[[bytes], str]) -> str:
    """The `requestState` of a result."""
    return seal(_encode(state))


def open_state(
    text: Any,
    unseal: Callable[[str], bytes | None],
    *,
    owner: str,
    request: str,
    now: float,
) -> RequestState:
    """Read the `requestState` of a request.

    Args:
        text: as it came.
        unseal: gives what was sealed, or None.
        owner: hash of the principal who sent it.
        request: the fingerprint of the request that carries it.
        now: seconds since the epoch.
    Raises:
        McpError: it is no state of this server, or of another principal, another request or
            another time. Whose it is, is not told.
    """
    raw = unseal(text) if isinstance(text, str) and len(text) <= LONGEST_STATE else None
    state: RequestState | None = None
    if raw is not None:
        try:
            state = _decode(raw)
        except UNREADABLE:  # of a newer release
            state = None
    if state is None or state.owner != owner:
        raise invalid_params(
            "Invalid params: requestState was changed on its way, or is not of this server; send "
            "it back exactly as it came, or call again without it"
        )
    if state.request != request:
        raise invalid_params(
            "Invalid params: requestState belongs to another request; retry with the method and "
            "the params that were answered with input_required"
        )
    if state.ends_at < now:
        raise invalid_params("Invalid params: requestState has expired; call again without it")
    return state

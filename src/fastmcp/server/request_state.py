"""How `requestState` is protected: what an author may say about it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastmcp.server.session_keys import SessionKeys

__all__ = ["RequestStateSecurity"]


class RequestStateSecurity:
    """Keys and life time of `requestState`, where it shall not be those of the sessions.

    By default it is sealed with the keys that sign session ids, so that every worker can open it;
    it is always bound to its principal and its request.

    Args:
        keys: secrets of 16 bytes or more: the first seals, all open, so a key can be changed
            without a call being lost. None: those of the sessions.
        ttl: seconds that a state is worth something. None: FASTMCP_REQUEST_STATE_TTL.
    Raises:
        ValueError: a key is too short, or the time is not positive.
    """

    def __init__(self, keys: Sequence[bytes | str] | None = None, ttl: float | None = None) -> None:
        if ttl is not None and not (math.isfinite(ttl) and ttl > 0):
            raise ValueError(f"ttl must be more than 0, and finite; got {ttl:g}")
        self.ttl = ttl
        self.keys: SessionKeys | None = None
        if keys is not None:
            self.keys = SessionKeys(
                [key.encode() if isinstance(key, str) else bytes(key) for key in keys]
            )

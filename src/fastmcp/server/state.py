"""What `ctx.set_state` keeps: JSON values by session, in any `AsyncKeyValue` store.

The default store lives in this process's memory; a store that is shared keeps the state
across workers. A value lives for a day after it was set.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Final, Protocol, cast

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["SessionState", "StateBackend"]

_COLLECTION: Final = "fastmcp_session_state"
_LIFETIME: Final = 24 * 60 * 60.0


class StateBackend(Protocol):
    """The part of `key_value.aio.protocols.AsyncKeyValue` that is used."""

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None: ...

    async def put(
        self,
        key: str,
        value: Any,
        *,
        collection: str | None = None,
        ttl: float | None = None,
    ) -> None: ...

    async def delete(self, key: str, *, collection: str | None = None) -> bool: ...


class SessionState:
    """State by session id and key."""

    def __init__(self, backend: StateBackend | None = None) -> None:
        self._given = backend

    @cached_property
    def _backend(self) -> StateBackend:
        if self._given is not None:
            return self._given
        from key_value.aio.stores.memory import MemoryStore  # 0.2 s that most servers never need

        return cast("StateBackend", MemoryStore())

    async def get(self, session_id: str, key: str) -> Any:
        stored = await self._backend.get(_name(session_id, key), collection=_COLLECTION)
        return None if stored is None else stored["value"]

    async def set(self, session_id: str, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            TypeError: it is not JSON; `serializable=False` keeps it for this request alone.
        """
        try:
            plain = from_json(to_json(value, inf_nan_mode="strings"))
        except (PydanticSerializationError, ValueError) as exc:
            raise TypeError(
                f"State {key!r} must be JSON-serializable ({exc}); pass serializable=False to keep "
                "any object for the rest of this request"
            ) from None
        await self._backend.put(
            _name(session_id, key), {"value": plain}, collection=_COLLECTION, ttl=_LIFETIME
        )

    async def delete(self, session_id: str, key: str) -> None:
        await self._backend.delete(_name(session_id, key), collection=_COLLECTION)


def _name(session_id: str, key: str) -> str:
    """A short key that does not show the session id to whoever can read the store."""
    return f"{hashlib.sha256(session_id.encode()).hexdigest()[:32]}:{key}"

"""What `ctx.set_state` keeps: JSON values by session.

A session over HTTP keeps them where its other facts are, so every worker sees them; what has no
such place (a pipe, a request without a session) keeps them in this process's memory. A server
may be given an `AsyncKeyValue` store of its own for all of them; there a value lives for a day.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Final, Protocol, cast

from pydantic_core import PydanticSerializationError, from_json, to_json

from fastmcp.server.sessions import Session

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
    """State by session and key.

    Args:
        backend: the author's store, or None.
    """

    def __init__(self, backend: StateBackend | None = None) -> None:
        self._given = backend

    @cached_property
    def _backend(self) -> StateBackend:
        if self._given is not None:
            return self._given
        from key_value.aio.stores.memory import MemoryStore  # 0.2 s that most servers never need

        return cast("StateBackend", MemoryStore())

    def _kept_with(self, session: Session | None) -> Session | None:
        """The session, where its state is one of its facts."""
        return session if self._given is None and session and session.keeper else None

    async def get(self, session: Session | None, session_id: str, key: str) -> Any:
        """The value, or None.

        Raises:
            BackplaneDown: it cannot be read now.
        """
        if (kept := self._kept_with(session)) is not None:
            fact = await kept.recall(key)
            return None if fact is None else from_json(fact)
        stored = await self._backend.get(_name(session_id, key), collection=_COLLECTION)
        return None if stored is None else stored["value"]

    async def set(self, session: Session | None, session_id: str, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            TypeError: it is not JSON; `serializable=False` keeps it for this request alone.
            BackplaneDown: it cannot be kept now.
        """
        try:
            encoded = to_json(value, inf_nan_mode="strings")
        except (PydanticSerializationError, ValueError) as exc:
            raise TypeError(
                f"State {key!r} must be JSON-serializable ({exc}); pass serializable=False to keep "
                "any object for the rest of this request"
            ) from None
        if (kept := self._kept_with(session)) is not None:
            await kept.remember(key, encoded.decode())
            return
        name, plain = _name(session_id, key), {"value": from_json(encoded)}
        await self._backend.put(name, plain, collection=_COLLECTION, ttl=_LIFETIME)

    async def delete(self, session: Session | None, session_id: str, key: str) -> None:
        """Forget a value."""
        if (kept := self._kept_with(session)) is not None:
            await kept.remember(key, None)
            return
        await self._backend.delete(_name(session_id, key), collection=_COLLECTION)


def _name(session_id: str, key: str) -> str:
    """A short key that does not show the session id to whoever can read the store."""
    return f"{hashlib.sha256(session_id.encode()).hexdigest()[:32]}:{key}"

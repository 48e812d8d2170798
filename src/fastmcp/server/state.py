"""What `ctx.set_state` keeps: JSON values by session.

A session over HTTP keeps them where its other facts are, so every worker sees them; one of a pipe
keeps them in this process's memory. A server may be given an `AsyncKeyValue` store of its own for
all of them; there a value lives for a day. Where there is no session, nobody could ask for a value
later: it stays with the request (`Context`), and is not kept here.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Final, Protocol, cast

from pydantic_core import PydanticSerializationError, from_json, to_json

from fastmcp.server.sessions import Session

__all__ = ["SessionState", "StateBackend", "as_json"]

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

    def _is_fact(self, session: Session) -> bool:
        """Whether its state is one of its facts."""
        return self._given is None and session.keeper is not None

    async def get(self, session: Session, key: str) -> Any:
        """The value, or None.

        Raises:
            BackplaneDown: it cannot be read now.
        """
        if self._is_fact(session):
            fact = await session.recall(key)
            return None if fact is None else from_json(fact)
        stored = await self._backend.get(_name(session.id, key), collection=_COLLECTION)
        return None if stored is None else stored["value"]

    async def set(self, session: Session, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            TypeError: it is not JSON; `serializable=False` keeps it for this request alone.
            BackplaneDown: it cannot be kept now.
        """
        encoded = as_json(key, value)
        if self._is_fact(session):
            await session.remember(key, encoded.decode())
            return
        name, plain = _name(session.id, key), {"value": from_json(encoded)}
        await self._backend.put(name, plain, collection=_COLLECTION, ttl=_LIFETIME)

    async def delete(self, session: Session, key: str) -> None:
        """Forget a value."""
        if self._is_fact(session):
            await session.remember(key, None)
            return
        await self._backend.delete(_name(session.id, key), collection=_COLLECTION)


def as_json(key: str, value: Any) -> bytes:
    """A value as it is kept.

    Raises:
        TypeError: it is not JSON; the message says what to do.
    """
    try:
        return to_json(value, inf_nan_mode="strings")
    except (PydanticSerializationError, ValueError) as exc:
        raise TypeError(
            f"State {key!r} must be JSON-serializable ({exc}); pass serializable=False to keep "
            "any object for the rest of this request"
        ) from None


def _name(session_id: str, key: str) -> str:
    """A short key that does not show the session id to whoever can read the store."""
    return f"{hashlib.sha256(session_id.encode()).hexdigest()[:32]}:{key}"

"""What a client keeps of its authorizations: tokens for a server, and who it is for an issuer.

Any store of `py-key-value-aio` will do. What is kept holds secrets: a store on disk is encrypted by
its wrapper, `key_value.aio.wrappers.encryption.FernetEncryptionWrapper(key_value=store,
fernet=Fernet(key))`, and here nothing changes.

Several processes may have one store. What they must not do at the same time, to use a refresh token
that is good once, or to ask a person, is done under a lock of the machine, for no such store has
one; and whoever gets the lock reads the store anew before it does anything, so that the work of
another is taken over and not repeated. Processes on several machines have that second half alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, SupportsFloat

import msgspec

from fastmcp.client.auth.discovery import AuthorizationServer
from fastmcp.client.auth.dpop import ProofKey
from fastmcp.client.auth.tokens import ClientIdentity, Token
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.settings import get_settings

try:
    import fcntl
except ImportError:  # Windows: processes there have the second half alone
    fcntl = None

__all__ = ["CredentialStore", "KeyValue"]

logger = logging.getLogger("fastmcp.client.auth")

_COLLECTION: Final = "fastmcp-oauth"
_POLL_SECONDS: Final = 0.05


class KeyValue(Protocol):
    """The part of `key_value.aio.protocols.AsyncKeyValue` that is used."""

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None: ...
    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None: ...
    async def delete(self, key: str, *, collection: str | None = None) -> bool: ...


class _KeptClient(msgspec.Struct):
    issuer: str
    id: str
    secret: str | None
    method: str
    expires_at: float | None
    redirect_uri: str | None
    scopes: frozenset[str] | None = None


class _KeptToken(msgspec.Struct):
    access_token: str
    server: AuthorizationServer
    resource: str
    client_id: str
    requested: frozenset[str]
    granted: frozenset[str] | None
    obtained_at: float
    expires_at: float | None
    refresh_token: str | None
    key: dict[str, Any] | None
    registration: _KeptClient | None = None


def _fields(kept: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(kept, name) for name in kept.__struct_fields__}


def _kept(client: ClientIdentity) -> _KeptClient:
    return _KeptClient(**{name: getattr(client, name) for name in _KeptClient.__struct_fields__})


class CredentialStore:
    """Kept for one MCP server by one kind of client.

    Args:
        store: where; None for the memory of this object.
        endpoint: of the server.
        who: what tells this client from others that have the same store.
        tokens: whether it keeps them; else they live as long as this object.
    """

    def __init__(
        self, store: KeyValue | None, endpoint: str, who: str, *, tokens: bool = True
    ) -> None:
        self._store = store
        self._own: dict[str, dict[str, Any]] = {}
        self._who = who
        self._token_key = _key("token", endpoint, who)
        self._issuer_key = _key("issuer", endpoint, who)
        self._unshared = None if tokens else self._token_key

    async def token(self) -> Token | None:
        """The token that was kept last, whether or not it is still good."""
        kept = await self._read(self._token_key)
        if kept is None:
            return None
        try:
            found = msgspec.convert(kept, _KeptToken)
            key = None if found.key is None else ProofKey.load(found.key)
        except (ValueError, msgspec.ValidationError):
            logger.warning(
                "The token kept for this server cannot be read, and is not used: another is asked "
                "for"
            )
            return None
        fields = _fields(found)
        fields["key"] = key
        if found.registration is not None:
            fields["registration"] = ClientIdentity(**_fields(found.registration))
        return Token(**fields)

    async def keep_token(self, token: Token | None) -> None:
        """Keep a token in the place of the one before; None for none."""
        if token is None:
            return await self._write(self._token_key, None)
        values = {name: getattr(token, name) for name in _KeptToken.__struct_fields__}
        values["key"] = None if token.key is None else token.key.dump()
        values["registration"] = None if token.registration is None else _kept(token.registration)
        return await self._write(self._token_key, msgspec.to_builtins(_KeptToken(**values)))

    async def issuer(self) -> str | None:
        """The authorization server that got to see what was registered beforehand."""
        kept = await self._read(self._issuer_key)
        found = None if kept is None else kept.get("issuer")
        return found if isinstance(found, str) else None

    async def keep_issuer(self, issuer: str) -> None:
        """Keep which it is, for good: longer than any token."""
        await self._write(self._issuer_key, {"issuer": issuer})

    async def client(self, issuer: str) -> ClientIdentity | None:
        """Who this client is for an authorization server, where it was registered there."""
        kept = await self._read(_key("client", issuer, self._who))
        if kept is None or kept.get("issuer") != issuer:
            return None
        try:
            found = ClientIdentity(**_fields(msgspec.convert(kept, _KeptClient)))
        except msgspec.ValidationError:
            return None
        over = found.expires_at is not None and found.expires_at <= time.time()
        return None if over else found

    async def keep_client(self, client: ClientIdentity) -> None:
        """Keep a registration, under its issuer alone."""
        kept = msgspec.to_builtins(_kept(client))
        await self._write(_key("client", client.issuer, self._who), kept)

    async def forget_client(self, client: ClientIdentity) -> None:
        """The authorization server does not know this client any more, but maybe a later one."""
        kept = await self.client(client.issuer)
        if kept is not None and kept.id == client.id:
            await self._write(_key("client", client.issuer, self._who), None)

    @asynccontextmanager
    async def alone(self, seconds: float | None) -> AsyncGenerator[None]:
        """A block that no other process of the machine is in for the same tokens.

        Args:
            seconds: after which it is entered all the same: the other one may hang; None where
                nobody is to wait.
        Raises:
            AuthorizationFailedError: another process is in it, and nobody was to wait.
        """
        if self._store is None or fcntl is None:
            yield
            return
        path = get_settings().home / "locks" / f"oauth-{self._token_key[:32]}"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            logger.debug("No lock beside other processes: %s", exc)
            yield
            return
        try:
            if not await _locked(file, seconds or 0) and seconds is None:
                raise AuthorizationFailedError(
                    "Another process is about to obtain the token; try again when it has it"
                )
            yield
        finally:
            os.close(file)  # and with it the lock

    async def _read(self, key: str) -> dict[str, Any] | None:
        if self._store is None or key == self._unshared:
            return self._own.get(key)
        try:
            return await self._store.get(key, collection=_COLLECTION)
        except Exception as exc:
            # A wrong key of an encrypted store, a store that is away: a person is asked anew.
            logger.warning(
                "Kept credentials cannot be read (%s), and are asked for anew: look at "
                "token_storage",
                type(exc).__name__,
            )
            return None

    async def _write(self, key: str, value: dict[str, Any] | None) -> None:
        if self._store is None or key == self._unshared:
            self._own.pop(key, None)
            if value is not None:
                self._own[key] = value
            return
        try:
            if value is None:
                await self._store.delete(key, collection=_COLLECTION)
            else:
                await self._store.put(key, value, collection=_COLLECTION)
        except Exception as exc:
            logger.warning(
                "Credentials cannot be kept (%s), and end with this process: look at token_storage",
                type(exc).__name__,
            )
            if value is not None:
                await self._write(key, None)  # what was there is not true any more


async def _locked(file: int, seconds: float) -> bool:
    """Whether the lock was to be had within a time."""
    assert fcntl is not None
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
        except OSError as exc:  # a file system without locks
            logger.debug("No lock beside other processes: %s", exc)
            return True
        await asyncio.sleep(_POLL_SECONDS)


def _key(*parts: str) -> str:
    """A name that every store takes, whatever stands in an address."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

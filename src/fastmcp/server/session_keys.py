"""The keys that sign session ids: where they come from, and the signature itself.

Taken from `FASTMCP_SESSION_KEY` (several, separated by commas: the first signs, all verify,
so a key can be rotated); else from a file under `FASTMCP_HOME` that is made once, readable by
its owner alone, so that the workers of one machine and a restarted server share it with no
setting at all; else, where no file can be had, from memory with one warning.
The signature is a compact JWS with HS256 (RFC 7515, section 7.1; RFC 7518, section 3.2): HMAC of
the standard library under the one header there is, so nothing of a header is ever believed. The
same keys prove to each other that workers belong together (`mac`), and keys made from them seal
what a client carries for us and shall neither change nor read (`seal`: AES-256-GCM, NIST SP
800-38D). The library that does that takes nine megabytes, a sixth of a small server, and is loaded
by the first seal: a server that asks its clients nothing never does.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["SessionKeys", "load_session_keys"]

_logger: Final = logging.getLogger("fastmcp.server.sessions")
_MINIMUM: Final = 16
_NONCE: Final = 12


def _text(data: bytes) -> bytes:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_HEADER: Final = _text(b'{"alg":"HS256"}')


class SessionKeys:
    """Signs with the first key, verifies with any.

    Args:
        keys: at least one secret of 16 bytes or more.
        shared: whether another process can have them.
    """

    def __init__(self, keys: Sequence[bytes], shared: bool = True) -> None:
        self.shared = shared
        if not keys or any(len(key) < _MINIMUM for key in keys):
            raise ValueError(
                f"A session key needs at least {_MINIMUM} bytes: set FASTMCP_SESSION_KEY to a long "
                "random secret, for example the output of `openssl rand -base64 32`"
            )
        self._secrets = tuple(keys)

    @cached_property
    def _seals(self) -> list[AESGCM]:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return [AESGCM(_mac(key, "seal", b"")) for key in self._secrets]

    def sign(self, payload: bytes) -> str:
        """A token that says `payload`."""
        signed = _HEADER + b"." + _text(payload)
        return (signed + b"." + _signature(self._secrets[0], signed)).decode()

    def verify(self, token: str) -> bytes | None:
        """The payload, or None where no key verifies it."""
        if not token.isascii():
            return None
        signed, _, signature = token.encode().rpartition(b".")
        header, _, payload = signed.partition(b".")
        if header != _HEADER:
            return None
        if any(hmac.compare_digest(_signature(key, signed), signature) for key in self._secrets):
            return base64.urlsafe_b64decode(payload + b"==")  # what it is was signed here
        return None

    def mac(self, purpose: str, data: bytes) -> bytes:
        """Authenticate data that is no token: 32 bytes of HMAC-SHA256, by the first key.

        Args:
            purpose: what it is for; a code for one purpose is worth nothing for another.
            data: the data.
        """
        return _mac(self._secrets[0], purpose, data)

    def seal(self, purpose: str, data: bytes) -> str:
        """Encrypt and authenticate data, with the first key.

        Args:
            purpose: what it is for; a seal for one purpose cannot be opened for another.
            data: the data.

        Returns:
            URL-safe text.
        """
        nonce = secrets.token_bytes(_NONCE)  # random: 2^32 seals of one key are safe
        sealed = nonce + self._seals[0].encrypt(nonce, data, purpose.encode())
        return base64.urlsafe_b64encode(sealed).decode()

    def unseal(self, purpose: str, sealed: str) -> bytes | None:
        """The data, or None where no key sealed it for this purpose."""
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(sealed, b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        nonce, rest = raw[:_NONCE], raw[_NONCE:]
        for key in self._seals:
            with suppress(InvalidTag, ValueError):
                return key.decrypt(nonce, rest, purpose.encode())
        return None

    def marks(self) -> list[str]:
        """A text for each key that shows which it is and not what it is."""
        return [_mac(key, "which key is this", b"").hex()[:16] for key in self._secrets]

    def verify_mac(self, purpose: str, data: bytes, mac: bytes) -> bool:
        """Whether any key made this code for this purpose and data."""
        return any(hmac.compare_digest(_mac(key, purpose, data), mac) for key in self._secrets)


def _signature(key: bytes, signed: bytes) -> bytes:
    return _text(hmac.digest(key, signed, "sha256"))


def _mac(key: bytes, purpose: str, data: bytes) -> bytes:
    # A token is signed as base64url text (RFC 7515, section 5.1), which has no zero byte: nothing
    # that is authenticated here can be taken for one.
    return hmac.digest(key, purpose.encode() + b"\0" + data, "sha256")


def load_session_keys(given: Sequence[str], home: Path) -> SessionKeys:
    """The keys of this installation.

    Args:
        given: the keys of `FASTMCP_SESSION_KEY`, the signing one first; may be empty.
        home: the folder that holds the shared key file.
    Raises:
        ValueError: a given key is too short.
    """
    if given:
        return SessionKeys([key.encode() for key in given])
    path = home / "session.key"
    try:
        return SessionKeys([_shared_key(path)])
    except (OSError, ValueError) as exc:
        _logger.warning(
            "No session key file at %s (%s): sessions of this process end with it and no other "
            "worker knows them. Set FASTMCP_SESSION_KEY, or FASTMCP_HOME to a writable folder.",
            path,
            exc,
        )
        return SessionKeys([secrets.token_bytes(32)], shared=False)


def _shared_key(path: Path) -> bytes:
    """Read the key file; make it first where there is none.

    Linking a complete file into place is atomic and fails where another worker was first, so
    no worker ever reads half a key and all agree on one.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_hex(32).encode())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
    status = path.stat()
    if os.name == "posix" and (status.st_mode & 0o077 or status.st_uid != os.getuid()):
        raise ValueError(f"{path} can be read by others; make it mode 0600 and your own")
    return path.read_bytes()

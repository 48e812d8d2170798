"""Proof that a token belongs to whoever shows it (RFC 9449).

With every request that is bound to a key goes a small signed document, which names the method, the
address and the token, is good once and soon over: a token that was stolen is worth nothing without
the key. Servers may want a nonce of theirs in it, each its own.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

if TYPE_CHECKING:  # 0.2 s that most clients never need
    from joserfc.jwk import ECKey

__all__ = ["ALGORITHM", "ProofKey"]

ALGORITHM: Final = "ES256"
"""The one algorithm, which every server of RFC 9449 is likely to know."""
_LONGEST_NONCE: Final = 1024


class ProofKey:
    """A key of this client.

    Args:
        key: an EC key on P-256; a new one by default.
    """

    def __init__(self, key: ECKey | None = None) -> None:
        from joserfc.jwk import ECKey

        self._key = ECKey.generate_key("P-256") if key is None else key
        self._header = {
            "typ": "dpop+jwt",
            "alg": ALGORITHM,
            "jwk": self._key.as_dict(private=False),
        }
        self._nonces: dict[str, str] = {}

    @classmethod
    def load(cls, kept: dict[str, Any]) -> ProofKey:
        """The key that `dump` gave.

        Raises:
            ValueError: it is none.
        """
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey

        try:
            key = ECKey.import_key(kept)
            if not key.is_private or key.curve_name != "P-256":
                raise ValueError("another kind of key")
        except (JoseError, TypeError, KeyError, ValueError) as exc:
            raise ValueError(f"no key ({type(exc).__name__})") from None
        return cls(key)

    def dump(self) -> dict[str, Any]:
        """The private key as JWK, to be kept with the tokens that are bound to it."""
        return dict(self._key.as_dict(private=True))

    def thumbprint(self) -> str:
        """What names the key (RFC 7638)."""
        return self._key.thumbprint()

    def learn(self, url: URL, nonce: str) -> None:
        """Take the nonce that the server at an address wants next (RFC 9449, 8.2)."""
        if len(nonce) <= _LONGEST_NONCE:
            self._nonces[str(url.origin())] = nonce

    def proof(self, method: str, url: URL, token: str | None = None) -> str:
        """The value of the DPoP header for one request (RFC 9449, 4.2).

        Args:
            method: of HTTP.
            url: of the request; query and fragment are not named.
            token: the access token that goes with it.
        """
        from joserfc import jwt

        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": str(url.with_query(None).with_fragment(None)),
            "iat": int(time.time()),
        }
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        nonce = self._nonces.get(str(url.origin()))
        if nonce is not None:
            claims["nonce"] = nonce
        return jwt.encode(self._header, claims, self._key, algorithms=[ALGORITHM])

    def __repr__(self) -> str:
        return "<ProofKey>"

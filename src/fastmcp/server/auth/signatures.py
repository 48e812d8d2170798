"""Signatures of tokens: which key with which algorithm.

A token does not choose how it is verified. It names a key, and an algorithm that has to be one
of those that the key, or the server's author, allows; so "none" is no algorithm, and a public
key is never taken for a secret (RFC 8725, 2.1 and 3.1). Keys that a token brings or points to
are nobody's (RFC 8725, 3.10). The cryptography is joserfc's.

Sources: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 and RFC 9864 (algorithms), RFC 8725 (JWT Best
Current Practices), RFC 9068, 4 (`at+jwt`).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, cast

from joserfc import jws
from joserfc.errors import InvalidKeyTypeError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey, import_key

from fastmcp.server.auth.claims import Refusal
from fastmcp.server.auth.verified import LENGTH

__all__ = [
    "ALGORITHMS",
    "Signed",
    "VerificationKey",
    "author_key",
    "keys_of_set",
    "may_sign",
    "read",
    "secret_key",
    "verifies",
]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_NONE: Final[frozenset[str]] = frozenset()
_RSA: Final = frozenset(f"{family}{size}" for family in ("RS", "PS") for size in (256, 384, 512))
_BY_CURVE: Final = {
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
    # One algorithm with two names each (RFC 9864, 2.2).
    "Ed25519": frozenset({"Ed25519", "EdDSA"}),
    "Ed448": frozenset({"Ed448", "EdDSA"}),
}
_EDWARDS: Final = _BY_CURVE["Ed25519"] | _BY_CURVE["Ed448"]
_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
ALGORITHMS: Final = _RSA.union(_SECRET_BYTES, *_BY_CURVE.values())
"""All that can be verified with."""
_RSA_BITS: Final = range(2048, 8192 + 1)
"""The least of RFC 7518, 3.3; beyond the most, verifying costs so much that it is an attack."""
_EXPONENT: Final = 6
"""The longest of RSA, as it is written: 4 bytes. Verifying takes as many steps as it has bits."""
_KEYS: Final = 64
"""What is looked at of a key set; a token without a `kid` is tried with each that fits."""
_PUBLIC_PARTS: Final = ("kty", "n", "e", "crv", "x", "y")
"""Of any key; so a secret of a set, whose part is `k`, is none."""
_TYPES: Final = frozenset({"at", "application/at"})


class _Registry(jws.JWSRegistry):
    max_header_length = 8 * 1024  # issuers put chains of certificates there
    max_signature_length = 2 * 1024

    def get_alg(self, name: str) -> Any:
        # Which algorithm is allowed was decided by the key. joserfc would warn at each token that
        # the name EdDSA is deprecated, and the issuer alone can do something about that.
        return self.algorithms[name]


_registry: Final = _Registry(strict_check_header=False)


@dataclass(frozen=True)
class Signed:
    """A token that is well formed, and not verified.

    Attributes:
        algorithm: it says it is signed with; one of `ALGORITHMS`.
        kid: of the key it says; None where it does not.
        payload: its claims, as JSON.
        jws: for joserfc.
    """

    algorithm: str
    kid: str | None
    payload: bytes
    jws: jws.CompactSignature


@dataclass(frozen=True)
class VerificationKey:
    """A key, and the algorithms it may be used with.

    Attributes:
        key: of joserfc.
        algorithms: that are allowed with it.
        kid: its name in its set.
    """

    key: Key
    algorithms: frozenset[str]
    kid: str | None = None


def read(
    token: str, key_set: str | None = None, kinds: frozenset[str] = _TYPES
) -> Signed | Refusal:
    """A token's parts, or why it is refused.

    Args:
        token: as it came.
        key_set: the address of the keys that verify it, which it may name.
        kinds: what it may say that it is, without "+jwt"; access tokens by default.
    """
    if len(token) > LENGTH:
        return Refusal("is longer than 16 KiB")
    try:
        parts = jws.extract_compact(token.encode("ascii"), registry=_registry)
        header: Any = parts.protected
        # joserfc leaves errors of Python's own where a header is no object.
        if not isinstance(header, dict):
            return Refusal("has a header that is no object")
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        return Refusal("is no signed JWT")
    header = cast("dict[str, Any]", header)
    algorithm, kid, kind, content = (header.get(name) for name in ("alg", "kid", "typ", "cty"))
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        return Refusal("is signed with no algorithm that is known")
    if not all(isinstance(value, str | None) for value in (kid, kind, content)):
        return Refusal("has a header whose values are of wrong types")
    for name in ("crit", "b64", "jwk", "x5u"):  # RFC 7515, 4.1.11; RFC 8725, 3.10
        if name in header:
            return Refusal(f"has the header {name!r}, which is not accepted")
    if "jku" in header and header["jku"] != key_set:
        return Refusal("points to keys of its own with the header 'jku'")
    if content is not None and content.lower().endswith("jwt"):  # RFC 7519, 5.2
        return Refusal("holds another token")
    lowered = (kind or "").lower()
    if lowered.endswith("+jwt") and lowered.removesuffix("+jwt") not in kinds:
        # A proof, a log-out message or the like is no access token (RFC 8725, 3.12).
        return Refusal(f"is a token of another kind, {lowered[:100]!r}")
    return Signed(algorithm, kid, parts.payload or b"", parts)


def verifies(signed: Signed, keys: Sequence[VerificationKey]) -> bool:
    """Whether one of the keys made the signature, with an algorithm that it may be used with."""
    for key in keys:
        if signed.algorithm not in key.algorithms:
            continue
        try:
            if jws.validate_compact(signed.jws, key.key, registry=_registry):
                return True
        except (JoseError, ValueError):  # a header or signature of a wrong form
            continue
    return False


def may_sign(algorithm: str, wanted: str | None) -> bool:
    """Whether a token's algorithm can be that of a published key.

    Args:
        algorithm: of the token.
        wanted: of the author; None for that of the key, whatever it is.
    """
    if wanted is None:
        return algorithm not in _SECRET_BYTES
    return algorithm == wanted or {algorithm, wanted} <= _EDWARDS


def secret_key(secret: str | bytes, algorithm: str) -> VerificationKey:
    """A secret that issuer and server share.

    Args:
        secret: at least as long as the algorithm's hash (RFC 7518, 3.2), or there is a warning.
        algorithm: HS256, HS384 or HS512.

    Raises:
        ValueError: it is a public key, which is no secret.
    """
    raw = secret.encode() if isinstance(secret, str) else secret
    text = raw.strip()
    looks = text.startswith((b"-----BEGIN", b"ssh-", b"ecdsa-")) or b'"kty"' in text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            key = OctKey.import_key(raw)
    except ValueError:
        looks = True
        key = None
    if looks or key is None:
        raise ValueError(
            f"{algorithm} is verified with a shared secret, and public_key is empty or holds a "
            "public key, which everybody knows: say the algorithm of the key, such as RS256"
        )
    if len(raw) < _SECRET_BYTES[algorithm]:
        _logger.warning(
            "The secret of JWTVerifier is shorter than %d bytes and can be guessed: %s needs one "
            "such as the output of `openssl rand -base64 %d` (RFC 7518, 3.2)",
            _SECRET_BYTES[algorithm],
            algorithm,
            _SECRET_BYTES[algorithm],
        )
    return VerificationKey(key, frozenset({algorithm}))


def author_key(material: str | bytes, algorithm: str | None) -> VerificationKey:
    """A key that the author gives.

    Args:
        material: a public key or certificate in PEM.
        algorithm: that tokens are signed with; None for that of the key, RS256 for RSA.

    Raises:
        ValueError: it is none, it is too weak, or the algorithm does not fit it.
    """
    key = _imported(material)
    if key is None:
        raise ValueError(
            "public_key is no public key or certificate in PEM, from -----BEGIN to -----END; "
            'for a shared secret say algorithm="HS256"'
        )
    if isinstance(key, RSAKey) and key.public_key.key_size not in _RSA_BITS:
        raise ValueError(
            f"public_key is an RSA key of {key.public_key.key_size} bits, and has to have "
            f"{_RSA_BITS[0]} to {_RSA_BITS[-1]} (RFC 7518, 3.3)"
        )
    allowed = _algorithms(key, algorithm)
    if not allowed:
        kind = getattr(key, "curve_name", key.key_type)
        raise ValueError(f"public_key is a key for {kind}, with which {algorithm} does not go")
    return VerificationKey(key, allowed)


def keys_of_set(
    document: Any, algorithm: str | None, kid: str | None = None, most: int = _KEYS
) -> list[VerificationKey] | None:
    """The keys of a JWK set that verify signatures; None where it is no set.

    What is not understood is passed over (RFC 7517, 5), and so are secrets: what anybody can
    fetch is none.

    Args:
        document: of JSON.
        algorithm: that tokens are signed with; None for those of the keys, RS256 for RSA keys
            that do not say.
        kid: the name of the key that is wanted, which one without a name may be; None for all.
        most: keys that are looked at.
    """
    listed = cast("dict[str, Any]", document).get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return None
    entries = (
        cast("dict[str, Any]", entry)
        for entry in cast("list[Any]", listed)
        if isinstance(entry, dict)
    )
    wanted = (entry for entry in entries if kid is None or entry.get("kid") in (None, kid))
    found = (_of_set(entry, algorithm) for entry in islice(wanted, most))
    return [key for key in found if key is not None]


def _of_set(fields: dict[str, Any], algorithm: str | None) -> VerificationKey | None:
    kid, named, operations = fields.get("kid"), fields.get("alg"), fields.get("key_ops")
    if fields.get("use", "sig") != "sig":
        return None
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return None
    if not isinstance(kid, str | None) or not isinstance(named, str | None):
        return None
    modulus, exponent = fields.get("n"), fields.get("e")
    if isinstance(modulus, str) and len(modulus) * 6 // 8 * 8 not in _RSA_BITS:
        return None
    if isinstance(exponent, str) and len(exponent) > _EXPONENT:
        return None
    try:
        key = import_key({name: fields[name] for name in _PUBLIC_PARTS if name in fields})
        allowed = _algorithms(key, named, algorithm)
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return VerificationKey(key, allowed, kid) if allowed else None


def _algorithms(key: Key, *wanted: str | None) -> frozenset[str]:
    """Those a key may be used with, of those that its set and the author want."""
    named = [name for name in wanted if name is not None]
    if isinstance(key, RSAKey):
        # A key of RSA could be used with six, and its owner uses one.
        return _RSA.intersection(*({name} for name in named or ["RS256"]))
    if isinstance(key, ECKey | OKPKey):
        possible = _BY_CURVE.get(key.curve_name, _NONE)
        return possible if all(name in possible for name in named) else _NONE
    return _NONE


def _imported(material: str | bytes) -> Key | None:
    kinds: tuple[Literal["RSA", "EC", "OKP"], ...] = ("RSA", "EC", "OKP")
    for kind in kinds:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)
                key = import_key(material, kind)
                # Of a private key the public half is all that is needed.
                return import_key(key.as_dict(private=False), kind)
        except InvalidKeyTypeError:
            continue
        except (JoseError, ValueError, TypeError, UnicodeError):
            return None
    return None

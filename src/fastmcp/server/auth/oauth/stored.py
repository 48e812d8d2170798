"""What was granted, kept in records that workers can share.

Tokens are opaque: the server that reads them is the one that made them, so nobody else needs to,
and one that is revoked is so at the next request, at every worker. A token names its family, which
is what was made with one consent, and has a secret. Kept are facts that are never changed, and with
one that is lost a token is refused:

- `code`, `refresh`: by the hash of one that has not been used. Whoever removes the record uses it.
- `access`: by the hash of an access token, what it permits.
- `family`: that there is one, without which no token is good. It outlives its codes and tokens, so
  what comes in the name of a family that exists, and is not there, was used before: then somebody
  has a copy, and all of the family ends (OAuth 2.1, 4.1.3 and 4.3.1; RFC 9700, 4.14).
- `spent`: by the hash of a refresh token that was replaced just now, where there is grace for it.
- `ended`: that a family has ended, which is removed then. This is written once and looked for with
  every token, so it also ends tokens that another worker makes at this moment.
- `client`, `active`: a client that registered itself, and whether it has ever been given a token;
  one that has not is soon forgotten.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any, Final, Protocol

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.oauth.client_auth import hash_of
from fastmcp.server.auth.oauth.errors import TokenError
from fastmcp.server.auth.oauth.models import (
    AssertedIdentity,
    AuthorizationCode,
    AuthorizationParams,
    OAuthClientInformationFull,
    OAuthToken,
    RefreshToken,
    Subject,
)
from fastmcp.server.auth.oauth.provider import OAuthOptions, OAuthProvider
from fastmcp.server.auth.oauth.records import (
    KeyValueRecords,
    KeyValueStore,
    MemoryRecords,
    Record,
    Records,
    name,
)

__all__ = ["ASSERTED_BY", "StoredOAuthProvider", "StoredOptions", "family_of"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

ASSERTED_BY: Final = "assertion_iss"
"""The claim that says which identity provider vouches for a user; of no other token."""

_DAY: Final = 24 * 3600
_UNUSED_CLIENT: Final = _DAY
_CLIENT: Final = 90 * _DAY
_CLIENTS: Final = 10_000
_LONGEST_SECRET: Final = 200
_WORDS: Final = {"code": "code", "refresh": "refresh token"}


class StoredOptions(OAuthOptions, total=False):
    """The arguments of `StoredOAuthProvider` beside `base_url` and `storage`."""

    access_token_expiry_seconds: int
    refresh_token_expiry_seconds: int
    refresh_token_grace_seconds: int
    authorization_code_expiry_seconds: int


class StoredOAuthProvider(OAuthProvider):
    """An authorization server that keeps what it grants in a store.

    A subclass overrides `authenticate`.

    Args:
        base_url: as for `OAuthProvider`.
        storage: any store of `py-key-value-aio`, which several workers may share; see `records`
            for what each can promise. None for the memory of this process.
        access_token_expiry_seconds: how long an access token is good. What was stolen is good for
            no longer, and a client renews it by itself.
        refresh_token_expiry_seconds: how long a refresh token is good that is not used; each use
            gives a new one.
        refresh_token_grace_seconds: how long a refresh token can be used again after it was
            replaced. None at all by default; with a few seconds, programs that share one and renew
            it at once go on, and so does a client that did not hear the answer. So would a thief.
        authorization_code_expiry_seconds: how long a code is good; OAuth 2.1, 4.1.2 allows ten
            minutes, and a client needs seconds.
        options: the others of `OAuthProvider`.
    """

    def __init__(
        self,
        *,
        base_url: AnyHttpUrl | str,
        storage: KeyValueStore | None = None,
        access_token_expiry_seconds: int = 3600,
        refresh_token_expiry_seconds: int = 30 * _DAY,
        refresh_token_grace_seconds: int = 0,
        authorization_code_expiry_seconds: int = 120,
        **options: Unpack[OAuthOptions],
    ) -> None:
        super().__init__(base_url=base_url, **options)
        self._access_seconds = access_token_expiry_seconds
        self._refresh_seconds = refresh_token_expiry_seconds
        self._grace_seconds = refresh_token_grace_seconds
        self._code_seconds = authorization_code_expiry_seconds
        if min(self._access_seconds, self._refresh_seconds, self._code_seconds) < 1:
            raise ValueError("Tokens and codes are good for a second at least")
        believed = self.identity_assertion
        self._asserted_seconds = 0 if believed is None else believed.access_token_expiry_seconds
        self._client_seconds = max(_CLIENT, self._refresh_seconds + _DAY)
        self._records: Records = (
            MemoryRecords({"client": _CLIENTS}) if storage is None else KeyValueRecords(storage)
        )
        self.used = self._records

    # clients

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        known, active = await self._records.read(
            name("client", client_id), name("active", client_id)
        )
        kept = active or known
        return None if kept is None else OAuthClientInformationFull.model_validate(kept)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        kept = client_info.model_dump(mode="json", exclude={"client_secret"}, exclude_none=True)
        secret = client_info.client_secret
        hashed = client_info.client_secret_hash if secret is None else hash_of(secret)
        if hashed is not None:
            kept["client_secret_hash"] = hashed
        await self._records.write(name("client", client_info.client_id), kept, _UNUSED_CLIENT)

    async def _keep_active(self, client: OAuthClientInformationFull) -> None:
        """It is used: remember it for longer."""
        known, active = await self._records.read(
            name("client", client.client_id), name("active", client.client_id)
        )
        kept = active or known
        if kept is not None:
            await self._records.write(name("active", client.client_id), kept, self._client_seconds)

    # codes

    async def create_authorization_code(
        self, client: OAuthClientInformationFull, params: AuthorizationParams, subject: Subject
    ) -> str:
        family = secrets.token_urlsafe(16)
        code = _made(family)
        kept = AuthorizationCode(
            code="",
            scopes=params.scopes or [],
            expires_at=time.time() + self._code_seconds,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=subject.subject,
            claims=subject.claims,
        )
        await self._keep_family(family, client, self._code_seconds)
        await self._records.write(
            name("code", code), kept.model_dump(mode="json"), self._code_seconds
        )
        return code

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        kept = await self._unused("code", client, authorization_code)
        if kept is None:
            return None
        return AuthorizationCode.model_validate({**kept, "code": authorization_code})

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        await self._use("code", authorization_code.code)
        return await self._issue(
            client, authorization_code.code, authorization_code, authorization_code.scopes
        )

    # tokens

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        kept = await self._unused("refresh", client, refresh_token)
        if kept is None:
            return None
        return RefreshToken.model_validate({**kept, "token": refresh_token})

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        await self._use("refresh", refresh_token.token)
        return await self._issue(client, refresh_token.token, refresh_token, scopes)

    async def exchange_identity_assertion(
        self, client: OAuthClientInformationFull, identity: AssertedIdentity
    ) -> OAuthToken:
        family, seconds = secrets.token_urlsafe(16), self._asserted_seconds
        asserted = identity.model_copy(
            update={"claims": {ASSERTED_BY: identity.issuer, **identity.claims}}
        )
        await self._keep_family(family, client, seconds)
        access = await self._give_access(
            family, client, asserted, asserted.scopes, seconds, asserted.issuer
        )
        await self._keep_active(client)
        return OAuthToken(access_token=access, expires_in=seconds, scope=" ".join(identity.scopes))

    async def load_access_token(self, token: str) -> AccessToken | None:
        family = family_of(token)
        if family is None:
            return None
        kept, known, ended = await self._records.read(
            name("access", token), name("family", family), name("ended", family)
        )
        if kept is None or known is None or ended is not None:
            return None
        if kept["expires_at"] <= time.time():
            return None
        if ASSERTED_BY in kept["claims"] and self.identity_assertion is None:
            return None  # nobody is believed any more
        resource = kept["resource"]
        if resource is not None and self.resource is not None and not self.is_own(resource):
            return None  # of another server that shares the store
        claims = {
            **kept["claims"],
            "iss": kept.get("issuer") or self.issuer,
            "aud": resource,
            "sub": kept["subject"],
            "client_id": kept["client_id"],
            "scope": " ".join(kept["scopes"]),
            "exp": kept["expires_at"],
        }
        return AccessToken(
            token=token,
            client_id=kept["client_id"],
            scopes=kept["scopes"],
            expires_at=kept["expires_at"],
            resource=resource,
            subject=kept["subject"],
            claims=claims,
        )

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        family = family_of(token.token)
        if family is not None:
            await self._end(family)

    # families

    async def _unused(
        self, kind: str, client: OAuthClientInformationFull, secret: str
    ) -> Record | None:
        """The record of a code or refresh token of a client, if it can be used."""
        family = family_of(secret)
        if family is None:
            return None
        kept, spent, known, ended = await self._records.read(
            name(kind, secret),
            name("spent", secret),
            name("family", family),
            name("ended", family),
        )
        if known is None or ended is not None or known["client_id"] != client.client_id:
            return None
        if kept is None and spent is None:
            await self._end_because(f"A {_WORDS[kind]} of {client.client_id!r} came again", family)
        return kept or spent

    async def _use(self, kind: str, secret: str) -> None:
        """Use a code or refresh token up.

        Raises:
            TokenError: another request was first.
        """
        key, spent = name(kind, secret), name("spent", secret)
        if kind == "refresh" and self._grace_seconds:
            (kept,) = await self._records.read(key)
            if kept is not None:  # before it is removed, for who comes in between
                await self._records.write(spent, kept, self._grace_seconds)
        if await self._records.take(key) or (await self._records.read(spent))[0] is not None:
            return
        await self._end_because(f"A {_WORDS[kind]} came twice at once", family_of(secret) or "")
        raise TokenError("invalid_grant", "It was used before")

    async def _issue(
        self, client: OAuthClientInformationFull, used: str, grant: _Grant, scopes: list[str]
    ) -> OAuthToken:
        family, refresh = family_of(used) or "", None
        renewable = "refresh_token" in client.grant_types
        life = max(self._refresh_seconds if renewable else 0, self._access_seconds)
        await self._keep_family(family, client, life)
        access = await self._give_access(family, client, grant, scopes, self._access_seconds)
        if renewable:
            # Of the scopes that were granted, also where fewer are asked for this time
            # (OAuth 2.1, 4.3.1).
            refresh = _made(family)
            await self._records.write(
                name("refresh", refresh),
                _record(client, grant, grant.scopes, self._refresh_seconds),
                life,  # as long as its family: what is missing there was used
            )
        await self._keep_active(client)
        return OAuthToken(
            access_token=access,
            expires_in=self._access_seconds,
            scope=" ".join(scopes),
            refresh_token=refresh,
        )

    async def _give_access(
        self,
        family: str,
        client: OAuthClientInformationFull,
        grant: _Grant,
        scopes: list[str],
        seconds: int,
        issuer: str | None = None,
    ) -> str:
        access = _made(family)
        kept = _record(client, grant, scopes, seconds)
        if issuer is not None:
            kept["issuer"] = issuer
        await self._records.write(name("access", access), kept, seconds)
        return access

    async def _keep_family(
        self, family: str, client: OAuthClientInformationFull, seconds: float
    ) -> None:
        record = {"client_id": client.client_id}
        await self._records.write(name("family", family), record, seconds)

    async def _end_because(self, why: str, family: str) -> None:
        _logger.warning("%s: somebody may have a copy, so its family of tokens ends", why)
        await self._end(family)

    async def _end(self, family: str) -> None:
        # Longer than whatever another worker makes at this moment.
        lives = (self._refresh_seconds, self._access_seconds, self._asserted_seconds)
        seconds = max(lives) + self._code_seconds
        await self._records.write(name("ended", family), {}, seconds)
        await self._records.take(name("family", family))


class _Grant(Protocol):
    """What tokens are made of: a code, or a refresh token."""

    @property
    def scopes(self) -> list[str]: ...
    @property
    def resource(self) -> str | None: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def claims(self) -> dict[str, Any]: ...


def _record(
    client: OAuthClientInformationFull, grant: _Grant, scopes: list[str], seconds: int
) -> Record:
    """What is kept of a token."""
    return {
        "client_id": client.client_id,
        "resource": grant.resource,
        "subject": grant.subject,
        "claims": grant.claims,
        "scopes": scopes,
        "expires_at": int(time.time()) + seconds,
    }


def _made(family: str) -> str:
    """A code or token of a family, with 256 random bits of its own."""
    return f"{family}.{secrets.token_urlsafe(32)}"


def family_of(secret: str) -> str | None:
    """The family that a code or token names."""
    family, dot, rest = secret.partition(".")
    return family if dot and rest and len(secret) <= _LONGEST_SECRET else None

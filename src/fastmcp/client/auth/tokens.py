"""Tokens, and the endpoint that gives them (OAuth 2.1, 3.2).

Whatever the grant is, the request has the same shape: who asks, for which resource, and by what
right. A refusal says by a code whether it is this grant that is over or the client that is not
known, and the two are mended differently.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote_plus

from yarl import URL

from fastmcp.client.auth.discovery import AuthorizationServer
from fastmcp.client.auth.dpop import ProofKey
from fastmcp.client.auth.fetching import Answer, Fetcher, shown
from fastmcp.client.errors import AuthorizationFailedError

__all__ = [
    "ASSERTION_TYPE",
    "ClientIdentity",
    "GrantRefusedError",
    "Token",
    "ask_token_endpoint",
    "explained",
    "request_token",
]

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SENDABLE: Final = re.compile(r"[\x21-\x7e]{1,65536}")
"""What a header can carry (RFC 6750, 2.1, allows less)."""
_LONGEST_LIFE: Final = 10 * 365 * 24 * 3600
_NONCES: Final = 2
_ILL: Final = (408, 429)
"""Of the statuses 4xx those that say nothing of the grant: it is as good later."""
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")


class GrantRefusedError(AuthorizationFailedError):
    """The token endpoint said no; `oauth_error` is its code (RFC 6749, 5.2)."""


@dataclass(frozen=True)
class ClientIdentity:
    """Who this client is for one authorization server.

    Attributes:
        issuer: which server that is. No other is ever shown the rest.
        id: its client id.
        secret: None for a public client.
        method: by which it authenticates: "none", "client_secret_basic", "client_secret_post" or
            "private_key_jwt".
        expires_at: when the secret is over, as seconds since 1970; None for never.
        redirect_uri: that was registered; None where none was.
        scopes: that were registered, to which servers hold a client (RFC 7591, 2); None where it
            is held to none that is known.
        assertion: makes the assertion of "private_key_jwt", given the issuer.
    """

    issuer: str
    id: str
    secret: str | None = field(default=None, repr=False)
    method: str = "none"
    expires_at: float | None = None
    redirect_uri: str | None = None
    scopes: frozenset[str] | None = None
    assertion: Callable[[str], Awaitable[str]] | None = field(default=None, repr=False)

    async def authenticate(self, form: dict[str, str]) -> dict[str, str]:
        """Complete a form, and give the headers that go with it (OAuth 2.1, 2.4)."""
        if self.id:
            # Beside Basic it is of no need (RFC 6749, 3.2.1), and servers exist that want it.
            form["client_id"] = self.id
        if self.method == "private_key_jwt":
            assert self.assertion is not None
            form["client_assertion_type"] = ASSERTION_TYPE
            form["client_assertion"] = await self.assertion(self.issuer)
        elif self.method == "client_secret_post" and self.secret is not None:
            form["client_secret"] = self.secret
        elif self.method == "client_secret_basic" and self.secret is not None:
            pair = f"{quote_plus(self.id)}:{quote_plus(self.secret)}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return {}


@dataclass(frozen=True)
class Token:
    """An access token and what is known of it.

    Attributes:
        access_token: never shown.
        server: that gave it.
        resource: it is for.
        client_id: it was given to.
        requested: scopes that were asked for.
        granted: scopes that the server says it has, None where it does not say.
        obtained_at, expires_at: seconds since 1970; None for an end that is not known.
        refresh_token: never shown.
        key: that it is bound to.
        registration: of the client, which may be another than its latest; None where it was not
            this client that registered itself.
    """

    access_token: str = field(repr=False)
    server: AuthorizationServer
    resource: str
    client_id: str
    requested: frozenset[str] = frozenset()
    granted: frozenset[str] | None = None
    obtained_at: float = 0.0
    expires_at: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    key: ProofKey | None = field(default=None, repr=False)
    registration: ClientIdentity | None = None

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"{'Bearer' if self.key is None else 'DPoP'} {self.access_token}"

    @property
    def lives(self) -> bool:
        """Whether it is not over, as far as one knows."""
        return self.expires_at is None or time.time() < self.expires_at

    @property
    def has(self) -> frozenset[str]:
        """The scopes it has, as far as one knows: those asked for, where none are told."""
        return self.requested if self.granted is None else self.granted


async def request_token(
    http: Fetcher,
    server: AuthorizationServer,
    client: ClientIdentity,
    grant: Mapping[str, str],
    *,
    resource: str,
    requested: frozenset[str],
    key: ProofKey | None,
) -> Token:
    """Ask for a token for a resource.

    Args:
        http: asks.
        server: is asked.
        client: asks for it.
        grant: the form, without who asks and for what resource.
        resource: its identifier (RFC 8707, 2.2).
        requested: scopes that the token should have.
        key: that it is to be bound to.
    Raises:
        GrantRefusedError: the server says no.
        AuthorizationFailedError: its answer is of no use.
    """
    if client.issuer != server.issuer:
        raise AssertionError("credentials of one authorization server for another")
    form = {**grant, "resource": resource}
    answer = await ask_token_endpoint(http, server.token_endpoint, client, form, key)
    where = shown(server.token_endpoint)
    access_token = answer.text("access_token")
    kind = (answer.text("token_type") or "").lower()
    if access_token is None or _SENDABLE.fullmatch(access_token) is None:
        raise AuthorizationFailedError(f"The token endpoint {where} answered without a token")
    if kind != ("bearer" if key is None else "dpop"):
        wanted = "Bearer" if key is None else "DPoP"
        raise AuthorizationFailedError(
            f"The token endpoint {where} gave a token of the type {kind[:40]!r} where {wanted} was "
            "asked for; it is not used"
        )
    now = time.time()
    lifetime = _seconds(answer.body.get("expires_in"))
    granted = answer.text("scope")
    return Token(
        access_token,
        server,
        resource,
        client.id,
        requested,
        None if granted is None else frozenset(granted.split()),
        now,
        None if lifetime is None else now + lifetime,
        answer.text("refresh_token"),
        key,
        client if client.redirect_uri is not None else None,
    )


async def ask_token_endpoint(
    http: Fetcher,
    url: str,
    client: ClientIdentity,
    grant: Mapping[str, str],
    key: ProofKey | None,
) -> Answer:
    """One request to a token endpoint; more where it wants a nonce (RFC 9449, 8).

    Args:
        http: asks.
        url: of the endpoint.
        client: asks.
        grant: the form, without who asks.
        key: proves who asks.
    Raises:
        GrantRefusedError: the server says no.
        AuthorizationFailedError: it says nothing of use.
    """
    answer, form = Answer(0, {}, None), dict[str, str]()
    for _ in range(1 + _NONCES):
        form = dict(grant)
        headers = await client.authenticate(form)  # an assertion is good once (RFC 7523, 3 (7))
        if key is not None:
            headers["DPoP"] = key.proof("POST", URL(url))
        answer = await http.post(url, "token endpoint", form=form, headers=headers)
        if key is not None and answer.nonce is not None:
            key.learn(URL(url), answer.nonce)
        if answer.text("error") != "use_dpop_nonce" or key is None or answer.nonce is None:
            break
    error = answer.text("error")
    if answer.ok and error is None:
        return answer
    said = explained(answer.body, answer.status, _secrets(client, form))
    if answer.status in _ILL or not (answer.ok or 400 <= answer.status < 500):
        raise AuthorizationFailedError(
            f"The token endpoint {shown(url)} is of no use now: {said}", error=error
        )
    raise GrantRefusedError(f"The token endpoint {shown(url)} refuses: {said}", error=error)


def explained(said: Mapping[str, Any], status: int, secrets: frozenset[str] = frozenset()) -> str:
    """What an error of OAuth says, as one line without what is secret.

    Args:
        said: the error's members.
        status: of HTTP, for an answer that says nothing.
        secrets: that it may repeat, as a server does that quotes what it was sent.
    """
    code, text = said.get("error"), said.get("error_description")
    words = [each for each in (code, text) if isinstance(each, str) and each]
    if not words:
        return f"HTTP {status}"
    line = _UNPRINTABLE.sub(" ", ": ".join(words))
    for secret in secrets:
        line = line.replace(secret, "...")
    return line[:300]


def _secrets(client: ClientIdentity, form: Mapping[str, str]) -> frozenset[str]:
    told = ("grant_type", "client_id", "resource", "audience", "scope", "redirect_uri")
    types = ("client_assertion_type", "requested_token_type", "subject_token_type")
    found = {value for name, value in form.items() if name not in told + types and len(value) >= 6}
    return frozenset(found | ({client.secret} if client.secret else set()))


def _seconds(value: object) -> float | None:
    """A lifetime; some servers write the number as a text."""
    try:
        seconds = float(cast("Any", value))
    except (TypeError, ValueError):
        return None
    return min(seconds, _LONGEST_LIFE) if seconds >= 0 else None

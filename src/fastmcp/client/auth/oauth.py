"""Authorization by a person in a browser: the authorization code flow, with PKCE.

What is bound together is made together and used once: the verifier, the `state` and the issuer
that is expected to answer stay in one record, and nothing of an answer is acted on that does not
fit it (2026-07-28, basic/authorization, "Authorization Response Validation"; RFC 9207, 2.4; OAuth
2.1, 4.1 and 7.5).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import secrets
import webbrowser
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

from fastmcp.client.auth.authorizer import TokenCredentials
from fastmcp.client.auth.callback import PATH, AuthorizationCodeResult, CallbackServer
from fastmcp.client.auth.client_document import complaints_of_address
from fastmcp.client.auth.discovery import AuthorizationServer, Resource
from fastmcp.client.auth.dpop import ProofKey
from fastmcp.client.auth.fetching import Fetcher, shown
from fastmcp.client.auth.registration import method_for, register
from fastmcp.client.auth.storage import KeyValue
from fastmcp.client.auth.tokens import (
    ClientIdentity,
    Token,
    explained,
    request_token,
)
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.utilities.addresses import is_loopback
from fastmcp.utilities.http import find_available_port
from fastmcp.utilities.threads import run_in_thread

__all__ = ["OAuth"]

logger = logging.getLogger("fastmcp.client.auth")

_UNKNOWN_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client"})


@dataclass(frozen=True, repr=False)
class _Request:
    """One authorization request, and what its answer has to fit."""

    server: AuthorizationServer
    redirect_uri: str
    state: str
    verifier: str

    def forged(self, said: AuthorizationCodeResult) -> str | None:
        """Why an answer may not be from whom it should, None where it is. Of one that is not,
        nothing is acted on and nothing repeated."""
        if said.state is None or not hmac.compare_digest(said.state.encode(), self.state.encode()):
            return "The answer is not to the question that was asked (its state is another)."
        if said.iss is None:
            if self.server.sends_iss:
                return (
                    f"The answer does not say who answers (iss), as {self.server.issuer} always "
                    "does: it may be another's."
                )
        elif said.iss != self.server.issuer:
            return f"The answer is not from {self.server.issuer}, which was asked, but another's."
        return None

    def wrong(self, said: AuthorizationCodeResult) -> str | None:
        """What is wrong with an answer, None where nothing is."""
        forged = self.forged(said)
        if forged is not None:
            return forged
        if said.error is not None:
            refusal = explained(said._asdict(), 0)
            if said.error == "access_denied":
                return f"Access was declined ({refusal})."
            return f"{self.server.issuer} refuses: {refusal}"
        return None if said.code else f"{self.server.issuer} answered without a code."


class OAuth(TokenCredentials):
    """Lets a person say in a browser that the client may use a server.

    The browser is opened when a server wants authorization, and not before. Whoever runs where
    there is none finds the address in the log.

    Args:
        mcp_url: of the server's endpoint; by default that of the client it is given to.
        scopes: to ask for, in a text or a list; by default those that the server names.
        client_name: what the person is told.
        token_storage: a store of `py-key-value-aio` for tokens and registrations, such as
            `TokenFiles()`; by default they end with this object. See `TokenCredentials` for one
            that is encrypted.
        additional_client_metadata: further members of the registration (RFC 7591, 2).
        callback_port: on which the browser comes back; by default any that is free.
        callback_host: "localhost", or a loopback address.
        callback_timeout: seconds that the person has.
        httpx_client_factory: not supported, this client speaks through aiohttp.
        client_metadata_url: the https address of a document about this client, which is its id
            wherever the authorization server reads such documents.
        client_id: of a client that was registered beforehand.
        client_secret: of the same, if it has one.
        issuer: of the authorization server where it was; by default the first that the server
            names, and from then on that one.
        dpop: whether tokens are bound to a key (RFC 9449); by default where the server wants it.
    Raises:
        ValueError: arguments that cannot be.
    """

    needs_person = True

    def __init__(
        self,
        mcp_url: str | None = None,
        scopes: str | Iterable[str] | None = None,
        client_name: str = "FastMCP Client",
        token_storage: KeyValue | None = None,
        additional_client_metadata: Mapping[str, Any] | None = None,
        callback_port: int | None = None,
        callback_host: str = "localhost",
        callback_timeout: float = 300.0,
        httpx_client_factory: Callable[..., Any] | None = None,
        client_metadata_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        *,
        issuer: str | None = None,
        dpop: bool | None = None,
    ) -> None:
        if httpx_client_factory is not None:
            raise NotImplementedError(
                "httpx_client_factory is not supported: this client speaks HTTP through aiohttp. "
                "Give Client (or the transport) verify= for certificates; proxies are those of the "
                "environment."
            )
        if client_secret is not None and client_id is None:
            raise ValueError("client_secret= is of no use without the client_id= it belongs to")
        host = callback_host.strip("[]")
        if host != "localhost" and not is_loopback(host):
            raise ValueError(
                f"callback_host is localhost or a loopback address, not {callback_host!r}: a code "
                "that goes elsewhere without TLS is everybody's (basic/authorization, "
                '"Communication Security"). To wait for it elsewhere, override callback_handler.'
            )
        if client_metadata_url is not None and not _is_document(client_metadata_url):
            raise ValueError(
                "client_metadata_url is an https address with a path, such as "
                f"https://app.example.com/client.json, not {client_metadata_url!r}"
            )
        self._client_name = client_name
        self._additional = dict(additional_client_metadata or {})
        self._callback_host = host
        self._callback_port = callback_port
        self._callback_timeout = callback_timeout
        self._client_metadata_url = client_metadata_url
        self.fixed_client_id: str | None = client_id
        self.first_issuer_alone = client_id is not None  # it alone can have given the id
        self._client_secret = client_secret
        self.redirect_port = callback_port or 0
        self.patience = callback_timeout
        self._callback: CallbackServer | None = None
        self._asked: _Request | None = None
        super().__init__(mcp_url, scopes, token_storage, issuer=issuer, dpop=dpop)

    # --- what users override ---------------------------------------------------------------------

    async def redirect_handler(self, authorization_url: str) -> None:
        """Bring the person to an address: by default in the browser.

        Args:
            authorization_url: where it is decided.
        """
        logger.info("Opening the browser at %s", shown(authorization_url))
        # Some browsers run until the person leaves them: no program waits for this pool at its end.
        if not await run_in_thread(webbrowser.open, authorization_url):
            logger.warning(
                "No browser could be opened. Open this address in one on this machine to go on: %s",
                authorization_url,
            )

    async def callback_handler(self) -> AuthorizationCodeResult:
        """Wait for what the person decided: by default at a page on this machine.

        Returns:
            the parameters of the authorization response; the tuple (code, state) will do for an
            authorization server that does not say who answers (iss).
        """
        callback, asked = self._callback, self._asked
        assert asked is not None
        if callback is not None:
            return await callback.answer()
        # An override that calls this one: the page is not served yet.
        async with CallbackServer(
            self._callback_host, self.redirect_port, shown(self._endpoint)
        ) as late:
            late.expect(asked.state, asked.wrong)
            return await late.answer()

    # --- the flow --------------------------------------------------------------------------------

    async def obtain(
        self,
        http: Fetcher,
        resource: Resource,
        server: AuthorizationServer,
        scopes: frozenset[str],
        key: ProofKey | None,
    ) -> Token:
        """Ask the person."""
        if server.authorization_endpoint is None:
            raise AuthorizationFailedError(
                f"The authorization server {server.issuer} has no page where a person could "
                "authorize a client (no authorization_endpoint)"
            )
        if not server.guessed and "S256" not in (server.pkce or ()):
            raise AuthorizationFailedError(
                f"The authorization server {server.issuer} does not say that it checks code "
                "challenges by S256 (code_challenge_methods_supported): a code that somebody "
                "intercepts would be good for him. Nobody is asked."
            )
        known = await self._known(server)
        try:
            return await self._authorized(http, resource, server, scopes, key, known)
        except AuthorizationFailedError as exc:
            if exc.oauth_error not in _UNKNOWN_CLIENT:
                raise
            if known is None or known.redirect_uri is None:
                raise
            await self._store.forget_client(known)
            logger.info("A registration of earlier is not known any more: %s", exc)
        return await self._authorized(http, resource, server, scopes, key, None)

    async def _authorized(
        self,
        http: Fetcher,
        resource: Resource,
        server: AuthorizationServer,
        scopes: frozenset[str],
        key: ProofKey | None,
        known: ClientIdentity | None,
    ) -> Token:
        """The token that one decision gave; arguments as for `obtain`, and who the client is."""
        async with self._page(known) as redirect_uri:
            client = known
            if client is None or not self._fits(client, redirect_uri, scopes):
                client = await self._register(http, server, redirect_uri, scopes)
            asked = _Request(
                server, redirect_uri, secrets.token_urlsafe(32), secrets.token_urlsafe(64)
            )
            url = _address(asked, client, resource.identifier, scopes, key)
            try:
                code = await self._ask(asked, url)
            except (_SilentError, asyncio.CancelledError):
                if client is known:
                    # It may be forgotten there, which only the person can have seen, who went.
                    await self._store.forget_client(client)
                raise
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": asked.verifier,
        }
        self.spends()
        return await request_token(
            http,
            server,
            client,
            form,
            resource=resource.identifier,
            requested=scopes,
            key=key,
        )

    async def _ask(self, asked: _Request, url: str) -> str:
        """The code that the person's decision gave."""
        self._asked = asked
        if self._callback is not None:
            self._callback.expect(asked.state, asked.wrong)
        patience = asyncio.timeout(self._callback_timeout)
        try:
            with self.asking():
                async with patience:
                    await self.redirect_handler(url)
                    said: object = await self.callback_handler()
        except TimeoutError:
            if not patience.expired():
                raise
            raise _SilentError(
                f"Nobody authorized the client within {self._callback_timeout:g} seconds "
                f"(callback_timeout); {asked.server.issuer} was to ask in a browser"
            ) from None
        finally:
            self._asked = None
        result = _result(said, asked.server)
        wrong = asked.wrong(result)
        if wrong is not None:
            error = result.error if asked.forged(result) is None else None
            raise AuthorizationFailedError(wrong, error=error)
        assert result.code is not None
        return result.code

    @asynccontextmanager
    async def _page(self, known: ClientIdentity | None) -> AsyncGenerator[str]:
        """The redirect URI, and behind it the page, unless a subclass waits by itself."""
        wished = self._callback_port or _port_of(known)
        if type(self).callback_handler is not OAuth.callback_handler:
            self.redirect_port = wished or self.redirect_port or find_available_port()
            yield self._redirect_uri()
            return
        server = CallbackServer(self._callback_host, wished, shown(self._endpoint))
        try:
            await server.__aenter__()
        except AuthorizationFailedError:
            if self._callback_port or not wished:
                raise
            # Another has the port that was registered: with a new one, another registration.
            server = CallbackServer(self._callback_host, 0, shown(self._endpoint))
            await server.__aenter__()
        self.redirect_port, self._callback = server.port, server
        try:
            yield self._redirect_uri()
        finally:
            self._callback = None
            await server.__aexit__(None, None, None)

    def _redirect_uri(self) -> str:
        host = f"[{self._callback_host}]" if ":" in self._callback_host else self._callback_host
        return f"http://{host}:{self.redirect_port}{PATH}"

    # --- who the client is -----------------------------------------------------------------------

    async def identity(self, server: AuthorizationServer, token: Token) -> ClientIdentity | None:
        """Who the client is that a token was given to."""
        return token.registration or await self._known(server)

    def known_as(self) -> str:
        """A registration is for a name and further members, and is of no use to another; nor is
        what another authorization server gave."""
        said = [
            self._client_name,
            self._additional,
            self.fixed_client_id,
            self._client_metadata_url,
            self._issuer,
        ]
        return json.dumps(said, default=str)

    async def _known(self, server: AuthorizationServer) -> ClientIdentity | None:
        """Who the client is for a server without asking it; None where it has to register."""
        if self.fixed_client_id is not None:
            wished = self._additional.get("token_endpoint_auth_method")
            method = method_for(server, self._client_secret, wished)
            return ClientIdentity(server.issuer, self.fixed_client_id, self._client_secret, method)
        if self._client_metadata_url is not None and server.knows_cimd:
            return ClientIdentity(server.issuer, self._client_metadata_url)
        return await self._store.client(server.issuer)

    def _fits(self, client: ClientIdentity, redirect_uri: str, scopes: frozenset[str]) -> bool:
        """Whether what was registered serves for a request; what users say of it is theirs."""
        bound = None if "scope" in self._additional else client.scopes
        return client.redirect_uri in (None, redirect_uri) and (bound is None or scopes <= bound)

    async def _register(
        self,
        http: Fetcher,
        server: AuthorizationServer,
        redirect_uri: str,
        scopes: frozenset[str],
    ) -> ClientIdentity:
        metadata: dict[str, Any] = {
            "client_name": self._client_name,
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "application_type": "native",
        }
        if scopes:
            metadata["scope"] = " ".join(sorted(scopes))
        client = await register(http, server, {**metadata, **self._additional})
        await self._store.keep_client(client)
        return client


class _SilentError(AuthorizationFailedError):
    """Nobody answered."""


def _address(
    asked: _Request,
    client: ClientIdentity,
    resource: str,
    scopes: frozenset[str],
    key: ProofKey | None,
) -> str:
    """The authorization request (OAuth 2.1, 4.1.1)."""
    digest = hashlib.sha256(asked.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": asked.redirect_uri,
        "state": asked.state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "resource": resource,
    }
    if scopes:
        query["scope"] = " ".join(sorted(scopes))
    if "offline_access" in scopes:
        query["prompt"] = "consent"  # without it the scope counts for nothing (OIDC Core, 11)
    if key is not None:
        query["dpop_jkt"] = key.thumbprint()  # binds the code as well (RFC 9449, 10)
    endpoint = asked.server.authorization_endpoint
    assert endpoint is not None
    joint = "&" if urlsplit(endpoint).query else "?"
    return f"{endpoint}{joint}{urlencode(query, quote_via=quote)}"


def _result(said: object, server: AuthorizationServer) -> AuthorizationCodeResult:
    """What a handler gave: our own, another object with the same members, or (code, state)."""
    if isinstance(said, AuthorizationCodeResult):
        return said
    if isinstance(said, tuple):
        values = cast("tuple[Any, ...]", said)[:3]
        if len(values) < 3 and server.sends_iss:
            raise AuthorizationFailedError(
                f"callback_handler returned (code, state), and {server.issuer} says in its answers "
                "who answers (iss): it has to return that as well, in an "
                "AuthorizationCodeResult(code, state, iss)"
            )
        return AuthorizationCodeResult(*values)
    members = {name: getattr(said, name, None) for name in AuthorizationCodeResult._fields}
    return AuthorizationCodeResult(**members)


def _port_of(client: ClientIdentity | None) -> int:
    """The port that was registered, 0 for none."""
    if client is None or client.redirect_uri is None:
        return 0
    try:
        return urlsplit(client.redirect_uri).port or 0
    except ValueError:
        return 0


def _is_document(url: str) -> bool:
    """Whether an address may be a client's id where others read it."""
    return url.startswith("https:") and not any(complaints_of_address(url))

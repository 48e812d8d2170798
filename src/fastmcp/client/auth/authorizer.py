"""Credentials that are obtained: tokens, and their renewal.

A good token costs a request one comparison of the clock. When it is over, or was refused, one job
obtains the next for everybody who waits (`common_job`): calls that meet the same 401 start one
flow. How a token is obtained is said by a subclass.

A refusal is answered by discovery anew, so that a server that has moved to another authorization
server is followed there; by a refresh, where the token has one and its server is still the same;
else by an authorization. Sources: 2026-07-28, basic/authorization, "Scope Selection Strategy" and
"Scope Challenge Handling".
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import replace
from typing import ClassVar, Final

from yarl import URL

from fastmcp.client.auth.common_job import CommonJob
from fastmcp.client.auth.credentials import Refusal, Trust, trusting
from fastmcp.client.auth.demand import AUTHORIZATIONS, Demand, foremost, scopes_of
from fastmcp.client.auth.discovery import (
    AuthorizationServer,
    Resource,
    authorization_server,
    protected_resource,
)
from fastmcp.client.auth.dpop import ALGORITHM, ProofKey
from fastmcp.client.auth.fetching import Fetcher, shown
from fastmcp.client.auth.storage import CredentialStore, KeyValue
from fastmcp.client.auth.tokens import ClientIdentity, GrantRefusedError, Token, request_token
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.client.patience import Term

__all__ = ["TokenCredentials"]

logger = logging.getLogger("fastmcp.client.auth")

_NONCES: Final = 3
_EARLY_SECONDS: Final = 30.0
"""A token is renewed so long before its end, or a tenth of its life before: it may have to reach
the server, whose clock is another."""
_PAUSE_SECONDS: Final = 5.0
"""Between two attempts at refreshing a token that is still sent."""
_OFFLINE: Final = "offline_access"


class TokenCredentials(ABC):
    """Base of what obtains its tokens.

    Args:
        mcp_url: of the server's endpoint, or above it; None for that of the transport which it is
            given to.
        scopes: to ask for, in a text or a list; None for those that the server names.
        token_storage: a store of `py-key-value-aio`, or None for the memory of this object. What
            is kept are secrets: encrypt a store that others can read
            (`key_value.aio.wrappers.encryption.FernetEncryptionWrapper`).
        issuer: the one authorization server that is asked; None for the one that the server names.
        dpop: whether tokens are bound to a key of this client (RFC 9449); None for where the
            server wants it, and where both servers say that they know it.
    """

    needs_person: bool = False
    """Whether a token is obtained by a person, whom nobody should disturb unasked."""
    fixed_client_id: str | None = None
    """That was registered beforehand, with one authorization server."""
    stores_tokens: bool = True
    """Whether one can tell from the store whose they are."""
    first_issuer_alone: bool = False
    """Whether what it shows is for one authorization server, and no other ever sees it."""
    extension: ClassVar[str | None] = None
    """The id of the protocol's extension that it follows, which its client declares."""
    patience: float = 60.0
    """Seconds that another process may take for the same tokens."""

    def __init__(
        self,
        mcp_url: str | None,
        scopes: str | Iterable[str] | None,
        token_storage: KeyValue | None,
        *,
        issuer: str | None = None,
        dpop: bool | None = None,
    ) -> None:
        self.mcp_url: str | None = None
        self._scopes = scopes_of(scopes)
        self._storage = token_storage
        self._issuer: str | None = issuer
        self._dpop = dpop
        self._endpoint = URL()
        self._open = True
        """No transport has said yet which endpoint it is."""
        self._store = CredentialStore(None, "", "")
        self._peer: str | None = None
        self._trust: Trust = trusting
        """Of the client that obtained the token: it is renewed alike."""
        self._token: Token | None = None
        self._header: str | None = None
        self._good_until = 0.0
        self._loaded = False
        self._given: str | None = None
        """The header with the token that an authorization gave last."""
        self._refreshed: str | None = None
        """The same of a refresh."""
        self._job = CommonJob(self._work, type(self).__name__)
        if mcp_url is not None:
            self._bind(URL(str(mcp_url)))

    # --- what a subclass says --------------------------------------------------------------------

    @abstractmethod
    async def obtain(
        self,
        http: Fetcher,
        resource: Resource,
        server: AuthorizationServer,
        scopes: frozenset[str],
        key: ProofKey | None,
    ) -> Token:
        """A new token.

        Args:
            http: asks.
            resource: that it is for.
            server: that is to give it.
            scopes: that it should have.
            key: that it is to be bound to.
        Raises:
            AuthorizationFailedError: it came to nothing.
        """

    @abstractmethod
    async def identity(self, server: AuthorizationServer, token: Token) -> ClientIdentity | None:
        """Who the client is that a token was given to; None where that is not known any more."""

    def known_as(self) -> str:
        """What tells this client from others that have the same store."""
        return ""

    # --- which server ----------------------------------------------------------------------------

    def bind(self, url: URL, trust: Trust) -> None:
        """Take the server of a transport.

        Args:
            url: of its endpoint.
            trust: of the client.
        Raises:
            ValueError: these are the credentials for another server.
        """
        first, self._open = self._open, False
        if self.mcp_url is None or (first and _is_within(url, self._endpoint)):
            self._bind(url)
        elif not (_is_within(url, self._endpoint) and _is_within(self._endpoint, url)):
            raise ValueError(
                f"This {type(self).__name__} is for {shown(self._endpoint)}, and the client "
                f"connects to {shown(url)}: one server's tokens are not another's to see. Make one "
                "for each."
            )
        if first:
            self._trust = trust

    def _bind(self, url: URL) -> None:
        endpoint = url.with_user(None).with_fragment(None)
        if endpoint.scheme not in ("http", "https") or not endpoint.host:
            raise ValueError(f"Not an http or https URL: {shown(url)!r}")
        self._endpoint = endpoint
        self.mcp_url = str(endpoint).rstrip("/")
        self._store = CredentialStore(
            self._storage, self.mcp_url, self.known_as(), tokens=self.stores_tokens
        )

    # --- on the way of a request -----------------------------------------------------------------

    def apply(
        self, headers: MutableMapping[str, str], method: str, url: URL
    ) -> Awaitable[None] | None:
        """Say who asks; see `Credentials`."""
        if time.time() < self._good_until:
            assert self._header is not None
            assert self._token is not None
            headers["Authorization"] = self._header
            if self._token.key is not None:
                self._prove(headers, method, url)
            return None
        if self._loaded and self._token is None:
            return None
        return self._prepare(headers, method, url)

    def _prove(self, headers: MutableMapping[str, str], method: str, url: URL) -> None:
        token = self._token
        assert token is not None
        assert token.key is not None
        headers["DPoP"] = token.key.proof(method, url, token.access_token)

    def hear(self, nonce: str, url: URL) -> None:
        """See `Credentials`."""
        if self._token is not None and self._token.key is not None:
            self._token.key.learn(url, nonce)

    async def _prepare(self, headers: MutableMapping[str, str], method: str, url: URL) -> None:
        """The same where nothing is known yet, or the token is over or nearly so."""
        if not self._loaded:
            token = await self._kept()
            if not self._loaded:
                self._take(token)
        if self._token is not None and time.time() >= self._good_until:
            await self._renew(self._token)
        headers.pop("DPoP", None)
        if self._token is not None:
            assert self._header is not None
            headers["Authorization"] = self._header
            if self._token.key is not None:
                self._prove(headers, method, url)

    async def _renew(self, token: Token) -> None:
        """Have the next token, where nobody has to be asked for it."""
        if token.refresh_token is None and self.needs_person:
            return
        demand = Demand(
            self._endpoint, token.header, silent=True, peer=self._peer, trust=self._trust
        )
        try:
            # Where a person may be asked for another's sake, it goes with what there is.
            if not self._job.is_for_calls():
                await self._have(demand)
        except Exception as exc:
            # The server says what is to be done when it refuses what there is. Meanwhile not
            # every call tries this anew, and waits for whoever does not answer.
            known = isinstance(exc, AuthorizationFailedError)
            logger.info("The token could not be renewed: %s", exc if known else type(exc))
            if self._token is not None:
                self._good_until = max(self._good_until, time.time() + _PAUSE_SECONDS)

    async def _kept(self) -> Token | None:
        """The token in the store; None for one that this client may not use."""
        token = await self._store.token()
        return None if token is not None and token.key is None and self._dpop else token

    def _take(self, token: Token | None) -> None:
        self._loaded = True
        self._token = token
        self._header = None if token is None else token.header
        if token is None:
            self._good_until = 0.0
        elif token.expires_at is None:
            self._good_until = float("inf")
        else:
            life = max(0.0, token.expires_at - token.obtained_at)
            self._good_until = token.expires_at - min(_EARLY_SECONDS, life / 10)

    # --- when that was not enough ----------------------------------------------------------------

    async def refused(self, refusal: Refusal) -> bool:
        """Obtain what a refusal asks for; see `Credentials`.

        Raises:
            AuthorizationFailedError: it came to nothing, or was tried often enough.
        """
        trial, token = refusal.trial, self._token
        bound = token is not None and token.key is not None
        challenge = foremost(refusal.challenges, "dpop" if bound else "bearer")
        error = None if challenge is None else challenge.parameters.get("error")
        if bound and refusal.nonce is not None and error == "use_dpop_nonce":
            trial.nonces += 1
            return trial.nonces <= _NONCES
        if refusal.status == 403 and error != "insufficient_scope":
            return False
        if token is not None and token.header != refusal.sent:
            # Another request was refused the same, and has mended it meanwhile.
            trial.authorizations += 1
            return trial.authorizations <= AUTHORIZATIONS
        self._peer = refusal.peer
        demand = self._demanded(refusal, {} if challenge is None else challenge.parameters)
        if demand.silent and (demand.more or token is None or token.refresh_token is None):
            return False
        demand.check(token, self._given, trial.authorizations)
        trial.authorizations += 1
        try:
            await self._have(demand, trial.term)
        except AuthorizationFailedError:
            if demand.silent:
                return False
            raise
        return self._token is not None and self._token.header != refusal.sent

    def _demanded(self, refusal: Refusal, said: Mapping[str, str]) -> Demand:
        """What a refusal asks for.

        Args:
            refusal: the refusal.
            said: the parameters of its challenge.
        """
        trial, schemes = refusal.trial, {each.scheme for each in refusal.challenges}
        return Demand(
            refusal.url.origin().with_path(self._endpoint.raw_path, encoded=True),
            refusal.sent,
            scopes_of(said.get("scope")) or frozenset(),
            said.get("resource_metadata"),
            wants_dpop="dpop" in schemes and "bearer" not in schemes,
            knows_dpop="dpop" in schemes,
            more=refusal.status == 403 and self._token is not None,
            anew=trial.authorizations > 0 and refusal.sent == self._refreshed,
            silent=trial.unasked and self.needs_person,
            peer=refusal.peer,
            trust=refusal.trust,
        )

    # --- how it is obtained ----------------------------------------------------------------------

    async def _have(self, demand: Demand, term: Term | None = None) -> None:
        """Return when there is another token than the one that was sent."""

        def is_met() -> bool:
            return self._token is not None and self._token.header != demand.sent

        await self._job.wait(demand, is_met, term)

    def asking(self) -> AbstractContextManager[None]:
        """A block in which a person is asked: `CommonJob.asking`."""
        return self._job.asking()

    def spends(self) -> None:
        """What is good once is about to be used up: `CommonJob.spends`."""
        self._job.spends()

    async def settle(self, seconds: float) -> None:
        """Lose nothing of what was begun when the program ends: `CommonJob.settle`."""
        await self._job.settle(seconds)

    async def _work(self, demand: Demand) -> None:
        async with AsyncExitStack() as stack:
            with self.asking() if self.needs_person and not demand.silent else nullcontext():
                alone = self._store.alone(None if demand.silent else self.patience)
                await stack.enter_async_context(alone)
            kept = await self._kept()
            if kept is not None and demand.is_met_by(kept):
                self._take(kept)  # another process was faster
                return
            token = kept or self._token
            async with Fetcher(demand.endpoint, demand.trust(), demand.peer) as http:
                self._take(await self._next(http, demand, token))
            self._trust = demand.trust
            await self._store.keep_token(self._token)

    async def _next(self, http: Fetcher, demand: Demand, token: Token | None) -> Token:
        """By a refresh where one is enough, else by an authorization."""
        refreshes = (
            token is not None
            and token.refresh_token is not None
            and not (demand.more or demand.anew)
        )
        if token is not None and demand.silent:
            # Where it is good still, nothing has changed that one would have to discover.
            if refreshes:
                return await self._refresh(http, token, token.server)
            known = Resource(token.resource)
            return await self.obtain(http, known, token.server, token.requested, token.key)
        resource = await protected_resource(http, demand.endpoint, demand.metadata)
        chosen = self._choose(resource, token, await self._only())
        server = await authorization_server(http, demand.endpoint, chosen)
        if self._issuer is None and self.first_issuer_alone:
            self._issuer = server.issuer
            await self._store.keep_issuer(server.issuer)
        previous = token if token is not None and token.server.issuer == server.issuer else None
        if previous is not None and refreshes:
            try:
                fresh = await self._refresh(http, previous, server)
                if fresh.header != demand.sent:  # servers exist that give again what they gave
                    return fresh
            except GrantRefusedError as exc:
                logger.info("The token could not be refreshed: %s", exc)
        scopes = self._wanted(demand, resource, server, previous)
        key = self._key(demand, resource, server, previous)
        try:
            found = await self.obtain(http, resource, server, scopes, key)
        except AuthorizationFailedError as exc:
            if exc.oauth_error == "invalid_scope" and not demand.more:
                self._take(None)  # what was asked for once may be no scope any more
                await self._store.keep_token(None)
            raise
        self._given = found.header
        return found

    async def _only(self) -> str | None:
        """The one authorization server that may be asked; None for any."""
        if self._issuer is None and self.first_issuer_alone:
            self._issuer = await self._store.issuer()
        return self._issuer

    def _choose(self, resource: Resource, token: Token | None, issuer: str | None) -> str | None:
        """Which of the server's authorization servers; None where it names none."""
        issuers = resource.issuers
        if issuer is not None and issuers and issuer not in issuers:
            raise AuthorizationFailedError(
                f"{shown(self._endpoint)} names {', '.join(issuers)[:300]} as its authorization "
                f"server, and these credentials are for {issuer}: they are shown to nobody else "
                "(Authorization Server Binding). Give issuer= if that is right."
            )
        if issuer is not None:
            own = not issuers and issuer.rstrip("/") == str(self._endpoint.origin())
            return None if own else issuer
        if token is not None and token.server.issuer in issuers:
            return token.server.issuer
        return issuers[0] if issuers else None

    def _wanted(
        self,
        demand: Demand,
        resource: Resource,
        server: AuthorizationServer,
        token: Token | None,
    ) -> frozenset[str]:
        # What was granted is asked for again, or the next token could do less than this one.
        before = frozenset[str]() if token is None else token.requested | token.has
        if demand.more:
            return before | demand.scopes
        if self._scopes is not None:
            return before | self._scopes
        scopes = before | (demand.scopes or frozenset(resource.scopes or ()))
        # Alone it would stand for less than no scope at all does.
        if scopes and self.needs_person and _OFFLINE in (server.scopes or ()):
            scopes |= {_OFFLINE}
        return scopes

    def _key(
        self,
        demand: Demand,
        resource: Resource,
        server: AuthorizationServer,
        token: Token | None,
    ) -> ProofKey | None:
        wanted = self._dpop
        if wanted is None:
            both = ALGORITHM in (server.dpop or ()) and (demand.knows_dpop or resource.knows_dpop)
            wanted = demand.wants_dpop or resource.wants_dpop or both
        if not wanted:
            return None
        if server.dpop is not None and ALGORITHM not in server.dpop:
            raise AuthorizationFailedError(
                f"Tokens have to be bound to a key, and {server.issuer} does not know {ALGORITHM}, "
                f"the algorithm of this client (it names {', '.join(server.dpop)[:100] or 'none'})"
            )
        return ProofKey() if token is None or token.key is None else token.key

    async def _refresh(self, http: Fetcher, token: Token, server: AuthorizationServer) -> Token:
        """The next token by a refresh token (OAuth 2.1, 4.3).

        Raises:
            GrantRefusedError: it is over.
        """
        client = await self.identity(server, token)
        if client is None or client.id != token.client_id:
            raise GrantRefusedError("the registration it belongs to is not known any more")
        assert token.refresh_token is not None
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token}
        self.spends()
        try:
            fresh = await request_token(
                http,
                server,
                client,
                form,
                resource=token.resource,
                requested=token.requested,
                key=token.key,
            )
        except GrantRefusedError as exc:
            kept = await self._kept()
            if kept is not None and _succeeds(kept, token):
                return kept  # a process on another machine has used it
            if exc.oauth_error == "invalid_client" and token.registration is not None:
                await self._store.forget_client(token.registration)
            raise
        self._refreshed = fresh.header
        # What was not said stays as it was (OAuth 2.1, 4.3.3; RFC 6749, 5.1).
        return replace(
            fresh,
            refresh_token=fresh.refresh_token or token.refresh_token,
            granted=token.granted if fresh.granted is None else fresh.granted,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({'' if self.mcp_url is None else shown(self.mcp_url)})>"


def _is_within(url: URL, base: URL) -> bool:
    """Whether an address is another one or lies below it; a path may be a tenant, or a query."""
    path, above = (each.raw_path.rstrip("/") + "/" for each in (url, base))
    queries = ("", url.raw_query_string)
    return (
        url.origin() == base.origin()
        and path.startswith(above)
        and base.raw_query_string in queries
    )


def _succeeds(token: Token, other: Token) -> bool:
    """Whether a token came in the place of another, from the same authorization server."""
    alike = token.server.issuer == other.server.issuer
    return alike and token.refresh_token != other.refresh_token and token.lives

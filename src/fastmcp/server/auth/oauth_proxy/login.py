"""The way of a browser to the upstream and back.

A person has consented to a client before it begins: the upstream knows one client, and asks nobody
again whom it knows already (2026-07-28, basic/authorization/security-considerations, "Confused
Deputy Problem"). What it is about is kept here, sealed, and is found again by `state`: a secret
that is good once, for a quarter of an hour, and only in the browser that was sent out, which has a
cookie. An answer that somebody else's browser got is worth nothing in this one (OAuth 2.1, 7.11;
RFC 9700, 4.7).

The browser has its cookie from the page of consent on, and it vouches for nothing by itself: there
is no `state` before there is consent, and each is bound to what was consented to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, cast

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.oauth.authorize import AuthorizationEndpoint, redirect, too_many
from fastmcp.server.auth.oauth.clients import Clients
from fastmcp.server.auth.oauth.errors import (
    AuthorizationErrorCode,
    AuthorizeError,
    ClientDocumentError,
    InvalidRedirectUriError,
    OAuthError,
    described,
)
from fastmcp.server.auth.oauth.exchange import Form, address_of, form_in
from fastmcp.server.auth.oauth.limits import Meter
from fastmcp.server.auth.oauth.models import AuthorizationParams, OAuthClientInformationFull
from fastmcp.server.auth.oauth.pages import error_page
from fastmcp.server.auth.oauth.records import Records, name
from fastmcp.server.auth.oauth_proxy.upstream import RefusedError, Upstream, UpstreamTokens
from fastmcp.server.session_keys import SessionKeys

__all__ = ["LoggedIn", "Login"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_SECONDS: Final = 900.0
_LONGEST: Final = 16 * 1024
_LONGEST_STATE: Final = 200
_AGAIN: Final = "Go back to the program and start again from there."
_PASSED_ON: Final = frozenset({"access_denied", "invalid_scope", "temporarily_unavailable"})
"""Errors of the upstream that are the client's too; the others are this server's."""

LoggedIn = Callable[
    [OAuthClientInformationFull, AuthorizationParams, UpstreamTokens], Awaitable[str]
]
"""Takes what the upstream gave for a login, and says where the browser goes with it.

Raises:
    AuthorizeError: nothing is authorized.
    VerificationUnavailableError: that cannot be known now.
"""


class _Underway(BaseModel):
    """What is sealed."""

    client_id: str
    params: AuthorizationParams
    verifier: str | None = Field(repr=False)
    browser: str
    """A hash."""


class Login:
    """Sends browsers to the upstream, and takes them back.

    Args:
        upstream: where people log in.
        records: keep who is underway.
        keys: seal that.
        clients: that asked for it.
        answers: knows how a client is told that it gets nothing.
        callback: the URL at which they come back.
        scopes: as the upstream calls them.
        scopes_again: those that the request for a token names; None for none.
        forward_pkce: each login has a secret of its own (RFC 7636).
        forward_resource: the upstream is told whom tokens are for.
        logged_in: who has come back.
        meter: counts those who do.
    """

    def __init__(
        self,
        upstream: Upstream,
        records: Records,
        keys: SessionKeys,
        clients: Clients,
        answers: AuthorizationEndpoint,
        *,
        callback: str,
        scopes: Callable[[list[str]], list[str]],
        scopes_again: Callable[[list[str]], list[str] | None],
        forward_pkce: bool,
        forward_resource: bool,
        logged_in: LoggedIn,
        meter: Meter | None,
    ) -> None:
        self._upstream = upstream
        self._records = records
        self._keys = keys
        self._clients = clients
        self._answers = answers
        self._callback = callback
        self._scopes = scopes
        self._scopes_again = scopes_again
        self._forward_pkce = forward_pkce
        self._forward_resource = forward_resource
        self._logged_in = logged_in
        self._meter = meter

    async def begin(
        self, client: OAuthClientInformationFull, params: AuthorizationParams, browser: str
    ) -> str:
        """Where a browser goes to log in.

        Args:
            client: that a person has consented to.
            params: what it may have.
            browser: a secret of the browser.
        """
        state = secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(48) if self._forward_pkce else None
        underway = _Underway(
            client_id=client.client_id, params=params, verifier=verifier, browser=_hash(browser)
        )
        sealed = self._keys.seal(self._seal(state), underway.model_dump_json().encode())
        await self._records.write(name("login", state), {"sealed": sealed}, _SECONDS)
        return self._upstream.authorization_url(
            state=state,
            redirect_uri=self._callback,
            scopes=self.asked_for(params),
            challenge=None if verifier is None else _challenge(verifier),
            resource=params.resource if self._forward_resource else None,
        )

    def asked_for(self, params: AuthorizationParams) -> list[str]:
        """The scopes that the upstream is asked for."""
        return self._scopes(params.scopes or [])

    async def serve(self, request: Request, browser: str | None) -> Response:
        """Takes a browser back, and sends it on to the client.

        Args:
            request: that the upstream sent it with.
            browser: its secret, if it has one.
        """
        wait = 0 if self._meter is None else self._meter.wait(address_of(request))
        if wait:
            return too_many(wait)
        query: bytes = request.scope.get("query_string", b"")
        if len(query) > _LONGEST:
            return error_page(414, "The answer of the login is too long.", _AGAIN)
        try:
            form = form_in(query)
            underway = await self._found(form.need("state"), browser)
            client = await self._clients.find(underway.client_id)
            if client is None:
                return error_page(400, "The program is not known any more.", _AGAIN)
            self._clients.answered_at(client, underway.params.redirect_uri)
        except (OAuthError, ClientDocumentError, InvalidRedirectUriError) as error:
            text = error.error_description if isinstance(error, OAuthError) else str(error)
            return error_page(400, text or "The answer of the login is not in order.", _AGAIN)
        except Exception:
            _logger.exception("A login failed")
            return error_page(500, "The server failed.", "Try again in a moment.")
        params = underway.params
        try:
            return redirect(await self._finished(form, client, underway))
        except AuthorizeError as error:
            refusal = error
        except VerificationUnavailableError as error:
            _logger.warning("A login could not be finished: %s", error)
            text = "The server where people log in does not give an answer now"
            refusal = AuthorizeError("temporarily_unavailable", text)
        except Exception:
            _logger.exception("A login failed")
            refusal = AuthorizeError("server_error", "The server failed; its log says how")
        return redirect(self._answers.refusal(params.redirect_uri, params.state, refusal))

    async def _found(self, state: str, browser: str | None) -> _Underway:
        """What a browser is back from; it is not underway any more then.

        Raises:
            AuthorizeError: it is back from nothing.
        """
        old = AuthorizeError("invalid_request", "This login is too old, or was used before.")
        if len(state) > _LONGEST_STATE:
            raise old
        key = name("login", state)
        (kept,) = await self._records.read(key)
        opened = None if kept is None else self._keys.unseal(self._seal(state), kept["sealed"])
        try:
            underway = None if opened is None else _Underway.model_validate_json(opened)
        except ValidationError:
            underway = None
        if underway is None:
            raise old
        # First: who was only shown the address cannot use it up for whoever was sent out.
        if browser is None or not hmac.compare_digest(_hash(browser), underway.browser):
            raise AuthorizeError(
                "invalid_request",
                "This login was begun in another browser, or the browser did not keep the cookie "
                "of this server.",
            )
        if not await self._records.take(key):
            raise old
        return underway

    async def _finished(
        self, form: Form, client: OAuthClientInformationFull, underway: _Underway
    ) -> str:
        """Where the browser goes.

        Raises:
            AuthorizeError: nothing is authorized.
            VerificationUnavailableError: that cannot be known now.
        """
        self._check_issuer(form.get("iss"))
        error = form.get("error")
        if error is not None:
            raise _told(error, form.get("error_description"))
        code = form.get("code")
        if code is None:
            raise AuthorizeError("server_error", "The login brought neither a code nor an error")
        params = underway.params
        try:
            tokens = await self._upstream.redeem(
                code,
                redirect_uri=self._callback,
                verifier=underway.verifier,
                scopes=self._scopes_again(params.scopes or []),
                resource=params.resource if self._forward_resource else None,
            )
        except RefusedError as refused:
            _logger.warning(
                "The upstream refused a code: %s (%s)", refused.error, refused.description
            )
            raise AuthorizeError("server_error", "The login was not accepted") from None
        return await self._logged_in(client, params, tokens)

    def _check_issuer(self, named: str | None) -> None:
        """RFC 9207, 2.4: the answer of another server is not taken for the upstream's."""
        upstream = self._upstream
        if named is None and not (upstream.issuer and upstream.names_itself):
            return
        if upstream.issuer is not None and named != upstream.issuer:
            _logger.warning(
                "An answer to a login came from %r, and the upstream is %r",
                described(named),
                upstream.issuer,
            )
            raise AuthorizeError("server_error", "The login was answered by another server")

    def _seal(self, state: str) -> str:
        return f"login at {self._callback} {name('login', state)}"


def _told(error: str, description: str | None) -> AuthorizeError:
    """An error of the upstream, as the client is told of it."""
    text = f"The login ended with {error}" + ("" if description is None else f": {description}")
    _logger.info("%s", described(text))
    code = error if error in _PASSED_ON else "server_error"
    return AuthorizeError(cast("AuthorizationErrorCode", code), text)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

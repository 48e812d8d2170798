"""The page on which a person lets a program in, or does not.

It says who asks, as far as that is known: a name is only what the program calls itself, so the
address where the answer goes is shown too, and whoever nobody here has looked at is introduced as a
stranger (2026-07-28, basic/authorization/security-considerations, "Localhost Redirect URI Risks").

The request travels sealed in the page's URL: what a person consents to is what was checked, and
nothing is kept for requests that nobody answers. The form can be sent from this page alone: its
token is a code over a cookie, this very request and this person (OAuth 2.1, 7.13: CSRF; RFC
6265bis: the cookie's name keeps other hosts of the domain from setting it). It is good for ten
minutes.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import secrets
import time
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fastmcp.server.auth.oauth import redirects
from fastmcp.server.auth.oauth.authorize import AuthorizationEndpoint, redirect, too_many
from fastmcp.server.auth.oauth.clients import Clients
from fastmcp.server.auth.oauth.documents import is_url
from fastmcp.server.auth.oauth.errors import (
    AuthorizeError,
    ClientDocumentError,
    InvalidRedirectUriError,
    OAuthError,
)
from fastmcp.server.auth.oauth.exchange import TooLargeError, address_of, form_of
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.limits import Meter
from fastmcp.server.auth.oauth.models import (
    AuthorizationParams,
    OAuthClientInformationFull,
    Subject,
)
from fastmcp.server.auth.oauth.pages import error_page, page, said
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.transports.security import DEFAULT_HOSTS, HostOriginGuard

__all__ = ["ConsentPage", "Visit"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_SECONDS: Final = 600
_AGAIN: Final = "Go back to the program and start again from there."
_COOKIE_BYTES: Final = 32


class _Asked(BaseModel):
    """What is sealed."""

    client_id: str
    params: AuthorizationParams
    until: float


@dataclass(frozen=True)
class Visit:
    """A person on the page.

    Attributes:
        request: that brought them.
        client: that asks for consent.
        params: what it asks for.
        person: who they are.
        browser: a secret that their browser has in a cookie, and no other.
    """

    request: Request
    client: OAuthClientInformationFull
    params: AuthorizationParams
    person: Subject
    browser: str


class ConsentPage:
    """Asks for consent.

    Args:
        issuer: whom consent is given to.
        clients: that ask for it.
        keys: seal requests.
        answers: knows how a client is told that it gets nothing.
        meter: counts requests for the page.
    """

    def __init__(
        self,
        issuer: Issuer,
        clients: Clients,
        keys: SessionKeys,
        answers: AuthorizationEndpoint,
        meter: Meter | None,
    ) -> None:
        self._issuer = issuer
        self._clients = clients
        self._keys = keys
        self._answers = answers
        self._meter = meter
        # Servers of one machine share their keys: a seal is good for one of them.
        self._seal = f"oauth consent to {issuer.issuer}"
        self._form = f"form of oauth consent to {issuer.issuer}"
        self._url = f"{issuer.endpoints_url}/consent"
        self._secure = self._url.startswith("https:")
        # A page of somebody else's, whose name means this machine for a moment (DNS rebinding),
        # could read this one and press its button. Elsewhere TLS stands before that.
        here = urlsplit(self._url).netloc.rpartition("@")[2]
        is_here = (urlsplit(self._url).hostname or "") in DEFAULT_HOSTS
        self._guard = HostOriginGuard([here], mode="strict") if is_here else None
        self._cookie = "__Host-fastmcp-consent" if self._secure else "fastmcp-consent"

    def url(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Where a request is consented to."""
        until = time.time() + _SECONDS
        asked = _Asked(client_id=client.client_id, params=params, until=until)
        sealed = self._keys.seal(self._seal, asked.model_dump_json().encode())
        return redirects.with_parameters(self._url, request=sealed)

    async def serve(self, request: Request) -> Response:
        """The page, or what its form leads to."""
        wait = 0 if self._meter is None else self._meter.wait(address_of(request))
        if wait:
            return too_many(wait)
        if self._guard is not None:
            host = request.headers.get("host", "").encode("latin-1")
            if self._guard.refusal(request.scope, {b"host": host}) is not None:
                return error_page(421, "This page is not at this address.", _AGAIN)
        try:
            return await (self._decide if request.method == "POST" else self._show)(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except TooLargeError:
            return error_page(413, "The request is too large.", _AGAIN)
        except (OAuthError, ClientDocumentError, InvalidRedirectUriError) as error:
            text = error.error_description if isinstance(error, OAuthError) else str(error)
            return error_page(400, text or "The request is not in order.", _AGAIN)
        except Exception:
            _logger.exception("The page of consent failed")
            return error_page(500, "The server failed.", "Try again in a moment.")

    async def _show(self, request: Request) -> Response:
        sealed = request.query_params.get("request", "")
        asked, client = await self._opened(sealed)
        person = await self._issuer.authenticate(request)
        if isinstance(person, Response):
            return person
        cookie = _cookie_in(request.cookies.get(self._cookie))
        visit = Visit(request, client, asked.params, person, cookie)
        shown = await self._go_on(visit) if self._is_settled(visit) else self._page(visit, sealed)
        # Lax: it comes along from the program's link, so that two tabs share one; it does not
        # come along with a form of another site.
        shown.set_cookie(
            self._cookie, cookie, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
        return shown

    def _page(self, visit: Visit, sealed: str) -> Response:
        token = self._token(visit.browser, sealed, visit.person)
        body = self._body(visit.client, visit.params, visit.person, sealed, token)
        return page("Let it in?", body, form=True)

    async def _decide(self, request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return self._foreign()
        form = await form_of(request)
        sealed = form.need("request")
        asked, client = await self._opened(sealed)
        person = await self._issuer.authenticate(request)
        if isinstance(person, Response):
            return self._away(sealed)
        if not self._is_own_form(request, sealed, person, form.get("token")):
            return self._foreign()
        visit = Visit(request, client, asked.params, person, request.cookies[self._cookie])
        if form.get("decision") != "approve":
            denied = AuthorizeError("access_denied", "The person did not consent")
            return self._refused(asked.params, denied)
        return await self._go_on(visit)

    async def _go_on(self, visit: Visit) -> Response:
        try:
            return await self._consented(visit)
        except AuthorizeError as error:
            return self._refused(visit.params, error)

    def _refused(self, params: AuthorizationParams, error: AuthorizeError) -> Response:
        return redirect(self._answers.refusal(params.redirect_uri, params.state, error))

    # what a page may do otherwise

    def _is_settled(self, visit: Visit) -> bool:
        """Whether nobody needs to be asked."""
        return False

    async def _consented(self, visit: Visit) -> Response:
        """Where the browser goes once a person has consented: back to the client, with a code.

        Raises:
            AuthorizeError: nothing is authorized.
        """
        params = visit.params
        code = await self._issuer.create_authorization_code(visit.client, params, visit.person)
        iss = self._issuer.issuer
        return redirect(
            redirects.with_parameters(params.redirect_uri, code=code, state=params.state, iss=iss)
        )

    def _asked_elsewhere(self, params: AuthorizationParams) -> list[str]:
        """Scopes that another server will be asked for besides."""
        return []

    def browser_of(self, request: Request) -> str | None:
        """The secret of the browser that a request is from; None where it has none yet."""
        return request.cookies.get(self._cookie)

    async def _opened(self, sealed: str) -> tuple[_Asked, OAuthClientInformationFull]:
        """The request and the client, which may have changed since.

        Raises:
            AuthorizeError: there is no such request.
        """
        opened = self._keys.unseal(self._seal, sealed)
        try:
            asked = None if opened is None else _Asked.model_validate_json(opened)
        except ValidationError:
            asked = None
        if asked is None or asked.until < time.time():
            raise AuthorizeError("invalid_request", "This page is too old, or is none of ours.")
        client = await self._clients.find(asked.client_id)
        if client is None:
            raise AuthorizeError("invalid_request", "The program is not known any more.")
        self._clients.answered_at(client, asked.params.redirect_uri)
        return asked, client

    def _away(self, sealed: str) -> Response:
        # A link, because the way to log in may lead to a host where the form may not.
        link = escape(redirects.with_parameters(self._url, request=sealed))
        body = (
            "<h1>You are not logged in any more</h1>"
            f'<p><a href="{link}">Log in, and come back to this question</a></p>'
        )
        return page("Log in again", body, status=403)

    def _foreign(self) -> Response:
        return error_page(
            403,
            "This form was not sent from the page that this server showed you, or the browser "
            "did not keep the page's cookie.",
            _AGAIN,
        )

    def _token(self, cookie: str, sealed: str, person: Subject) -> str:
        return _text(self._keys.mac(self._form, _bound(cookie, sealed, person)))

    def _is_own_form(
        self, request: Request, sealed: str, person: Subject, token: str | None
    ) -> bool:
        cookie = request.cookies.get(self._cookie)
        if cookie is None or token is None:
            return False
        try:
            code = base64.b64decode(token, b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        return self._keys.verify_mac(self._form, _bound(cookie, sealed, person), code)

    def _body(
        self,
        client: OAuthClientInformationFull,
        params: AuthorizationParams,
        person: Subject,
        sealed: str,
        token: str,
    ) -> str:
        name = said(client.client_name) or "A program without a name"
        server = said(params.resource or self._issuer.issuer, 200)
        before, place, behind = (
            said(part, len(params.redirect_uri))
            for part in redirects.split_at_place(params.redirect_uri)
        )
        by_document = is_url(client.client_id)
        rows = [
            ("It calls itself", name),
            ("Its address" if by_document else "Its id", said(client.client_id, 300)),
            ("The answer goes to", f"<code>{before}<strong>{place}</strong>{behind}</code>"),
            ("It may then", _list(params.scopes or []) or "use this server as you"),
        ]
        more = self._asked_elsewhere(params)
        if more:
            rows.append(("Elsewhere, this server asks for", _list(more)))
        if person.subject:  # who logs in elsewhere, afterwards, is nobody yet
            rows.append(("You are", said(person.name or person.subject)))
        warnings = "".join(
            f'<p class="warning">{warning}</p>'
            for warning in self._warnings(client, params.redirect_uri, by_document)
        )
        return (
            f"<h1>Let “{name}” use <code>{server}</code> for you?</h1>{warnings}<dl>"
            + "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows)
            + f'</dl><form method="post" action="{escape(self._url)}">'
            f'<input type="hidden" name="request" value="{escape(sealed)}">'
            f'<input type="hidden" name="token" value="{escape(token)}">'
            '<button class="approve" name="decision" value="approve">Allow</button>'
            '<button name="decision" value="deny">Do not allow</button></form>'
        )

    def _warnings(
        self, client: OAuthClientInformationFull, uri: str, by_document: bool
    ) -> list[str]:
        found: list[str] = []
        if not self._issuer.is_known(client):
            found.append(
                "Its name comes from the address below; nobody here has checked it."
                if by_document
                else "It registered itself: nobody has checked who it is, and any program can "
                "call itself by that name."
            )
        if redirects.is_loopback(uri):
            found.append(
                "It runs on the computer that you use now. Go on only if you have just started "
                "it there yourself."
            )
        elif not uri.startswith("https:"):
            found.append(
                "The answer goes to a program on this computer, and another one may have taken "
                "its place. Go on only if you have just started it yourself."
            )
        return found


def _list(scopes: list[str]) -> str:
    items = "".join(f"<li><code>{said(scope)}</code></li>" for scope in scopes)
    return items and f"<ul>{items}</ul>"


def _cookie_in(value: str | None) -> str:
    """The cookie that the browser has, or a new one."""
    try:
        if (
            value is not None
            and len(base64.b64decode(value, b"-_", validate=True)) == _COOKIE_BYTES
        ):
            return value
    except (binascii.Error, ValueError):
        pass
    return _text(secrets.token_bytes(_COOKIE_BYTES))


def _bound(cookie: str, sealed: str, person: Subject) -> bytes:
    return json.dumps([cookie, sealed, person.subject]).encode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()

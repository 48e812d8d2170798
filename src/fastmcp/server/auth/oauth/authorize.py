"""Where a client sends its user's browser (OAuth 2.1, 3.1 and 4.1.1).

Until it is known that the client exists and may be answered at the redirect URI, nothing is sent
anywhere: the person gets a page that says what is wrong (4.1.2.1). From there on the client is
told, at that URI, with its `state` and with `iss` (RFC 9207).

Nobody has looked at a client that registered itself, and with a mistake in it a link to this
server would lead to wherever that client wants: there the person is asked to go on by themselves
(RFC 9700, 4.11.2; basic/authorization/security-considerations, "Open Redirection").
"""

from __future__ import annotations

import logging
import re
from html import escape
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from fastmcp.server.auth.oauth.clients import Clients
from fastmcp.server.auth.oauth.errors import (
    AuthorizeError,
    ClientDocumentError,
    InvalidRedirectUriError,
    OAuthError,
    described,
)
from fastmcp.server.auth.oauth.exchange import (
    Form,
    TooLargeError,
    address_of,
    form_in,
    form_of,
)
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.limits import Meter
from fastmcp.server.auth.oauth.models import AuthorizationParams, OAuthClientInformationFull
from fastmcp.server.auth.oauth.pages import error_page, page, said
from fastmcp.server.auth.oauth.redirects import is_loopback, place_of, with_parameters

__all__ = ["AuthorizationEndpoint", "redirect", "too_many"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_LONGEST: Final = 16 * 1024
_LONGEST_STATE: Final = 4 * 1024
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in base64url (RFC 7636, 4.2)."""

_TELL: Final = "The program that sent you here made a mistake. Tell those who make it."


def redirect(uri: str) -> Response:
    """On to somewhere else, by GET whatever this was (RFC 9700, 4.12)."""
    response = RedirectResponse("/", 303)
    # As it stands: Starlette would encode it again.
    response.headers["Location"] = uri
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def too_many(wait: int) -> Response:
    """For a person whose requests are more than are served."""
    return error_page(
        429,
        "There are too many requests.",
        f"Wait {wait} seconds, and load this page again.",
        {"Retry-After": str(wait)},
    )


class AuthorizationEndpoint:
    """Takes requests for authorization.

    Args:
        issuer: decides about them.
        clients: they may be from.
        meter: counts them.
    """

    def __init__(self, issuer: Issuer, clients: Clients, meter: Meter | None) -> None:
        self._issuer = issuer
        self._clients = clients
        self._meter = meter

    async def serve(self, request: Request) -> Response:
        """Answers a request with a redirect, or with a page."""
        wait = 0 if self._meter is None else self._meter.wait(address_of(request))
        if wait:
            return too_many(wait)
        try:
            form = await self._form(request)
            client = await self._client(form)
            named = form.get("redirect_uri")
            uri = self._clients.answered_at(client, named)
        except ClientDisconnect:
            return Response(status_code=400)
        except TooLargeError:
            return error_page(413, "The request is too large.", _TELL)
        except (OAuthError, ClientDocumentError, InvalidRedirectUriError) as error:
            return error_page(400, _text(error), _TELL)
        except Exception:
            _logger.exception("A client could not be looked up")
            return error_page(500, "The server failed.", "Try again in a moment.")
        state = form.get("state")
        try:
            params = self._params(client, form, uri, named is not None)
            return redirect(await self._issuer.authorize(client, params))
        except OAuthError as error:
            return self._refuse(client, uri, state, error)
        except Exception:
            # 4.1.2.1: the error code exists because a status cannot be sent by a redirect
            _logger.exception("A request for authorization failed")
            failed = AuthorizeError("server_error", "The server failed; its log says how")
            return self._refuse(client, uri, state, failed)

    def _refuse(
        self, client: OAuthClientInformationFull, uri: str, state: str | None, error: OAuthError
    ) -> Response:
        refusal = self.refusal(uri, state, error)
        if self._issuer.is_known(client) or is_loopback(uri):
            return redirect(refusal)
        text = error.error_description or error.error
        link = f'<a href="{escape(refusal)}">{said(place_of(uri), 200)}</a>'
        body = f"<h1>This did not work</h1><p>{said(text, 400)}</p><p>Back to {link}</p>"
        return page("This did not work", body, status=400)

    def refusal(self, uri: str, state: str | None, error: OAuthError) -> str:
        """Where the client is told that it gets nothing."""
        if state is not None and len(state) > _LONGEST_STATE:
            state = None
        return with_parameters(
            uri,
            error=error.error,
            error_description=described(error.error_description),
            state=state,
            iss=self._issuer.issuer,
        )

    async def _form(self, request: Request) -> Form:
        if request.method == "POST":
            return await form_of(request)
        query: bytes = request.scope.get("query_string", b"")
        if len(query) > _LONGEST:
            raise TooLargeError
        return form_in(query)

    async def _client(self, form: Form) -> OAuthClientInformationFull:
        client = await self._clients.find(form.need("client_id"))
        if client is None:
            raise AuthorizeError(
                "invalid_request",
                "This server does not know the program (client_id): it may have been away for too "
                "long, and has to register again",
            )
        return client

    def _params(
        self, client: OAuthClientInformationFull, form: Form, uri: str, explicit: bool
    ) -> AuthorizationParams:
        """The request, if it is in order.

        Raises:
            OAuthError: it is not.
        """
        state = form.get("state")
        if state is not None and len(state) > _LONGEST_STATE:
            raise AuthorizeError(
                "invalid_request", f"state has at most {_LONGEST_STATE} characters"
            )
        if form.get("request") is not None:
            raise AuthorizeError("request_not_supported", "Send parameters, not a request object")
        if form.get("request_uri") is not None:
            raise AuthorizeError("request_uri_not_supported", "Send parameters, not a request_uri")
        if form.need("response_type") != "code":
            raise AuthorizeError("unsupported_response_type", "response_type is code")
        if form.get("response_mode") not in (None, "query"):
            raise AuthorizeError("invalid_request", "response_mode is query")
        if "authorization_code" not in client.grant_types:
            raise AuthorizeError("unauthorized_client", "The client did not register for codes")
        # Without a method it would be `plain` (RFC 7636, 4.3), which is as good as none: OAuth 2.1,
        # 7.5.2; RFC 9700, 2.1.1 and 4.8 (downgrade).
        if form.get("code_challenge_method") != "S256":
            raise AuthorizeError("invalid_request", "code_challenge_method is S256 (PKCE)")
        challenge = form.need("code_challenge")
        if not _CHALLENGE.fullmatch(challenge):
            raise AuthorizeError("invalid_request", "code_challenge is 43 characters of base64url")
        resources = [self._issuer.own_resource(one) for one in form.resources]
        if None in resources:
            raise AuthorizeError("invalid_target", "The resource is not served here")
        return AuthorizationParams(
            state=state,
            scopes=self._scopes(client, form.get("scope")),
            code_challenge=challenge,
            redirect_uri=uri,
            redirect_uri_provided_explicitly=explicit,
            # RFC 8707, 2: who names none means the server that it came from
            resource=next(iter(resources), self._issuer.resource),
        )

    def _scopes(self, client: OAuthClientInformationFull, asked: str | None) -> list[str]:
        """What is granted, if anything: of what is asked, what the server has (OAuth 2.1, 3.2.2.1:
        it "MAY fully or partially ignore the scope")."""
        issuer = self._issuer
        wanted = issuer.scopes_by_default if asked is None else asked.split()
        supported = issuer.scopes_supported
        own = supported if client.scope is None else client.scope.split()
        allowed = [one for one in supported if one in own]
        known = [one for one in dict.fromkeys(wanted) if one in allowed]
        if not known and supported and (wanted or asked):
            raise AuthorizeError(
                "invalid_scope",
                f"The client's scopes are {' '.join(allowed) or 'none of this server'}",
            )
        return known


def _text(error: Exception) -> str:
    if isinstance(error, OAuthError):
        return error.error_description or error.error
    return str(error)

"""Consent to a client, before its user's browser is sent to the upstream.

Each client is consented to for itself, because the upstream cannot tell them apart. Where the
author wants it ("remember"), a browser that consented once to a client, at an https address, with
these scopes, is not asked again for a month: its cookie, which nobody else can make, says so. A
program on the person's own computer is asked about each time: another one may listen in its place,
or take its scheme (RFC 8252, 8.6).

Whatever the author wants, the browser comes by here on its way: it gets the cookie by which it is
known again when it comes back.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Final, Literal, TypeAlias

import msgspec
from starlette.responses import Response

from fastmcp.server.auth.oauth import redirects
from fastmcp.server.auth.oauth.authorize import AuthorizationEndpoint, redirect
from fastmcp.server.auth.oauth.clients import Clients
from fastmcp.server.auth.oauth.consent import ConsentPage, Visit
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.limits import Meter
from fastmcp.server.auth.oauth.models import AuthorizationParams
from fastmcp.server.auth.oauth_proxy.login import Login
from fastmcp.server.session_keys import SessionKeys

__all__ = ["Consent", "ProxyConsentPage"]

Consent: TypeAlias = bool | Literal["remember", "external"]

_MONTH: Final = 30 * 24 * 3600
_REMEMBERED: Final = 30
_LONGEST: Final = 4096
_entries: Final = msgspec.json.Decoder(dict[str, int])


class ProxyConsentPage(ConsentPage):
    """Asks for consent, and sends the browser on to the upstream.

    Args:
        issuer: as for `ConsentPage`, like the next four.
        clients: the same.
        keys: the same.
        answers: the same.
        meter: the same.
        login: where the browser goes.
        consent: True to ask each time, "remember" to ask a browser once, False and "external" to
            ask nobody.
        policy: in place of the page's own Content-Security-Policy; "" for none.
    """

    def __init__(
        self,
        issuer: Issuer,
        clients: Clients,
        keys: SessionKeys,
        answers: AuthorizationEndpoint,
        meter: Meter | None,
        *,
        login: Login,
        consent: Consent,
        policy: str | None,
    ) -> None:
        super().__init__(issuer, clients, keys, answers, meter)
        self._login = login
        self._consent = consent
        self._policy = policy
        self._memory = f"remembered consents to {issuer.issuer}"
        # A host's servers share its cookies, whatever their ports (RFC 6265, 8.5).
        prefix = "__Host-" if self._secure else ""
        here = hashlib.sha256(issuer.issuer.encode()).hexdigest()[:16]
        self._memory_cookie = f"{prefix}fastmcp-consents-{here}"

    def _is_settled(self, visit: Visit) -> bool:
        if self._consent == "remember":
            return _is_web(visit) and _mark(visit) in self._remembered(visit)
        return self._consent is not True

    async def _consented(self, visit: Visit) -> Response:
        url = await self._login.begin(visit.client, visit.params, visit.browser)
        response = redirect(url)
        if self._consent == "remember" and _is_web(visit):
            self._remember(visit, response)
        return response

    def _asked_elsewhere(self, params: AuthorizationParams) -> list[str]:
        shown = params.scopes or []
        return [scope for scope in self._login.asked_for(params) if scope not in shown]

    def _page(self, visit: Visit, sealed: str) -> Response:
        shown = super()._page(visit, sealed)
        if self._policy is not None:
            del shown.headers["Content-Security-Policy"]
            if self._policy:
                shown.headers["Content-Security-Policy"] = self._policy
        return shown

    def _remembered(self, visit: Visit) -> dict[str, int]:
        """What the browser consented to, and until when that is good."""
        cookie = visit.request.cookies.get(self._memory_cookie, "")[:_LONGEST]
        opened = self._keys.unseal(self._memory, cookie)
        if opened is None:
            return {}
        now = time.time()
        return {mark: until for mark, until in _entries.decode(opened).items() if until > now}

    def _remember(self, visit: Visit, response: Response) -> None:
        known = self._remembered(visit)
        known.setdefault(_mark(visit), int(time.time()) + _MONTH)
        newest = dict(list(known.items())[-_REMEMBERED:])
        response.set_cookie(
            self._memory_cookie,
            self._keys.seal(self._memory, msgspec.json.encode(newest)),
            max_age=_MONTH,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )


def _is_web(visit: Visit) -> bool:
    return visit.params.redirect_uri.startswith("https:")


def _mark(visit: Visit) -> str:
    """What is consented to: who asks, where the answer goes, and what for."""
    place = redirects.place_of(visit.params.redirect_uri)
    about = [visit.client.client_id, place, sorted(visit.params.scopes or [])]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]

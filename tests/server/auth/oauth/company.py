"""A company's identity provider by hand: it knows who is logged in, and vouches for them.

Whatever it answers can be changed while it runs.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from fastmcp.server.auth import IdentityAssertion, OAuthClientInformationFull
from fastmcp.server.auth.identity_assertion import JWT_BEARER
from tests.server.auth.oauth.hand import BASE, RESOURCE, known
from tests.support.issuer import new_key, published, signed
from tests.support.loopback import served

TYPE = "oauth-id-jag+jwt"
CLIENT = "desk"
SECRET = "the secret of a desk"


@dataclass
class Company:
    """The identity provider.

    Attributes:
        discovery: what its document says beside the usual, or instead of it.
        claims: what its assertions say beside the usual, or instead of it.
        algorithm: that it signs with, and the key for it.
        down: it answers to nobody.
        asked: paths that it was asked.
        exchanged: what it was asked to exchange.
    """

    url: str = ""
    discovery: dict[str, Any] = field(default_factory=dict[str, Any])
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    algorithm: str = "ES256"
    down: bool = False
    asked: list[str] = field(default_factory=list[str])
    exchanged: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def __post_init__(self) -> None:
        self.key = new_key("EC", "P-256")

    def trusted(self, **options: Any) -> IdentityAssertion:
        """Whose word is taken: its own."""
        return IdentityAssertion(**{"trusted_issuers": [self.url], **options})

    def assertion(self, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """One for the client `CLIENT` and the server at `BASE`.

        Args:
            header: beside the usual, or instead of it.
            changed: claims, the same; None leaves one out.
        """
        now = int(time.time())
        said = {
            "jti": secrets.token_urlsafe(8),
            "iss": self.url,
            "sub": "U019",
            "aud": BASE,
            "resource": RESOURCE,
            "client_id": CLIENT,
            "iat": now,
            "exp": now + 300,
            "scope": "read write",
            **self.claims,
            **changed,
        }
        return signed(self.key, self.algorithm, said, {"typ": TYPE, **(header or {})}, **changed)

    async def _token(self, request: web.Request) -> web.Response:
        """RFC 8693, 2 and 3."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.exchanged.append(form)
        if form["subject_token"] != "the login of ann":
            return web.json_response({"error": "invalid_grant"}, status=400)
        assertion = self.assertion(aud=form["audience"], resource=form["resource"])
        kind = form["requested_token_type"]
        return web.json_response(
            {"access_token": assertion, "issued_token_type": kind, "token_type": "N_A"}
        )

    async def _discovery(self, request: web.Request) -> web.Response:
        said = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.discovery}
        return web.json_response({name: value for name, value in said.items() if value})

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [published(self.key, "key of a company", use="sig")]})

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.down:
            return web.Response(status=503)
        return await handler(request)


@asynccontextmanager
async def company(**knobs: Any) -> AsyncGenerator[Company]:
    """An identity provider, until the block ends."""
    there = Company(**knobs)
    app = web.Application(middlewares=[there._note])
    app.router.add_post("/token", there._token)
    app.router.add_get("/keys", there._keys)
    app.router.add_get("/.well-known/openid-configuration", there._discovery)
    async with served(app) as url:
        there.url = url
        yield there


def desk(**metadata: Any) -> OAuthClientInformationFull:
    """The client of the company's users, with a secret."""
    return known(
        **{
            "client_id": CLIENT,
            "client_secret": SECRET,
            "token_endpoint_auth_method": "client_secret_post",
            "redirect_uris": None,
            "grant_types": [JWT_BEARER],
            **metadata,
        }
    )

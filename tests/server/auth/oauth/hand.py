"""A browser and a client by hand: every request of the code flow as it goes over the wire, into a
real application."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette

from fastmcp.server.auth import (
    AuthProvider,
    ClientRegistrationOptions,
    OAuthClientInformationFull,
    RevocationOptions,
)
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from tests.support.asgi import Live, http_scope

BASE = "http://127.0.0.1:8000"
RESOURCE = f"{BASE}/mcp"
CALLBACK = "http://127.0.0.1:3333/callback"
SCOPES = ["read", "write", "admin"]
REGISTRATION = ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES)


def provider(**options: Any) -> InMemoryOAuthProvider:
    """One whose clients may register, and give tokens back."""
    return InMemoryOAuthProvider(
        **{
            "base_url": BASE,
            "client_registration_options": REGISTRATION,
            "revocation_options": RevocationOptions(enabled=True),
            "required_scopes": ["read"],
            "rate_limits": None,
            **options,
        }
    )


def application(auth: AuthProvider) -> Starlette:
    """The routes of a provider, for an endpoint at /mcp."""
    return Starlette(routes=auth.get_routes("/mcp"))


@dataclass
class Pkce:
    """A verifier, and its challenge (RFC 7636)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return self.json["error"]

    @property
    def location(self) -> str:
        assert self.status == 303, (self.status, self.text)
        return self.headers["location"]

    @property
    def answer(self) -> dict[str, str]:
        """The parameters of a redirect."""
        return dict(parse_qsl(urlsplit(self.location).query, keep_blank_values=True))


class _Fields(HTMLParser):
    action = ""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            self.found[given["name"] or ""] = given["value"] or ""
        elif tag == "form":
            self.action = given["action"] or ""


def fields(page: str) -> dict[str, str]:
    """The hidden fields of its form."""
    parser = _Fields()
    parser.feed(page)
    return parser.found


def action_of(page: str) -> str:
    """Where its form is sent."""
    parser = _Fields()
    parser.feed(page)
    return parser.action


class Site:
    """An application, and a browser with its cookies.

    Args:
        app: that is visited.
        base_url: where it is.
    """

    def __init__(self, app: Any, base_url: str = BASE) -> None:
        self.app = app
        self.base_url = base_url
        self.cookies: dict[str, str] = {}

    async def send(
        self,
        verb: str,
        target: str,
        body: bytes | list[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        address: str = "127.0.0.1",
    ) -> Reply:
        """Exactly this request, with the browser's cookies."""
        parts = urlsplit(target)
        given = {"host": urlsplit(self.base_url).netloc, **(headers or {})}
        if self.cookies and "cookie" not in given:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope = http_scope(
            verb,
            parts.path,
            given.items(),
            query_string=parts.query.encode(),
            client=(address, 50000),
        )
        live = await Live(self.app, scope, body).done()
        for name, value in live.raw_headers:
            if name == b"set-cookie":
                for key, morsel in SimpleCookie(value.decode()).items():
                    self.cookies[key] = morsel.value
        return Reply(live.status, live.headers, live.body)

    async def get(self, target: str, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.send("GET", target, b"", headers)

    async def post(
        self, path: str, form: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Reply:
        """A form."""
        given = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        return await self.send("POST", path, urlencode(form, doseq=True).encode(), given)

    # the flow

    async def register(self, **metadata: Any) -> dict[str, Any]:
        """A client that registers itself; public, unless it says otherwise."""
        said = {
            "redirect_uris": [CALLBACK],
            "client_name": "By hand",
            "token_endpoint_auth_method": "none",
            **metadata,
        }
        reply = await self.send(
            "POST", "/register", json.dumps(said).encode(), {"content-type": "application/json"}
        )
        assert reply.status == 201, reply.text
        return reply.json

    async def authorize(self, client_id: str, pkce: Pkce, **parameters: Any) -> Reply:
        """A request for authorization; a parameter that is None is left out."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
            "state": "a state",
            "resource": RESOURCE,
            **parameters,
        }
        query = urlencode({k: v for k, v in asked.items() if v is not None}, doseq=True)
        return await self.get(f"/authorize?{query}")

    async def decide(self, page_url: str, decision: str = "approve") -> Reply:
        """The page of consent, and a click in it."""
        page = await self.get(page_url)
        assert page.status == 200, page.text
        return await self.post(action_of(page.text), {**fields(page.text), "decision": decision})

    async def code(self, client_id: str, pkce: Pkce, **parameters: Any) -> str:
        """A code that a person consented to."""
        asked = await self.authorize(client_id, pkce, **parameters)
        assert asked.location.startswith(f"{self.base_url}/consent?"), asked.location
        decided = await self.decide(asked.location)
        assert "error" not in decided.answer, decided.answer
        return decided.answer["code"]

    async def token(
        self,
        client_id: str | None,
        code: str,
        pkce: Pkce,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Reply:
        asked = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": pkce.verifier,
            "resource": RESOURCE,
            **parameters,
        }
        return await self.post("/token", {k: v for k, v in asked.items() if v is not None}, headers)

    async def refresh(self, client_id: str, token: str, **parameters: Any) -> Reply:
        asked = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "refresh_token": token,
            **parameters,
        }
        return await self.post("/token", {k: v for k, v in asked.items() if v is not None})

    async def tokens(self, client_id: str, **parameters: Any) -> dict[str, Any]:
        """The whole flow."""
        pkce = Pkce()
        reply = await self.token(client_id, await self.code(client_id, pkce, **parameters), pkce)
        assert reply.status == 200, reply.text
        return reply.json


def known(**metadata: Any) -> OAuthClientInformationFull:
    """A client that is known beforehand."""
    return OAuthClientInformationFull(
        **{
            "client_id": "known",
            "client_name": "A known one",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
            **metadata,
        }
    )


def query_of(url: str) -> dict[str, list[str]]:
    """The parameters of a URL."""
    return parse_qs(urlsplit(url).query, keep_blank_values=True)

"""An authorization server made by hand, and the MCP endpoint it guards, for tests of clients.

Everything it is asked is written down, and everything it answers can be made worse: members of its
documents, what it redirects with, what its token endpoint says.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy

from fastmcp.client.auth import OAuth
from fastmcp.client.auth.credentials import Refusal
from tests.client.site import Site, answer, site, stateless, text
from tests.support.loopback import served

Hook = Callable[[web.Request, dict[str, str]], Awaitable[web.StreamResponse | None]]


@dataclass
class Authority:
    """A running authorization server.

    Attributes:
        changes: members of its metadata that differ; None takes one out.
        redirects: further or other parameters of its redirects; None takes one out.
        lifetime: of tokens, in seconds; None where it does not say.
        refreshes: whether it gives refresh tokens, each good once.
        scope: that it grants, None for what was asked.
        on_authorize, on_token, on_register, on_metadata: answer first, unless they give None.
    """

    issuer: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    redirects: dict[str, str | None] = field(default_factory=dict)
    lifetime: int | None = 3600
    refreshes: bool = True
    scope: str | None = None
    on_authorize: Hook | None = None
    on_token: Hook | None = None
    on_register: Hook | None = None
    on_metadata: Hook | None = None
    authorized: list[dict[str, str]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    asked_headers: list[CIMultiDictProxy[str]] = field(default_factory=list)
    registered: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    good: dict[str, str] = field(default_factory=dict)
    """The scope of every token that is good."""
    refreshable: dict[str, str] = field(default_factory=dict)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def count(self, grant: str) -> int:
        """How often a grant was asked for."""
        return sum(form.get("grant_type") == grant for form in self.asked)

    def metadata(self) -> dict[str, Any]:
        """What it says of itself."""
        said: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }
        said.update(self.changes)
        return {name: value for name, value in said.items() if value is not None}

    def give(self, scope: str) -> dict[str, Any]:
        """A new token."""
        token = f"access-{secrets.token_hex(8)}"
        self.good[token] = scope
        said: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if scope:
            said["scope"] = scope
        if self.lifetime is not None:
            said["expires_in"] = self.lifetime
        if self.refreshes:
            said["refresh_token"] = f"refresh-{secrets.token_hex(8)}"
            self.refreshable[said["refresh_token"]] = scope
        return said

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every request."""
        self.paths.append(request.path)
        name = request.path.rpartition("/")[2]
        if request.method == "GET" and ".well-known" in request.path:
            return await self._hooked(self.on_metadata, request, {}, self._document)
        if name == "authorize":
            query = dict(request.query)
            self.authorized.append(query)
            return await self._hooked(self.on_authorize, request, query, self._redirect)
        if name == "token":
            form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
            self.asked.append(form)
            self.asked_headers.append(request.headers)
            return await self._hooked(self.on_token, request, form, self._token)
        if name == "register":
            document = await request.json()
            self.registered.append(document)
            return await self._hooked(self.on_register, request, document, self._registration)
        return web.Response(status=404)

    async def _hooked(
        self,
        hook: Hook | None,
        request: web.Request,
        said: dict[str, Any],
        otherwise: Callable[[web.Request, dict[str, Any]], web.StreamResponse],
    ) -> web.StreamResponse:
        response = None if hook is None else await hook(request, said)
        return otherwise(request, said) if response is None else response

    def _document(self, request: web.Request, said: dict[str, Any]) -> web.StreamResponse:
        if "oauth-authorization-server" not in request.path:
            return web.Response(status=404)
        return web.json_response(self.metadata())

    def _redirect(self, request: web.Request, query: dict[str, str]) -> web.StreamResponse:
        code = f"code-{secrets.token_hex(8)}"
        self._codes[code] = query
        answered = {"code": code, "state": query["state"], "iss": self.issuer, **self.redirects}
        shown = {name: value for name, value in answered.items() if value is not None}
        return redirect(f"{query['redirect_uri']}?{urlencode(shown)}")

    def _token(self, request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        kind = form.get("grant_type")
        if kind == "authorization_code":
            query = self._codes.pop(form.get("code", ""), None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (
                query is None
                or query["code_challenge"] != challenge
                or query["redirect_uri"] != form.get("redirect_uri")
                or query["resource"] != form.get("resource")
            ):
                return refusal("invalid_grant")
            asked = query.get("scope", "")
            return web.json_response(self.give(asked if self.scope is None else self.scope))
        if kind == "refresh_token":
            scope = self.refreshable.pop(form.get("refresh_token", ""), None)
            return (
                refusal("invalid_grant") if scope is None else web.json_response(self.give(scope))
            )
        if kind in ("client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
            return web.json_response(self.give(form.get("scope", "")))
        return refusal("unsupported_grant_type")

    def _registration(self, request: web.Request, document: dict[str, Any]) -> web.StreamResponse:
        said = {**document, "client_id": f"client-{len(self.registered)}"}
        return web.json_response(said, status=201)


def redirect(location: str) -> web.Response:
    """To an address."""
    return web.Response(status=302, headers={"Location": location})


def refusal(code: str, description: str | None = None, status: int = 400) -> web.Response:
    """An error of a token endpoint."""
    said = {"error": code} | ({} if description is None else {"error_description": description})
    return web.json_response(said, status=status)


@dataclass
class Guarded:
    """An MCP endpoint that wants tokens of its authority.

    Attributes:
        authority: whose tokens are good.
        site: the endpoint.
        changes: members of its metadata that differ; None takes one out.
        needs: scope of a call, for the method it is needed for.
        challenge: further parameters of the 401.
        unmarked: the challenge does not say where the metadata is.
    """

    authority: Authority
    site: Site
    changes: dict[str, Any] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    challenge: str = ""
    unmarked: bool = False
    metadata_paths: list[str] = field(default_factory=list)
    refused: int = 0

    @property
    def url(self) -> str:
        """Of the endpoint."""
        return self.site.url

    @property
    def tokens(self) -> list[str | None]:
        """The Authorization header of each message."""
        return [headers.get("authorization") for headers in self.site.headers]

    def metadata(self) -> dict[str, Any]:
        """What it says of itself."""
        said: dict[str, Any] = {
            "resource": self.url,
            "authorization_servers": [self.authority.issuer],
            **self.changes,
        }
        return {name: value for name, value in said.items() if value is not None}

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The metadata; and no stream."""
        if ".well-known" not in request.path:
            return web.Response(status=405)
        self.metadata_paths.append(request.path)
        if request.path != "/.well-known/oauth-protected-resource/mcp":
            return web.Response(status=404)
        return web.json_response(self.metadata())

    async def post(self, request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        """A call, for whoever has a token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        scope = self.authority.good.get(token) if scheme in ("Bearer", "DPoP") else None
        origin = self.url.removesuffix("/mcp")
        where = f'resource_metadata="{origin}/.well-known/oauth-protected-resource/mcp"'
        said = "" if self.unmarked else where
        if scope is None:
            self.refused += 1
            parts = ", ".join(part for part in (said, self.challenge) if part)
            return web.Response(status=401, headers={"WWW-Authenticate": f"Bearer {parts}"})
        needed = self.needs.get(message["method"], "")
        if not set(needed.split()) <= set(scope.split()):
            self.refused += 1
            wanted = f'Bearer error="insufficient_scope", scope="{needed}", {where}'
            return web.Response(status=403, headers={"WWW-Authenticate": wanted})
        return await self.call(request, message)

    async def call(self, request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        """Answer a call."""
        return await stateless(_said)(request, message)


async def _said(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    return answer(message, {"tools": []} if message["method"] == "tools/list" else text("ok"))


@asynccontextmanager
async def authority(**given: Any) -> AsyncGenerator[Authority]:
    """Serves an authorization server until the block ends."""
    made = Authority(**given)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    async with served(app) as origin:
        made.issuer = origin
        try:
            yield made
        finally:
            await asyncio.gather(*BROWSING, return_exceptions=True)


@asynccontextmanager
async def guarded(by: Authority, **given: Any) -> AsyncGenerator[Guarded]:
    """Serves an endpoint until the block ends."""
    made = Guarded(by, Site(), **given)

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return await made.post(request, message)

    async def get(request: web.Request) -> web.StreamResponse:
        return await made.get(request)

    async with site(post, get=get) as seen:
        made.site = seen
        yield made


BROWSING: set[asyncio.Task[None]] = set()
"""Of all the browsers: none outlives its test."""


class Person(OAuth):
    """Somebody with a browser, who agrees at once: the page of the return is the real one.

    Attributes:
        pages: what the browser showed in the end, as status, headers and text.
        opened: the addresses it was sent to.
        refusals: how many requests came to it that a server had refused.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"callback_timeout": 10.0, **kwargs})
        self.pages: list[tuple[int, CIMultiDictProxy[str], str]] = []
        self.opened: list[str] = []
        self.refusals = 0
        self._browsing: set[asyncio.Task[None]] = set()

    async def refused(self, refusal: Refusal) -> bool:
        self.refusals += 1
        return await super().refused(refusal)

    async def redirect_handler(self, authorization_url: str) -> None:
        self.opened.append(authorization_url)
        task = asyncio.create_task(self.browse(authorization_url))
        for held in (self._browsing, BROWSING):
            held.add(task)
            task.add_done_callback(held.discard)

    async def browse(self, url: str) -> None:
        """Follow an address to its end."""
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            self.pages.append((response.status, response.headers, await response.text()))

    async def finished(self) -> None:
        """Wait until the browser shows its pages."""
        await asyncio.gather(*self._browsing)

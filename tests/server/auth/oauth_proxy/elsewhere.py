"""An authorization server by hand, of the kind that knows one client and never asks twice: whoever
comes is logged in already, and has consented to that client long ago.

Whatever it answers can be changed while it runs.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode

import aiohttp
from aiohttp import web

from fastmcp.server.auth.oauth_proxy import OAuthProxy
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from tests.server.auth.oauth.hand import BASE, CALLBACK, Pkce, Reply, Site, application
from tests.support.issuer import new_key, published, signed
from tests.support.loopback import served

CLIENT = "the one client"
SECRET = "its secret: %+&"

Answer = tuple[int, str, str]


@dataclass
class Issued:
    """A login there.

    Attributes:
        user: whose it is.
        scope: what was granted.
        alive: it has not ended.
        refresh: the refresh token that is good now.
    """

    user: str
    scope: str
    alive: bool = True
    refresh: str | None = None


@dataclass
class Elsewhere:
    """The server.

    Attributes:
        user: who sits at each browser.
        error: what it answers to a request for authorization, in place of a code.
        iss: what it says it is with its answers; None for nothing.
        expires_in: of access tokens, in seconds; None not to say it.
        refreshes: it gives refresh tokens.
        rotating: and each can be used once.
        granted: scopes, in place of those that were asked for.
        status: of its token endpoint; 200 for as it should be.
        token_error: what that answers.
        answer: or all of its answer: status, type and body.
        answers: the same, to who renews the login of a person.
        tokens: what it says beside the usual where it gives some, or instead of it; None for
            what it leaves out.
        late: seconds after which it knows an access token that it gave.
        pkce: it has been sent a challenge, and holds the verifier against it.
        discovery: what its document says beside the usual, or instead of it.
        userinfo: what it says of a person beside their subject.
        userinfo_status: and with which status.
        headers: and with which headers.
        shown: how often it was asked that.
        hops: whom it asked who sits at a browser.
        verified: how often it was asked to verify one.
        jwt: its access tokens are JSON Web Tokens, as its ID tokens are.
    algorithm: that these are signed with, and the key for it.
        claims: what those say beside the usual, or instead of it.
        open: its token endpoint answers while this is set.
        begun: its token endpoint was asked.
    """

    url: str = ""
    user: str = "ann"
    error: str | None = None
    iss: str | None = None
    expires_in: Any = 3600
    refreshes: bool = True
    rotating: bool = True
    granted: str | None = None
    status: int = 200
    token_error: str | None = None
    answer: Answer | None = None
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    tokens: dict[str, Any] = field(default_factory=dict[str, Any])
    late: float = 0
    pkce: bool = True
    discovery: dict[str, Any] = field(default_factory=dict[str, Any])
    userinfo: dict[str, Any] = field(default_factory=dict[str, Any])
    userinfo_status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    shown: int = 0
    verified: int = 0
    hops: list[str] = field(default_factory=list[str])
    jwt: bool = False
    algorithm: str = "ES256"
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    token_requests: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    revoked: list[str] = field(default_factory=list[str])
    secrets: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.key = new_key("EC", "P-256")
        self.codes: dict[str, tuple[Issued, dict[str, str]]] = {}
        self.logins: list[Issued] = []
        self.access: dict[str, tuple[Issued, float]] = {}
        self.refresh: dict[str, Issued] = {}

    @property
    def renewals(self) -> int:
        return sum(form["grant_type"] == "refresh_token" for form in self.token_requests)

    def login(self, user: str, scope: str) -> Issued:
        """Somebody logs in."""
        self.logins.append(login := Issued(user, scope))
        return login

    def end_logins(self) -> None:
        """Somebody took them all back there."""
        for login in self.logins:
            login.alive = False

    def expire(self) -> None:
        """All access tokens end now, the logins go on."""
        self.access = {token: (login, 0.0) for token, (login, _) in self.access.items()}

    def _made(self, login: Issued | None = None) -> str:
        secret = secrets.token_urlsafe(24)
        if login is not None and self.jwt:
            secret = self._signed(login, jti=secret)
        self.secrets.append(secret)
        return secret

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(asked)
        if asked["client_id"] != CLIENT or not asked["redirect_uri"].endswith("/auth/callback"):
            return web.Response(status=400, text="the client or its redirect_uri is not known")
        answer = {"state": asked["state"]} | ({} if self.iss is None else {"iss": self.iss})
        if self.error is not None:
            answer |= {"error": self.error, "error_description": 'it "says" so'}
        else:
            code = answer["code"] = self._made()
            scope = asked.get("scope", "") if self.granted is None else self.granted
            self.codes[code] = self.login(self.user, scope), asked
        location = f"{asked['redirect_uri']}?{urlencode(answer)}"
        if "Mozilla" in request.headers.get("User-Agent", ""):
            # It asks a third server who sits there, which it calls by another name.
            third = self.url.replace("127.0.0.1", "localhost")
            location = f"{third}/third?{urlencode({'to': location})}"
        return web.Response(status=302, headers={"Location": location})

    async def _third(self, request: web.Request) -> web.Response:
        self.hops.append(request.host.partition(":")[0])
        return web.Response(status=302, headers={"Location": request.query["to"]})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.token_requests.append(form)
        self.begun.set()
        await self.open.wait()
        of = self.refresh.get(form.get("refresh_token", ""))
        answer = self.answer or (None if of is None else self.answers.get(of.user))
        if answer is not None:
            status, kind, body = answer
            return web.Response(status=status, content_type=kind, text=body, headers=self.headers)
        if self.status != 200:
            return web.json_response({"error": "server_error"}, status=self.status)
        if self.token_error is not None:
            return web.json_response({"error": self.token_error}, status=400)
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        id, _, secret = base64.b64decode(given).decode().partition(":")
        if (unquote_plus(id), unquote_plus(secret)) != (CLIENT, SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        if "assertion" in form:
            return self._exchanged(form)
        login = self._redeemed(form) if "code" in form else self._renewed(form)
        if login is None or not login.alive:
            return web.json_response({"error": "invalid_grant"}, status=400)
        said = {**self._tokens(login), **self.tokens}
        return web.json_response({k: v for k, v in said.items() if v is not None})

    def _exchanged(self, form: dict[str, str]) -> web.Response:
        """For another API."""
        login, until = self.access.get(form["assertion"], (None, 0.0))
        if login is None or until <= time.time() or form["requested_token_use"] != "on_behalf_of":
            return web.json_response({"error": "invalid_grant"}, status=400)
        given = f"{login.user} at {form['scope']}"
        return web.json_response(
            {"access_token": given, "token_type": "Bearer", "expires_in": self.expires_in}
        )

    def _redeemed(self, form: dict[str, str]) -> Issued | None:
        login, asked = self.codes.pop(form["code"], (None, {}))
        if self.pkce:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            fits = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if asked.get("code_challenge_method") != "S256" or asked["code_challenge"] != fits:
                return None
        return login

    def _renewed(self, form: dict[str, str]) -> Issued | None:
        login = self.refresh.get(form["refresh_token"])
        if login is not None and self.rotating and login.refresh != form["refresh_token"]:
            login.alive = False  # somebody has a copy
        return login

    def _tokens(self, login: Issued) -> dict[str, Any]:
        access = self._made(login)
        life = 3600.0 if self.expires_in is None else float(self.expires_in)
        known = login, time.time() + life
        if self.late:
            loop = asyncio.get_running_loop()
            loop.call_later(self.late, self.access.__setitem__, access, known)
        else:
            self.access[access] = known
        answer: dict[str, Any] = {
            "access_token": access,
            "token_type": "bearer",
            "scope": login.scope,
        }
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if self.refreshes and (self.rotating or login.refresh is None):
            login.refresh = answer["refresh_token"] = self._made()
            self.refresh[login.refresh] = login
        if "openid" in login.scope:
            answer["id_token"] = self._signed(login)
            self.secrets.append(answer["id_token"])
        return answer

    def _signed(self, login: Issued, **more: Any) -> str:
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": login.user,
            "email": f"{login.user}@example.com",
            "exp": int(time.time() + 3600),
            **self.claims,
            **more,
        }
        return signed(self.key, self.algorithm, claims)

    async def _introspect(self, request: web.Request) -> web.Response:
        self.verified += 1
        token = str((await request.post())["token"])
        login, until = self.access.get(token, (None, 0.0))
        if login is None or not login.alive or until <= time.time():
            return web.json_response({"active": False})
        claims = {"sub": login.user, "scope": login.scope, "exp": int(until) + 1}
        return web.json_response(
            {"active": True, "client_id": CLIENT, "email": f"{login.user}@example.com", **claims}
        )

    async def _userinfo(self, request: web.Request) -> web.Response:
        self.shown += 1
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        login, until = self.access.get(token, (None, 0.0))
        if self.userinfo_status != 200:
            return web.json_response({}, status=self.userinfo_status, headers=self.headers)
        if login is None or not login.alive or until <= time.time():
            return web.json_response({"message": "Bad credentials"}, status=401)
        return web.json_response(
            {"sub": login.user, **self.userinfo}, headers={**self.headers, "X-Scopes": login.scope}
        )

    async def _revoke(self, request: web.Request) -> web.Response:
        token = str((await request.post())["token"])
        self.revoked.append(token)
        login = self.refresh.get(token) or self.access.get(token, (None, 0.0))[0]
        if login is not None:
            login.alive = False
        return web.Response()

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [published(self.key, use="sig")]})

    async def _discovery(self, request: web.Request) -> web.Response:
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            **self.discovery,
        }
        return web.json_response({k: v for k, v in said.items() if v is not None})

    @property
    def config_url(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    async def visit(self, url: str) -> str:
        """Where a browser that comes with this URL is sent."""
        assert url.startswith(f"{self.url}/"), url
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            assert answer.status == 302, await answer.text()
            return answer.headers["Location"]


@asynccontextmanager
async def elsewhere(**knobs: Any) -> AsyncGenerator[Elsewhere]:
    """A server, until the block ends."""
    there = Elsewhere(**knobs)
    app = web.Application()
    for below in ("", "/oauth2", "/oauth", "/tenant/oauth2/v2.0"):
        app.router.add_get(f"{below}/authorize", there._authorize)
        app.router.add_post(f"{below}/token", there._token)
        app.router.add_get(f"{below}/userinfo", there._userinfo)
    app.router.add_get("/third", there._third)
    for introspect in ("/introspect", "/oauth/token_info"):
        app.router.add_post(introspect, there._introspect)
    app.router.add_post("/revoke", there._revoke)
    for keys in (
        "/keys",
        "/tenant/discovery/v2.0/keys",
        "/oauth2/jwks",
        "/protocol/openid-connect/certs",
    ):
        app.router.add_get(keys, there._keys)
    app.router.add_get("/.well-known/openid-configuration", there._discovery)
    async with served(app) as url:
        there.url = url
        yield there


def proxy(there: Elsewhere, kind: type[OAuthProxy] = OAuthProxy, **options: Any) -> OAuthProxy:
    """One in front of it."""
    required = options.pop("required_scopes", ["read"])
    return kind(
        **{
            "upstream_authorization_endpoint": f"{there.url}/authorize",
            "upstream_token_endpoint": f"{there.url}/token",
            "upstream_revocation_endpoint": f"{there.url}/revoke",
            "upstream_client_id": CLIENT,
            "upstream_client_secret": SECRET,
            "token_verifier": IntrospectionTokenVerifier(
                introspection_url=f"{there.url}/introspect",
                client_id=CLIENT,
                client_secret=SECRET,
                required_scopes=required,
            ),
            "base_url": BASE,
            "valid_scopes": ["read", "write"],
            "rate_limits": None,
            **options,
        }
    )


class Visitor(Site):
    """A browser, and the client that sent it.

    Args:
        app: of the proxy.
        there: where people log in.
    """

    def __init__(self, app: Any, there: Elsewhere) -> None:
        super().__init__(app)
        self.there = there

    async def sent_out(self, client_id: str, pkce: Pkce, **parameters: Any) -> str:
        """The upstream's URL, after consent."""
        asked = await self.authorize(client_id, pkce, **parameters)
        return (await self.decide(asked.location)).location

    async def back(self, callback: str) -> Reply:
        """The browser comes back."""
        assert callback.startswith(f"{BASE}/auth/callback?"), callback
        return await self.get(callback.removeprefix(BASE))

    async def code(self, client_id: str, pkce: Pkce, **parameters: Any) -> str:
        out = await self.sent_out(client_id, pkce, **parameters)
        came = await self.back(await self.there.visit(out))
        assert came.location.startswith(CALLBACK), came.location
        assert "error" not in came.answer, came.answer
        return came.answer["code"]


def visitor(auth: OAuthProxy, there: Elsewhere) -> Visitor:
    return Visitor(application(auth), there)

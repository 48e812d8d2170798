"""A server whose tokens are its own, from the first 401 to the call of a tool."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount

from fastmcp import FastMCP
from fastmcp.server.auth import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthClientInformationFull,
    OAuthProvider,
    OAuthToken,
    RefreshToken,
    StoredOAuthProvider,
    Subject,
    TokenError,
)
from fastmcp.server.dependencies import get_access_token
from tests.server.auth.oauth.hand import (
    BASE,
    CALLBACK,
    RESOURCE,
    Pkce,
    Site,
    action_of,
    fields,
    known,
    provider,
)
from tests.support.asgi import STATELESS, Peer


def server(auth: Any) -> FastMCP:
    mcp = FastMCP("own", auth=auth)

    @mcp.tool
    async def who() -> str:
        token = get_access_token()
        assert token is not None
        return f"{token.subject} by {token.client_id} for {token.resource}: {token.scopes}"

    return mcp


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_a_client_that_knows_nothing_but_the_url(version: str):
    """2026-07-28, basic/authorization, "Authorization Flow Steps": each step, as a client makes
    it, with what the one before it said."""
    auth = provider()
    app = server(auth).http_app()
    async with app.lifespan(app):
        site = Site(app)
        refused = await Peer(app, version).start("tools/list").done()
        assert refused.status == 401
        (place,) = re.findall(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
        resource = (await site.get(urlsplit(place).path)).json
        assert resource["resource"] == RESOURCE
        (issuer,) = resource["authorization_servers"]
        said = (await site.get("/.well-known/oauth-authorization-server")).json
        assert said["issuer"] == issuer  # RFC 8414, 3.3
        client = (await site.register())["client_id"]
        tokens = await site.tokens(client, resource=resource["resource"], scope="read")

        peer = Peer(app, version, headers={"authorization": f"Bearer {tokens['access_token']}"})
        answer = await (await peer.open()).call("who")
        assert answer.text == f"local by {client} for {RESOURCE}: ['read']"

        await site.post("/revoke", {"client_id": client, "token": tokens["refresh_token"]})
        ended = await peer.post(peer.message("tools/list", None, 9, None))
        assert ended.status == 401


async def test_below_a_path_of_another_application():
    """RFC 8414, 3.1 and RFC 9728, 3.1: the root's routes name the path."""
    auth = provider(base_url=f"{BASE}/api", clients=[known()])
    mcp = server(auth).http_app()
    app = Starlette(
        routes=[*auth.get_well_known_routes("/mcp"), Mount("/api", mcp)], lifespan=mcp.lifespan
    )
    async with mcp.lifespan(mcp):
        site = Site(app)
        said = (await site.get("/.well-known/oauth-authorization-server/api")).json
        assert said["issuer"] == f"{BASE}/api"
        metadata = (await site.get("/.well-known/oauth-protected-resource/api/mcp")).json
        assert metadata["resource"] == f"{BASE}/api/mcp"
        assert metadata["authorization_servers"] == [said["issuer"]]
        for endpoint in ("authorization_endpoint", "token_endpoint", "revocation_endpoint"):
            assert (await site.get(urlsplit(said[endpoint]).path)).status in (400, 405)


@pytest.mark.parametrize("asked", [RESOURCE, f"{BASE}/sse", "HTTP://127.0.0.1:8000/sse/", None])
async def test_the_old_transport_beside_the_new_one(asked: str | None):
    """RFC 8707, 2: a token is for the address that its client asked it for, and without one for
    the endpoint's. Both are this one server, whose tokens are good at both."""
    auth = provider(clients=[known()])
    app = server(auth).http_app(legacy_sse=True)
    named = RESOURCE if asked in (RESOURCE, None) else f"{BASE}/sse"
    async with app.lifespan(app):
        site, pkce = Site(app), Pkce()
        consent = (await site.authorize("known", pkce, resource=asked)).location
        assert named in (await site.get(consent)).text
        code = (await site.decide(consent)).answer["code"]
        tokens = (await site.token("known", code, pkce, resource=asked)).json
        renewed = await site.refresh("known", tokens["refresh_token"], resource=asked)
        for found in (tokens, renewed.json):
            token = await auth.verify_token(found["access_token"])
            assert token is not None
            assert (token.resource, token.claims["aud"]) == (named, named)
        head = {"authorization": f"Bearer {renewed.json['access_token']}"}
        peer = await Peer(app, STATELESS, headers=head).open()
        assert named in (await peer.call("who")).text
        assert (await site.send("POST", "/messages/", b"{}", head)).status == 415  # let in


async def test_where_the_old_transport_sends_its_clients():
    """RFC 9728, 3.3: a client looks whether the metadata is of the address that it was given, which
    is that of the stream, also when its messages are refused."""
    app = server(provider()).http_app(legacy_sse=True)
    async with app.lifespan(app):
        site = Site(app)
        for verb, path in [("GET", "/sse"), ("POST", "/messages/"), ("POST", "/messages")]:
            refused = await site.send(verb, path)
            assert refused.status == 401
            (place,) = re.findall(
                r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"]
            )
            assert (await site.get(urlsplit(place).path)).json["resource"] == f"{BASE}/sse"


async def test_routes_at_the_root_say_nothing_of_the_endpoint():
    """Whoever mounts a server may ask for them before it is served, and without its path: then its
    clients may know it by that name too, and tokens are for the endpoint all the same."""
    auth = provider(clients=[known()])
    auth.get_well_known_routes()
    app = server(auth).http_app()
    async with app.lifespan(app):
        for asked, named in ((None, RESOURCE), (RESOURCE, RESOURCE), (BASE, BASE)):
            tokens = await Site(app).tokens("known", resource=asked)
            token = await auth.verify_token(tokens["access_token"])
            assert token is not None
            assert token.resource == named


class WithLogin(StoredOAuthProvider):
    """As the documentation has it: a cookie of the author's, and a page to get one."""

    async def authenticate(self, request: Request) -> Subject | Response:
        user = request.cookies.get("user")
        if user is None:
            return RedirectResponse("/login?" + urlencode({"next": str(request.url)}), 303)
        return Subject(user)


async def test_a_page_to_log_in():
    """Before the page of consent is shown, and again where the person was away for too long."""
    auth = WithLogin(base_url=BASE, clients=[known()], required_scopes=["read"])
    mcp = server(auth)

    @mcp.custom_route("/login", ["GET", "POST"])
    async def login(request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse("<form method=post><input name=name></form>")
        response = RedirectResponse(request.query_params["next"], 303)
        response.set_cookie("user", "ann", httponly=True, samesite="lax")
        return response

    app = mcp.http_app()
    async with app.lifespan(app):
        site, pkce = Site(app), Pkce()
        asked = await site.authorize("known", pkce)
        page = await site.get(await log_in(site, asked.location))
        form = {**fields(page.text), "decision": "approve"}
        del site.cookies["user"]  # it ran out
        away = await site.post(action_of(page.text), form)
        assert away.status == 403
        (link,) = re.findall(r'href="([^"]+)"', away.text)
        answer = (await site.decide(await log_in(site, unescape(link)))).answer
        tokens = (await site.token("known", answer["code"], pkce)).json
        found = await auth.verify_token(tokens["access_token"])
        assert found is not None
        assert found.subject == "ann"


async def log_in(site: Site, page: str) -> str:
    """Where a page leads to whom nobody knows yet, after they have logged in."""
    form = (await site.get(page)).location
    assert form.startswith("/login?")
    return (await site.post(form, {"name": "ann"})).location


class Own(OAuthProvider):
    """As FastMCP's users write one: every method, and consent somewhere else."""

    def __init__(self) -> None:
        super().__init__(base_url=BASE, required_scopes=["read"])
        self.codes: dict[str, AuthorizationCode] = {}
        self.access: dict[str, AccessToken] = {}
        self.renewals: dict[str, RefreshToken] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return known(client_id=client_id) if client_id in ("known", "other") else None

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        self.codes["a-code"] = AuthorizationCode(
            code="a-code",
            scopes=params.scopes or [],
            expires_at=4e9,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        )
        return f"{params.redirect_uri}?code=a-code&state={params.state}"

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        if self.codes.pop(authorization_code.code, None) is None:
            raise TokenError("invalid_grant", "used")
        return self._made(client, authorization_code.scopes)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return self.renewals.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        return self._made(client, scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    def _made(self, client: OAuthClientInformationFull, scopes: list[str]) -> OAuthToken:
        owner = {"client_id": client.client_id, "scopes": scopes}
        self.access["access"] = AccessToken(token="access", **owner)
        self.renewals["renewal"] = RefreshToken(token="renewal", **owner)
        return OAuthToken(access_token="access", refresh_token="renewal", scope=" ".join(scopes))


async def test_a_provider_that_keeps_everything_itself():
    app = server(Own()).http_app()
    async with app.lifespan(app):
        site, pkce = Site(app), Pkce()
        asked = await site.authorize("known", pkce)
        assert asked.location == f"{CALLBACK}?code=a-code&state=a state"
        assert (await site.get("/consent")).status == 404
        wrong = await site.token("known", "a-code", Pkce())
        assert wrong.error == "invalid_grant"
        # It does not look whose a code is; that is looked at for it.
        assert (await site.token("other", "a-code", pkce)).error == "invalid_grant"
        tokens = await site.token("known", "a-code", pkce)
        assert tokens.json["access_token"] == "access"
        assert (await site.token("known", "a-code", pkce)).error == "invalid_grant"
        assert (await site.refresh("other", "renewal")).error == "invalid_grant"
        assert (await site.refresh("known", "renewal")).status == 200
        peer = Peer(app, STATELESS, headers={"authorization": "Bearer access"})
        assert (await peer.call("who")).text == "None by known for None: ['read']"


async def test_a_provider_that_fails():
    """A server's own mistake is neither shown nor sent anywhere that was not checked."""

    class Broken(Own):
        async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
            if client_id == "broken":
                raise RuntimeError("a secret of the database")
            return await super().get_client(client_id)

        async def authorize(
            self, client: OAuthClientInformationFull, params: AuthorizationParams
        ) -> str:
            raise RuntimeError("a secret of the database")

    app = server(Broken()).http_app()
    async with app.lifespan(app):
        site = Site(app)
        page = await site.authorize("broken", Pkce())
        assert page.status == 500
        told = await site.authorize("known", Pkce())
        assert told.answer["error"] == "server_error"
        failed = await site.token("broken", "a", Pkce())
        assert (failed.status, failed.error) == (500, "server_error")
        for reply in (page, told, failed):
            assert "secret" not in reply.text + str(reply.headers)

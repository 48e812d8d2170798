"""Every request of a protected server is checked, and what a token opened ends with it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import secrets
import time
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.dependencies import CurrentAccessToken, TokenClaim
from fastmcp.server.auth import AccessToken, RemoteAuthProvider
from fastmcp.server.auth.bearer import Lease
from fastmcp.server.auth.providers.jwt import JWTVerifier, RSAKeyPair
from fastmcp.server.dependencies import get_access_token
from fastmcp.settings import get_settings
from tests.server.auth.tokens import Tokens, bearing
from tests.support.asgi import STATELESS, Live, Peer
from tests.support.process import until
from tests.support.sse_peer import SsePeer

ERAS = ("2025-11-25", STATELESS)


def server(auth: Any) -> FastMCP:
    mcp = FastMCP("protected", auth=auth)

    @mcp.tool
    async def who() -> str:
        token = get_access_token()
        return "" if token is None else f"{token.subject} by {token.token}"

    @mcp.tool
    def who_in_a_thread() -> str:
        token = get_access_token()
        return "" if token is None else f"{token.subject} by {token.token}"

    @mcp.tool
    async def wait(ctx: Context) -> str:
        started.set()
        await go_on.wait()
        return "waited"

    started, go_on = asyncio.Event(), asyncio.Event()
    mcp.started, mcp.go_on = started, go_on  # type: ignore[attr-defined]  # for the tests alone
    return mcp


def challenge(live: Live) -> str:
    return live.headers["www-authenticate"]


async def asked(app: Any, version: str, headers: dict[str, str]) -> Live:
    """The answer to some request."""
    peer = Peer(app, version, headers=headers)
    body = json.dumps(peer.message("tools/list", None, 1, None)).encode()
    return await peer.send("POST", body, peer.standard_headers("tools/list")).done()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


# who comes in


@pytest.mark.parametrize("version", ERAS)
async def test_who_has_no_token(tokens: Tokens, version: str):
    """RFC 6750, 3.1: nothing was wrong with a token that did not come, so no error is named."""
    tokens.required_scopes = ["read", "write"]
    app = server(tokens).http_app()
    async with app.lifespan(app):
        for headers in ({}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer"}):
            live = await asked(app, version, headers)
            assert (live.status, live.body) == (401, b"")
            assert challenge(live) == 'Bearer scope="read write"'
    assert tokens.asked == 0


@pytest.mark.parametrize("version", ERAS)
async def test_whose_token_is_not_good(tokens: Tokens, version: str):
    tokens.give("old", expires_at=int(time.time()) - 1)
    app = server(tokens).http_app()
    async with app.lifespan(app):
        for token in ("unknown", "old"):
            live = await asked(app, version, bearing(token))
            assert live.status == 401
            assert live.messages[0]["error"] == "invalid_token"
            assert challenge(live).startswith('Bearer error="invalid_token", ')
            assert token not in live.body.decode() + challenge(live)


@pytest.mark.parametrize(("ago", "status"), [(2, 200), (10, 401)])
async def test_a_token_of_a_slow_clock(ago: int, status: int):
    """RFC 7519, 4.1.4: what its verifier allows for the clocks, the door allows too."""
    pair = RSAKeyPair.generate()
    app = server(JWTVerifier(public_key=pair.public_key)).http_app()
    token = pair.create_token(expires_in_seconds=-ago)
    async with app.lifespan(app):
        assert (await asked(app, STATELESS, bearing(token))).status == status


async def test_whose_token_permits_too_little(tokens: Tokens):
    """basic/authorization, "Runtime Insufficient Scope Errors"."""
    tokens.required_scopes = ["read", "write"]
    tokens.give("some", scopes=["read"])
    tokens.give("all", scopes=["write", "other", "read"])
    app = server(tokens).http_app()
    async with app.lifespan(app):
        live = await asked(app, STATELESS, bearing("some"))
        assert live.status == 403
        assert 'error="insufficient_scope"' in challenge(live)
        assert 'scope="read write"' in challenge(live)
        peer = Peer(app, STATELESS, headers=bearing("all"))
        assert (await peer.call("who")).text == "ada by all"


async def test_a_scope_may_imply_others():
    class Hierarchical(Tokens):
        def missing_scopes(self, token: Any, required: Any) -> list[str]:
            return [] if "admin" in token.scopes else super().missing_scopes(token, required)

    tokens = Hierarchical(required_scopes=["read"])
    tokens.give("t", scopes=["admin"])
    app = server(tokens).http_app()
    async with app.lifespan(app):
        assert (await Peer(app, STATELESS, headers=bearing("t")).call("who")).text == "ada by t"


@pytest.mark.parametrize("version", ERAS)
async def test_whether_it_is_good_cannot_be_known(
    tokens: Tokens, version: str, caplog: pytest.LogCaptureFixture
):
    tokens.give("secret-of-ada")
    app = server(tokens).http_app()
    async with app.lifespan(app):
        tokens.away = True
        live = await asked(app, version, bearing("secret-of-ada"))
        assert live.status == 503
        assert live.headers["retry-after"]
        assert "www-authenticate" not in live.headers
    assert "the keys cannot be had" in caplog.text
    assert "secret-of-ada" not in caplog.text


async def test_a_verifier_that_fails_is_no_500(caplog: pytest.LogCaptureFixture):
    class Broken(Tokens):
        async def verify_token(self, token: str) -> Any:
            raise KeyError(token)

    app = server(Broken()).http_app()
    async with app.lifespan(app):
        live = await asked(app, STATELESS, bearing("secret-of-ada"))
        assert live.status == 503
    assert "Broken failed to verify a token: KeyError" in caplog.text
    assert "raise KeyError(token)" in caplog.text  # where it failed
    assert "secret-of-ada" not in caplog.text


@pytest.mark.parametrize("named", ["access_token", "token", "api_key", "Access_Token"])
async def test_g13_a_token_in_the_url_is_refused(tokens: Tokens, named: str):
    """2026-07-28, basic/authorization, "Token Requirements"; RFC 6750, 2.3."""
    tokens.give("t")
    app = server(tokens).http_app()
    async with app.lifespan(app):
        query = f"a=b&{named}=t".encode()
        live = await Peer(app).send("POST", b"{}", query_string=query).done()
        assert live.status == 400
        assert "Authorization: Bearer" in live.messages[0]["error_description"]
        for sent, refused in ((query, named.lower() == "access_token"), (b"mytoken=t", False)):
            live = await Peer(app).send("GET", headers=bearing("t"), query_string=sent).done()
            assert (live.messages[0]["error"] == "invalid_request") is refused


async def test_t24_each_call_sees_its_own_token(tokens: Tokens):
    """A hundred calls at once in one session, each with a token of its own."""
    mcp = server(tokens)
    app = mcp.http_app()
    async with app.lifespan(app):
        tokens.give("first")
        peer = await Peer(app, headers=bearing("first")).open()
        given = [tokens.give(f"t{n}") for n in range(100)]
        for tool in ("who", "who_in_a_thread"):
            calls = [peer.call(tool, headers=bearing(token)) for token in given]
            answers = [answer.text for answer in await asyncio.gather(*calls)]
            assert answers == [f"ada by {token}" for token in given]


async def test_claims_as_parameters(tokens: Tokens):
    mcp = FastMCP("claims", auth=tokens)

    @mcp.tool
    async def mail(
        email: str = TokenClaim("email"),
        token: AccessToken = CurrentAccessToken(),  # noqa: B008  (that is how it is written)
    ) -> str:
        return f"{email} of {token.subject}"

    tokens.give("full", claims={"email": "ada@example.com"})
    tokens.give("bare")
    app = mcp.http_app()
    async with app.lifespan(app):
        listed = (await Peer(app, STATELESS, headers=bearing("full")).request("tools/list")).result
        assert listed["tools"][0]["inputSchema"]["properties"] == {}
        full = await Peer(app, STATELESS, headers=bearing("full")).call("mail")
        assert full.text == "ada@example.com of ada"
        assert (await Peer(app, STATELESS, headers=bearing("bare")).call("mail")).result["isError"]


# whose session it is


async def outcome(app: Any, id: str, headers: dict[str, str], **kw: Any) -> tuple[Any, ...]:
    """What POST, GET and DELETE with a session's id give, without their dates."""
    found: list[Any] = []
    for verb in ("POST", "GET", "DELETE"):
        peer = Peer(app, headers=headers)
        peer.session_id = id
        sent = {**peer.standard_headers(), **kw.get("more", {})}
        body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}' if verb == "POST" else b""
        live = await peer.send(verb, body, sent).done()
        found.append((live.status, sorted(live.headers.items()), live.body))
    return tuple(found)


async def test_t14_a_session_is_its_principals(tokens: Tokens):
    """2025-11-25, basic/security_best_practices, "Session Hijacking": another one's session is
    one that does not exist."""
    app = server(tokens).http_app()
    tokens.give("ada")
    tokens.give("ada-renewed")
    tokens.give("bob", subject="bob")  # the same client
    tokens.give("ada-elsewhere", claims={"iss": "https://other.example"})
    tokens.give("machine", subject=None)
    async with app.lifespan(app):
        peer = await Peer(app, headers=bearing("ada")).open()
        id = peer.session_id
        assert id is not None
        begin, _, end = id.rpartition(".")
        unknown = f"{begin}.{end[::-1]}"
        for resumed in ({}, {"last-event-id": "1"}):
            for other in ("bob", "ada-elsewhere", "machine"):
                headers = bearing(other)
                hijacked = await outcome(app, id, headers, more=resumed)
                assert [status for status, *_ in hijacked] == [404] * 3
                assert hijacked == await outcome(app, unknown, headers, more=resumed)
        assert [status for status, *_ in await outcome(app, id, {})] == [401] * 3
        renewed = await peer.call("who", headers=bearing("ada-renewed"))
        assert renewed.text == "ada by ada-renewed"


async def test_t14_a_session_that_began_without_a_token():
    """In front of this server somebody may sign people in, or not: then a session is nobody's."""
    tokens = Tokens()
    tokens.give("ada")
    open_app = server(None).http_app()
    closed_app = server(tokens).http_app()
    async with open_app.lifespan(open_app), closed_app.lifespan(closed_app):
        peer = await Peer(open_app).open()
        assert peer.session_id is not None
        found = await outcome(closed_app, peer.session_id, bearing("ada"))
        assert [status for status, *_ in found] == [404] * 3


async def test_t14_over_http_sse(tokens: Tokens):
    """The old transport is checked alike: each message, and whose stream it is for."""
    tokens.give("ada")
    tokens.give("renewed")
    tokens.give("bob", subject="bob")
    app = server(tokens).http_app(legacy_sse=True)
    async with app.lifespan(app):
        assert (await Peer(app).send("GET", path="/sse").done()).status == 401
        peer = await SsePeer(app, headers=bearing("ada")).open()
        assert await peer.call("who") == "ada by ada"
        peer.headers = bearing("renewed")
        assert await peer.call("who") == "ada by renewed"
        ping = {"jsonrpc": "2.0", "id": 77, "method": "ping"}
        for headers, status in (({}, 401), (bearing("bob"), 404)):
            peer.headers = headers
            assert (await peer.post(ping)).status == status
        await peer.leave()


# how long it may go on


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "http_token_recheck", 0.2)


async def opened(app: Any, kind: str, token: str) -> Live:
    """A stream of that kind, which is open."""
    if kind == "sse":
        return (await SsePeer(app, headers=bearing(token)).open()).live
    version = STATELESS if kind == "subscription" else "2025-11-25"
    peer = Peer(app, version, headers=bearing(token))
    if kind == "subscription":
        live = peer.start("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    else:
        live = (await peer.open()).listen()
    return await live.until(lambda live: live.body)


# `live.done()` would take the time-out for itself: it ends the exchange, and so the stream.
STREAMS = ("standalone", "subscription", "sse")


@pytest.mark.parametrize("kind", STREAMS)
async def test_t15_a_stream_ends_when_its_token_expires(tokens: Tokens, kind: str):
    mcp = server(tokens)
    app = mcp.http_app(legacy_sse=True)
    async with app.lifespan(app), asyncio.timeout(20):
        end = int(time.time()) + 2
        tokens.give("brief", expires_at=end)
        live = await opened(app, kind, "brief")
        await live.until(lambda live: live.finished)
        assert end - 0.5 <= time.time() <= end + 3
        told = len(live.messages)
        mcp.add_tool(lambda_named("later"))
        refused = await asked(app, STATELESS, bearing("brief"))
        assert refused.status == 401
        assert "www-authenticate" in refused.headers
        assert len(live.messages) == told


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.usefixtures("quick")
async def test_t15_a_stream_ends_when_its_token_is_taken_back(tokens: Tokens, kind: str):
    app = server(tokens).http_app(legacy_sse=True)
    async with app.lifespan(app), asyncio.timeout(20):
        tokens.give("t")
        live = await opened(app, kind, "t")
        before = tokens.asked
        while tokens.asked < before + 2:  # noqa: ASYNC110  (a timer of the loop asks)
            await asyncio.sleep(0.01)
        assert not live.finished
        tokens.away = True  # nobody says that it is not good any more
        while tokens.asked < before + 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not live.finished
        tokens.away = False
        del tokens.known["t"]
        await live.until(lambda live: live.finished)


@pytest.mark.usefixtures("quick")
async def test_t15_it_is_the_token_of_the_client_that_is_verified_again():
    """A verifier may give handlers another token than the client sent, an upstream's, say."""

    class Exchanging(Tokens):
        async def verify_token(self, token: str) -> Any:
            found = await super().verify_token(token)
            return None if found is None else found.model_copy(update={"token": "upstream"})

    tokens = Exchanging()
    app = server(tokens).http_app()
    async with app.lifespan(app), asyncio.timeout(20):
        tokens.give("ours")
        live = await opened(app, "standalone", "ours")
        before = tokens.asked
        while tokens.asked < before + 2:  # noqa: ASYNC110  (a timer of the loop asks)
            await asyncio.sleep(0.01)
        assert not live.finished
        live.leave()
        await live.done()


@pytest.mark.usefixtures("quick")
async def test_t15_a_stream_ends_when_its_token_permits_too_little(tokens: Tokens):
    tokens.required_scopes = ["read"]
    app = server(tokens).http_app()
    async with app.lifespan(app), asyncio.timeout(20):
        tokens.give("t", scopes=["read"])
        live = await opened(app, "standalone", "t")
        tokens.give("t", scopes=[])
        await live.until(lambda live: live.finished)


async def test_t15_a_call_that_runs_still_gives_its_answer(tokens: Tokens):
    mcp: Any = server(tokens)
    app = mcp.http_app()
    async with app.lifespan(app), asyncio.timeout(20):
        tokens.give("t")
        peer = await Peer(app, headers=bearing("t")).open()
        call = peer.start_call("wait")
        await mcp.started.wait()
        del tokens.known["t"]
        assert (await asked(app, "2025-11-25", bearing("t"))).status == 401
        mcp.go_on.set()
        assert (await call.done()).text == "waited"


def lambda_named(name: str) -> Any:
    def function() -> str:
        return name

    function.__name__ = name
    return function


# what is said of it


def remote(tokens: Tokens, base_url: str = "https://mcp.example", **settings: Any) -> Any:
    return RemoteAuthProvider(tokens, ["https://issuer.example"], base_url=base_url, **settings)


@pytest.mark.parametrize("base", ["https://mcp.example", "https://mcp.example/api/v1"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_t16_the_challenge_names_metadata_that_name_the_server(
    tokens: Tokens, base: str, path: str
):
    """RFC 9728, 3.3 and 5.1: the resource is the URL that the client used. (Behind real proxies:
    tests/proxies.)"""
    app = server(remote(tokens, base, resource_name="The server")).http_app()
    async with app.lifespan(app):
        live = await Peer(app).send("POST", b"{}", path=path).done()
        assert live.status == 401
        url = challenge(live).removeprefix('Bearer resource_metadata="').removesuffix('"')
        assert url == f"{base}/.well-known/oauth-protected-resource{path}"
        place = url.removeprefix(base)
        found = await Peer(app).send("GET", path=place, headers={"origin": "https://x"}).done()
        assert found.status == 200
        assert found.messages == [
            {
                "resource": base + path,
                "authorization_servers": ["https://issuer.example"],
                "bearer_methods_supported": ["header"],
                "resource_name": "The server",
            }
        ]
        assert found.headers["access-control-allow-origin"] == "*"
        preflight = await Peer(app).send("OPTIONS", path=place).done()
        assert preflight.status == 204
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        # RFC 9728, 3.1: for who serves the root of the host with this application.
        rooted = url.replace(f"{base}/.well-known", "/.well-known").replace(
            path, base.removeprefix("https://mcp.example") + path
        )
        assert (await Peer(app).send("GET", path=rooted).done()).messages == found.messages


async def test_scopes_that_are_told(tokens: Tokens):
    tokens.required_scopes = ["read"]
    auth = remote(tokens, scopes_supported=["read", "write"], challenge_scopes=["basic"])
    app = server(auth).http_app()
    async with app.lifespan(app):
        live = await Peer(app).send("POST", b"{}").done()
        assert 'scope="basic"' in challenge(live)
        place = "/.well-known/oauth-protected-resource/mcp"
        found = (await Peer(app).send("GET", path=place).done()).messages[0]
        assert found["scopes_supported"] == ["read", "write"]


async def test_only_the_endpoint_is_protected(tokens: Tokens):
    app = server(remote(tokens)).http_app(health=True)
    async with app.lifespan(app):
        assert (await Peer(app).send("GET", path="/healthz").done()).status == 200


async def test_well_known_routes_for_the_root(tokens: Tokens):
    auth = remote(tokens, "https://mcp.example/api")
    paths = [route.path for route in auth.get_well_known_routes("/mcp")]
    assert "/.well-known/oauth-protected-resource/api/mcp" in paths


async def test_t17_pages_of_other_origins(tokens: Tokens):
    """The answer to who has no token can be read by the page that asked: else it cannot know that
    it needs one."""
    asked = (
        "authorization,content-type,mcp-session-id,mcp-protocol-version,last-event-id,mcp-method,"
        "mcp-name"
    )
    app = server(remote(tokens)).http_app(cors_origins=["http://localhost:6274"])
    async with app.lifespan(app):
        page = {"origin": "http://localhost:6274"}
        preflight = {
            **page,
            "access-control-request-method": "POST",
            "access-control-request-headers": asked,
        }
        live = await Peer(app).send("OPTIONS", headers=preflight).done()
        assert live.status in (200, 204)
        allowed = live.headers["access-control-allow-headers"].lower().replace(" ", "")
        assert set(asked.split(",")) <= set(allowed.split(","))
        for method in ("GET", "POST", "DELETE"):
            assert method in live.headers["access-control-allow-methods"]
        assert int(live.headers["access-control-max-age"]) > 0
        tokens.give("t")
        answers = [
            await Peer(app).send("POST", b"{}", page).done(),
            await Peer(app).send("POST", b"x" * 5_000_000, {**page, **bearing("t")}).done(),
        ]
        peer = Peer(app, headers={**page, **bearing("t")})
        peer.session_id = "none"
        answers.append(await peer.send("GET", headers=peer.standard_headers()).done())
        tokens.away = True
        answers.append(await Peer(app).send("POST", b"{}", {**page, **bearing("t")}).done())
        assert [live.status for live in answers] == [401, 413, 404, 503]
        for live in answers:
            assert live.headers["access-control-allow-origin"] == page["origin"]
            exposed = live.headers["access-control-expose-headers"].lower()
            assert "mcp-session-id" in exposed
            assert "www-authenticate" in exposed
        other = await Peer(app).send("POST", b"{}", {"origin": "https://evil.example"}).done()
        assert "access-control-allow-origin" not in other.headers


async def test_no_secret_is_logged(tokens: Tokens, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    secret = tokens.give("a-very-secret-token")
    app = server(tokens).http_app()
    async with app.lifespan(app):
        peer = await Peer(app, headers=bearing(secret)).open()
        await peer.call("who")
        await asked(app, STATELESS, bearing(secret + "x"))
    assert "a-very-secret-token" not in caplog.text
    assert "a-very-secret-token" not in repr(tokens.known[secret])


async def test_what_is_known_of_tokens_that_nobody_brings_again_goes(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
):
    """Though one that came before them lasts for an hour, and they do too."""
    monkeypatch.setattr(get_settings(), "http_token_recheck", 0.05)
    tokens.give("first", expires_at=int(time.time()) + 3600)
    others = [tokens.give(f"t{number}") for number in range(20)]
    app = server(tokens).http_app()
    async with app.lifespan(app):
        before = _leases()
        for token in ("first", *others):
            assert (await asked(app, STATELESS, bearing(token))).status == 200

        async def only_the_newest() -> bool:
            newest = tokens.give(secrets.token_hex(4))
            assert (await asked(app, STATELESS, bearing(newest))).status == 200
            return _leases() - before < 5

        await until(only_the_newest, "the others are forgotten", 10)


def _leases() -> int:
    gc.collect()
    return sum(isinstance(one, Lease) for one in gc.get_objects())

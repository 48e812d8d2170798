"""Who may let a client in: what servers say of each other, and what is not believed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from fastmcp import Client
from fastmcp.client.auth.discovery import authorization_server, protected_resource
from fastmcp.client.auth.fetching import Fetcher
from fastmcp.client.errors import AuthorizationFailedError
from tests.cli.diagnosis.certificates import made
from tests.client.auth.authority import Person, authority, guarded, redirect
from tests.support.loopback import served


async def let_in(url: str, **given: Any) -> None:
    """One session, and one call."""
    async with Client(url, auth=Person(**given)) as client:
        await client.call_tool("x")


async def refused(url: str, match: str) -> None:
    with pytest.raises(AuthorizationFailedError, match=match):
        await let_in(url)


# --- the protected resource -----------------------------------------------------------------------


async def test_the_document_is_where_the_challenge_says() -> None:
    async with authority() as server, guarded(server) as endpoint:
        await let_in(endpoint.url)
    assert endpoint.metadata_paths == ["/.well-known/oauth-protected-resource/mcp"]


async def test_the_document_is_found_where_no_challenge_says_it() -> None:
    async with authority() as server, guarded(server, unmarked=True) as endpoint:
        await let_in(endpoint.url)
    assert endpoint.metadata_paths == ["/.well-known/oauth-protected-resource/mcp"]


async def test_a_path_is_no_host() -> None:
    """An address with a slash too many, as people write it, and many servers take it."""
    async with authority() as server, guarded(server) as endpoint:

        async def get(request: web.Request) -> web.StreamResponse:
            endpoint.metadata_paths.append(request.path)
            return web.json_response(endpoint.metadata())

        endpoint.get, endpoint.unmarked = get, True  # type: ignore[method-assign]
        endpoint.site.url = endpoint.url.replace("/mcp", "//mcp")
        await let_in(endpoint.url)
    assert endpoint.metadata_paths == ["/.well-known/oauth-protected-resource//mcp"]


async def test_the_path_goes_before_the_root() -> None:
    async with authority() as server, guarded(server, unmarked=True) as endpoint:
        origin = endpoint.url.removesuffix("/mcp")

        async def at_root(request: web.Request) -> web.StreamResponse:
            endpoint.metadata_paths.append(request.path)
            if request.path == "/.well-known/oauth-protected-resource":
                return web.json_response({**endpoint.metadata(), "resource": origin})
            return web.Response(status=404)

        async with served(_app(at_root)) as other, Fetcher(URL(other)) as http:
            with pytest.raises(AuthorizationFailedError, match=r"RFC 9728, 3\.3"):
                await protected_resource(http, URL(f"{other}/mcp"), None)
    assert endpoint.metadata_paths == [
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource",
    ]


@pytest.mark.parametrize(
    ("resource", "good"),
    [
        ("{origin}/mcp", True),
        ("{origin}/mcp/", True),
        ("{origin}", True),
        ("{origin}/", True),
        ("{ORIGIN}/mcp", True),
        ("{origin}/mc", False),
        ("{origin}/mcp/more", False),
        ("{origin}/other", False),
        ("{origin}/mcp%2F", False),
        ("{origin}/%6Dcp%3Fx", False),
        ("{origin}:1/mcp", False),
        ("https://evil.example/mcp", False),
        ("{origin}.evil.example/mcp", False),
        ("{origin}@evil.example/mcp", False),
        ("{origin}/mcp#part", False),
        ("/mcp", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
async def test_the_resource_is_the_one_that_was_asked(resource: Any, good: bool) -> None:
    """RFC 9728, 3.3 and 7.3: else a server could have tokens made for another."""
    async with authority() as server, guarded(server) as endpoint:
        origin = endpoint.url.removesuffix("/mcp")
        if isinstance(resource, str):
            said = resource.replace("{origin}", origin).replace("{ORIGIN}", origin.upper())
            resource = said
        endpoint.changes["resource"] = resource
        if good:
            await let_in(endpoint.url)
            assert server.authorized[0]["resource"] == resource  # exactly as it is published
            assert server.asked[0]["resource"] == resource
        else:
            await refused(endpoint.url, "nobody is asked")
            assert server.paths == []


@pytest.mark.parametrize(
    "named",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://",
        "not an address",
        "http://user:word@127.0.0.1:1/x",
        "http://127.1/x",
        "http://0x7f000001/x",
        "http://127.0.0.1:1/#part",
        "http://127.0.0.1:1/é",
        "http://[::1/x",
    ],
)
async def test_no_address_but_of_a_web_server_is_asked(named: str) -> None:
    async with authority() as server, guarded(server) as endpoint:
        endpoint.changes["authorization_servers"] = [named]
        await refused(endpoint.url, "no http or https address")


# --- the authorization server ---------------------------------------------------------------------


def _app(handle: Any) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    return app


@pytest.mark.parametrize(
    ("path", "at", "before"),
    [
        ("", "/.well-known/oauth-authorization-server", []),
        (
            "",
            "/.well-known/openid-configuration",
            ["/.well-known/oauth-authorization-server"],
        ),
        ("/tenant", "/.well-known/oauth-authorization-server/tenant", []),
        (
            "/tenant",
            "/.well-known/openid-configuration/tenant",
            ["/.well-known/oauth-authorization-server/tenant"],
        ),
        (
            "/tenant",
            "/tenant/.well-known/openid-configuration",
            [
                "/.well-known/oauth-authorization-server/tenant",
                "/.well-known/openid-configuration/tenant",
            ],
        ),
    ],
)
async def test_the_places_of_its_document(path: str, at: str, before: list[str]) -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path != at:
            return web.Response(status=404)
        issuer = f"http://{request.host}{path}"
        return web.json_response({"issuer": issuer, "token_endpoint": f"{issuer}/token"})

    async with served(_app(handle)) as origin, Fetcher(URL(origin)) as http:
        found = await authorization_server(http, URL(origin), origin + path)
    assert asked == [*before, at]
    assert found.issuer == origin + path


@pytest.mark.parametrize("issuer", ["https://honest.example", "{issuer}/", "{ISSUER}", None, 7])
async def test_the_issuer_is_the_one_that_was_asked(issuer: Any) -> None:
    """RFC 8414, 3.3: letter by letter."""
    async with authority() as server, guarded(server) as endpoint:
        if isinstance(issuer, str):
            issuer = issuer.replace("{issuer}", server.issuer)
            issuer = issuer.replace("{ISSUER}", server.issuer.upper())
        server.changes["issuer"] = issuer
        await refused(endpoint.url, r"RFC 8414, 3\.3")
    assert server.registered == []
    assert server.authorized == []


@pytest.mark.parametrize("methods", [None, [], ["plain"]])
async def test_without_a_check_of_code_challenges_nobody_is_asked(
    methods: list[str] | None,
) -> None:
    async with authority() as server, guarded(server) as endpoint:
        server.changes["code_challenge_methods_supported"] = methods
        await refused(endpoint.url, "S256")
    assert server.registered == []


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize(
    # With a fragment none is one (RFC 6749, 3.1 and 3.2).
    "value",
    [None, "javascript:alert(1)", "file:///etc/passwd", "http://127.0.0.1:1/#part"],
)
async def test_endpoints_are_addresses(name: str, value: str | None) -> None:
    async with authority() as server, guarded(server) as endpoint:
        server.changes[name] = value
        await refused(endpoint.url, "endpoint")
    assert server.authorized == []


@pytest.mark.parametrize("path", ["/\x1b]0;owned\x07", "/x/../y\x1b[2J"])
async def test_errors_hold_nothing_that_a_terminal_obeys(path: str) -> None:
    async with authority() as server, guarded(server) as endpoint:
        for value in ([server.issuer + path], [server.issuer + path, "https://x"]):
            endpoint.changes["authorization_servers"] = value
            with pytest.raises(AuthorizationFailedError) as caught:
                await let_in(endpoint.url, client_id="known", issuer="https://other.example")
            assert str(caught.value).isprintable()
            with pytest.raises(AuthorizationFailedError) as caught:
                await let_in(endpoint.url)
            assert str(caught.value).isprintable()
    assert server.paths == []


async def test_a_server_that_is_ill_is_not_passed_over() -> None:
    """Else whoever can make one document fail chooses the next one."""

    async def ill(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
        return web.Response(status=503)

    async with authority(on_metadata=ill) as server, guarded(server) as endpoint:
        await refused(endpoint.url, "503")
    assert server.paths == ["/.well-known/oauth-authorization-server"]


async def test_answers_are_small() -> None:
    async def endless(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b" " * 65536)
        return response

    async with authority(on_metadata=endless) as server, guarded(server) as endpoint:
        await refused(endpoint.url, "more than")


async def test_answers_are_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastmcp.client.auth.fetching._SECONDS", 0.3)
    over = asyncio.Event()

    async def slow(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    async with authority(on_metadata=slow) as server, guarded(server) as endpoint:
        began = time.monotonic()
        await refused(endpoint.url, "did not answer")
        over.set()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("body", ["<html>", "[]", '"x"', "[" * 100_000])
async def test_what_is_no_document_is_none(body: str) -> None:
    async def odd(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
        return web.Response(text=body, content_type="application/json")

    async with authority(on_metadata=odd) as server, guarded(server) as endpoint:
        await refused(endpoint.url, "has no metadata")


async def test_a_document_may_be_redirected_to_and_not_without_end() -> None:
    async with authority() as server, guarded(server) as endpoint:

        async def moved(request: web.Request, said: dict[str, str]) -> web.StreamResponse | None:
            return None if request.query_string else redirect(f"{request.path}?moved")

        server.on_metadata = moved
        await let_in(endpoint.url)

        async def round_and_round(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
            return redirect(request.path)

        server.on_metadata = round_and_round
        await refused(endpoint.url, "redirects too often")


@pytest.mark.parametrize("hook", ["on_token", "on_register"])
async def test_what_is_posted_is_not_redirected(hook: str) -> None:
    async with authority() as server, authority() as other, guarded(server) as endpoint:

        async def away(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": f"{other.issuer}{request.path}"})

        setattr(server, hook, away)
        await refused(endpoint.url, "meant for nobody else")
    assert other.paths == []


# --- where no server may send its clients ---------------------------------------------------------


@pytest.mark.parametrize(
    "named",
    [
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://0.0.0.0/x",
        "https://100.64.0.1/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/x",
    ],
)
async def test_a_server_on_the_internet_names_no_address_of_this_network(named: str) -> None:
    """Security best practices, "Server-Side Request Forgery"."""
    async with Fetcher(URL("https://8.8.8.8/mcp")) as http:
        with pytest.raises(AuthorizationFailedError, match="may not send its clients"):
            await http.document(named, "authorization server")


async def test_a_server_of_this_network_names_no_address_of_this_machine() -> None:
    async with Fetcher(URL("https://10.1.1.1/mcp")) as http:
        for named in ("https://127.0.0.1/x", "https://169.254.169.254/x"):
            with pytest.raises(AuthorizationFailedError, match="may not send its clients"):
                await http.document(named, "authorization server")
        http.check("https://10.2.2.2/x", "authorization server")


async def test_a_server_with_tls_names_none_without() -> None:
    async with Fetcher(URL("https://8.8.8.8/mcp")) as http:
        with pytest.raises(AuthorizationFailedError, match="no TLS"):
            http.check("http://8.8.4.4/token", "token endpoint")


@pytest.mark.parametrize(
    "named", ["http://localhost:8080/x", "http://a.localhost/x", "http://localhost./x"]
)
async def test_no_browser_is_sent_to_this_machine_by_a_server_elsewhere(named: str) -> None:
    """The person's browser asks, and not this client: that is checked all the same."""
    for server in ("https://8.8.8.8/mcp", "http://mcp.example/mcp"):
        async with Fetcher(URL(server)) as http:
            with pytest.raises(AuthorizationFailedError, match="may not send its clients"):
                http.check(named, "authorization endpoint")
    async with Fetcher(URL("https://localhost/mcp")) as http:
        http.check(named, "authorization endpoint")


async def test_how_near_a_server_is_its_name_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is its owner's, who has it looked up as whatever he likes, and each time anew (DNS
    rebinding). Where it answered from counts."""
    names(monkeypatch, {"evil.example": ["93.184.216.34", "127.0.0.1"]})
    asked: list[str] = []

    async def inside(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.json_response({})

    async with served(_app(inside)) as origin:
        port = URL(origin).port
        for peer in ("93.184.216.34", None):
            endpoint = URL("http://evil.example/mcp")
            async with Fetcher(endpoint, peer=peer) as http:
                with pytest.raises(AuthorizationFailedError, match="may not send its clients"):
                    await http.post(f"{origin}/restart", "token endpoint", form={})
            names(monkeypatch, {"evil.example": ["127.0.0.1"]})
            async with Fetcher(endpoint, peer=peer) as http:
                with pytest.raises(AuthorizationFailedError, match="may not send its clients"):
                    await http.document(f"http://evil.example:{port}/x", "metadata")
    assert asked == []


async def test_a_server_of_this_machine_may_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in /etc/hosts: it answers from here, and may name what is here."""
    names(monkeypatch, {"mcp.test": ["127.0.0.1"], "login.test": ["127.0.0.1"]})
    for server_name, endpoint_name in (
        ("login.test", "mcp.test"),
        ("127.0.0.1", "localhost"),
        ("localhost", "mcp.test"),
    ):
        async with authority(lifetime=0) as server, guarded(server) as endpoint:
            server.issuer = server.issuer.replace("127.0.0.1", server_name)
            endpoint.site.url = endpoint.url.replace("127.0.0.1", endpoint_name)
            async with Client(endpoint.url, auth=Person()) as client:
                await client.call_tool("x")
            # Renewed before its end, when no refusal says where the server is.
            assert server.count("refresh_token")
            assert endpoint.refused == 1


@pytest.mark.parametrize("inside", [True, False])
async def test_behind_a_proxy_a_server_is_elsewhere(
    inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is the proxy alone knows. That the proxy is near does not count; and what is
    elsewhere is asked through the proxy as well."""
    async with authority() as server, guarded(server) as endpoint:
        here = server.issuer
        origins = {"mcp.example": endpoint.url.removesuffix("/mcp"), "login.example": here}
        async with served(_app(_proxied(origins))) as proxy:
            monkeypatch.setenv("http_proxy", proxy)
            monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
            endpoint.site.url = "http://mcp.example/mcp"
            if inside:
                await refused(endpoint.url, "may not send its clients")
                assert server.paths == []
            else:
                server.issuer = "http://login.example"
                async with Client(endpoint.url, auth=InTheHouse(here)) as client:
                    await client.call_tool("x")


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ("http://127.0.0.1:1/x", "may not send its clients"),
        ("file:///x", "no http or https"),
        ("http://[::1/x", "no http or https"),
    ],
)
async def test_a_redirect_leads_nowhere_that_may_not_be_named(
    target: str, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        return redirect(target)

    async with served(_app(moved)) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with Fetcher(URL("http://mcp.example/mcp")) as http:
            with pytest.raises(AuthorizationFailedError, match=match):
                await http.document("http://mcp.example/metadata", "metadata")


async def test_a_redirect_does_not_lead_away_from_tls(tmp_path: Path) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        return redirect("http://login.example/metadata")

    certificate = made(tmp_path)
    trusting = ssl.create_default_context(cafile=certificate.authority)
    async with (
        served(_app(moved), tls=certificate.context) as origin,
        Fetcher(URL(origin), trusting) as http,
    ):
        with pytest.raises(AuthorizationFailedError, match="no TLS"):
            await http.document(f"{origin}/metadata", "metadata")


def names(monkeypatch: pytest.MonkeyPatch, known: dict[str, list[str]]) -> None:
    """Have names looked up as these addresses; every other as it is."""

    def look_up(host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        if host not in known:
            return _look_up(host, port, *rest, **more)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, int(port or 0))) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


_look_up = socket.getaddrinfo


class InTheHouse(Person):
    """Somebody whose browser reaches the authorization server, whatever its name, at an origin."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = origin

    async def browse(self, url: str) -> None:
        await super().browse(self._origin + URL(url).raw_path_qs)


def _proxied(origins: dict[str, str]) -> Any:
    """What a proxy does with requests for other hosts."""

    async def handle(request: web.Request) -> web.StreamResponse:
        url = URL(request.raw_path)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as http,
            http.request(
                request.method,
                origins[url.host or ""] + url.raw_path_qs,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as response,
        ):
            kept = ("content-type", "www-authenticate", "location")
            return web.Response(
                status=response.status,
                body=await response.read(),
                headers={n: v for n, v in response.headers.items() if n.lower() in kept},
            )

    return handle


# --- servers of 2025-03-26 ------------------------------------------------------------------------


@pytest.mark.parametrize("described", [True, False])
async def test_a_server_that_is_its_own_authorization_server(described: bool) -> None:
    """No metadata of a resource: that of an authorization server at the root, or its paths."""
    async with authority() as server, guarded(server) as endpoint:
        original = endpoint.get

        async def get(request: web.Request) -> web.StreamResponse:
            server.issuer = endpoint.url.removesuffix("/mcp")
            if "protected-resource" in request.path:
                return web.Response(status=404)
            if "oauth-authorization-server" in request.path and not described:
                return web.Response(status=404)
            if request.path == "/authorize" or ".well-known" in request.path:
                return await server.handle(request)
            return await original(request)

        async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            return await type(endpoint).post(endpoint, request, message)

        endpoint.post = post  # type: ignore[method-assign]
        app = web.Application()
        app.router.add_post("/token", server.handle)
        app.router.add_post("/register", server.handle)
        app.router.add_post("/mcp", _forwarded(endpoint))
        app.router.add_get("/{tail:.*}", get)
        async with served(app) as origin:
            endpoint.site.url = f"{origin}/mcp"
            await let_in(endpoint.url)
    assert len(server.authorized) == 1
    assert server.authorized[0]["resource"] == endpoint.url


def _forwarded(endpoint: Any) -> Any:
    async def post(request: web.Request) -> web.StreamResponse:
        return await endpoint.post(request, await request.json())

    return post

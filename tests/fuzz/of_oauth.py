"""Readers of authorization: the endpoints of an authorization server, tokens, keys, documents."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.claims import Refusal
from fastmcp.server.auth.fetching import Fetcher, FetchError
from fastmcp.server.auth.oauth.documents import ClientDocuments
from fastmcp.server.auth.oauth.errors import ClientDocumentError, OAuthError
from fastmcp.server.auth.oauth.exchange import form_in, object_in
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier, RSAKeyPair
from fastmcp.server.auth.signatures import keys_of_set, read, verifies
from tests.fuzz import seeds
from tests.fuzz.of_endpoint import Site, server
from tests.fuzz.reader import Reader, run
from tests.server.auth.oauth import hand
from tests.server.auth.oauth_proxy.elsewhere import Elsewhere, Visitor, elsewhere, proxy
from tests.support.asgi import App, Live

# --- the endpoints -------------------------------------------------------------------------------


class Person(hand.Site):
    """Somebody with a browser, who consents to what a registered client asks."""

    def __init__(self, app: App, *more: Any) -> None:
        super().__init__(app, *more)
        self.client: dict[str, Any] = {}
        self.pkce = hand.Pkce("a" * 43)
        self.page: dict[str, str] = {}

    async def known(self) -> dict[str, Any]:
        if not self.client:
            self.client = await self.register()
        return self.client


class Guest(Person, Visitor):
    """The same, who has the account elsewhere."""


@cache
def _person(site: Site) -> Person:
    return Guest(site.app, site.there) if isinstance(site, Proxied) else Person(site.app)


async def _client(site: Site) -> str:
    return (await _person(site).known())["client_id"]


async def _code(site: Site) -> str:
    person = _person(site)
    return await person.code(await _client(site), person.pkce)


async def _tokens(site: Site) -> dict[str, Any]:
    return await _person(site).tokens(await _client(site))


async def _access(site: Site) -> str:
    return (await _tokens(site))["access_token"]


async def _refresh(site: Site) -> str:
    return (await _tokens(site))["refresh_token"]


async def _asked(site: Site) -> str:
    """The sealed request of a page of consent."""
    person = _person(site)
    asked = await person.authorize(await _client(site), person.pkce)
    page = await person.get(asked.location)
    person.page = hand.fields(page.text)
    return person.page["request"]


async def _form(site: Site) -> str:
    """The token of the form of that page."""
    return _person(site).page.get("token", "")


async def _cookie(site: Site) -> str:
    return _person(site).cookies.get("fastmcp-consent", "")


NAMED: dict[str, Callable[[Site], Coroutine[Any, Any, str]]] = {
    "client": _client,
    "code": _code,
    "access": _access,
    "refresh": _refresh,
    "asked": _asked,
    "form": _form,
    "cookie": _cookie,
}


def _application() -> App:
    provider = hand.provider(required_scopes=["read"])
    return server(auth=provider).http_app()


def _post(path: str, form: dict[str, Any], *lines: str) -> bytes:
    head = [f"POST {path}", "content-type: application/x-www-form-urlencoded", *lines]
    return "\n".join(head).encode() + b"\n\n" + urlencode(form, doseq=True, safe="$").encode()


def _json(path: str, value: Any) -> bytes:
    return f"POST {path}\ncontent-type: application/json\n\n".encode() + seeds.said(value)


_AUTHORIZE = urlencode(
    {
        "response_type": "code",
        "client_id": "$client",
        "redirect_uri": hand.CALLBACK,
        "code_challenge": hand.Pkce("a" * 43).challenge,
        "code_challenge_method": "S256",
        "state": "a state",
        "scope": "read write",
        "resource": hand.RESOURCE,
    },
    safe="$",
)
_METADATA = {
    "redirect_uris": [hand.CALLBACK, "com.example.app:/back", "https://a.example/cb?x=y"],
    "client_name": "Fuzz",
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "scope": "read write",
    "contacts": ["a@b.example"],
    "client_uri": "https://a.example",
    "software_id": "fuzz",
    "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}]},
}
_GRANT = {"client_id": "$client", "resource": hand.RESOURCE}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@cache
def _pair() -> RSAKeyPair:
    return RSAKeyPair.generate()


def _jwt(**claims: Any) -> str:
    return _pair().create_token(audience="a", scopes=["read"], additional_claims=claims, kid="k")


def _requests() -> tuple[bytes, ...]:
    code = {"grant_type": "authorization_code", "code": "$code", "code_verifier": "a" * 43}
    proof = {"client_assertion_type": _ASSERTION, "client_assertion": _TOKEN}
    bearer = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _TOKEN}
    return (
        _json("/register", _METADATA),
        _json("/register", {"redirect_uris": [hand.CALLBACK], "jwks_uri": "https://a.example/k"}),
        f"GET /authorize?{_AUTHORIZE}\n\n".encode(),
        f"GET /authorize?client_id=https://a.example/c&{_AUTHORIZE}\n\n".encode(),
        b"POST /authorize\ncontent-type: application/x-www-form-urlencoded\n\n"
        + _AUTHORIZE.encode(),
        b"GET /consent?request=$asked\n\n",
        _post(
            "/consent",
            {"request": "$asked", "token": "$form", "decision": "approve"},
            "cookie: fastmcp-consent=$cookie",
            "sec-fetch-site: same-origin",
        ),
        _post("/token", {**_GRANT, **code, "redirect_uri": hand.CALLBACK}),
        _post(
            "/token",
            {**_GRANT, "grant_type": "refresh_token", "refresh_token": "$refresh", "scope": "read"},
        ),
        _post("/token", {**_GRANT, **code, **proof}),
        _post("/token", {**_GRANT, **bearer}),
        _post("/token", code, "authorization: Basic YTpi"),
        _post("/revoke", {**_GRANT, "token": "$access", "token_type_hint": "access_token"}),
        b"GET /.well-known/oauth-authorization-server\n\n",
        b"GET /.well-known/oauth-protected-resource/mcp\n\n",
        b"OPTIONS /token\norigin: https://a.example\n\n",
        b"POST /mcp\nauthorization: Bearer $access\ncontent-type: application/json\n"
        b"mcp-protocol-version: 2025-11-25\n\n"
        + seeds.said(seeds.request("2025-11-25", "initialize")),
        b"POST /mcp?access_token=a\nauthorization: Bearer a\n\n{}",
    )


# --- a proxy of another authorization server -----------------------------------------------------


class Proxied(Site):
    """An application whose users have their accounts elsewhere.

    Attributes:
        there: where.
    """

    def __init__(self) -> None:
        names = {**NAMED, "state": _state, "login": _login, "cookies": _cookies}
        super().__init__(self._application, names)
        self._running = AsyncExitStack()
        self.there: Elsewhere | None = None

    def _application(self) -> App:
        assert self.there is not None
        return server(auth=proxy(self.there)).http_app()

    async def ask(self, data: bytes) -> Live:
        if self.there is None:
            self.there = await self._running.enter_async_context(elsewhere())
        return await super().ask(data)


async def _state(site: Site) -> str:
    """That a browser is back with, which was sent out by a page of consent."""
    person = cast("Guest", _person(site))
    out = await person.sent_out(await _client(site), person.pkce)
    person.page = dict(parse_qsl(urlsplit(await person.there.visit(out)).query))
    return person.page["state"]


async def _login(site: Site) -> str:
    """The code of the same."""
    return _person(site).page.get("code", "")


async def _cookies(site: Site) -> str:
    return "; ".join(f"{name}={value}" for name, value in _person(site).cookies.items())


def _back(query: str, *lines: str) -> bytes:
    return "\n".join([f"GET /auth/callback?{query}", *lines]).encode() + b"\n\n"


def _proxied() -> tuple[bytes, ...]:
    code = {"grant_type": "authorization_code", "code": "$code", "code_verifier": "a" * 43}
    again = {"grant_type": "refresh_token", "refresh_token": "$refresh", "scope": "read"}
    told = urlencode({"error": "access_denied", "error_description": "no \u2028 <b>"})
    cookies = "cookie: $cookies"
    return (
        f"GET /authorize?{_AUTHORIZE}\n{cookies}\n\n".encode(),
        f"GET /consent?request=$asked\n{cookies}\n\n".encode(),
        _post(
            "/consent",
            {"request": "$asked", "token": "$form", "decision": "approve"},
            cookies,
            "sec-fetch-site: same-origin",
        ),
        _back("state=$state&code=$login", cookies),
        _back(f"state=$state&{told}", cookies),
        _back("state=$state&code=$login&iss=https://a.example", cookies),
        _back("state=$state&code=another", cookies),
        _back("state=$state", cookies),
        _back("state=$state&code=$login"),
        _back("code=a&state=unknown", cookies),
        _post("/token", {**_GRANT, **code, "redirect_uri": hand.CALLBACK}),
        _post("/token", {**_GRANT, **again}),
        _post("/revoke", {**_GRANT, "token": "$access"}),
    )


_PROXY_GROWS: tuple[Callable[[int], bytes], ...] = (
    lambda n: _back("state=" + "a" * n),
    lambda n: _back("state=$state&code=" + "%41" * n, "cookie: $cookies"),
    lambda n: _back("state=$state&error=" + "+" * n, "cookie: $cookies"),
    lambda n: _back("a=b&" * n),
    lambda n: _back("state=$state&code=a", "cookie: $cookies; " + "a=b; " * n),
)

# --- tokens and keys -----------------------------------------------------------------------------

_SECRET = "a secret that everybody knows, and long enough"


@cache
def _verifiers() -> tuple[JWTVerifier, ...]:
    return (
        JWTVerifier(public_key=_pair().public_key, issuer="https://fastmcp.example.com"),
        JWTVerifier(public_key=_SECRET, algorithm="HS256", audience="a"),
    )


def _bearer(data: bytes) -> None:
    for verifier in _verifiers():
        run(verifier.verify_token(data.decode("latin-1")))


_TOKEN = _jwt()


def _signed(claims: dict[str, Any]) -> bytes:
    from joserfc import jwt
    from joserfc.jwk import OctKey

    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(_SECRET)).encode()


def _claims(data: bytes) -> None:
    """Claims that are signed by whom they should be: of another program of the same issuer."""
    from joserfc import jws
    from joserfc.jwk import OctKey

    token = jws.serialize_compact({"alg": "HS256"}, data, OctKey.import_key(_SECRET))
    run(_verifiers()[1].verify_token(token))


_CLAIMS = {
    "iss": "https://fastmcp.example.com",
    "sub": "ada",
    "aud": ["a", "b"],
    "exp": 4102444800,
    "nbf": 1,
    "iat": 1.5,
    "scope": "read write",
    "client_id": "c",
    "cnf": {"x5t": "a"},
}


def _key_set(data: bytes) -> None:
    value = object_in(data)
    signed = read(_TOKEN)
    assert not isinstance(signed, Refusal)
    for algorithm in (None, "RS256", "ES256"):
        verifies(signed, keys_of_set(value, algorithm) or [])


_KEY_SET = {
    "keys": [
        {"kty": "RSA", "n": "q" * 342, "e": "AQAB", "kid": "k", "use": "sig", "alg": "RS256"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "key_ops": ["verify"]},
        {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43},
        {"kty": "oct", "k": "AAAA"},
    ]
}


def _form_of(data: bytes) -> None:
    form_in(data).get("client_id")


# --- what is at a stranger's address -------------------------------------------------------------


class Stranger:
    """A server on this machine that answers everything with the same bytes.

    Attributes:
        url: where it is.
        says: the bytes.
    """

    def __init__(self) -> None:
        self.url = ""
        self.says = b""

    async def start(self) -> None:
        """Listen, where it does not yet."""
        if not self.url:
            listening = await asyncio.start_server(self._answer, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.says)
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


STRANGER = Stranger()


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """An answer of HTTP."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Cache-Control: max-age=60\r\nConnection: close\r\n\r\n" + body


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def _fetched(data: bytes) -> None:
    async def fetch() -> None:
        await STRANGER.start()
        STRANGER.says = data
        fetched = await Fetcher(loopback=True).get_json(f"{STRANGER.url}/{secrets.token_hex(4)}")
        assert fetched.max_age is None or fetched.max_age >= 0

    run(fetch())


class _Here:
    """Fetches what it has."""

    def __init__(self, body: Any) -> None:
        self.json = body
        self.max_age = None

    async def get_json(self, url: str, *, limit: int, seconds: float) -> _Here:
        return self


_DOCUMENT_URL = "https://a.example/client.json"


def _document(data: bytes) -> None:
    value = object_in(data)

    async def find() -> None:
        found = ClientDocuments(_Here(value))
        client = await found.client(_DOCUMENT_URL)
        json.dumps(client.model_dump(mode="json"), allow_nan=False)
        keys_of_set(client.jwks, None)

    run(find())


def _introspection(data: bytes) -> None:
    async def ask() -> None:
        await STRANGER.start()
        STRANGER.says = data
        verifier = IntrospectionTokenVerifier(
            introspection_url=f"{STRANGER.url}/introspect", client_id="a", client_secret="b"
        )
        await verifier.verify_token("a token")

    run(ask())


_INTROSPECTED = {"active": True, "scope": "a b", "exp": 4102444800, "client_id": "c", "sub": "s"}

_GROWS: tuple[Callable[[int], bytes], ...] = (
    lambda n: b"GET /authorize?" + b"a=b&" * n + b"\n\n",
    lambda n: b"GET /authorize?client_id=https://a.example/" + b"./" * n + b"\n\n",
    lambda n: b"GET /consent?request=" + b"A" * n + b"\n\n",
    lambda n: b"GET /consent?request=a\ncookie: " + b"a=b; " * n + b"\n\n",
    lambda n: _post("/token", {"a": ""}) + b"&%61=" * n,
    lambda n: _post("/token", {"a": ""}, "authorization: Basic " + "A" * n),
    lambda n: _json("/register", {"redirect_uris": ["a:" + "b" * n]}),
    lambda n: _json("/register", {"redirect_uris": ["a:b"] * n}),
    lambda n: _json("/register", {**_METADATA, "scope": "a " * n}),
    lambda n: b"POST /mcp\nauthorization: Bearer " + b"a." * n + b"\n\n",
)

READERS = (
    Reader("authorization server", Site(_application, NAMED), _requests(), grows=_GROWS),
    Reader(
        "proxy of an authorization server",
        Proxied(),
        _proxied(),
        words=(b"$state", b"$login", b"error=", b"iss="),
        grows=_PROXY_GROWS,
    ),
    Reader(
        "form",
        _form_of,
        (_AUTHORIZE.encode(), b"a=%C3%A9&resource=b&resource=c"),
        (OAuthError,),
        grows=(lambda n: b"&" * n, lambda n: b"%" * n, lambda n: b"a=" + b"+" * n),
    ),
    Reader(
        "bearer token",
        _bearer,
        (_TOKEN.encode(), _signed(_CLAIMS)),
        grows=(lambda n: b"a" * n + b".a.a", lambda n: b"." * n),
    ),
    Reader("claims of a token", _claims, (seeds.said(_CLAIMS),)),
    Reader(
        "key set",
        _key_set,
        (seeds.said(_KEY_SET),),
        grows=(
            lambda n: seeds.said({"keys": [_KEY_SET["keys"][0]] * (n // 100)}),
            lambda n: seeds.said({"keys": [{"kty": "RSA", "n": "q" * n, "e": "AQAB"}]}),
            lambda n: seeds.said({"keys": [{"kty": "RSA", "n": "q" * 342, "e": "_" * n}]}),
            lambda n: seeds.said({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "A" * n}]}),
        ),
    ),
    Reader(
        "fetched document",
        _fetched,
        (
            answer(b'{"a": 1}'),
            answer(b"{}", "302 Found", "application/problem+json"),
            _CHUNKED + b"Content-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        ),
        (FetchError,),
    ),
    Reader(
        "client document",
        _document,
        (seeds.said({**_METADATA, "client_id": _DOCUMENT_URL}),),
        (ClientDocumentError,),
    ),
    Reader(
        "introspection",
        _introspection,
        (
            answer(seeds.said(_INTROSPECTED)),
            answer(seeds.said({"active": False})),
            answer(b"{}", "401 Unauthorized"),
        ),
        (VerificationUnavailableError,),
    ),
)

"""Clients that are a URL, and those that prove who they are with a key
(draft-ietf-oauth-client-id-metadata-document-00; RFC 7523)."""

from __future__ import annotations

import asyncio
import base64
import gc
import hmac
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from fastmcp.server.auth.fetching import Fetcher, FetchError
from fastmcp.server.auth.oauth.documents import ClientDocuments
from fastmcp.server.auth.oauth.errors import ClientDocumentError
from fastmcp.server.auth.oauth.exchange import Form
from tests.server.auth.oauth.hand import (
    BASE,
    CALLBACK,
    Pkce,
    Reply,
    Site,
    application,
    known,
    provider,
)
from tests.support.asgi import settled

URL = "https://client.example.com/oauth/metadata.json"
KEYS = "https://client.example.com/keys.json"
SIGNED = "private_key_jwt"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Found:
    """What is at a URL."""

    json: Any
    max_age: float | None = None


class Web:
    """A small web of documents, which counts how often each was read."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self.documents = dict(documents)
        self.read: list[str] = []

    async def get_json(self, url: str, *, limit: int, seconds: float) -> Found:
        assert limit <= 64 * 1024
        assert seconds <= 5
        self.read.append(url)
        await asyncio.sleep(0)
        found = self.documents[url]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Found) else Found(found)


def document(**changed: Any) -> dict[str, Any]:
    said = {
        "client_id": URL,
        "client_name": "A client at a URL",
        "redirect_uris": [CALLBACK],
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def site(documents: Mapping[str, Any], **options: Any) -> tuple[Site, Web]:
    web = Web(documents)
    return Site(application(provider(fetcher=web, **options))), web


async def test_the_whole_flow():
    here, web = site({URL: document()})
    asked = await here.authorize(URL, Pkce())
    page = (await here.get(asked.location)).text
    assert "A client at a URL" in page
    assert URL in page
    assert "nobody here has checked it" in page
    tokens = await here.tokens(URL)
    assert (await here.refresh(URL, tokens["refresh_token"])).status == 200
    assert web.read == [URL]  # kept (section 4.4 of the draft)


async def test_many_at_once_read_it_once():
    here, web = site({URL: document()})
    replies = await asyncio.gather(*(here.authorize(URL, Pkce()) for _ in range(20)))
    assert all(reply.status == 303 for reply in replies)
    assert web.read == [URL]


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": URL + "/"},
        {"client_id": URL.upper()},
        {"client_id": "https://other.example.com/metadata.json"},
        {"client_id": None},
        {"client_name": None},
        {"client_name": " "},
        {"client_name": 5},
        {"redirect_uris": None},
        {"redirect_uris": []},
        {"redirect_uris": CALLBACK},
        {"redirect_uris": [CALLBACK, "http://client.example.com/cb"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"client_secret": "known to all"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": ["none"]},
        {"jwks": "no object"},
        {"grant_types": "authorization_code"},
    ],
)
async def test_a_document_that_is_none(changed: dict[str, Any]):
    """Section 4 of the draft; nobody is sent anywhere (OAuth 2.1, 4.1.2.1)."""
    here, _ = site({URL: document(**changed)})
    reply = await here.authorize(URL, Pkce())
    assert reply.status == 400
    assert "location" not in reply.headers


@pytest.mark.parametrize("body", [None, [], "text", 5, [document()]])
async def test_a_document_that_is_no_object(body: Any):
    here, _ = site({URL: Found(body)})
    assert (await here.authorize(URL, Pkce())).status == 400


@pytest.mark.parametrize(
    "url",
    [
        "http://client.example.com/metadata.json",
        "https://client.example.com",
        "https://client.example.com/a/../metadata.json",
        "https://client.example.com/./metadata.json",
        "https://client.example.com/%2e%2e/metadata.json",
        "https://client.example.com/metadata.json#fragment",
        "https://user@client.example.com/metadata.json",
        "https://user:secret@client.example.com/metadata.json",
        "https://client.example.com/meta data.json",
        "https://client.example.com\\metadata.json",
        "https:///metadata.json",
        "https://client.example.com/" + "a" * 2100,
    ],
)
async def test_a_url_that_is_no_id(url: str):
    """Section 3 of the draft: it is not even asked for."""
    here, web = site({url: document(client_id=url)})
    assert (await here.authorize(url, Pkce())).status == 400
    assert web.read == []


async def test_an_answer_to_a_place_that_is_not_in_the_document():
    """2026-07-28, basic/authorization/client-registration: it MUST be."""
    here, _ = site({URL: document()})
    reply = await here.authorize(URL, Pkce(), redirect_uri="https://evil.example/cb")
    assert reply.status == 400


async def test_what_cannot_be_fetched_is_not_asked_for_again_at_once():
    """Section 6 of the draft: this server is no tool to attack others with."""
    here, web = site({})
    for _ in range(5):
        reply = await here.authorize(URL, Pkce())
        assert reply.status == 400
        assert "could not be fetched" in reply.text
        assert "KeyError" not in reply.text
    assert web.read == [URL]


async def test_of_requests_that_failed_for_one_reason_nothing_is_kept():
    """The reason is kept. What was asked with it, a stranger's 64 KiB each time, is not."""
    here, web = site({})
    gc.collect()
    before = {id(one) for one in gc.get_objects() if isinstance(one, Form)}
    for _ in range(3):
        assert (await here.refresh(URL, "a.b")).error == "invalid_client"
    gc.collect()
    assert not [o for o in gc.get_objects() if isinstance(o, Form) and id(o) not in before]
    assert web.read == [URL]


async def test_a_client_whose_server_is_down():
    """A client that was let in is not put out by that; by a document that is gone, it is."""
    web = Web({URL: document()})
    clients = ClientDocuments(web, least=0)
    client = await clients.client(URL)
    web.documents[URL] = FetchError("down", passing=True)
    assert await clients.client(URL) == client
    web.documents[URL] = FetchError("gone")
    with pytest.raises(ClientDocumentError) as gone:
        await clients.client(URL)
    assert not gone.value.passing
    web.documents[URL] = document(client_name="Back again")
    assert (await clients.client(URL)).client_name == "Back again"
    assert web.read == [URL] * 4


async def test_a_client_that_cannot_be_looked_up_now_is_not_told_that_it_is_none():
    """It would throw its tokens away."""
    here, _ = site({URL: FetchError("down", passing=True)})
    reply = await here.refresh(URL, "a.b")
    assert (reply.status, reply.error) == (503, "temporarily_unavailable")


async def test_strangers_do_not_make_it_fetch_without_end():
    """Section 6.5 of the draft: so many at once, and no more."""
    held = asyncio.Event()

    class Slow(Web):
        async def get_json(self, url: str, *, limit: int, seconds: float) -> Found:
            self.read.append(url)
            await held.wait()
            return Found(document(client_id=url))

    web = Slow({})
    clients = ClientDocuments(web)
    urls = [f"https://client.example.com/{n}" for n in range(100)]
    asked = [asyncio.ensure_future(clients.client(url)) for url in urls]
    await settled()
    refused = [one for one in asked if one.done()]
    assert len(web.read) == len(urls) - len(refused) == 64
    held.set()
    assert [one.client_id for one in await asyncio.gather(*asked[:64])] == urls[:64]
    for one in refused:
        assert isinstance(one.exception(), ClientDocumentError)


async def test_strangers_put_no_client_out():
    """One that is known goes on with what was there, while there is no room to look."""
    held = asyncio.Event()

    class Slow(Web):
        async def get_json(self, url: str, *, limit: int, seconds: float) -> Found:
            if url != URL:
                await held.wait()
            return Found(document(client_id=url))

    clients = ClientDocuments(Slow({}), least=0)
    client = await clients.client(URL)
    urls = [f"https://client.example.com/{n}" for n in range(64)]
    asked = [asyncio.ensure_future(clients.client(url)) for url in urls]
    await settled()
    assert await clients.client(URL) == client
    held.set()
    await asyncio.gather(*asked)


async def test_a_server_that_takes_no_urls():
    here, web = site({URL: document()}, enable_cimd=False)
    said = (await here.get("/.well-known/oauth-authorization-server")).json
    assert said["client_id_metadata_document_supported"] is False
    assert (await here.authorize(URL, Pkce())).status == 400
    assert web.read == []


class Signer:
    """A client that proves itself with a key."""

    def __init__(self, site: Site, client_id: str, key: ECKey | RSAKey) -> None:
        self.site, self.client_id, self.key = site, client_id, key

    def assertion(
        self, key: Any = None, alg: str = "ES256", kid: str | None = None, **changed: Any
    ) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": BASE,
            "exp": now + 60,
            "iat": now,
            "jti": f"{time.monotonic_ns()}",
            **changed,
        }
        said = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": alg} if kid is None else {"alg": alg, "kid": kid}
        return jwt.encode(header, said, key or self.key, algorithms=[alg])

    async def token(
        self, code: str, pkce: Pkce, assertion: str | None, client_id: str | None = None
    ) -> Reply:
        return await self.site.token(
            client_id,
            code,
            pkce,
            client_assertion=assertion,
            client_assertion_type=ASSERTION,
        )


def signer(where: str) -> Signer:
    key = ECKey.generate_key("P-256")
    keys = {"keys": [key.as_dict(private=False)]}
    method = {"token_endpoint_auth_method": "private_key_jwt"}
    if where == "document":
        here, _ = site({URL: document(jwks=keys, **method)})
        return Signer(here, URL, key)
    if where == "url":
        here, _ = site({URL: document(jwks_uri=KEYS, **method), KEYS: keys})
        return Signer(here, URL, key)
    here, _ = site({}, clients=[known(jwks=keys, **method)])
    return Signer(here, "known", key)


@pytest.mark.parametrize("where", ["document", "url", "known"])
@pytest.mark.parametrize("audience", [BASE, f"{BASE}/token", [BASE, "https://other.example"]])
async def test_an_assertion(where: str, audience: Any):
    """RFC 7523, 2.2 and 3."""
    one, pkce = signer(where), Pkce()
    code = await one.site.code(one.client_id, pkce)
    reply = await one.token(code, pkce, one.assertion(aud=audience), client_id=one.client_id)
    assert reply.status == 200, reply.text


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": None},
        {"aud": 5},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": 1e300},
        {"exp": 4102444800},
        {"nbf": 4102444800},
        {"sub": "stranger"},
        {"sub": None},
        {"sub": ["known"]},
    ],
)
async def test_an_assertion_that_says_something_else(changed: dict[str, Any]):
    """RFC 7523, 3."""
    one, pkce = signer("known"), Pkce()
    code = await one.site.code(one.client_id, pkce)
    reply = await one.token(code, pkce, one.assertion(**changed))
    assert (reply.status, reply.error) == (401, "invalid_client")


def by_public_key(assertion: str, public: bytes) -> str:
    """What it says, signed with what everybody knows, as if that were a secret."""
    said = b'{"alg":"HS256"}', assertion.split(".")[1]
    head = base64.urlsafe_b64encode(said[0]).rstrip(b"=").decode() + "." + said[1]
    mac = hmac.digest(public, head.encode(), "sha256")
    return head + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


async def test_an_assertion_that_the_client_did_not_sign():
    """RFC 8725, 2.1 and 3.1: `none`, and a public key as a secret; RFC 7523, 3."""
    one, pkce = signer("known"), Pkce()
    code = await one.site.code(one.client_id, pkce)
    none = one.assertion().split(".")
    none[0], none[2] = "eyJhbGciOiJub25lIn0", ""
    for forged in (
        one.assertion(ECKey.generate_key("P-256")),
        by_public_key(one.assertion(), one.key.as_pem(private=False)),
        ".".join(none),
        one.assertion()[:-4] + "AAAA",
        "a.b.c",
        "",
        None,
        "é.é.é",
    ):
        reply = await one.token(code, pkce, forged, client_id="known")
        assert (reply.status, reply.error) == (401, "invalid_client")
    assert (await one.token(code, pkce, one.assertion())).status == 200


async def test_an_assertion_is_good_once():
    """RFC 7523, 3, number 7."""
    one = signer("known")
    for mark in ({}, {"jti": None}):
        pkce = Pkce()
        assertion = one.assertion(**mark)
        code = await one.site.code("known", pkce)
        assert (await one.token(code, pkce, assertion)).status == 200
        pkce = Pkce()
        code = await one.site.code("known", pkce)
        assert (await one.token(code, pkce, assertion)).error == "invalid_client"


async def test_an_assertion_of_one_client_for_another():
    one, pkce = signer("known"), Pkce()
    code = await one.site.code("known", pkce)
    reply = await one.token(code, pkce, one.assertion(), client_id="other")
    assert (reply.status, reply.error) == (400, "invalid_request")
    reply = await one.site.token("known", code, pkce, client_secret="x")
    assert (reply.status, reply.error) == (401, "invalid_client")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",
        "metadata.internal",
        "rebound.example",
    ],
)
async def test_a_url_that_leads_inside(host: str, caplog: pytest.LogCaptureFixture):
    """Section 6.5 of the draft (SSRF), and names that mean an address inside (DNS rebinding): with
    the fetcher that a server has by default, and a resolver that knows such names."""
    asked: list[str] = []

    async def resolve(name: str, port: int) -> list[str]:
        asked.append(name)
        return {"rebound.example": ["93.184.215.14", "127.0.0.1"]}.get(name, ["10.1.2.3"])

    here = Site(application(provider(fetcher=Fetcher(resolve=resolve))))
    url = f"https://{host}/client.json"
    reply = await here.authorize(url, Pkce())
    assert reply.status == 400
    assert "could not be fetched" in reply.text
    assert "not a public one" not in reply.text  # says what is inside, so it is for the log
    assert "not a public one" in caplog.text


async def test_what_names_exist_inside_is_not_told():
    """Section 6.5 of the draft: to a stranger a name that means an address inside and one that does
    not exist are the same."""

    async def resolve(name: str, port: int) -> list[str]:
        if name == "db.internal":
            return ["10.1.2.3"]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    here = Site(application(provider(fetcher=Fetcher(resolve=resolve))))
    there, nowhere = [
        await here.refresh(f"https://{host}/client.json", "a.b")
        for host in ("db.internal", "none.internal")
    ]
    assert (there.status, there.text) == (nowhere.status, nowhere.text)
    assert (there.status, there.error) == (401, "invalid_client")


async def test_keys_that_lead_inside():
    """The same for what a document points to."""
    keys = "https://169.254.169.254/keys.json"

    class Split(Web):
        """A document from the web, and everything else by the fetcher of servers."""

        async def get_json(self, url: str, *, limit: int, seconds: float) -> Any:
            if url == URL:
                return await super().get_json(url, limit=limit, seconds=seconds)
            return await Fetcher().get_json(url, limit=limit, seconds=seconds)

    said = document(jwks_uri=keys, token_endpoint_auth_method="private_key_jwt")
    here = Site(application(provider(fetcher=Split({URL: said}))))
    one, pkce = Signer(here, URL, ECKey.generate_key("P-256")), Pkce()
    reply = await one.token(await here.code(URL, pkce), pkce, one.assertion())
    assert (reply.status, reply.error) == (401, "invalid_client")
    assert "could not be fetched" in reply.text


@pytest.mark.parametrize(
    "keys",
    [None, [], "keys", {"keys": None}, {"keys": [None, 5, {}, {"kty": "oct", "k": "AA"}]}],
)
async def test_keys_that_are_none(keys: Any):
    said = document(jwks_uri=KEYS, token_endpoint_auth_method="private_key_jwt")
    here, _ = site({URL: said, KEYS: Found(keys)})
    one, pkce = Signer(here, URL, ECKey.generate_key("P-256")), Pkce()
    reply = await one.token(await here.code(URL, pkce), pkce, one.assertion())
    assert (reply.status, reply.error) == (401, "invalid_client")


async def test_one_of_several_keys():
    """RFC 7517, 5: a token without a `kid` is tried with each; what is not understood is passed
    over."""
    keys = [ECKey.generate_key("P-256") for _ in range(3)]
    public: list[Any] = [{"kty": "future"}, *(key.as_dict(private=False) for key in keys)]
    here, _ = site(
        {URL: document(jwks={"keys": public}, token_endpoint_auth_method="private_key_jwt")}
    )
    for key in keys:
        one, pkce = Signer(here, URL, key), Pkce()
        assert (await one.token(await here.code(URL, pkce), pkce, one.assertion())).status == 200


async def test_one_of_many_keys():
    """To try each key that a stranger publishes is work that a stranger makes: of many, the
    assertion has to say which (RFC 7515, 4.1.4)."""
    keys = [ECKey.generate_key("P-256", {"kid": f"key {n}"}) for n in range(20)]
    public = [key.as_dict(private=False) for key in keys]
    here, _ = site(
        {URL: document(jwks={"keys": public}, token_endpoint_auth_method="private_key_jwt")}
    )
    one, pkce = Signer(here, URL, keys[-1]), Pkce()
    code = await here.code(URL, pkce)
    reply = await one.token(code, pkce, one.assertion())
    assert (reply.status, reply.error) == (401, "invalid_client")
    assert "kid" in reply.json["error_description"]
    assert (await one.token(code, pkce, one.assertion(kid="key 19"))).status == 200


async def test_a_key_that_is_much_work():
    """FIPS 186-5, 5.4 allows an exponent of up to 256 bits, and the time it takes to verify grows
    with them; nobody's has more than 32."""
    usual = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers()
    p, q, n = usual.p, usual.q, usual.public_numbers.n
    e = 2**255 + 95
    while True:
        try:
            d = pow(e, -1, (p - 1) * (q - 1))
            break
        except ValueError:  # not prime to it
            e += 2
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, n)
    )
    for made, status in ((usual, 200), (numbers, 401)):
        key = RSAKey(made.private_key(), made.private_key())
        public = {"keys": [key.as_dict(private=False)]}
        here, _ = site({}, clients=[known(jwks=public, token_endpoint_auth_method=SIGNED)])
        one, pkce = Signer(here, "known", key), Pkce()
        code = await here.code("known", pkce)
        assert (await one.token(code, pkce, one.assertion(alg="RS256"))).status == status


UNREADABLE = [
    b'{"sub": "\\ud800"}',
    b'{"sub": "known", "jti": "\\ud800"}',
    b'{"sub": "known", "x": ' + b"[" * 600 + b"]" * 600 + b"}",
    b'{"sub": "known", "exp": NaN}',
    b'{"sub": "known", "exp": 1e999}',
    b'{"sub": "known"',
    b'["known"]',
    b"\xff",
]


@pytest.mark.parametrize("payload", UNREADABLE)
async def test_an_assertion_that_cannot_be_read(payload: bytes):
    """RFC 8259, 8.2: half of a surrogate pair is no text; whoever signed it, it is the client's
    fault."""
    one, pkce = signer("known"), Pkce()
    code = await one.site.code("known", pkce)
    token = jws.serialize_compact({"alg": "ES256"}, payload, one.key, algorithms=["ES256"])
    reply = await one.token(code, pkce, token)
    assert (reply.status, reply.error) == (401, "invalid_client")
    assert "cannot be read" in reply.text


@pytest.mark.parametrize(
    "jwks",
    [
        '{"keys": ["\\ud800"]}',
        '{"keys": ' + "[" * 600 + "]" * 600 + "}",
        '{"keys": ' + "[" * 40 + "]" * 40 + "}",
        '{"keys": [NaN]}',
        '{"keys": [1e999]}',
    ],
)
async def test_keys_that_cannot_be_kept(jwks: str):
    """RFC 7591, 3.2.2."""
    here, _ = site({})
    said = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": SIGNED}
    body = json.dumps(said)[:-1] + f', "jwks": {jwks}}}'
    reply = await here.send(
        "POST", "/register", body.encode(), {"content-type": "application/json"}
    )
    assert (reply.status, reply.error) == (400, "invalid_client_metadata")

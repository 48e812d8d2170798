"""What a server can be made to fetch, and what it cannot."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.server.auth.fetching import Fetched, Fetcher, FetchError
from fastmcp.utilities.addresses import is_loopback, is_public, parse_url
from tests.cli.diagnosis.certificates import made
from tests.support.issuer import Issuer
from tests.support.loopback import served
from tests.support.process import free_port, until

pytestmark = pytest.mark.usefixtures("no_leaks")

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # metadata of a cloud
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:0808:0808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2606:4700::1%eth0",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"]
PUBLIC += ["::ffff:8.8.8.8", "64:ff9b::808:808"]


class Names:
    """A resolver in the test's hands.

    Args:
        answers: one after another; the last again and again.
    """

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def issuer() -> AsyncGenerator[Issuer]:
    async with Issuer().running() as running:
        yield running


def port_of(url: str) -> str:
    return url.rpartition(":")[2]


@asynccontextmanager
async def answering(handler: Any) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    async with served(app) as url:
        yield url


# addresses


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public(address: str):
    """RFC 6890 and its registries; RFC 6052, 3.1 and RFC 4291, 2.5.5.2 for IPv4 inside of IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_that_are_public(address: str):
    assert is_public(address)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2000::/3"))
def test_what_is_public_is_global(address: IPv4Address | IPv6Address):
    """The standard library's reading of the registries, which is older and knows fewer."""
    assert not is_public(str(address)) or address.is_global


_PIECES = st.lists(
    st.sampled_from(
        [*"/\\?#@:[].%&,_-~ \t\né。1aZ", "127.0.0.1", "a.example", "::1", ":80", "https://"]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=300)
@given(st.sampled_from(["https://", "http://", "HTTPS://", ""]), _PIECES)
def test_parsers_agree_on_what_is_read(scheme: str, rest: str):
    """Two that differ are how a check is passed and another host is asked."""
    url = parse_url(scheme + rest)
    if url is not None:
        other = urlsplit(scheme + rest)
        assert url.scheme == other.scheme
        assert (url.host or "").lower() == other.hostname
        assert (url.raw_path or "/") == (other.path or "/")
        assert url.port == (other.port or {"https": 443, "http": 80}[url.scheme])


def test_addresses_of_this_machine():
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("10.0.0.1", "0.0.0.0", "::", "localhost", "")))


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_a_name_at_an_address_that_is_not_public(address: str):
    """basic/authorization/security-considerations, "Server-Side Request Forgery"."""
    with pytest.raises(FetchError, match="not a public one"):
        await Fetcher(resolve=Names([address])).get_json("https://client.example/")
    with pytest.raises(FetchError, match="not a public one"):  # one of several is enough
        await Fetcher(resolve=Names(["8.8.8.8", address])).get_json("https://client.example/")


@pytest.mark.parametrize("host", [address for address in NOT_PUBLIC if "%" not in address])
async def test_an_address_in_the_url(host: str):
    """Whatever a resolver says of it."""
    names = Names(["8.8.8.8"])
    shown = f"[{host}]" if ":" in host else host
    with pytest.raises(FetchError, match="not a public one"):
        await Fetcher(resolve=names).get_json(f"https://{shown}/")
    assert names.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "1.2.3",
        "8.8.8.08",
    ],
)
async def test_hosts_that_are_numbers_in_unusual_forms(host: str):
    """RFC 6943, 3.1.1: `inet_aton` reads them as addresses, and others do not."""
    names = Names(["8.8.8.8"])
    with pytest.raises(FetchError, match="unusual form"):
        await Fetcher(resolve=names).get_json(f"https://{host}/")
    assert names.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "client.example",
        "//client.example/",
        "ftp://client.example/",
        "file:///etc/passwd",
        "data:application/json,{}",
        "https:///etc/passwd",
        "https://",
        "https://:443/",
        "https://client.example/#fragment",
        "https://client.example\\@127.0.0.1/",
        "https://client.example/ https://127.0.0.1/",
        "https://client.example/\r\nHost: evil.example",
        "https://client.example\t/",
        "\nhttps://client.example/",
        "https://client.example/\x00",
        "https://cliént.example/",
        "https://127。0。0。1/",
        "https://client.example:port/",
        "https://client.example:99999/",
        "https://[::1/",
        "https://][@",
        "https://[]@client.example/",
        "https://[client.example]/",
        "https://[v1.client.example]/",
        "https://[fe80::1%25eth0]/",
        "https://a%2eexample/",
        "https://client.example/" + "a" * 2048,
    ],
)
async def test_what_is_no_url(url: str):
    """RFC 3986, 2 and 3: what two parsers may read in two ways is not read."""
    names = Names(["127.0.0.1"])
    with pytest.raises(FetchError, match="is no http or https URL"):
        await Fetcher(resolve=names, loopback=True).get_json(url)
    assert names.asked == []


@pytest.mark.parametrize("configured", [True, False])
async def test_no_credentials_in_urls(configured: bool):
    """RFC 3986, 3.2.1; and they are not shown."""
    fetcher = Fetcher(configured=configured)
    for user in ("me:s3cret", "s3cret", ":s3cret", "", ":"):
        url = f"https://{user}@client.example/"
        with pytest.raises(FetchError, match="leave them out") as caught:
            await fetcher.get_json(url)
        assert "s3cret" not in str(caught.value)


async def test_only_https(issuer: Issuer):
    with pytest.raises(FetchError, match="only https"):
        await Fetcher(resolve=Names(["8.8.8.8"])).get_json("http://client.example/")
    own = Fetcher(loopback=True)
    assert (await own.get_json(issuer.jwks_uri)).json == {"keys": []}
    with pytest.raises(FetchError, match="not a public one"):  # http to others, never
        await Fetcher(loopback=True, resolve=Names(["8.8.8.8"])).get_json("http://client.example/")


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (None, False),  # a list without one
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
        (OSError("of an author's own resolver"), True),
    ],
)
async def test_a_name_without_address(error: OSError | None, passing: bool):
    """One that does not exist is no reason to try again; to whom it is told, a name that means an
    address inside is as good as none."""

    async def none(host: str, port: int) -> list[str]:
        if error is not None:
            raise error
        return []

    with pytest.raises(FetchError, match="has no address") as caught:
        await Fetcher(resolve=none).get_json("https://client.example/")
    assert caught.value.passing is passing


async def test_look_ups_that_hang(monkeypatch: pytest.MonkeyPatch):
    """A stranger's name server need not answer, and nothing stops the system's look-up. Some that
    hang hinder nobody, and however many do, who has a fetcher of their own does not wait."""
    held, begun = threading.Event(), threading.Semaphore(0)

    def look_up(host: str, *rest: Any, **more: Any) -> list[Any]:
        if host.endswith(".hangs.example"):
            begun.release()
            held.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    strangers, own = Fetcher(), Fetcher()
    asked: list[asyncio.Future[Fetched]] = []

    async def hang(many: int) -> None:
        for n in range(many):
            url = f"https://{n}.hangs.example/"
            asked.append(asyncio.ensure_future(strangers.get_json(url, seconds=20)))
        await asyncio.to_thread(lambda: [begun.acquire(timeout=10) for _ in range(30)])

    try:
        await hang(30)
        with pytest.raises(FetchError, match="not a public one"):
            await strangers.get_json("https://client.example/")
        await hang(100)
        with pytest.raises(FetchError, match="not a public one"):
            await own.get_json("https://keys.example/")
    finally:
        held.set()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_dns_rebinding(issuer: Issuer):
    """A name that means something else when it is looked up again is not looked up again."""
    port = port_of(issuer.url)

    async def inside(request: web.Request) -> web.Response:
        raise AssertionError("it was asked")

    runner = web.AppRunner(_app(inside))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.2", int(port)).start()
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        fetcher = Fetcher(loopback=True, resolve=names)
        for asked in (1, 2):
            names.answers = [["127.0.0.1"], ["127.0.0.2"]]
            await fetcher.get_json(f"http://rebinding.example:{port}/jwks")
            assert len(names.asked) == asked
        assert issuer.requests[0][0]["Host"] == f"rebinding.example:{port}"
        # And a name that was public the last time is checked again.
        names = Names(["169.254.169.254"])
        with pytest.raises(FetchError, match="not a public one"):
            await Fetcher(resolve=names).get_json("https://rebinding.example/")
    finally:
        await runner.cleanup()


def _app(handler: Any) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    return app


async def test_the_certificate_is_held_against_the_name(tmp_path: Path):
    """RFC 9525, 2: not against the address that the name was pinned to."""
    shown = made(tmp_path, name="client.example")

    async def hello(request: web.Request) -> web.Response:
        return web.json_response({"host": request.host})

    runner = web.AppRunner(_app(hello))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=shown.context).start()
        port = runner.addresses[0][1]
        trusted = ssl.create_default_context(cafile=shown.authority)
        fetcher = Fetcher(loopback=True, resolve=Names(["127.0.0.1"]), tls=trusted)
        fetched = await fetcher.get_json(f"https://client.example:{port}/")
        assert fetched.json == {"host": f"client.example:{port}"}
        with pytest.raises(FetchError, match="certificate"):
            await fetcher.get_json(f"https://other.example:{port}/")
        stranger = Fetcher(loopback=True, resolve=Names(["127.0.0.1"]))
        with pytest.raises(FetchError, match="certificate"):  # nobody vouches for it
            await stranger.get_json(f"https://client.example:{port}/")
    finally:
        await runner.cleanup()


# limits


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(configured: bool, status: int, issuer: Issuer):
    async def away(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": issuer.jwks_uri + "?key=s3cret"})

    async with answering(away) as url:
        fetcher = Fetcher(configured=configured, loopback=not configured)
        with pytest.raises(FetchError, match="redirects are not followed") as caught:
            await fetcher.get_json(url)
    assert issuer.asked == []
    assert issuer.jwks_uri in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
async def test_bodies_have_a_limit(configured: bool, chunked: bool):
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if not chunked:
            response.content_length = 1 << 40
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b"[" * 65536)
        return response

    async with answering(endless) as url:
        fetcher = Fetcher(configured=configured, loopback=not configured)
        with pytest.raises(FetchError, match="more than 65536 bytes"):
            await fetcher.get_json(url)


async def test_the_limit_is_the_last_size_that_is_read(issuer: Issuer):
    fetcher = Fetcher(loopback=True)
    issuer.body = json.dumps("x" * 98).encode()
    assert len((await fetcher.get_json(issuer.jwks_uri, limit=100)).body) == 100
    with pytest.raises(FetchError, match="more than 99 bytes"):
        await fetcher.get_json(issuer.jwks_uri, limit=99)


@pytest.mark.parametrize("configured", [True, False])
async def test_compressed_bodies_are_refused(configured: bool, issuer: Issuer):
    """RFC 9110, 12.5.3: they were not asked for. A small one can be large when it is read."""
    issuer.body = gzip.compress(b" " * 50_000_000)
    assert len(issuer.body) < 65536
    issuer.headers = {"Content-Encoding": "gzip"}
    fetcher = Fetcher(configured=configured, loopback=not configured)
    with pytest.raises(FetchError, match="compressed"):
        await fetcher.get_json(issuer.jwks_uri)
    assert issuer.requests[0][0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("configured", [True, False])
async def test_time_is_for_everything(configured: bool):
    """A server that sends a byte now and then is not waited for."""

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.05)
        return response

    async with answering(slow) as url:
        fetcher = Fetcher(configured=configured, loopback=not configured)
        with pytest.raises(FetchError, match=r"within 0\.3 s") as caught:
            await fetcher.get_json(url, seconds=0.3)
        assert caught.value.passing


async def test_time_is_for_the_name_too():
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(FetchError, match=r"within 0\.1 s"):
        await Fetcher(resolve=never).get_json("https://client.example/", seconds=0.1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"<html>", "JSON"),
        (b"\xff", "JSON"),
        (b"NaN", "JSON"),
        (b"[" * 60_000, "JSON"),
        (b"[" * 33 + b"]" * 33, "32 levels"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "32 levels"),
    ],
)
async def test_json_that_is_none(body: bytes, says: str, issuer: Issuer):
    issuer.body = body
    with pytest.raises(FetchError, match=says):
        await Fetcher(loopback=True).get_json(issuer.jwks_uri)
    issuer.body = b"[" * 32 + b"]" * 32
    await Fetcher(loopback=True).get_json(issuer.jwks_uri)


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/jwk-set+json", True),
        ("application/vnd.example.v1+json", True),
        ("text/html", False),
        ("text/json", False),
        ("application/jsonp", False),
        ("application/json5", False),
        ("text/plain; application/json", False),
    ],
)
async def test_what_a_stranger_names_is_json_by_its_type(kind: str, good: bool, issuer: Issuer):
    issuer.headers = {"Content-Type": kind}
    assert await Fetcher(configured=True).get_json(issuer.jwks_uri)  # some serve files
    if good:
        assert await Fetcher(loopback=True).get_json(issuer.jwks_uri)
        return
    with pytest.raises(FetchError, match="not application/json"):
        await Fetcher(loopback=True).get_json(issuer.jwks_uri)


@pytest.mark.parametrize(
    ("status", "passing"),
    [(201, False), (400, False), (401, False), (404, False), (429, True), (500, True), (503, True)],
)
async def test_statuses(status: int, passing: bool, issuer: Issuer):
    issuer.status = status
    fetcher = Fetcher(loopback=True)
    with pytest.raises(FetchError, match=f"answered {status}") as caught:
        await fetcher.get_json(issuer.jwks_uri)
    assert caught.value.passing is passing
    assert (await fetcher.request("GET", issuer.jwks_uri)).status == status


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "max-age=60"}, 60),
        ({"Cache-Control": 'public, MAX-AGE="60"'}, 60),
        ({"Cache-Control": "max-age=60", "Age": "20"}, 40),
        ({"Cache-Control": "max-age=60", "Age": "100"}, 0),
        ({"Cache-Control": "max-age=60, no-store"}, 0),
        ({"Cache-Control": "no-cache"}, 0),
        ({"Cache-Control": "s-maxage=60"}, None),
        ({"Cache-Control": "x-no-store-x"}, None),
        ({"Cache-Control": "max-age=99999999999"}, 86400),
        ({"Cache-Control": "max-age=-1"}, None),
        ({"Cache-Control": "max-age=" + "9" * 5000}, 86400),
    ],
)
def test_how_long_an_answer_may_be_kept(headers: dict[str, str], seconds: int | None):
    """RFC 9111, 5.2.2."""
    assert Fetched("https://a.example", 200, headers, b"").max_age == seconds


# what goes along


async def test_no_cookies_and_no_credentials_go_along(issuer: Issuer):
    issuer.headers = {"Set-Cookie": "id=1; Path=/"}
    for fetcher in (Fetcher(loopback=True), Fetcher(configured=True)):
        for _ in range(2):
            await fetcher.get_json(issuer.jwks_uri)
    assert len(issuer.requests) == 4
    for headers, body in issuer.requests:
        names = {name.lower() for name in headers} - {"connection"}
        assert names == {"host", "accept", "accept-encoding", "user-agent"}
        assert body == ""


async def test_the_proxy_of_the_environment(issuer: Issuer, monkeypatch: pytest.MonkeyPatch):
    """It looks names up itself: what strangers name does not go through it."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with Issuer().running() as proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await Fetcher(loopback=True).get_json(issuer.jwks_uri)
        assert (issuer.asked, proxy.asked) == (["/jwks"], [])
        await Fetcher(configured=True).get_json("http://issuer.example/jwks")
        assert proxy.asked == ["/jwks"]
        assert proxy.requests[0][0]["Host"] == "issuer.example"


async def test_connections_are_kept_for_what_the_author_configured(issuer: Issuer):
    peers: set[Any] = set()

    async def hello(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.json_response({})

    async with answering(hello) as url:
        fetcher = Fetcher(configured=True)
        for _ in range(3):
            await fetcher.get_json(url)
        assert len(peers) == 1


async def test_posts(issuer: Issuer):
    fetcher = Fetcher(configured=True)
    answer = await fetcher.request(
        "POST", f"{issuer.url}/token", headers={"X-Mine": "1"}, body=b"a=b"
    )
    assert answer.json == {"active": False}
    headers, body = issuer.requests[0]
    assert (headers["X-Mine"], body) == ("1", "a=b")


async def test_a_broken_connection_is_told_from_one_that_never_was(issuer: Issuer):
    issuer.dropping = 1
    fetcher = Fetcher(configured=True)
    with pytest.raises(FetchError, match="did not answer") as caught:
        await fetcher.request("POST", issuer.introspection_url, body=b"token=s3cret")
    assert (caught.value.lost, caught.value.passing) == (True, True)
    with pytest.raises(FetchError, match="did not answer") as caught:
        await fetcher.request("POST", f"http://127.0.0.1:{free_port()}/", body=b"token=s3cret")
    assert (caught.value.lost, caught.value.passing) == (False, True)
    assert "s3cret" not in str(caught.value)


async def test_a_connection_that_broke_is_made_again(issuer: Issuer):
    fetcher = Fetcher(configured=True)
    for times, is_there in ((1, True), (2, False)):
        issuer.dropping, issuer.requests[:] = times, []
        asked = fetcher.request("POST", issuer.introspection_url, body=b"a=b", again=True)
        if is_there:
            assert (await asked).status == 200
        else:
            with pytest.raises(FetchError, match="did not answer"):
                await asked
        assert issuer.dropping == 0


async def test_the_authors_own_client(issuer: Issuer):
    async with httpx.AsyncClient(headers={"X-Mine": "yes"}, follow_redirects=True) as client:
        fetcher = Fetcher(configured=True, http_client=client)
        fetched = await fetcher.get_json(issuer.jwks_uri)
        assert (fetched.json, fetched.status) == ({"keys": []}, 200)
        assert issuer.requests[0][0]["X-Mine"] == "yes"
        issuer.status, issuer.headers = 302, {"Location": issuer.url}
        with pytest.raises(FetchError, match="redirects are not followed"):
            await fetcher.get_json(issuer.jwks_uri)
        with pytest.raises(FetchError, match="ConnectError"):
            await fetcher.get_json(f"http://127.0.0.1:{free_port()}/")
        issuer.open.clear()
        with pytest.raises(FetchError, match="within"):
            await fetcher.get_json(issuer.jwks_uri, seconds=0.1)


def test_arguments_that_do_not_go():
    with pytest.raises(ValueError, match="strangers"):
        Fetcher(http_client=httpx.AsyncClient())
    with pytest.raises(TypeError, match=r"httpx\.AsyncClient, not dict"):
        Fetcher(configured=True, http_client={})


def test_connections_end_with_their_loop():
    """Nobody closes them, and nobody is warned (warnings are errors here)."""

    async def once() -> None:
        async with Issuer().running() as issuer:
            await fetcher.get_json(issuer.jwks_uri)

    fetcher = Fetcher(configured=True)
    for _ in range(2):
        asyncio.run(once())


async def test_connections_end_with_what_holds_them(issuer: Issuer):
    """Also where garbage is collected in a circle."""
    transports: list[asyncio.BaseTransport] = []

    async def hello(request: web.Request) -> web.Response:
        assert request.transport is not None
        transports.append(request.transport)
        return web.json_response({})

    async with answering(hello) as url:
        fetcher: Any = Fetcher(configured=True)
        fetcher.itself = fetcher
        await fetcher.get_json(url)
        assert not transports[0].is_closing()
        del fetcher
        gc.collect()
        await until(transports[0].is_closing, "the connection is closed")

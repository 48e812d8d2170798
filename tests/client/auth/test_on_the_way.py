"""Where credentials meet the transports: streams, time-outs, HTTP+SSE, what nobody waits for, and
the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from fastmcp import Client
from fastmcp.client.auth import (
    BearerAuth,
    Credentials,
    IdentityAssertionOAuthProvider,
    IdentityProviderExchange,
)
from fastmcp.client.errors import AuthorizationFailedError, HttpStatusError
from fastmcp.client.transports import SSETransport, StreamableHttpTransport
from tests.cli.diagnosis.certificates import made
from tests.client.auth.authority import (
    BROWSING,
    Authority,
    Guarded,
    Person,
    authority,
    guarded,
)
from tests.client.site import answer, data, discovered, handshake, initialized, text
from tests.support.locks import ROOT
from tests.support.loopback import served
from tests.support.process import until, without_settings

BROWSER = Path(__file__).with_name("browser.py")


async def test_a_persons_time_is_not_the_servers(mode: str) -> None:
    class Slow(Person):
        async def browse(self, url: str) -> None:
            await asyncio.sleep(0.8)  # what is tested: somebody who takes this long
            await super().browse(url)

    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        if mode == "legacy":
            endpoint.call = handshake(_said)  # type: ignore[method-assign]
        client = Client(endpoint.url, auth=Slow(), mode=mode, timeout=0.4, init_timeout=0.5)
        async with client:
            server.good.clear()
            await client.call_tool("x")
    assert len(server.authorized) == 2


async def _said(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    return answer(message, text("ok"))


async def test_what_nobody_waits_for_disturbs_nobody() -> None:
    """The stream of a session and its end: a person is asked for the sake of a call alone."""
    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        endpoint.call = handshake(_said)  # type: ignore[method-assign]
        streams: list[str | None] = []
        end = asyncio.Event()
        plain = endpoint.get

        async def get(request: web.Request) -> web.StreamResponse:
            if ".well-known" in request.path:
                return await plain(request)
            said = request.headers.get("Authorization", "")
            streams.append(said)
            if said.partition(" ")[2] not in server.good:
                return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await end.wait()
            return response

        endpoint.get = get  # type: ignore[method-assign]
        async with Client(endpoint.url, auth=Person(), mode="legacy") as client:
            await until(lambda: len(streams) == 1, "the stream is open")
            server.good.clear()
            end.set()
            await until(lambda: len(streams) == 3, "the stream was asked for again, and again")
            assert len(server.authorized) == 1
            end.clear()
            await client.call_tool("x")  # and here somebody waits
            assert len(server.authorized) == 2
            await until(lambda: str(streams[-1]).partition(" ")[2] in server.good, "it is back")
            server.good.clear()
            end.set()
    assert len(server.authorized) == 2  # nor for the end of the session
    assert endpoint.site.deletes == 1


async def test_a_subscription_is_asked_for_again_when_a_call_was_let_in() -> None:
    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        listening: list[str] = []
        over = asyncio.Event()

        async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            if message["method"] == "server/discover":
                capabilities = {"tools": {"listChanged": True}}
                return answer(message, {**discovered(), "capabilities": capabilities})
            if message["method"] != "subscriptions/listen":
                return answer(message, text("ok"))
            listening.append(request.headers["Authorization"])
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            said = {"notifications": message["params"]["notifications"]}
            said["_meta"] = {"io.modelcontextprotocol/subscriptionId": message["id"]}
            acknowledged = {
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": said,
            }
            await response.write(data(acknowledged).encode())
            await over.wait()
            return response

        endpoint.call = call  # type: ignore[method-assign]

        async def heard(message: Any) -> None:
            pass

        client = Client(endpoint.url, auth=Person(), message_handler=heard)
        async with client:
            await until(lambda: len(listening) == 1, "the client listens")
            server.good.clear()
            refused = endpoint.refused
            over.set()
            await until(lambda: endpoint.refused >= refused + 2, "it was refused, twice")
            assert len(server.authorized) == 1
            over.clear()
            await client.call_tool("x")
            assert len(server.authorized) == 2
            await until(lambda: len(listening) == 2, "it listens again")
            over.set()


async def test_http_and_sse_has_the_same_credentials() -> None:
    async with (
        authority() as server,
        guarded(server) as endpoint,
        served(_old(endpoint)) as origin,
    ):
        endpoint.site.url = f"{origin}/mcp"
        async with Client(SSETransport(f"{origin}/mcp", auth=Person())) as client:
            await client.call_tool("x")
    assert len(server.authorized) == 1
    assert endpoint.refused == 1


def _old(endpoint: Guarded) -> web.Application:
    """A server of 2024-11-05 that wants a token for its stream and for each message."""
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def let_in(request: web.Request) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token in endpoint.authority.good:
            return True
        endpoint.refused += 1
        return False

    async def get(request: web.Request) -> web.StreamResponse:
        if ".well-known" in request.path:
            return await endpoint.get(request)
        if not let_in(request):
            return web.Response(status=401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"event: endpoint\ndata: /messages\n\n")
        while True:
            message = await heard.get()
            if "id" in message:
                result = initialized() if message["method"] == "initialize" else text("ok")
                said = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                await response.write(f"event: message\ndata: {json.dumps(said)}\n\n".encode())

    async def post(request: web.Request) -> web.StreamResponse:
        if not let_in(request):
            return web.Response(status=401)
        heard.put_nowait(await request.json())
        return web.Response(status=202)

    app = web.Application()
    app.router.add_get("/{tail:.*}", get)
    app.router.add_post("/messages", post)
    return app


class Trusting(Person):
    """With a browser that asks for no certificate."""

    async def browse(self, url: str) -> None:
        async with aiohttp.ClientSession() as http, http.get(url, ssl=False) as response:
            assert response.status == 200


@asynccontextmanager
async def certified(server: Authority, folder: Path) -> AsyncGenerator[str]:
    """The same authorization server with TLS; the path of the authority that certifies it."""
    certificate = made(folder)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    async with served(app, tls=certificate.context) as server.issuer:
        yield str(certificate.authority)
        await asyncio.gather(*BROWSING)


async def test_certificates_are_verified_as_the_servers_are(tmp_path: Path) -> None:
    async with (
        authority() as server,
        guarded(server) as endpoint,
        certified(server, tmp_path) as verify,
    ):
        with pytest.raises(AuthorizationFailedError, match=r"its certificate.*verify="):
            async with Client(endpoint.url, auth=Trusting()):
                pass
        async with Client(endpoint.url, auth=Trusting(), verify=verify) as client:
            await client.call_tool("x")
    assert len(server.authorized) == 1


async def test_of_clients_that_share_credentials_each_verifies_as_it_says(tmp_path: Path) -> None:
    async with (
        authority() as server,
        guarded(server) as endpoint,
        certified(server, tmp_path) as verify,
    ):
        person = Trusting()
        knows = Client(endpoint.url, auth=person, verify=verify)
        careless = Client(endpoint.url, auth=person, verify=False)
        careful = Client(endpoint.url, auth=person)
        with pytest.raises(AuthorizationFailedError, match="its certificate"):
            async with careful:
                pass
        async with knows:
            pass
        server.good.clear()
        with pytest.raises(AuthorizationFailedError, match="its certificate"):
            async with careful:
                pass
        assert server.count("refresh_token") == 0
        async with careless:
            pass
        assert server.count("refresh_token") == 1
        server.good.clear()
        server.lifetime = 0
        async with knows as client:
            await client.call_tool("x")  # renewed before its end as well
        assert server.count("refresh_token") > 2
    assert len(server.authorized) == 1


async def test_the_certificate_of_an_identity_provider(tmp_path: Path) -> None:
    kind = "urn:ietf:params:oauth:token-type:id-jag"

    async def exchange(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        return web.json_response({"access_token": "id.jag", "issued_token_type": kind})

    async with (
        authority(on_token=exchange) as company,
        authority() as server,
        guarded(server) as endpoint,
        certified(company, tmp_path) as authorities,
    ):

        async def use(**given: Any) -> None:
            provider = IdentityProviderExchange(f"{company.issuer}/token", "me", "login", **given)
            auth = IdentityAssertionOAuthProvider(client_id="me", assertion_provider=provider)
            async with Client(endpoint.url, auth=auth):
                pass

        with pytest.raises(AuthorizationFailedError, match="its certificate"):
            await use()
        await use(verify=authorities)
    assert len(company.asked) == 1


async def test_a_refusal_that_asks_for_nothing_stays_one() -> None:
    """A 403 that is no want of scope, and a 401 to a token that is all there is."""
    async with authority() as server, guarded(server) as endpoint:

        async def no(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            if message["method"] == "tools/call":
                return web.Response(status=403, text="not you")
            return await type(endpoint).call(endpoint, request, message)

        endpoint.call = no  # type: ignore[method-assign]
        async with Client(endpoint.url, auth=Person()) as client:
            with pytest.raises(HttpStatusError, match="not you") as caught:
                await client.call_tool("x")
            assert caught.value.status == 403
        assert len(server.authorized) == 1
        with pytest.raises(HttpStatusError, match="401"):
            async with Client(endpoint.url, auth=BearerAuth("worthless")):
                pass
    assert len(server.authorized) == 1


async def test_credentials_of_ones_own() -> None:
    class Counting:
        """Two methods and a third: any object with them will do."""

        def __init__(self) -> None:
            self.value = "wrong"

        def apply(self, headers: Any, method: str, url: Any) -> None:
            headers["Authorization"] = f"Bearer {self.value}"

        async def refused(self, refusal: Any) -> bool:
            if self.value == "right":
                return False
            self.value = "right"
            return True

        def hear(self, nonce: str, url: Any) -> None:
            pass

    async with authority() as server, guarded(server) as endpoint:
        server.good["right"] = ""
        own = Counting()
        assert isinstance(own, Credentials)
        async with Client(endpoint.url, auth=own) as client:
            await client.call_tool("x")
    assert endpoint.tokens[:2] == ["Bearer wrong", "Bearer right"]


async def test_headers_of_the_user_go_before() -> None:
    async with authority() as server, guarded(server) as endpoint:
        server.good["own"] = ""
        person = Person()
        own = {"Authorization": "Bearer own"}
        client = Client(StreamableHttpTransport(endpoint.url, headers=own, auth=person))
        async with client:
            await client.call_tool("x")
    assert person.opened == []
    assert set(endpoint.tokens) == {"Bearer own"}


async def test_one_flow_for_two_clients_of_one_object() -> None:
    async with authority() as server, guarded(server) as endpoint:
        person = Person()
        clients = [Client(endpoint.url, auth=person) for _ in range(3)]

        async def use(client: Client[Any]) -> None:
            async with client:
                await client.call_tool("x")

        await asyncio.gather(*map(use, clients))
    assert len(server.authorized) == 1


async def test_from_one_loop_to_the_next() -> None:
    """`asyncio.run` twice, as scripts do."""
    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        person = Person()

        async def use() -> None:
            async with Client(endpoint.url, auth=person) as client:
                await client.call_tool("x")
            await person.finished()

        await asyncio.to_thread(asyncio.run, use())
        server.good.clear()
        await asyncio.to_thread(asyncio.run, use())
    assert len(server.authorized) == 2


# --- the command line -----------------------------------------------------------------------------


async def fastmcp(home: Path, *words: str, **extra: str) -> tuple[int, str, str]:
    """A command, with a browser that agrees."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fastmcp", *words),
        cwd=ROOT,
        env=without_settings(
            FASTMCP_HOME=str(home), BROWSER=f"{sys.executable} {BROWSER} %s", **extra
        ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_command_asks_once(tmp_path: Path) -> None:
    key = "a2V5LWtleS1rZXkta2V5LWtleS1rZXkta2V5LWtleS0="
    async with authority() as server, guarded(server) as endpoint:
        for _ in range(2):
            code, out, err = await fastmcp(
                *(tmp_path, "list", endpoint.url, "--json", "--auth", "oauth"),
                FASTMCP_OAUTH_ENCRYPTION_KEY=key,
            )
            assert code == 0, err
            assert json.loads(out) == {"tools": []}  # whatever the browser says is elsewhere
            assert not [token for token in server.good if token in out + err]
    assert len(server.authorized) == 1
    folder = tmp_path / "oauth"
    kept = b"".join((folder / name).read_bytes() for name in os.listdir(folder))
    assert b"__encrypted_data__" in kept
    assert b"access-" not in kept


async def test_a_key_that_is_none(tmp_path: Path) -> None:
    code, _, err = await fastmcp(
        *(tmp_path, "list", "http://127.0.0.1:9/mcp", "--auth", "oauth"),
        FASTMCP_OAUTH_ENCRYPTION_KEY="short-secret",
    )
    assert code == 2
    assert "FASTMCP_OAUTH_ENCRYPTION_KEY" in err
    assert "short-secret" not in err


async def test_a_command_without_it_is_told_how(tmp_path: Path) -> None:
    async with authority() as server, guarded(server) as endpoint:
        code, _, err = await fastmcp(tmp_path, "list", endpoint.url)
    assert code == 1
    assert "--auth" in err
    assert server.authorized == []


async def test_a_command_is_told_that_nobody_agreed(tmp_path: Path) -> None:
    said: dict[str, str | None] = {"code": None, "error": "access_denied"}
    async with authority(redirects=said) as server, guarded(server) as endpoint:
        code, _, err = await fastmcp(tmp_path, "list", endpoint.url, "--auth", "oauth")
    assert code == 1
    assert "declined" in err
    assert "Traceback" not in err


def test_the_error_has_a_type_of_its_own() -> None:
    error = AuthorizationFailedError("no")
    assert (error.status, error.reached, error.passing) == (401, False, False)


async def test_a_request_that_is_sent_on_is_the_same_request() -> None:
    """Whoever redirects, and refuses there, has nobody asked again at each step."""
    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        hops = iter(range(100))

        async def on(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            server.good.clear()
            return web.Response(status=307, headers={"Location": f"/mcp?{next(hops)}"})

        endpoint.call = on  # type: ignore[method-assign]
        with pytest.raises(AuthorizationFailedError, match="the very token"):
            async with Client(endpoint.url, auth=Person()):
                pass
    assert len(server.authorized) == 1

"""The authorization code flow: from a 401 to the call, against a server made by hand and with the
real page for the browser's return."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from aiohttp import web

from fastmcp import Client
from fastmcp.client.auth import AuthorizationCodeResult, OAuth
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.utilities.tests import HeadlessOAuth
from tests.client.auth.authority import (
    Authority,
    Guarded,
    Person,
    authority,
    guarded,
    redirect,
    refusal,
)
from tests.support.process import listening, until


async def is_served(port: int) -> bool:
    """Whether something answers, with a page of its own."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/nothing") as response,
    ):
        return response.status == 404


async def test_a_call_is_let_in() -> None:
    async with authority() as server, guarded(server) as endpoint:
        person = Person()
        async with Client(endpoint.url, auth=person) as client:
            assert (await client.call_tool("x")).content[0].text == "ok"  # type: ignore[union-attr]
            await client.call_tool("x")
        await person.finished()
    [query], [document] = server.authorized, server.registered
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert query["client_id"] == "client-1"
    assert query["resource"] == endpoint.url
    assert "scope" not in query
    assert document["application_type"] == "native"
    assert document["redirect_uris"] == [query["redirect_uri"]]
    assert document["grant_types"] == ["authorization_code", "refresh_token"]
    assert document["token_endpoint_auth_method"] == "none"
    [form] = server.asked
    assert form["resource"] == endpoint.url
    assert form["client_id"] == "client-1"
    # Refused once, and then every message has the token.
    assert endpoint.tokens[0] is None
    assert all(str(token).startswith("Bearer access-") for token in endpoint.tokens[1:])
    assert endpoint.refused == 1


async def test_the_page_for_the_person() -> None:
    async with authority() as server, guarded(server) as endpoint:
        person = Person()
        async with Client(endpoint.url, auth=person):
            await person.finished()
            [(status, headers, page)] = person.pages
            assert not listening(person.redirect_port)  # it went with its answer
    assert status == 200
    assert "Authorization succeeded" in page
    assert endpoint.url in page
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_declined_says_so_and_shows_nothing_unescaped() -> None:
    said = {"code": None, "error": "access_denied", "error_description": "<script>no</script>"}
    async with authority(redirects=said) as server, guarded(server) as endpoint:
        person = Person()
        with pytest.raises(AuthorizationFailedError, match="declined") as caught:
            async with Client(endpoint.url, auth=person):
                pass
        await person.finished()
        assert caught.value.oauth_error == "access_denied"
        assert len(server.authorized) == 1  # asked once, and not again by another way
        [(status, _, page)] = person.pages
        assert status == 400
        assert "&lt;script&gt;" in page
        assert "<script>" not in page
        assert not listening(person.redirect_port)
    assert server.asked == []


async def test_nobody_answers() -> None:
    class Away(Person):
        async def browse(self, url: str) -> None:
            pass

    async with authority() as server, guarded(server) as endpoint:
        person = Away(callback_timeout=0.2)
        with pytest.raises(AuthorizationFailedError, match=r"0\.2 seconds"):
            async with Client(endpoint.url, auth=person):
                pass
        assert not listening(person.redirect_port)


async def test_an_answer_with_another_state_changes_nothing() -> None:
    class Interrupted(Person):
        async def browse(self, url: str) -> None:
            back = parse_qs(urlsplit(url).query)["redirect_uri"][0]
            await super().browse(f"{back}?code=stolen&state=guessed")
            await super().browse(f"{back}?code=stolen")
            state = parse_qs(urlsplit(url).query)["state"][0]
            await super().browse(f"{back}?code=stolen&state=guessed&state={state}")
            await super().browse(back.replace("/callback", "/other"))
            async with aiohttp.ClientSession() as http, http.head(back) as response:
                assert response.status == 405
            await super().browse(url)

    async with authority() as server, guarded(server) as endpoint:
        person = Interrupted()
        async with Client(endpoint.url, auth=person) as client:
            await client.call_tool("x")
        await person.finished()
    assert [status for status, _, _ in person.pages] == [400, 400, 400, 404, 200]
    assert [form["code"].startswith("code-") for form in server.asked] == [True]


@pytest.mark.parametrize(
    ("advertised", "iss", "complaint"),
    [
        (True, "https://evil.example", "not from"),
        (True, None, "does not say who answers"),
        (False, "https://evil.example", "not from"),
        (None, "slash", "not from"),
        (True, "upper", "not from"),
        (False, None, None),
        (True, "same", None),
        (None, "same", None),
    ],
)
async def test_who_answers(advertised: bool | None, iss: str | None, complaint: str | None) -> None:
    """RFC 9207, 2.4: the table of the specification, letter by letter."""
    async with authority() as server, guarded(server) as endpoint:
        server.changes["authorization_response_iss_parameter_supported"] = advertised
        forms = {"slash": f"{server.issuer}/", "upper": server.issuer.upper()}
        server.redirects["iss"] = server.issuer if iss == "same" else forms.get(iss or "", iss)
        person = Person()
        client = Client(endpoint.url, auth=person)
        if complaint is None:
            async with client:
                await client.call_tool("x")
        else:
            with pytest.raises(AuthorizationFailedError, match=complaint):
                async with client:
                    pass
            assert server.asked == []  # nobody is shown the code
        await person.finished()


@pytest.mark.parametrize("iss", ["https://evil.example", None])
async def test_of_an_error_from_elsewhere_nothing_is_shown(iss: str | None) -> None:
    """RFC 9207, 2.4, and basic/authorization: not acted on, not displayed."""
    said = {
        "code": None,
        "error": "access_denied",
        "error_description": "call 555",
        "iss": iss,
    }
    async with authority(redirects=said) as server, guarded(server) as endpoint:
        person = Person()
        with pytest.raises(AuthorizationFailedError) as caught:
            async with Client(endpoint.url, auth=person):
                pass
        await person.finished()
    assert caught.value.oauth_error is None
    for shown in (str(caught.value), person.pages[0][2]):
        assert "555" not in shown
        assert "access_denied" not in shown


async def test_a_hundred_calls_that_meet_one_401_start_one_flow() -> None:
    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        person = Person()
        async with Client(endpoint.url, auth=person) as client:
            server.good.clear()  # every token is revoked
            results = await asyncio.gather(*(client.call_tool("x") for _ in range(100)))
        await person.finished()
    assert len(results) == 100
    assert len(server.authorized) == 2
    assert len(server.registered) == 1


async def test_a_hundred_calls_share_one_refresh() -> None:
    async with authority() as server, guarded(server) as endpoint:
        person = Person()
        async with Client(endpoint.url, auth=person) as client:
            server.good.clear()
            await asyncio.gather(*(client.call_tool("x") for _ in range(100)))
        await person.finished()
    assert len(server.authorized) == 1
    assert server.count("refresh_token") == 1


async def test_a_token_is_refreshed_before_its_end() -> None:
    async with authority(lifetime=0) as server, guarded(server) as endpoint:
        person = Person()
        async with Client(endpoint.url, auth=person) as client:
            server.lifetime = 3600
            before = server.count("refresh_token")
            await asyncio.gather(*(client.call_tool("x") for _ in range(20)))
        await person.finished()
    assert len(server.authorized) == 1
    assert server.count("refresh_token") - before == 1  # one for all of them
    assert endpoint.refused == 1  # only the first message of all
    assert len(server.refreshable) == 1


async def test_every_token_is_asked_for_for_this_server() -> None:
    """RFC 8707; "in both authorization requests and token requests"."""
    async with (
        authority() as server,
        guarded(server) as endpoint,
        Client(endpoint.url, auth=Person()) as client,
    ):
        server.good.clear()
        await client.call_tool("x")
    assert server.authorized[0]["resource"] == endpoint.url
    assert [(form["grant_type"], form["resource"]) for form in server.asked] == [
        ("authorization_code", endpoint.url),
        ("refresh_token", endpoint.url),
    ]


async def ends_at_the_person(
    refreshed: Callable[[Authority, Guarded], web.StreamResponse | None],
) -> Authority:
    """A token that was good is refused in the middle: it is refreshed once, which does not help,
    and the person is asked again.

    Args:
        refreshed: what the refresh is answered; None for what the server would say.
    """

    async def answer(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        return refreshed(server, endpoint) if form["grant_type"] == "refresh_token" else None

    person = Person()
    async with authority(on_token=answer) as server, guarded(server) as endpoint:
        async with Client(endpoint.url, auth=person) as client:
            server.good.clear()
            await client.call_tool("x")
        await person.finished()
    assert server.count("refresh_token") == 1
    assert len(server.authorized) == 2
    return server


async def test_a_refreshed_token_that_is_refused_as_well_ends_at_the_person() -> None:
    def worthless(server: Authority, endpoint: Guarded) -> web.StreamResponse:
        said = server.give("")
        del server.good[said["access_token"]]
        return web.json_response(said)

    await ends_at_the_person(worthless)


async def test_a_refresh_that_is_refused_ends_at_the_person() -> None:
    def refused(server: Authority, endpoint: Guarded) -> None:
        server.refreshable.clear()

    server = await ends_at_the_person(refused)
    assert len(server.registered) == 1


async def test_a_refresh_that_gives_the_refused_token_again_ends_at_the_person() -> None:
    """Servers exist that give the same until it is over, revoked or not."""

    def same(server: Authority, endpoint: Guarded) -> web.StreamResponse:
        token = str(endpoint.tokens[-1]).removeprefix("Bearer ")
        return web.json_response({"access_token": token, "token_type": "Bearer"})

    await ends_at_the_person(same)


async def test_scopes_are_those_of_the_challenge() -> None:
    async with (
        authority() as server,
        guarded(server, challenge='scope="a b"', changes={"scopes_supported": ["c"]}) as endpoint,
        Client(endpoint.url, auth=Person()),
    ):
        pass
    assert server.authorized[0]["scope"] == "a b"


@pytest.mark.parametrize("offline", [True, False])
async def test_scopes_are_those_of_the_resource(offline: bool) -> None:
    async with (
        authority() as server,
        guarded(server, changes={"scopes_supported": ["a", "b"]}) as endpoint,
    ):
        server.changes["scopes_supported"] = ["a", "b", "d", *(["offline_access"] * offline)]
        async with Client(endpoint.url, auth=Person()):
            pass
    scopes = server.authorized[0]["scope"].split()
    assert scopes == ["a", "b", *(["offline_access"] * offline)]
    assert (server.authorized[0].get("prompt") == "consent") is offline


async def test_scopes_that_the_user_says_go_first() -> None:
    async with (
        authority() as server,
        guarded(server, challenge='scope="a b"', needs={"tools/call": "b"}) as endpoint,
        Client(endpoint.url, auth=Person(scopes=["a"])) as client,
    ):
        await client.call_tool("x")
    # And what is missing is asked for beside what there is, when it is needed.
    assert [query["scope"] for query in server.authorized] == ["a", "a b"]


async def test_more_scope_is_not_asked_for_without_end() -> None:
    """What was granted and is not enough is not asked for again."""
    async with authority() as server, guarded(server, challenge='scope="a"') as endpoint:

        async def never(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            if message["method"] == "server/discover":
                return await type(endpoint).call(endpoint, request, message)
            wanted = 'Bearer error="insufficient_scope", scope="b"'
            return web.Response(status=403, headers={"WWW-Authenticate": wanted})

        endpoint.call = never  # type: ignore[method-assign]
        async with Client(endpoint.url, auth=Person()) as client:
            for _ in range(3):
                with pytest.raises(AuthorizationFailedError, match="nobody can grant more"):
                    await client.call_tool("x")
    assert [query["scope"] for query in server.authorized] == ["a", "a b"]


async def test_a_server_that_always_wants_more_is_given_up() -> None:
    async with authority() as server, guarded(server) as endpoint:
        wishes = iter(range(100))

        async def more(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            if message["method"] == "server/discover":
                return await type(endpoint).call(endpoint, request, message)
            wanted = f'Bearer error="insufficient_scope", scope="s{next(wishes)}"'
            return web.Response(status=403, headers={"WWW-Authenticate": wanted})

        endpoint.call = more  # type: ignore[method-assign]
        async with Client(endpoint.url, auth=Person()) as client:
            before = len(server.authorized)
            with pytest.raises(AuthorizationFailedError, match="after 3 authorizations"):
                await client.call_tool("x")
    assert len(server.authorized) - before == 3


async def test_a_server_that_refuses_every_token_is_given_up() -> None:
    async with authority() as server, guarded(server) as endpoint:
        original = server.give

        def worthless(scope: str) -> dict[str, Any]:
            said = original(scope)
            server.good.clear()
            return said

        server.give = worthless  # type: ignore[method-assign]
        with pytest.raises(AuthorizationFailedError, match="the very token"):
            async with Client(endpoint.url, auth=Person()):
                pass
    assert len(server.authorized) == 1


async def test_whoever_is_cancelled_leaves_and_the_last_ends_the_flow() -> None:
    class Slow(Person):
        async def browse(self, url: str) -> None:
            pass

    async with authority() as server, guarded(server) as endpoint:
        person = Slow()
        client = Client(endpoint.url, auth=person, mode="2026-07-28")
        async with client:
            one = asyncio.create_task(client.call_tool("x"))
            two = asyncio.create_task(client.call_tool("x"))
            await until(lambda: len(person.opened) == 1 and endpoint.refused == 2, "both wait")
            assert await is_served(person.redirect_port)
            one.cancel()
            await asyncio.wait([one])
            assert await is_served(person.redirect_port)  # for the other
            two.cancel()
            await asyncio.wait([two])
            assert not listening(person.redirect_port)
        assert one.cancelled()
        assert two.cancelled()
    assert len(person.opened) == 1


async def test_a_refresh_is_not_lost_with_the_call_that_began_it() -> None:
    """The server has used the refresh token up: what it gave for it must be heard."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        if form["grant_type"] == "refresh_token":
            arrived.set()
            await go_on.wait()
        return None

    async with authority(on_token=slow) as server, guarded(server) as endpoint:
        async with Client(endpoint.url, auth=Person()) as client:
            server.good.clear()
            call = asyncio.create_task(client.call_tool("x"))
            await arrived.wait()
            call.cancel()
            await asyncio.wait([call])
            go_on.set()
            await client.call_tool("x")
        assert call.cancelled()
    assert server.count("refresh_token") == 1
    assert len(server.authorized) == 1


async def test_an_authorization_server_that_is_away_costs_no_call_anything() -> None:
    """As long as the token is good; and it is asked again, but not by every call."""

    async def away(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        return web.Response(status=502)

    async with authority(lifetime=0) as server, guarded(server) as endpoint:
        async with Client(endpoint.url, auth=Person()) as client:
            server.on_token = away
            before = len(server.asked)
            await asyncio.gather(*(client.call_tool("x") for _ in range(10)))
            for _ in range(10):
                await client.call_tool("x")
        assert len(server.asked) == before + 1
    assert len(server.authorized) == 1


async def test_a_scope_that_is_none_any_more_is_forgotten() -> None:
    async with authority(refreshes=False) as server, guarded(server, challenge='scope="a"') as end:

        async def fewer(request: web.Request, query: dict[str, str]) -> web.StreamResponse | None:
            if "a" not in query["scope"].split():
                return None
            said = {"error": "invalid_scope", "state": query["state"], "iss": server.issuer}
            return redirect(f"{query['redirect_uri']}?{urlencode(said)}")

        async with Client(end.url, auth=Person()) as client:
            server.good.clear()
            server.on_authorize, end.challenge = fewer, 'scope="b"'
            with pytest.raises(AuthorizationFailedError, match="invalid_scope"):
                await client.call_tool("x")
            await client.call_tool("x")
    assert [query["scope"] for query in server.authorized] == ["a", "a b", "b"]


async def test_another_authorization_server_gets_to_know_another_client() -> None:
    """Client credentials are kept per issuer, and shown to no other."""
    async with authority() as first, authority() as second, guarded(first) as endpoint:

        async def named(request: web.Request, document: dict[str, Any]) -> web.StreamResponse:
            return web.json_response({**document, "client_id": "of-the-second"}, status=201)

        second.on_register = named
        person = Person()
        async with Client(endpoint.url, auth=person) as client:
            await client.call_tool("x")
            endpoint.authority = second
            await client.call_tool("x")
            endpoint.authority = first  # and back: what was registered is still known
            first.good.clear()
            await client.call_tool("x")
        await person.finished()
    assert len(first.registered) == len(second.registered) == 1
    assert {query["client_id"] for query in second.authorized} == {"of-the-second"}
    assert {form.get("client_id") for form in second.asked} == {"of-the-second"}
    assert {query["client_id"] for query in first.authorized} == {"client-1"}


async def test_another_authorization_server_sees_nothing_of_the_first() -> None:
    """Not even where the client has the same id at both: each keeps its own tokens and scopes."""
    url = "https://app.example.com/client.json"
    async with (
        authority() as first,
        authority() as second,
        guarded(first, challenge='scope="a"') as endpoint,
    ):
        for each in (first, second):
            each.changes["client_id_metadata_document_supported"] = True
        async with Client(endpoint.url, auth=Person(client_metadata_url=url)) as client:
            endpoint.authority, endpoint.challenge = second, 'scope="b"'
            await client.call_tool("x")
    assert [form["grant_type"] for form in second.asked] == ["authorization_code"]
    assert [query["scope"] for query in second.authorized] == ["b"]


async def test_what_was_registered_beforehand_belongs_to_one_issuer() -> None:
    async with authority() as first, authority() as second, guarded(first) as endpoint:
        for each in (first, second):
            each.changes["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
        person = Person(client_id="known", client_secret="s3cret-of-the-client")
        async with Client(endpoint.url, auth=person) as client:
            await client.call_tool("x")
            endpoint.authority = second
            with pytest.raises(AuthorizationFailedError, match="shown to nobody else"):
                await client.call_tool("x")
        await person.finished()
    assert first.registered == []
    assert first.asked_headers[0]["Authorization"].startswith("Basic ")
    assert second.paths == []


async def test_a_document_is_the_client_where_the_server_reads_such() -> None:
    url = "https://app.example.com/client.json"
    async with authority() as server, guarded(server) as endpoint:
        server.changes["client_id_metadata_document_supported"] = True
        async with Client(endpoint.url, auth=Person(client_metadata_url=url)):
            pass
    assert server.registered == []
    assert server.authorized[0]["client_id"] == url


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.com/c.json",
        "https://app.example.com/",
        "https://a/../c",
        "c",
        "https://[::1/c",
    ],
)
def test_a_document_has_an_address(url: str) -> None:
    with pytest.raises(ValueError, match="client_metadata_url"):
        OAuth(client_metadata_url=url)


async def test_a_registration_that_is_refused_says_why() -> None:
    async def no(request: web.Request, document: dict[str, Any]) -> web.StreamResponse:
        return refusal("invalid_redirect_uri", "only https here")

    async with authority(on_register=no) as server, guarded(server) as endpoint:
        with pytest.raises(AuthorizationFailedError, match="only https here") as caught:
            async with Client(endpoint.url, auth=Person()):
                pass
    assert caught.value.oauth_error == "invalid_redirect_uri"


async def test_a_fixed_port_that_is_taken_says_so() -> None:
    async with authority() as server, guarded(server) as endpoint:
        taken = urlsplit(endpoint.url).port
        with pytest.raises(AuthorizationFailedError, match="callback_port"):
            async with Client(endpoint.url, auth=Person(callback_port=taken)):
                pass
    assert server.authorized == []


@pytest.mark.skipif(not socket.has_ipv6, reason="the browser's other address is of IPv6")
async def test_a_port_that_is_taken_for_the_browsers_other_address_says_so() -> None:
    """Who has it there would be sent the code by a browser that tries IPv6 first."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        taken = other.getsockname()[1]
        async with authority() as server, guarded(server) as endpoint:
            with pytest.raises(AuthorizationFailedError, match="callback_port"):
                async with Client(endpoint.url, auth=Person(callback_port=taken)):
                    pass
    assert server.authorized == []


async def test_secrets_are_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []

    async def tells(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        told.extend(
            form[name] for name in ("code", "code_verifier", "refresh_token") if name in form
        )
        if form["grant_type"] == "refresh_token":
            return refusal("invalid_grant", f"no such token: {form['refresh_token']}")
        return None

    async with authority(on_token=tells) as server, guarded(server) as endpoint:
        person = Person(client_id="known", client_secret="s3cret-of-the-client")
        async with Client(endpoint.url, auth=person) as client:
            server.good.clear()
            await client.call_tool("x")

            async def quotes(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
                told.extend(value for name, value in form.items() if "code" in name)
                return refusal("invalid_grant", " ".join(form.values()))

            server.good.clear()
            server.on_token = quotes
            with pytest.raises(AuthorizationFailedError) as caught:
                await client.call_tool("x")
        await person.finished()
        shown = [str(caught.value), repr(person), repr(person._token), repr(client.transport)]
    hidden = [*told, *server.good, *server.refreshable, "s3cret-of-the-client"]
    assert len(hidden) > 4
    for text in (*shown, caplog.text):
        assert not [secret for secret in hidden if secret in text]


async def test_a_machine_without_a_browser_gets_the_address(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    async with authority() as server, guarded(server) as endpoint:
        with pytest.raises(AuthorizationFailedError, match="Nobody authorized"):
            async with Client(endpoint.url, auth=OAuth(callback_timeout=0.2)):
                pass
        [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert f"{server.issuer}/authorize?" in record.getMessage()


def test_a_browser_that_stays_open_keeps_no_program_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those in a terminal run until the person leaves them."""
    left = threading.Event()
    monkeypatch.setattr("webbrowser.open", lambda url: left.wait(10))

    async def main() -> None:
        async with authority() as server, guarded(server) as endpoint:
            with pytest.raises(AuthorizationFailedError, match="Nobody authorized"):
                async with Client(endpoint.url, auth=OAuth(callback_timeout=0.2)):
                    pass

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 8
    left.set()


async def test_oauth_is_a_word_for_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    browsing = []

    async def browse(url: str) -> None:
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            assert response.status == 200

    def opened(url: str) -> bool:
        browsing.append(asyncio.run_coroutine_threadsafe(browse(url), loop))
        return True

    monkeypatch.setattr("webbrowser.open", opened)
    caplog.set_level(logging.INFO)
    async with authority() as server, guarded(server) as endpoint:
        async with Client(endpoint.url, auth="oauth") as client:
            await client.call_tool("x")
        await asyncio.gather(*map(asyncio.wrap_future, browsing))
    assert len(server.authorized) == 1
    # What a log says of it is of no use to whoever reads it.
    said = [each.getMessage() for each in caplog.records if each.name == "fastmcp.client.auth"]
    assert f"Opening the browser at {server.issuer}/authorize" in said
    assert not [text for text in said if server.authorized[0]["state"] in text]


async def test_handlers_of_users() -> None:
    """FastMCP's users override both, and return what FastMCP's versions want."""

    class Tuple(HeadlessOAuth):
        async def callback_handler(self) -> Any:
            code, state, *_ = await super().callback_handler()
            return code, state

    class Other(HeadlessOAuth):
        async def callback_handler(self) -> Any:
            said: AuthorizationCodeResult = await super().callback_handler()

            class Result:
                code, state, iss = said.code, said.state, said.iss

            return Result()

    for kind in (HeadlessOAuth, Tuple, Other):
        async with authority() as server, guarded(server) as endpoint:
            server.changes["authorization_response_iss_parameter_supported"] = None
            async with Client(endpoint.url, auth=kind(endpoint.url)) as client:
                await client.call_tool("x")
        assert len(server.authorized) == 1


async def test_a_handler_that_forgets_who_answered_is_told_so() -> None:
    class Tuple(HeadlessOAuth):
        async def callback_handler(self) -> Any:
            code, state, *_ = await super().callback_handler()
            return code, state

    async with authority() as server, guarded(server) as endpoint:
        with pytest.raises(
            AuthorizationFailedError, match=r"callback_handler .*\(code, state, iss\)"
        ):
            async with Client(endpoint.url, auth=Tuple(endpoint.url)):
                pass
    assert server.asked == []


async def test_a_forged_state_from_a_handler() -> None:
    class Forged(HeadlessOAuth):
        async def callback_handler(self) -> AuthorizationCodeResult:
            return (await super().callback_handler())._replace(state="another")

    async with authority() as server, guarded(server) as endpoint:
        with pytest.raises(AuthorizationFailedError, match="state"):
            async with Client(endpoint.url, auth=Forged(endpoint.url)):
                pass
    assert server.asked == []


async def test_one_servers_credentials_are_not_anothers() -> None:
    with pytest.raises(ValueError, match="one server's tokens"):
        Client("http://127.0.0.1:9/mcp", auth=OAuth("http://127.0.0.1:8/mcp"))


async def test_nothing_goes_where_a_server_redirects_to() -> None:
    async with authority() as server, guarded(server) as endpoint, guarded(server) as other:

        async def away(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            if message["method"] == "server/discover":
                return await type(endpoint).call(endpoint, request, message)
            return web.Response(status=307, headers={"Location": other.url})

        endpoint.call = away  # type: ignore[method-assign]
        async with Client(endpoint.url, auth=Person()) as client:
            with pytest.raises(Exception, match="401"):
                await client.call_tool("x")
    assert other.tokens == [None]
    assert len(server.authorized) == 1


def test_what_cannot_be() -> None:
    with pytest.raises(NotImplementedError, match="verify="):
        OAuth(httpx_client_factory=lambda: None)
    with pytest.raises(ValueError, match="client_id"):
        OAuth(client_secret="x")
    with pytest.raises(ValueError, match="callback_host"):
        OAuth(callback_host="0.0.0.0")
    with pytest.raises(ValueError, match="credentials of"):
        Client("http://127.0.0.1:9/mcp", auth=object())  # type: ignore[arg-type]

"""Who is let in: tokens, the way to them, and pages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastmcp.protocol.challenges import Challenge, read_challenges
from tests.cli.diagnosis.patient import Asked, Patient, Reply, admitted, diagnosed

IDLE = 0.1
TOKEN = "a-token-that-nobody-may-see"
WELL_KNOWN = "/.well-known/"
PAGE = "https://app.example"


class Guarded(Patient):
    """Wants a token, and shows the way to one: it is its own authorization server."""

    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, asked: Asked) -> Reply:
        if asked.path.startswith(WELL_KNOWN):
            assert "authorization" not in asked.headers
            found = self.documents().get(asked.path.removeprefix(WELL_KNOWN))
            return Reply(404) if found is None else Reply(200, body=json.dumps(found).encode())
        if asked.method != "OPTIONS" and not self.lets_in(asked.headers.get("authorization")):
            return self.refusal(asked)
        return await super().answer(asked)

    def lets_in(self, authorization: str | None) -> bool:
        return authorization == f"Bearer {TOKEN}"

    def refusal(self, asked: Asked) -> Reply:
        return Reply(401, {"WWW-Authenticate": self.challenge()})

    def challenge(self) -> str:
        return f'Bearer scope="a b", resource_metadata="{self.origin()}{WELL_KNOWN}resource"'

    def documents(self) -> dict[str, Any]:
        return {"resource": self.resource(), "oauth-authorization-server": self.server()}

    def resource(self) -> dict[str, Any]:
        return {"resource": self.url, "authorization_servers": [self.origin()]}

    def server(self) -> dict[str, Any]:
        return {
            "issuer": self.origin(),
            "authorization_endpoint": self.origin() + "/authorize",
            "token_endpoint": self.origin() + "/token",
            "code_challenge_methods_supported": ["S256"],
            "client_id_metadata_document_supported": True,
        }


async def test_a_door_in_good_order():
    async with admitted(Guarded()) as patient:
        found = await diagnosed(patient.url, idle=IDLE)
        assert (found.code, found.bad) == (0, set())
        assert found.of("authorization")["status"] == "note"
        assert found.document["authorization_required"] is True
        assert "wants authorization" in found.document["summary"]
        assert "client ID metadata documents" in found.of("authorization-server")["seen"]

        found = await diagnosed(patient.url, idle=IDLE, auth=TOKEN)
        assert (found.code, found.bad) == (0, set())
        assert found.document["versions"]["handshake"]
        assert found.of("authorization")["status"] == "ok"
        assert TOKEN not in json.dumps(found.document)
        assert patient.sessions == set()


class NoChallenge(Guarded):
    """Its metadata lies where clients look without being told."""

    def refusal(self, asked: Asked) -> Reply:
        return Reply(401)

    def documents(self) -> dict[str, Any]:
        return super().documents() | {"oauth-protected-resource/mcp": self.resource()}


class Basic(NoChallenge):
    def refusal(self, asked: Asked) -> Reply:
        return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})


class Unnamed(NoChallenge):
    def refusal(self, asked: Asked) -> Reply:
        return Reply(401, {"WWW-Authenticate": "Bearer"})


class NoMetadata(Guarded):
    def documents(self) -> dict[str, Any]:
        return {}


class OtherResource(Guarded):
    def resource(self) -> dict[str, Any]:
        return super().resource() | {"resource": "https://other.example/mcp"}


class NoServers(Guarded):
    def resource(self) -> dict[str, Any]:
        return {"resource": self.url}


class OddServer(Guarded):
    def resource(self) -> dict[str, Any]:
        return super().resource() | {"authorization_servers": ["not a url"]}


class SilentServer(Guarded):
    def documents(self) -> dict[str, Any]:
        return {"resource": self.resource()}


class OpenIdInPath(Guarded):
    """The last of the three places of an issuer with a path."""

    def resource(self) -> dict[str, Any]:
        return super().resource() | {"authorization_servers": [self.origin() + WELL_KNOWN + "t"]}

    def documents(self) -> dict[str, Any]:
        server = self.server() | {"issuer": self.origin() + WELL_KNOWN + "t"}
        place = "t" + WELL_KNOWN + "openid-configuration"
        return {"resource": self.resource(), place: server}


class OtherIssuer(Guarded):
    def server(self) -> dict[str, Any]:
        return super().server() | {"issuer": self.origin() + "/"}


class NoEndpoints(Guarded):
    def server(self) -> dict[str, Any]:
        return super().server() | {"token_endpoint": None}


class NoPkce(Guarded):
    def server(self) -> dict[str, Any]:
        return super().server() | {"code_challenge_methods_supported": ["plain"]}


class NoRegistration(Guarded):
    def server(self) -> dict[str, Any]:
        return super().server() | {"client_id_metadata_document_supported": False}


class AnyToken(Guarded):
    def lets_in(self, authorization: str | None) -> bool:
        return authorization is not None


class Forbidding(Guarded):
    def refusal(self, asked: Asked) -> Reply:
        return Reply(403)


@pytest.mark.parametrize(
    ("patient", "bad", "said"),
    [
        (NoChallenge, {"challenge"}, "offers nothing"),
        (Basic, {"challenge"}, "offers 'basic'"),
        (NoMetadata, {"resource-metadata"}, "HTTP 404"),
        (OtherResource, {"resource-mismatch"}, "https://other.example/mcp"),
        (NoServers, {"authorization-servers"}, "names no authorization server"),
        (OddServer, {"authorization-server"}, "'not a url'"),
        (SilentServer, {"authorization-server"}, "shows no metadata"),
        (OtherIssuer, {"issuer"}, "says that its issuer is"),
        (NoEndpoints, {"authorization-endpoints"}, "token_endpoint"),
        (NoPkce, {"pkce"}, "S256"),
        (NoRegistration, {"registration"}, "takes no clients"),
        (AnyToken, {"token-unchecked"}, "made up"),
        (Forbidding, {"forbidden"}, "HTTP 403"),
        (OpenIdInPath, set(), ""),
        (Unnamed, set(), ""),
    ],
)
async def test_a_link_of_the_chain_is_broken(patient: type[Guarded], bad: set[str], said: str):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url, idle=IDLE)
    assert found.bad == bad
    for id in bad:
        assert said in found.of(id)["seen"]
        assert found.of(id)["do"]
    if patient is Unnamed:
        assert found.of("challenge-names-nothing")["status"] == "note"


class Echoing(Guarded):
    """Repeats what it was sent, in pieces and with what a terminal would obey."""

    def refusal(self, asked: Asked) -> Reply:
        said = asked.headers.get("authorization", "")
        text = f'Bearer error="invalid_token", error_description="{said[7:]} {said[:25]}"'
        return Reply(401, {"WWW-Authenticate": text})

    def lets_in(self, authorization: str | None) -> bool:
        return False


class Insufficient(Echoing):
    def refusal(self, asked: Asked) -> Reply:
        reply = super().refusal(asked)
        return Reply(403, reply.headers) if "authorization" in asked.headers else reply


async def test_a_token_that_is_refused_is_not_shown():
    for patient, id in ((Echoing, "token-refused"), (Insufficient, "token-insufficient")):
        async with admitted(patient()) as ill:
            found = await diagnosed(ill.url, auth=TOKEN)
        assert found.of(id)["status"] == "problem"
        text = json.dumps(found.document)
        assert "'*** ***'" in text
        assert TOKEN[:12] not in text
        assert found.document["versions"]["handshake"] == []


async def test_a_token_in_the_url():
    async with admitted(Patient()) as patient:
        found = await diagnosed(patient.url + "?access_token=do-not-tell&page=1", idle=IDLE)
        assert found.bad == {"token-in-url"}
        assert "do-not-tell" not in json.dumps(found.document)
        found = await diagnosed(patient.url + "?page=1", idle=IDLE)
        assert found.bad == set()
    assert all("?" in asked.path for asked in patient.asked)


@pytest.mark.parametrize("auth", ["env:DOOR_TOKEN", "${DOOR_TOKEN}", "none"])
async def test_what_lets_in_is_in_the_environment(monkeypatch: pytest.MonkeyPatch, auth: str):
    """As `fastmcp list`, `call` and `bridge` have it."""
    monkeypatch.setenv("DOOR_TOKEN", "a-token-in-a-variable\n")
    monkeypatch.setenv("DOOR_KEY", "a-key-in-a-variable")
    async with admitted(Echoing()) as patient:
        found = await diagnosed(
            patient.url, idle=IDLE, auth=auth, header=["X-Key: v1 ${DOOR_KEY}", "X-Name: Žofie"]
        )
    sent = [asked.headers for asked in patient.asked if "x-key" in asked.headers]
    assert {each["x-key"] for each in sent} == {"v1 a-key-in-a-variable"}
    assert {each["x-name"].encode("latin-1").decode() for each in sent} == {"Žofie"}
    tokens = {each.get("authorization") for each in sent}
    assert ("Bearer a-token-in-a-variable" in tokens) is (auth != "none")
    assert "-in-a-variable" not in json.dumps(found.document)


async def test_a_token_that_is_not_wanted():
    async with admitted(Patient()) as patient:
        found = await diagnosed(patient.url, idle=IDLE, header=["X-Api-Key: something"])
    assert found.of("authorization-unused")["status"] == "note"
    assert found.bad == set()


class OutOfOrder(Patient):
    """Lets nobody in, and says so in no way that is known."""

    async def answer(self, asked: Asked) -> Reply:
        return Reply(500)


@pytest.mark.parametrize("header", ["X-Api-Key: something", "X-Tenant: someone"])
async def test_errors_are_no_open_door(header: str):
    async with admitted(OutOfOrder()) as patient:
        found = await diagnosed(patient.url, idle=IDLE, header=[header])
    assert "authorization-unused" not in found.statuses()


async def test_a_header_that_is_no_token():
    async with admitted(Patient()) as patient:
        found = await diagnosed(patient.url, idle=IDLE, header=["X-Tenant: someone"])
    assert "authorization-unused" not in found.statuses()


class Echo(Patient):
    """Repeats what it is sent."""

    async def answer(self, asked: Asked) -> Reply:
        return self.error(asked, -32600, f"for {asked.headers.get('x-customer')}", 400)


async def test_any_header_may_be_a_secret():
    header = ["X-Customer: do-not-show-this", "Accept-Language: de-CH-1996"]
    async with admitted(Echo()) as patient:
        found = await diagnosed(patient.url, idle=IDLE, header=header)
    assert any("x-customer" in asked.headers for asked in patient.asked)
    assert "do-not-show" not in json.dumps(found.document)


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", []),
        ("Bearer", [Challenge("bearer", {})]),
        ('Bearer realm="a, b", error=c', [Challenge("bearer", {"realm": "a, b", "error": "c"})]),
        (
            r'Basic realm="x", Bearer a="b\"c"',
            [Challenge("basic", {"realm": "x"}), Challenge("bearer", {"a": 'b"c'})],
        ),
        ("Negotiate abc==, Bearer", [Challenge("negotiate", {}), Challenge("bearer", {})]),
        ('Bearer a="never ends', [Challenge("bearer", {})]),
        ("=,=,\x00", []),
        ('Bearer a="' + "\\" * 9000, [Challenge("bearer", {})]),
    ],
)
def test_challenges(header: str, challenges: list[Challenge]):
    assert read_challenges(header) == challenges


# --- pages -------------------------------------------------------------------------------------


class Friendly(Patient):
    """Lets the pages of one origin in."""

    allowed = "content-type, authorization, mcp-protocol-version, mcp-session-id, mcp-method, "
    allowed += "mcp-name, last-event-id"
    methods = "GET, POST, DELETE"
    exposed = "Mcp-Session-Id, WWW-Authenticate"
    status = 204

    async def answer(self, asked: Asked) -> Reply:
        reply = await super().answer(asked)
        if asked.headers.get("origin") == PAGE and asked.method != "OPTIONS":
            reply.headers |= self.on_answers()
        return reply

    def on_answers(self) -> dict[str, str]:
        return {
            "Access-Control-Allow-Origin": PAGE,
            "Access-Control-Expose-Headers": self.exposed,
        }

    async def options(self, asked: Asked) -> Reply:
        if asked.headers["origin"] != PAGE:
            return Reply(400)
        assert asked.headers["access-control-request-method"] == "POST"
        return Reply(
            self.status,
            {
                "Access-Control-Allow-Origin": PAGE,
                "Access-Control-Allow-Headers": self.allowed,
                "Access-Control-Allow-Methods": self.methods,
            },
        )


class Unfriendly(Friendly):
    async def options(self, asked: Asked) -> Reply:
        return Reply(204)


class Locked(Friendly):
    async def options(self, asked: Asked) -> Reply:
        return Reply(401)


class Failing(Friendly):
    status = 404


class FewHeaders(Friendly):
    allowed = "content-type"


class NoAuthorization(Friendly):
    """A star does not stand for this one (Fetch Standard, "CORS protocol")."""

    allowed = "*"


class FewMethods(Friendly):
    methods = "GET, POST"


class NothingOnAnswers(Friendly):
    def on_answers(self) -> dict[str, str]:
        return {}


class NothingExposed(Friendly):
    exposed = "X-Other"


class Star(Friendly):
    exposed = "*"


class StarWithCookies(Star):
    """With credentials a star is only a star."""

    def on_answers(self) -> dict[str, str]:
        return super().on_answers() | {"Access-Control-Allow-Credentials": "true"}


@pytest.mark.parametrize(
    ("patient", "bad", "said"),
    [
        (Friendly, set(), ""),
        (Star, set(), ""),
        (Unfriendly, {"cors"}, "lets nobody in"),
        (Locked, {"cors-preflight"}, "HTTP 401"),
        (Failing, {"cors-preflight"}, "HTTP 404"),
        (FewHeaders, {"cors-headers"}, "mcp-protocol-version"),
        (NoAuthorization, {"cors-headers"}, "may not send authorization"),
        (NothingOnAnswers, {"cors-answer"}, "no Access-Control-Allow-Origin"),
        (NothingExposed, {"cors-exposed"}, "Mcp-Session-Id"),
        (StarWithCookies, {"cors-exposed"}, "Mcp-Session-Id"),
        (FewMethods, set(), ""),
    ],
)
async def test_pages(patient: type[Friendly], bad: set[str], said: str):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url, idle=IDLE, origin=PAGE + "/")
    assert found.bad == bad
    for id in bad:
        assert said in found.of(id)["seen"]
        assert f'cors_origins=["{PAGE}"]' in found.of(id)["do"]
        return
    assert found.of("cors")["status"] == "ok"
    if patient is FewMethods:
        assert found.of("cors-methods")["status"] == "note"


async def test_other_pages_are_not_looked_at_unless_named():
    async with admitted(Friendly()) as patient:
        found = await diagnosed(patient.url, idle=IDLE)
        assert not [id for id in found.statuses() if id.startswith("cors")]
        found = await diagnosed(patient.url, idle=IDLE, origin="https://other.example")
        assert found.bad == {"cors-preflight"} or found.bad == {"cors"}
    assert all(asked.method != "OPTIONS" for asked in patient.asked[:20])


class GuardedAndFriendly(Guarded, Friendly):
    def refusal(self, asked: Asked) -> Reply:
        reply = super().refusal(asked)
        reply.headers |= self.on_answers() if "origin" in asked.headers else {}
        return reply


class GuardedAndHidden(GuardedAndFriendly):
    exposed = "Mcp-Session-Id"


async def test_a_page_must_see_the_challenge():
    async with admitted(GuardedAndFriendly()) as patient:
        assert (await diagnosed(patient.url, idle=IDLE, origin=PAGE)).bad == set()
    async with admitted(GuardedAndHidden()) as patient:
        found = await diagnosed(patient.url, idle=IDLE, origin=PAGE)
    assert "WWW-Authenticate" in found.of("cors-exposed")["seen"]


async def test_an_encrypted_page_and_a_server_that_is_not(monkeypatch: pytest.MonkeyPatch):
    class Proxied(Friendly):
        async def answer(self, asked: Asked) -> Reply:
            asked.path = "/mcp"
            return await super().answer(asked)

    async with admitted(Proxied()) as patient:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{patient.port}")
        found = await diagnosed("http://mcp.invalid/mcp", idle=IDLE, origin=PAGE)
    assert found.bad == {"certificate-none", "cors-mixed"}

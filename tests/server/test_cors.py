"""CORS: which pages of other origins can read what the server says, refusals included."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.middleware import Middleware as ASGIMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from fastmcp import FastMCP
from fastmcp.settings import Settings, get_settings
from tests.support.asgi import STATELESS, Live, Peer
from tests.support.browser import page, talk
from tests.support.locks import ROOT
from tests.support.process import serve

ORIGIN = "http://localhost:6274"
APP = "https://app.example"
STRANGER = "https://stranger.example"
ASKED = (
    "authorization,content-type,last-event-id,mcp-method,mcp-name,mcp-param-region,"
    "mcp-protocol-version,mcp-session-id"
)
FASTMCP = Path(sys.executable).with_name("fastmcp")


class Gate(BaseHTTPMiddleware):
    """Stands for an authorization of the user's own, before the server."""

    async def dispatch(self, request: Request, call_next: Any) -> Any:
        status = request.headers.get("x-refuse")
        if status is None:
            return await call_next(request)
        return PlainTextResponse("no", int(status), {"www-authenticate": "Bearer"})


def build(gate: bool = False, **options: Any) -> Any:
    mcp = FastMCP("cors")

    @mcp.tool
    def hello(name: str) -> str:
        return f"Hello, {name}!"

    @mcp.custom_route("/broken", methods=["GET"])
    async def broken(request: Request) -> JSONResponse:
        raise RuntimeError("on purpose")

    middleware = [ASGIMiddleware(Gate)] if gate else None
    return mcp.http_app(middleware=middleware, **options)


def preflight(app: Any, origin: str, **headers: str) -> Live:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": ASKED,
    }
    return Peer(app).send("OPTIONS", headers={**asked, **headers})


def words(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


@pytest.mark.parametrize("gate", [False, True], ids=["bare", "with middleware"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_t17_a_preflight_needs_no_session_and_no_token(gate: bool, method: str):
    app = build(gate, cors_origins=[ORIGIN])
    live = await preflight(
        app, ORIGIN, **{"access-control-request-method": method, "x-refuse": "401"}
    ).done()
    assert live.status == 200
    headers = live.headers
    assert headers["access-control-allow-origin"] == ORIGIN
    assert words(headers["access-control-allow-methods"]) == {"get", "post", "delete", "options"}
    assert words(headers["access-control-allow-headers"]) == words(ASKED)
    assert int(headers["access-control-max-age"]) >= 600
    assert "access-control-allow-credentials" not in headers
    live = await preflight(app, STRANGER).done()
    assert live.status == 400
    assert "access-control-allow-origin" not in live.headers


REFUSALS: dict[str, tuple[int, str, str, dict[str, str], bytes]] = {
    "unknown session": (404, "GET", "/mcp", {"mcp-session-id": "x"}, b""),
    "no such path": (404, "GET", "/nowhere", {}, b""),
    "no such method": (405, "PUT", "/mcp", {}, b""),
    "too large": (413, "POST", "/mcp", {}, b" " * 2000),
    "foreign host": (421, "POST", "/mcp", {"host": "elsewhere.example"}, b""),
}


@pytest.mark.parametrize(
    ("case", "gate"), [(case, gate) for case in REFUSALS for gate in (False, True)]
)
async def test_t17_every_refusal_can_be_read(
    case: str, gate: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(get_settings(), "http_max_body_bytes", 1000)
    await refused(build(gate, cors_origins=[ORIGIN]), *REFUSALS[case])


@pytest.mark.parametrize("status", [401, 403])
async def test_t17_what_middleware_refuses_can_be_read(status: int):
    headers = {"x-refuse": str(status)}
    await refused(build(gate=True, cors_origins=[ORIGIN]), status, "POST", "/mcp", headers, b"")


async def refused(
    app: Any, status: int, verb: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    """A page of ORIGIN can read the refusal, one of STRANGER cannot."""
    headers = {"accept": "text/event-stream", **headers}
    live = await Peer(app).send(verb, body, {**headers, "origin": ORIGIN}, path=path).done()
    assert live.status == status
    assert live.headers["access-control-allow-origin"] == ORIGIN
    assert words(live.headers["access-control-expose-headers"]) >= {
        "mcp-session-id",
        "www-authenticate",
        "retry-after",
    }
    assert "origin" in words(live.headers["vary"])
    live = await Peer(app).send(verb, body, {**headers, "origin": STRANGER}, path=path).done()
    assert "access-control-allow-origin" not in live.headers


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_t17_answers_can_be_read(version: str):
    peer = Peer(build(cors_origins=[ORIGIN]), version, headers={"origin": ORIGIN})
    await peer.open()
    live = await peer.call("hello", {"name": "you"})
    assert (live.status, live.text) == (200, "Hello, you!")
    assert live.headers["access-control-allow-origin"] == ORIGIN


async def test_t17_a_server_that_could_not_start_can_be_read():
    async def lifespan(server: Any) -> Any:
        raise RuntimeError("on purpose")
        yield {}

    app = FastMCP("broken", lifespan=lifespan).http_app(cors_origins=[ORIGIN])
    live = await Peer(app).send("POST", headers={"origin": ORIGIN}).done()
    assert live.status == 503
    assert live.headers["access-control-allow-origin"] == ORIGIN


async def test_t17_an_error_page_can_be_read():
    """Starlette answers what a route raises, and raises it again for the log of the server."""
    app = build(cors_origins=[ORIGIN])
    live = Peer(app).send("GET", headers={"origin": ORIGIN}, path="/broken")
    with pytest.raises(RuntimeError, match="on purpose"):
        await live.done()
    assert live.status == 500
    assert live.headers["access-control-allow-origin"] == ORIGIN


# which origins


@pytest.mark.parametrize(
    ("origins", "origin", "answer"),
    [
        ([APP], APP, APP),
        ([APP + "/"], APP, APP),
        ([APP.upper()], APP, APP),
        ([APP], "https://app.example.evil", None),
        ([APP], "https://appxexample", None),
        ([APP, ORIGIN], ORIGIN, ORIGIN),
        (["https://*.example"], APP, APP),
        (["https://*.example"], "http://app.example", None),
        (["http://[2001:db8::1]:3000"], "http://[2001:db8::1]:3000", "http://[2001:db8::1]:3000"),
        (["chrome-extension://abc"], "chrome-extension://abc", "chrome-extension://abc"),
        (["*"], STRANGER, "*"),
        (["null"], "null", "null"),
        ([], APP, None),
    ],
)
@pytest.mark.parametrize("strict", [True, "auto"])
async def test_t17_cors_and_the_guard_agree(
    origins: list[str], origin: str, answer: str | None, strict: Any
):
    app = build(cors_origins=origins, host_origin_protection=strict)
    peer = Peer(app, STATELESS, headers={"origin": origin})
    live = await peer.call("hello", {"name": "you"}, valid=False)
    assert live.headers.get("access-control-allow-origin") == answer
    assert live.status == (403 if answer is None else 200)
    if answer is None:
        assert "FASTMCP_HTTP_CORS_ORIGINS" in live.error["message"]


@pytest.mark.parametrize(("origin", "status"), [(APP, 200), (STRANGER, 403), (ORIGIN, 421)])
async def test_t17_a_page_that_is_let_in_by_name_passes_a_proxy_on_this_machine(
    origin: str, status: int
):
    """The proxy keeps the public Host. Other local pages prove nothing by their origin."""
    headers = {"origin": origin, "host": "mcp.example", "x-forwarded-proto": "https"}
    peer = Peer(build(cors_origins=[APP]), STATELESS, headers=headers)
    assert (await peer.call("hello", {"name": "you"}, valid=False)).status == status


async def test_cors_origins_do_not_switch_the_guard_on():
    headers = {"host": "mcp.example", "origin": APP}
    send = Peer(build(cors_origins=[APP])).send
    for server, status in ((("10.0.0.1", 80), 415), (("127.0.0.1", 80), 421)):
        assert (await send("POST", headers=headers, server=server).done()).status == status


async def test_without_cors_origins_there_are_no_cors_headers():
    live = await Peer(build(), headers={"origin": ORIGIN}).send("POST", b"{}").done()
    assert not [name for name in live.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origin", ["*", "https://*", "http://*:3000"])
def test_t17_credentials_are_not_for_everyone(origin: str):
    with pytest.raises(ValueError, match="every site"):
        build(cors_origins=[APP, origin], cors_credentials=True)


async def test_credentials():
    app = build(cors_origins=["https://*.example"], cors_credentials=True)
    live = await preflight(app, APP).done()
    assert live.headers["access-control-allow-credentials"] == "true"
    assert live.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "origin", ["localhost:3000", "app.example", "https://app.example/path", "", "https://"]
)
def test_what_is_no_origin_is_named(origin: str):
    with pytest.raises(ValueError, match=re.escape(f"{origin!r} is not an origin")):
        build(cors_origins=[origin])


def test_the_setting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FASTMCP_HTTP_CORS_ORIGINS", f"{ORIGIN}, {APP}")
    assert Settings().http_cors_origins == [ORIGIN, APP]


# in a browser


@pytest.mark.timeout(120)  # the first run fetches and unpacks the browser
def test_t17_a_page_in_a_browser():
    with page() as origin:
        env = {**os.environ, "FASTMCP_HTTP_CORS_ORIGINS": origin}

        def command(port: int) -> list[str | Path]:
            file = ROOT / "examples" / "quickstart.py"
            return [FASTMCP, "run", file, "--transport", "http", "--port", str(port)]

        with serve(command, env=env) as server:
            other = origin.replace("localhost", "127.0.0.1")
            pages = [(origin, "handshake"), (origin, "stateless"), (other, "handshake")]
            handshake, stateless, foreign = talk(server.url, *pages)
    for seen, statuses in ((handshake, [200, 202, 200, 200]), (stateless, [200])):
        assert seen.get("said") == "Hello, world!", seen
        assert seen["statuses"] == statuses
    assert (foreign["statuses"], foreign["error"]) == ([], "TypeError: Failed to fetch")

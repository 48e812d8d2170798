"""The guard against DNS rebinding: who is let through, and what the others are told."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider, StaticTokenVerifier
from fastmcp.server.transports.security import (
    HostOriginGuard,
    HostOriginGuardMiddleware,
    guard_mode,
)
from tests.server.transports.conftest import Stage
from tests.support.asgi import STATELESS, Live, Peer, http_scope
from tests.support.curl import Reply, curl
from tests.support.process import script, serve

LOOPBACK = ("127.0.0.1", 8000)
PUBLIC = ("0.0.0.0", 8000)


def refusal(
    headers: dict[str, str], server: Any = LOOPBACK, repeat: int = 1, **options: Any
) -> int | None:
    guard = HostOriginGuard(**options)
    scope = http_scope("POST", "/mcp", [], server=server)
    raw = {k.encode(): v.encode() for k, v in headers.items()}
    answers = {guard.refusal(scope, raw) for _ in range(repeat)}
    assert len(answers) == 1
    [answer] = answers
    return answer[0] if answer is not None else None


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", None),
        ("localhost", None),
        ("LOCALHOST:1", None),
        ("[::1]:8000", None),
        ("[::1]", None),
        ("::1", None),
        ("evil.example", 421),
        ("evil.example:8000", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost:80:evil", 421),
        ("[::1", 421),
        ("*", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_t18_hosts_on_loopback(host: str, status: int | None, mode: Any):
    assert refusal({"host": host}, repeat=2, mode=mode) == status


@pytest.mark.parametrize("name", ["host", "origin"])
def test_a_refusal_quotes_no_more_than_tells_which_it_was(name: str):
    scope = http_scope("POST", "/mcp", [], server=LOOPBACK)
    headers = {b"host": b"localhost", name.encode(): b"https://" + b"x" * 9_000}
    refused = HostOriginGuard().refusal(scope, headers)
    assert refused is not None
    assert len(refused[1]) < 500


def test_no_host_at_all():
    assert refusal({}) == 421


@pytest.mark.parametrize("server", [LOOPBACK, ["127.0.0.1", 1], ("::1", 1), ("localhost", 1)])
def test_loopback_in_every_spelling(server: Any):
    assert refusal({"host": "evil.example"}, server) == 421


@pytest.mark.parametrize(
    "server", [PUBLIC, ("10.0.0.1", 1), ("testserver", 80), None, ("/s", None)]
)
def test_t18_elsewhere_it_acts_only_when_told(server: Any):
    assert refusal({"host": "any.example"}, server) is None
    assert refusal({"host": "any.example"}, server, mode="strict") == 421
    assert refusal({"host": "any.example"}, server, allowed_hosts=["my.example"]) == 421
    assert refusal({"host": "my.example:1"}, server, allowed_hosts=["my.example"]) is None


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:6274", None),
        ("http://127.0.0.1", None),
        ("https://[::1]:1", None),
        ("null", 403),
        ("", 403),
        ("http://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("http://localhost@evil.example", 403),
        ("file://localhost", 403),
        ("http://[", 403),
        ("localhost", 403),
    ],
)
def test_t18_origins(origin: str, status: int | None):
    assert refusal({"host": "localhost", "origin": origin}, repeat=2) == status


def test_lists_and_wildcards():
    options: dict[str, Any] = {
        "allowed_hosts": ["*.my.example", "one.example:8443"],
        "allowed_origins": ["https://app.example/", "https://*.my.example"],
    }
    for host, status in [
        ("a.my.example", None),
        ("a.my.example:1", None),
        ("my.example", 421),
        ("one.example:8443", None),
        ("one.example", 421),
    ]:
        assert refusal({"host": host}, **options) == status
    for origin, status in [
        ("https://app.example", None),
        ("HTTPS://APP.EXAMPLE", None),
        ("http://app.example", 403),
        ("https://b.my.example", None),
        ("https://evil.example", 403),
    ]:
        assert refusal({"host": "localhost", "origin": origin}, **options) == status
    assert refusal({"host": "any", "origin": "http://any"}, allowed_hosts=["*"]) is None


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-forwarded-host"])
def test_t18_a_proxy_on_this_machine(header: str):
    proxied = {"host": "public.example", header: "x"}
    assert refusal(proxied) is None
    assert refusal({**proxied, "origin": "http://evil.example"}) == 403
    assert refusal({**proxied, "origin": "http://localhost"}) == 421
    assert refusal(proxied, mode="strict") == 421


def test_a_proxied_request_opens_no_door_for_others():
    guard = HostOriginGuard()
    scope = http_scope("POST", "/mcp", [])
    assert guard.refusal(scope, {b"host": b"evil.example", b"forwarded": b"x"}) is None
    assert guard.refusal(scope, {b"host": b"evil.example"}) is not None


def test_what_it_remembers_is_bounded():
    guard = HostOriginGuard(allowed_hosts=["*.my.example"])
    scope = http_scope("POST", "/mcp", [])
    for number in range(5000):
        assert guard.refusal(scope, {b"host": b"%d.my.example" % number}) is None
    assert len(guard._passed) <= 1024


def test_modes():
    assert guard_mode(True) == "strict"
    assert guard_mode(False) is None
    assert guard_mode("auto") == "auto"
    with pytest.raises(ValueError, match="'sometimes'"):
        guard_mode("sometimes")


# through the application


async def post(app: Any, **headers: str) -> Live:
    peer = Peer(app, "2026-07-28", headers=headers)
    return await peer.call("add", {"a": 1, "b": 2}, valid=False)


async def test_t18_the_endpoint_is_guarded(stage: Stage):
    app = stage.mcp.http_app()
    live = await post(app, host="evil.example")
    assert live.status == 421
    assert live.error["code"] == -32600
    assert "id" not in live.response
    assert "FASTMCP_HTTP_ALLOWED_HOSTS" in live.error["message"]
    live = await post(app, origin="https://evil.example")
    assert live.status == 403
    assert "FASTMCP_HTTP_ALLOWED_ORIGINS" in live.error["message"]
    assert (await post(app)).text == "3"


@pytest.mark.parametrize(
    ("headers", "status", "settings"),
    [
        ({"host": "mcp.example"}, 421, ["FASTMCP_HTTP_ALLOWED_HOSTS"]),
        (
            {"origin": "https://app.example"},
            403,
            ["FASTMCP_HTTP_CORS_ORIGINS", "FASTMCP_HTTP_ALLOWED_ORIGINS"],
        ),
    ],
)
async def test_t18_a_refusal_names_the_setting_to_its_client_and_in_one_line_of_the_log(
    stage: Stage,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    status: int,
    settings: list[str],
):
    with caplog.at_level(logging.DEBUG, "fastmcp"):
        live = await post(stage.mcp.http_app(), **headers)
    assert live.status == status
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    for name in settings:
        assert name in live.error["message"]
        assert name in line.getMessage()
    assert "\n" not in line.getMessage()


@pytest.mark.parametrize(
    ("server", "status"), [(("203.0.113.7", 8000), 400), (("127.0.0.1", 8000), 421)]
)
async def test_t18_bound_to_every_address_a_public_host_is_served(
    stage: Stage, server: tuple[str, int], status: int
):
    """The address where a connection arrived decides; a server bound to 0.0.0.0 has several."""
    peer = Peer(stage.mcp.http_app(), STATELESS, headers={"host": "mcp.example"})
    live = await peer.send("POST", b"{}", peer.standard_headers(), server=server).done()
    assert live.status == status  # 400: let in, and no message


@pytest.mark.parametrize("mode", ["auto", "strict"])
async def test_the_host_that_a_server_says_it_has_is_its_own(mode: str):
    """401: let in, and no token. On other addresses the guard acts no more than before."""
    auth = RemoteAuthProvider(
        StaticTokenVerifier({}), ["https://issuer.example"], "https://mcp.example/behind"
    )
    app = FastMCP("front", auth=auth).http_app(host_origin_protection=mode)
    for headers, server, status in (
        ({"host": "mcp.example"}, LOOPBACK, 401),
        ({"host": "mcp.example:8443", "origin": "https://mcp.example"}, LOOPBACK, 401),
        ({"host": "evil.example"}, LOOPBACK, 421),
        ({"host": "mcp.example.evil.example"}, LOOPBACK, 421),
        ({"host": "evil.example"}, ("203.0.113.7", 8000), 401 if mode == "auto" else 421),
    ):
        peer = Peer(app, STATELESS, headers=headers)
        live = await peer.send("POST", b"{}", peer.standard_headers(), server=server).done()
        assert live.status == status, headers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_t18_custom_routes_are_never_guarded(method: str):
    mcp = FastMCP("routes")

    @mcp.custom_route("/health", methods=["GET", "POST"])
    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("fine")

    app = mcp.http_app(host_origin_protection=True, allowed_hosts=["my.example"])
    headers = {"host": "10.1.2.3:8000", "origin": "https://elsewhere.example"}
    live = await Peer(app).send(method, headers=headers, path="/health").done()
    assert (live.status, live.body) == (200, b"fine")


RUN = """
import sys
from fastmcp import FastMCP
FastMCP("bound").run(transport="http", host="127.0.0.1", port=int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("settings", "foreign_host", "foreign_origin"),
    [
        ({"FASTMCP_HOST": "0.0.0.0"}, 421, 403),
        ({"FASTMCP_HTTP_ALLOWED_HOSTS": "mcp.example"}, 400, 403),
        ({"FASTMCP_HTTP_HOST_ORIGIN_PROTECTION": "false"}, 400, 400),
    ],
    ids=["the host given to run counts", "an allowed host", "switched off"],
)
def test_t18_a_server_that_runs(
    tmp_path: Path, settings: dict[str, str], foreign_host: int, foreign_origin: int
):
    file = tmp_path / "server.py"
    file.write_text(RUN)
    with serve(script(file), env={**os.environ, **settings}) as server:

        def ask(**headers: str) -> Reply:
            return curl(
                server.url, headers={"Content-Type": "application/json", **headers}, body={}
            )

        assert ask().status == 400  # no message, but let in
        assert ask(Host="mcp.example").status == foreign_host
        assert ask(Origin="https://app.example").status == foreign_origin
        if foreign_host == 421:
            assert (
                "FASTMCP_HTTP_ALLOWED_HOSTS" in ask(Host="mcp.example").message["error"]["message"]
            )


async def test_it_can_be_switched_off(stage: Stage):
    app = stage.mcp.http_app(host_origin_protection=False)
    assert (await post(app, host="evil.example", origin="http://evil.example")).text == "3"


async def test_as_middleware_of_another_application(stage: Stage):
    app = HostOriginGuardMiddleware(
        stage.mcp.http_app(host_origin_protection=False), allowed_hosts=["my.example"]
    )
    assert (await post(app, host="my.example")).text == "3"
    assert (await post(app, host="evil.example")).status == 421

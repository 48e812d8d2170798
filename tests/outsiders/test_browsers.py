"""The code flow with a real browser in it: an application that no one here wrote, our authorization
server with its page of consent, and a person in Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import web

from tests.cli.diagnosis.certificates import made
from tests.support import node
from tests.support.browser import clicks, decide, page
from tests.support.loopback import served
from tests.support.process import free_port, script, serve

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(120)  # the first run fetches and unpacks the browser


@dataclass
class Application:
    """A running `oauth.mjs`."""

    process: subprocess.Popen[str]

    def said(self) -> dict[str, Any]:
        """The next line that it prints; it gives up by itself where nobody comes."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.wait(10)
        return json.loads(line)


@contextmanager
def application(npm: Path, version: str, *arguments: str) -> Iterator[Application]:
    """An application with a major version of the TypeScript SDK."""
    path = node.script(HERE / "node" / "oauth.mjs", npm)
    with subprocess.Popen(
        [node.node(), path, version, *arguments],
        env=node.environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Application(process)
            assert process.wait(20) == 0
        finally:
            process.kill()


def asked_to_open(it: Application) -> tuple[str, str]:
    """The address that the user has to open, and where the answer goes."""
    url = it.said()["open"]
    (callback,) = parse_qs(urlsplit(url).query)["redirect_uri"]
    return url, callback


@pytest.mark.parametrize("below", ["", "/api"])
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_person_lets_an_application_in(npm: Path, version: str, below: str) -> None:
    """From the first 401 to a call in her name: metadata, registration, her login, her consent,
    the code for a token; and a token that is not good any more is renewed without her."""
    argv = script(HERE / "login_server.py", "--below", below)
    with (
        serve(argv, path=f"{below}/mcp") as server,
        application(npm, version, server.url) as it,
    ):
        url, callback = asked_to_open(it)
        seen = decide(url, "approve", callback, before=["ada"])
        report = it.said()
    assert "An application in TypeScript" in seen["read"]
    assert "Ada Lovelace" in seen["read"]
    assert seen["told"] == "You can close this page."
    assert seen["complaints"] == []
    assert report.get("said") == "ada: read", report
    assert report["then"]["said"] == "ada: read"
    assert {"access_token", "refresh_token"} <= set(report["then"]["changed"])
    assert report["asked"] == 1


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_person_does_not(npm: Path, version: str) -> None:
    """The application can tell why it gets nothing (OAuth 2.1, 4.1.2.1)."""
    with (
        serve(script(HERE / "login_server.py")) as server,
        application(npm, version, server.url) as it,
    ):
        url, callback = asked_to_open(it)
        seen = decide(url, "deny", callback, before=["bob"])
        report = it.said()
    answer = parse_qs(urlsplit(seen["ended"]).query)
    assert (answer["error"], answer.get("code")) == (["access_denied"], None)
    assert answer["iss"] == [f"http://127.0.0.1:{server.port}"]  # RFC 9207, 2
    assert "said" not in report
    assert "The person did not consent" in report["error"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_it_listens_to_ends_with_its_token(npm: Path, version: str) -> None:
    """And begins again with the next one, for which nobody is asked."""
    with (
        serve(script(HERE / "login_server.py", "--lifetime", "2")) as server,
        application(npm, version, server.url, "--listening") as it,
    ):
        url, callback = asked_to_open(it)
        decide(url, "approve", callback, before=["ada"])
        report = it.said()
    assert report.get("then") is True, report
    assert report["tokens"] >= 2
    assert report["asked"] == 1


@pytest.mark.parametrize("version", ["1", "2"])
async def test_an_application_that_is_a_url(npm: Path, version: str, tmp_path: Path) -> None:
    """It registers nowhere: the server reads who it is, over TLS, and so does the person."""
    tls = made(tmp_path)

    async def document(request: web.Request) -> web.Response:
        said = {
            "client_id": str(request.url),
            "client_name": "An application at a URL",
            "redirect_uris": ["http://127.0.0.1/callback"],  # at any port (RFC 8252, 7.3)
            "token_endpoint_auth_method": "none",
        }
        return web.json_response(said)

    app = web.Application()
    app.router.add_get("/client.json", document)
    async with served(app, tls=tls.context) as origin:
        report, seen = await asyncio.to_thread(
            lets_in, npm, version, f"{origin}/client.json", str(tls.authority)
        )
    assert "An application at a URL" in seen["read"]
    assert origin.removeprefix("https://") in seen["read"]
    assert report.get("said") == "ada: read", report
    assert report["then"]["said"] == "ada: read"
    assert report["client"]["client_id"] == f"{origin}/client.json"


def lets_in(npm: Path, version: str, client_id: str, authority: str) -> tuple[Any, Any]:
    """Ada lets an application in that is a URL: what it reports, and what she sees."""
    with (
        serve(script(HERE / "login_server.py", "--authority", authority)) as server,
        application(npm, version, server.url, "--as", client_id) as it,
    ):
        url, callback = asked_to_open(it)
        assert parse_qs(urlsplit(url).query)["client_id"] == [client_id]
        seen = decide(url, "approve", callback, before=["ada"])
        return it.said(), seen


def visit(origin: str, version: str, url: str) -> str:
    """The address at which the page talks to the server."""
    return f"{origin}/?{urlencode({'version': version, 'server': url})}"


def answers(report: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    """What a page could see of its requests."""
    return [(one["verb"], one["path"], one.get("status")) for one in report["seen"]]


@pytest.mark.parametrize("version", ["1", "2"])
def test_t17_a_page_of_another_origin_is_let_in(npm: Path, version: str) -> None:
    """All that a page needs crosses origins: the challenge of the 401, both documents, the
    registration and the token; then the session."""
    with page(node.bundle(HERE / "node" / "page.mjs", npm)) as origin:
        env = {**os.environ, "FASTMCP_HTTP_CORS_ORIGINS": origin}
        with serve(script(HERE / "login_server.py"), env=env) as server:
            url = visit(origin, version, server.url)
            seen = decide(url, "approve", f"{origin}/done", before=["ada"])
            log = server.log
    report = json.loads(seen["told"])
    assert report.get("said") == "ada: read", report
    assert bool(report.get("session")) == (version == "1")
    place = f"http://127.0.0.1:{server.port}/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{place}"' in report["seen"][0]["challenge"]
    assert answers(report)[:6] == [
        ("POST", "/mcp", 401),
        ("GET", "/.well-known/oauth-protected-resource/mcp", 200),
        ("GET", "/.well-known/oauth-authorization-server", 200),
        ("POST", "/register", 201),
        ("POST", "/token", 200),
        ("POST", "/mcp", 200),
    ]
    assert (("DELETE", "/mcp", 200) in answers(report)) == (version == "1")
    # The browser asked before, without a token, and was not refused.
    assert '"OPTIONS /mcp HTTP/1.1" 200' in log
    assert '"OPTIONS /mcp HTTP/1.1" 4' not in log


@pytest.mark.parametrize("version", ["1", "2"])
def test_t17_a_page_that_nobody_named_is_not(npm: Path, version: str) -> None:
    """It sees nothing of the endpoint, not even that it wants authorization."""
    with page(node.bundle(HERE / "node" / "page.mjs", npm)) as origin:
        env = {**os.environ, "FASTMCP_HTTP_CORS_ORIGINS": origin}
        with serve(script(HERE / "login_server.py"), env=env) as server:
            other = origin.replace("localhost", "127.0.0.1")
            told = clicks(visit(other, version, server.url), shows="text=error")
            assert "POST /mcp" not in server.log
    report = json.loads(told)
    assert "said" not in report
    assert "Failed to fetch" in report["error"]
    assert answers(report)[0] == ("POST", "/mcp", None)


LOG_IN_AND_CONSENT = ("button[value=ada]", "button[value=approve]")


def test_t17_the_inspector_in_a_browser(npm: Path) -> None:
    """Its first version, whose page talks to the server itself, from its own origin."""
    with inspector_page(npm) as origin:
        env = {**os.environ, "FASTMCP_HTTP_CORS_ORIGINS": origin}
        with serve(script(HERE / "login_server.py"), env=env) as server:
            query = urlencode({"transport": "streamable-http", "serverUrl": server.url})
            read = clicks(
                f"{origin}/?{query}",
                "text=Via Proxy",
                'role=option[name="Direct"]',
                'role=button[name="Connect"]',
                *LOG_IN_AND_CONSENT,
                'role=tab[name="Tools"]',
                'role=button[name="List Tools"]',
                "text=Whose the token is.",
                'role=button[name="Run Tool"]',
                shows="text=Tool Result:",
            )
            log = server.log
    assert "Tool Result: Success" in read
    assert "ada: read" in read
    for path in ("/mcp", "/.well-known/oauth-protected-resource/mcp", "/register"):
        assert f'"OPTIONS {path} HTTP/1.1" 200' in log


@contextmanager
def inspector_page(npm: Path) -> Iterator[str]:
    """The page of the first Inspector; its origin."""
    port = free_port()
    file = npm / "node_modules/@modelcontextprotocol/inspector-client/bin/client.js"
    env = node.environment(CLIENT_PORT=str(port), HOST="127.0.0.1", MCP_AUTO_OPEN_ENABLED="false")
    with serve(lambda port: [node.node(), file], port=port, env=env):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(("era", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_t17_the_inspector_of_today(npm: Path, tmp_path: Path, era: str, version: str) -> None:
    """A process of its own talks to the server, and the page is where a person is asked."""
    launcher = npm / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    port = free_port()
    env = node.environment(
        HOME=str(tmp_path),
        CLIENT_PORT=str(port),
        MCP_SANDBOX_PORT="0",
        MCP_APP_ORIGIN_PORT="0",
        MCP_AUTO_OPEN_ENABLED="false",
        MCP_INSPECTOR_SECRET_STORE="memory",
        DANGEROUSLY_OMIT_AUTH="true",  # of its page, which is good for this test alone
    )
    with serve(script(HERE / "login_server.py")) as server:
        said = ("--web", "--server-url", server.url, "--transport", "http", "--protocol-era", era)
        with serve(lambda port: [node.node(), launcher, *said], port=port, env=env):
            read = clicks(
                f"http://127.0.0.1:{port}/",
                "label:has([role=switch])",
                *LOG_IN_AND_CONSENT,
                f"text=MCP {version}",
                'text="Tools"',
                'text="who"',
                'role=button[name="Execute Tool"]',
                shows="text=Results",
            )
    assert "ada: read" in read

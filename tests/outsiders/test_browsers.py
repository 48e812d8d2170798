"""The code flow with a real browser in it: an application that no one here wrote, our authorization
server with its page of consent, and a person in Chromium."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from tests.cli.diagnosis.certificates import made
from tests.support import node
from tests.support.browser import decide
from tests.support.loopback import served
from tests.support.process import script, serve

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


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_person_lets_an_application_in(npm: Path, version: str) -> None:
    """From the first 401 to a call in her name: metadata, registration, her login, her consent,
    the code for a token; and a token that is not good any more is renewed without her."""
    with (
        serve(script(HERE / "login_server.py")) as server,
        application(npm, version, server.url) as it,
    ):
        url, callback = asked_to_open(it)
        seen = decide(url, "approve", callback, before=["ada"])
        report = it.said()
    assert "An application in TypeScript" in seen["read"]
    assert "Ada Lovelace" in seen["read"]
    assert seen["told"] == "You can close this page."
    assert seen["complaints"] == []
    assert report["said"] == ["ada: read", "ada: read"], report
    assert report["rotated"] == [True, True]
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
    assert report["said"] == ["ada: read", "ada: read"], report
    assert report["client"]["client_id"] == f"{origin}/client.json"


def lets_in(npm: Path, version: str, client_id: str, authority: str) -> tuple[Any, Any]:
    """Ada lets an application in that is a URL: what it reports, and what she sees."""
    with (
        serve(script(HERE / "login_server.py", authority)) as server,
        application(npm, version, server.url, client_id) as it,
    ):
        url, callback = asked_to_open(it)
        assert parse_qs(urlsplit(url).query)["client_id"] == [client_id]
        seen = decide(url, "approve", callback, before=["ada"])
        return it.said(), seen

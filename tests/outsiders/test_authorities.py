"""Our client before the authorization servers of the official SDKs, with a person in a real browser
who comes back to our client's own page."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from fastmcp import Client
from fastmcp.client.auth import OAuth, TokenFiles
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.utilities.tests import HeadlessOAuth
from tests.support import node, venvs
from tests.support.browser import clicks, decide
from tests.support.locks import ROOT
from tests.support.process import Server, free_port, script, serve

HERE = Path(__file__).parent
FASTMCP = Path(sys.executable).with_name("fastmcp")

pytestmark = pytest.mark.timeout(600)  # the first run of a fresh machine installs what it needs


class InBrowser(OAuth):
    """Somebody at Chromium.

    Attributes:
        decision: the button that is pressed.
        asked: how often.
    """

    decision = "approve"

    def __init__(self, **given: Any) -> None:
        super().__init__(callback_timeout=60, **given)
        self._visits: list[asyncio.Task[Any]] = []

    @property
    def asked(self) -> int:
        return len(self._visits)

    async def redirect_handler(self, authorization_url: str) -> None:
        (callback,) = parse_qs(urlsplit(authorization_url).query)["redirect_uri"]
        visit = asyncio.to_thread(self.visit, authorization_url, callback)
        self._visits.append(asyncio.create_task(visit))

    def visit(self, url: str, callback: str) -> Any:
        """Open an address, and go on until our client's page."""
        return decide(url, self.decision, callback)

    async def seen(self) -> list[Any]:
        """What was seen each time, when the browser is closed."""
        return await asyncio.gather(*self._visits)


@pytest.fixture(scope="module", params=[venvs.MCP_SDK, venvs.MCP_SDK_1], ids=["sdk-2", "sdk-1"])
def stranger(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The Python SDK's server, which gives out its own tokens."""
    name = "mcp-sdk" if request.param is venvs.MCP_SDK else "mcp-sdk-1"
    python = venvs.python_of(name, request.param)
    argv = script(HERE / "servers" / "sdk_authority.py", python=python)
    with serve(argv, env=venvs.environment(), clean=False) as server:  # the first one has its own
        yield server


async def ended(server: Server, what: str) -> int:
    """What was granted ends at the server, which the client does not know; how many clients have
    registered there."""
    url = f"http://127.0.0.1:{server.port}/ended?what={what}"
    async with aiohttp.ClientSession() as http, http.post(url) as response:
        assert response.status == 200
        return int(await response.text())


async def test_it_is_let_in_and_stays(stranger: Server, tmp_path: Path) -> None:
    """Once by a person; where the token has ended, without; where all was taken back, by the person
    again, without a second registration."""
    person = InBrowser(client_name="Ours", token_storage=TokenFiles(tmp_path))
    async with Client(stranger.url, auth=person, timeout=30) as client:
        assert (await client.call_tool("who")).content[0].text == "ada: read"
        registered = await ended(stranger, "access")
        assert (await client.call_tool("who")).content[0].text == "ada: read"
        assert person.asked == 1
        await ended(stranger, "all")
        assert (await client.call_tool("who")).content[0].text == "ada: read"
    assert person.asked == 2
    for seen in await person.seen():
        assert "Ours?" in seen["read"]
        assert "You can close" in seen["told"]
        assert seen["complaints"] == []
    again = InBrowser(client_name="Ours", token_storage=TokenFiles(tmp_path))
    async with Client(stranger.url, auth=again, timeout=30) as client:
        assert (await client.call_tool("who")).content[0].text == "ada: read"
    assert again.asked == 0
    assert await ended(stranger, "all") == registered


def test_the_command_line(stranger: Server, tmp_path: Path) -> None:
    """`--auth oauth` opens the browser of this machine once, and keeps what it was given."""
    person = f"env PYTHONPATH={ROOT} {sys.executable} -m tests.outsiders.person %s &"
    call = [FASTMCP, "call", stranger.url, "who", "--auth", "oauth"]
    for browser in (person, "false"):
        env = {**os.environ, "BROWSER": browser, "FASTMCP_HOME": str(tmp_path)}
        done = subprocess.run(call, env=env, capture_output=True, text=True, timeout=50)
        assert done.returncode == 0, done.stderr
        assert "ada: read" in done.stdout


async def test_a_person_declines(stranger: Server) -> None:
    person = InBrowser()
    person.decision = "deny"
    with pytest.raises(AuthorizationFailedError, match="Access was declined") as failed:
        async with Client(stranger.url, auth=person):
            pass
    assert failed.value.oauth_error == "access_denied"
    (seen,) = await person.seen()
    assert "declined" in seen["told"]


@pytest.mark.parametrize(
    ("name", "requirements"), [("fastmcp-2", venvs.FASTMCP_2), ("fastmcp-4", venvs.FASTMCP_4)]
)
async def test_fastmcp_itself(name: str, requirements: tuple[str, ...]) -> None:
    """It asks nobody for consent, so there is no page to look at."""
    python = venvs.python_of(name, requirements)
    argv = script(HERE / "servers" / "fastmcp_authority.py", python=python)
    with serve(argv, env=venvs.environment(), clean=False) as server:
        async with Client(server.url, auth=HeadlessOAuth(), timeout=30) as client:
            assert (await client.call_tool("who")).data == "somebody"


async def test_the_typescript_sdks_authorization_server(npm: Path) -> None:
    """It lets our client in to our server, which asks it about the token."""
    port = free_port()
    resource = f"http://127.0.0.1:{port}/mcp"
    file = node.script(HERE / "node" / "authority.mjs", npm)
    loopback = HERE / "node" / "loopback.cjs"

    def command(port: int) -> list[str | Path]:
        return [node.node(), "--require", loopback, file, str(port), resource]

    class Looking(InBrowser):
        def visit(self, url: str, callback: str) -> str:
            return clicks(url, shows="text=You can close")

    person = Looking()
    with serve(command, env=node.environment()) as issuer:
        asking = script(HERE / "introspecting_server.py", f"http://127.0.0.1:{issuer.port}/")
        with serve(asking, port=port) as server:
            async with Client(server.url, auth=person, timeout=30) as client:
                said = (await client.call_tool("who")).data
    assert len(await person.seen()) == 1
    assert said.endswith(": mcp:tools")

"""The page of consent in a real browser, which holds it to its own policies."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from aiohttp import web

from tests.conformance import issuer, suite
from tests.server.auth.oauth.hand import Pkce
from tests.support.browser import clicks, decide, page
from tests.support.loopback import served
from tests.support.process import script, serve


def request(port: int, callback: str) -> str:
    """A client's link to the server at a port."""
    asked = {
        "response_type": "code",
        "client_id": issuer.CLIENT,
        "redirect_uri": callback,
        "code_challenge": Pkce().challenge,
        "code_challenge_method": "S256",
        "state": "a state",
    }
    return f"http://127.0.0.1:{port}/authorize?{urlencode(asked)}"


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_person_decides(decision: str):
    with page() as origin:
        port = urlsplit(origin).port
        callback = f"http://127.0.0.1:{port}/callback"
        with serve(script(suite.HERE / "issuer.py", str(port))) as server:
            url = request(server.port, callback)
            picture = os.environ.get("PICTURE")
            seen = decide(url, decision, callback, Path(picture) if picture else None)
    assert urlsplit(seen["at"]).path == "/consent"
    assert "The conformance suite" in seen["read"]
    assert f"127.0.0.1:{port}" in seen["read"]
    assert seen["complaints"] == []
    answer = parse_qs(urlsplit(seen["ended"]).query)
    assert answer["state"] == ["a state"]
    assert ("code" in answer) == (decision == "approve")


POPUP = """<body><script>
const query = new URLSearchParams(location.search);
if (query.has("ask")) {
  addEventListener("message", ({ data }) => (document.body.textContent = `told: ${data}`));
  open(query.get("ask"), "", "popup");
} else {
  opener.postMessage(location.search);
  close();
}
</script>"""


async def test_a_client_that_asks_in_a_window_of_its_own_hears_from_it():
    """As clients in browsers do: the window that comes back knows who has opened it, so no page on
    its way may have cut it off (HTML, 7.1.3, "Cross-origin opener policies")."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=POPUP, content_type="text/html")

    def asked(origin: str) -> str:
        with serve(script(suite.HERE / "issuer.py", origin.rpartition(":")[2])) as server:
            url = request(server.port, f"{origin}/callback")
            approve = "button[value=approve]"
            return clicks(f"{origin}/?ask={quote(url)}", approve, shows="text=told:", popup=True)

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    async with served(app) as origin:
        told = await asyncio.to_thread(asked, origin)
    assert "code=" in told
    assert "state=a+state" in told


async def test_a_client_may_lead_on_to_another_place():
    """CSP 3, 6.4.2: `form-action` would hold for every redirect that follows the form, and where a
    client leads from its redirect URI, such as from a service to a program, is not known here."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/callback":
            raise web.HTTPFound(f"http://localhost:{request.url.port}/there")
        return web.Response(text="arrived")

    def consented(origin: str) -> dict[str, str]:
        with serve(script(suite.HERE / "issuer.py", origin.rpartition(":")[2])) as server:
            url = request(server.port, f"{origin}/callback")
            return decide(url, "approve", origin.replace("127.0.0.1", "localhost"))

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    async with served(app) as origin:
        seen = await asyncio.to_thread(consented, origin)
    assert seen["told"] == "arrived"

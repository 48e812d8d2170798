"""The page of consent in a real browser, which holds its forms and redirects to its policy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.conformance import issuer, suite
from tests.server.auth.oauth.hand import Pkce
from tests.support.browser import decide, page
from tests.support.process import script, serve


@contextmanager
def leading_to(place: str) -> Iterator[str]:
    """An address that leads on to another one, with what it was asked; it."""

    class Leads(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{place}?{urlsplit(self.path).query}")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Leads) as server:
        serving = Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/callback"
        finally:
            server.shutdown()
            serving.join()


def link(port: int, callback: str) -> str:
    """Where a client sends its user's browser."""
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
    """Wherever the client leads the browser then: Chromium holds the `form-action` of a page (CSP
    3, 6.4.2) against every redirect that follows its form, and would stop at the second."""
    with page() as end, leading_to(f"{end}/end") as callback:
        port = urlsplit(callback).port
        with serve(script(suite.HERE / "issuer.py", str(port))) as server:
            url = link(server.port, callback)
            picture = os.environ.get("PICTURE")
            seen = decide(url, decision, f"{end}/end?", Path(picture) if picture else None)
    assert urlsplit(seen["at"]).path == "/consent"
    assert "The conformance suite" in seen["read"]
    assert f"127.0.0.1:{port}" in seen["read"]
    assert seen["complaints"] == []
    answer = parse_qs(urlsplit(seen["ended"]).query)
    assert answer["state"] == ["a state"]
    assert ("code" in answer) == (decision == "approve")


def test_a_client_that_opens_a_window():
    """A web page that is a client shows this server's pages in a window of its own, and is told the
    code by the page at its callback, which has to know who opened it (HTML, `window.opener`)."""
    with page() as origin:
        port = urlsplit(origin).port
        callback = f"http://127.0.0.1:{port}/callback"
        with serve(script(suite.HERE / "issuer.py", str(port))) as server:
            url = link(server.port, callback)
            seen = decide(url, "approve", callback, opener=origin)
    assert "code" in parse_qs(urlsplit(seen["ended"]).query)
    assert seen["opened"]

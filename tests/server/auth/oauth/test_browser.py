"""The page of consent in a real browser, which holds its forms and redirects to its policy."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.conformance import issuer, suite
from tests.server.auth.oauth.hand import Pkce
from tests.support.browser import decide, page
from tests.support.process import script, serve


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_person_decides(decision: str):
    """CSP 3, 6.4.2: `form-action` holds for the redirect that answers a form too."""
    with page() as origin:
        port = urlsplit(origin).port
        callback = f"http://127.0.0.1:{port}/callback"
        with serve(script(suite.HERE / "issuer.py", str(port))) as server:
            asked = {
                "response_type": "code",
                "client_id": issuer.CLIENT,
                "redirect_uri": callback,
                "code_challenge": Pkce().challenge,
                "code_challenge_method": "S256",
                "state": "a state",
            }
            url = f"http://127.0.0.1:{server.port}/authorize?{urlencode(asked)}"
            picture = os.environ.get("PICTURE")
            seen = decide(url, decision, callback, Path(picture) if picture else None)
    assert urlsplit(seen["at"]).path == "/consent"
    assert "The conformance suite" in seen["read"]
    assert f"127.0.0.1:{port}" in seen["read"]
    assert seen["complaints"] == []
    answer = parse_qs(urlsplit(seen["ended"]).query)
    assert answer["state"] == ["a state"]
    assert ("code" in answer) == (decision == "approve")

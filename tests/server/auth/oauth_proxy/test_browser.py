"""Consent and login in a real browser."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.server.auth.oauth.hand import Pkce
from tests.server.auth.oauth_proxy.elsewhere import elsewhere
from tests.support.browser import decide, page
from tests.support.process import script, serve

SERVED = Path(__file__).with_name("served.py")


async def test_a_person_consents_and_is_logged_in_already():
    """An upstream may lead over a third server: here and back without a page between."""
    async with elsewhere() as there:
        seen, callback = await asyncio.to_thread(consented, there.url)
        assert "You are" not in seen["read"]  # nobody knows yet
        assert seen["complaints"] == []
        answer = parse_qs(urlsplit(seen["ended"]).query)
        assert seen["ended"].startswith(callback)
        assert (answer["state"], "code" in answer) == (["a state"], True)
        assert there.hops == ["localhost"]
        assert len(there.token_requests) == 1


def consented(upstream: str) -> tuple[dict[str, str], str]:
    with page() as origin:
        callback = f"http://127.0.0.1:{urlsplit(origin).port}/callback"
        with serve(script(SERVED, upstream, callback)) as server:
            asked = {
                "response_type": "code",
                "client_id": "known",
                "redirect_uri": callback,
                "code_challenge": Pkce().challenge,
                "code_challenge_method": "S256",
                "state": "a state",
            }
            url = f"http://127.0.0.1:{server.port}/authorize?{urlencode(asked)}"
            return decide(url, "approve", callback), callback

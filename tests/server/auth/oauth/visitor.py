"""A person at a browser, over real sockets: opens a page, reads it, and allows what it asks.

Clients open the page first and listen for the answer then: it reads slowly enough for that. As a
program, `python -m tests.server.auth.oauth.visitor URL`, it is the BROWSER of a client.
"""

from __future__ import annotations

import sys
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

from tests.server.auth.oauth.hand import action_of, fields
from tests.support.process import eventually, listening

__all__ = ["consent"]

_SECONDS = 20


def consent(url: str) -> None:
    """Follows a client's link to the page of consent, and the answer to wherever it leads."""
    (answers,) = parse_qs(urlsplit(url).query)["redirect_uri"]
    port = urlsplit(answers).port or 80
    eventually(lambda: listening(port), _SECONDS, "the client listens")
    # On a bare loopback address, where cookies of "localhost" are kept too.
    jar = CookieJar(DefaultCookiePolicy(strict_domain=False))
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(jar))
    with browser.open(url, timeout=_SECONDS) as page:
        text = page.read().decode()
    action = action_of(text)
    assert action, text
    sent = urlencode({**fields(text), "decision": "approve"}).encode()
    with browser.open(action, sent, timeout=_SECONDS) as answer:
        assert answer.status == 200, answer.status


if __name__ == "__main__":
    consent(sys.argv[1])

"""A person at a browser, over real sockets: opens a page, reads it, and allows what it asks."""

from __future__ import annotations

from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

from tests.server.auth.oauth.hand import fields

__all__ = ["consent"]

_SECONDS = 20


class _Form(HTMLParser):
    action = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.action = dict(attrs)["action"] or ""


def consent(url: str) -> None:
    """Follows a client's link to the page of consent, and the answer to wherever it leads."""
    # On a bare loopback address, where cookies of "localhost" are kept too.
    jar = CookieJar(DefaultCookiePolicy(strict_domain=False))
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(jar))
    with browser.open(url, timeout=_SECONDS) as page:
        text = page.read().decode()
    form = _Form()
    form.feed(text)
    assert form.action, text
    sent = urlencode({**fields(text), "decision": "approve"}).encode()
    with browser.open(form.action, sent, timeout=_SECONDS) as answer:
        assert answer.status == 200, answer.status

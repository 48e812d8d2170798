"""What a person sees: pages without a script, that load nothing and stand in no frame.

Everything in them that came from a stranger is text: escaped, without the characters that turn or
hide what is written around them, and shortened (OAuth 2.1, 7.14 against framing).

Two things that would harden them would break clients. `form-action` holds for every redirect that
follows a form (CSP 3, 6.4.2), and a client or an upstream leads wherever it likes from its own
place: a page with a form goes without. A `Cross-Origin-Opener-Policy` cuts a window off from the
page that opened it, for which clients in browsers wait.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Mapping
from html import escape
from typing import Final

from starlette.responses import HTMLResponse, Response

__all__ = ["error_page", "page", "said"]

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --warn: #b45309; --go: #1d4ed8; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 1rem; }
main { max-width: 34rem; margin: 2rem auto; border: 1px solid var(--line); border-radius: .75rem;
  padding: 1.5rem 2rem; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 1rem; overflow-wrap: anywhere; }
dt { font-size: .85rem; opacity: .75; margin-top: .8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; font-size: .95em; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
.warning { border-left: .25rem solid var(--warn); padding: .1rem 0 .1rem .8rem; margin: 1rem 0; }
form { display: flex; gap: .75rem; margin-top: 1.5rem; }
button { font: inherit; padding: .5rem 1.4rem; border-radius: .5rem; border: 1px solid var(--line);
  cursor: pointer; background: transparent; color: inherit; }
button.approve { background: var(--go); border-color: var(--go); color: #fff; }
button:focus-visible { outline: .2rem solid var(--warn); outline-offset: .1rem; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_LONGEST: Final = 100


def said(text: str | None, longest: int = _LONGEST) -> str:
    """What a stranger says, as HTML text on one line."""
    # Categories C and Z without the space: controls, marks of direction, invisible ones.
    shown = "".join(
        letter if letter == " " or unicodedata.category(letter)[0] not in "CZ" else " "
        for letter in (text or "")[: longest * 4]
    )
    shown = " ".join(shown.split())
    return escape(shown if len(shown) <= longest else shown[: longest - 1] + "…")


def page(
    title: str,
    body: str,
    *,
    status: int = 200,
    form: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page.

    Args:
        title: text.
        body: HTML, in which every text of others went through `said`.
        status: of HTTP.
        form: it has one.
        headers: further ones.
    """
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "frame-ancestors 'none'" + ("" if form else "; form-action 'none'")
    )
    html = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main>{body}</main></body></html>\n"
    )
    return HTMLResponse(
        html,
        status,
        headers={
            "Content-Security-Policy": policy,
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            **(headers or {}),
        },
    )


def error_page(
    status: int, what: str, then: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A page for somebody who cannot go on.

    Args:
        status: of HTTP.
        what: went wrong; text.
        then: what to do; text.
        headers: further ones.
    """
    body = f"<h1>This did not work</h1><p>{said(what, 400)}</p><p>{said(then, 400)}</p>"
    return page("This did not work", body, status=status, headers=headers)

"""Where an answer may be sent: the redirect URIs of a client.

They are compared as strings, exactly (OAuth 2.1, 2.3.1; RFC 9700, 4.1.3): what needs parsing to be
compared can be parsed in two ways. One thing may differ, the port of a loopback address, because a
program on the user's machine gets the port that is free (RFC 8252, 7.3). `localhost` is among these
because the protocol names it (basic/authorization, "Communication Security").

What may be registered: `https`, `http` to the loopback interface alone, and schemes that programs
register for themselves with the operating system (RFC 8252, 7.1), but none that a browser runs,
shows or reads itself.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from fastmcp.server.auth.oauth.errors import InvalidRedirectUriError

__all__ = ["check", "is_loopback", "place_of", "same", "split_at_place", "with_parameters"]

_LONGEST: Final = 2048
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""Of a URI without a fragment (RFC 3986, 2): no space, quote, bracket, backslash or control."""

_WEB: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?].*)?"
)
"""Without user information, behind which another host can be hidden."""

_LOOPBACK: Final = re.compile(
    r"(?P<before>http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::[0-9]{1,5})?(?P<behind>(?:[/?].*)?)"
)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):.+")
_NEVER: Final = re.compile(
    r"about|blob|chrome|chrome-extension|content|data|file|filesystem|ftp|intent|jar|javascript"
    r"|mailto|moz-extension|ms-appx|resource|sms|tel|vbscript|view-source|ws|wss"
)


def check(uri: str) -> None:
    """Whether it may be registered.

    Raises:
        InvalidRedirectUriError: it may not; the message says why.
    """
    if len(uri) > _LONGEST:
        raise InvalidRedirectUriError(f"A redirect URI has at most {_LONGEST} characters")
    if "#" in uri:
        raise InvalidRedirectUriError("A redirect URI has no fragment (OAuth 2.1, 2.3)")
    if not _CHARACTERS.fullmatch(uri):
        raise InvalidRedirectUriError("A redirect URI is a URI: encode what is none of its letters")
    if uri.lower().startswith(("http:", "https:")):
        found = _WEB.fullmatch(uri)
        if found is None or int(found["port"] or 0) > 65535:
            raise InvalidRedirectUriError(
                "A redirect URI names a host, with no user or password before it"
            )
        if found["scheme"] == "http" and not is_loopback(uri):
            raise InvalidRedirectUriError(
                "A redirect URI is https, or http to 127.0.0.1, [::1] or localhost"
            )
        return
    scheme = _SCHEME.fullmatch(uri)
    if scheme is None or _NEVER.fullmatch(scheme[1]):
        raise InvalidRedirectUriError(
            "A redirect URI is https, http to the loopback interface, or of a program's own scheme"
        )


def same(registered: str, requested: str) -> bool:
    """Whether a client that registered the one may be sent answers to the other."""
    if registered == requested:
        return True
    one, other = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(requested)
    return (
        one is not None
        and other is not None
        and (one["before"], one["behind"]) == (other["before"], other["behind"])
    )


def is_loopback(uri: str) -> bool:
    """Whether the answer goes to the machine that the browser runs on."""
    return _LOOPBACK.fullmatch(uri) is not None


def place_of(uri: str) -> str:
    """What a person is shown of it: the host, with its port, or the scheme of a program."""
    found = _WEB.fullmatch(uri)
    if found is None:
        return uri.partition(":")[0] + ":"
    return found["host"] + (f":{found['port']}" if found["port"] else "")


def split_at_place(uri: str) -> tuple[str, str, str]:
    """That, with what stands before it and behind."""
    place = place_of(uri)
    start = uri.index("://") + 3 if _WEB.fullmatch(uri) else 0
    return uri[:start], place, uri[start + len(place) :]


def with_parameters(uri: str, **parameters: str | None) -> str:
    """It with these in its query, behind what stands there (OAuth 2.1, 4.1.2)."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return uri + ("&" if "?" in uri else "?") + urlencode(given)

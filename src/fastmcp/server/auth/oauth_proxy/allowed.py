"""Where clients may be answered at all, whatever they register: patterns of the author.

A pattern is a URL in which `*` stands for anything within the part where it is: the host (a star in
front of a dot is one label or more), the port, the path. Without a path it allows any. A redirect
URI is taken apart first and its parts are compared: `http://localhost:*` does not allow
`http://localhost:1@elsewhere.example`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fastmcp.server.auth.oauth.clients import Clients
from fastmcp.server.auth.oauth.errors import InvalidRedirectUriError
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.models import OAuthClientInformationFull

__all__ = ["AllowedClients", "is_allowed"]

_PARTS: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):"
    r"(?://(?P<host>\[[0-9A-Fa-f:.*]+\]|[^/?#@:\[\]\\]*)(?::(?P<port>[0-9*]+))?(?=[/?]|$))?"
    r"(?P<path>[^#@\\]*)"
)


def is_allowed(uri: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns allows it."""
    return any(_fits(uri, pattern) for pattern in patterns)


def _fits(uri: str, pattern: str) -> bool:
    if uri == pattern:
        return True
    given, wanted = _PARTS.fullmatch(uri), _PARTS.fullmatch(pattern)
    if given is None or wanted is None:
        return False
    path = wanted["path"]
    return (
        given["scheme"].lower() == wanted["scheme"].lower()
        and (given["host"] is None) == (wanted["host"] is None)
        and _like((given["host"] or "").lower(), (wanted["host"] or "").lower(), "[^/]*")
        and _like(given["port"] or "", wanted["port"] or "", "[0-9]*")
        and (path in ("", "/*") or _like(given["path"], path, ".*"))
        and not _climbs(given["path"])
    )


def _like(text: str, pattern: str, star: str) -> bool:
    return re.fullmatch(star.join(re.escape(one) for one in pattern.split("*")), text) is not None


def _climbs(path: str) -> bool:
    """Whether a browser would read it as another path than the one that is compared."""
    plain = path.lower().replace("%2e", ".")
    return any(part in (".", "..") for part in re.split(r"[/?]", plain))


class _AllowedClient(OAuthClientInformationFull):
    """A client, as far as it is allowed."""

    patterns: tuple[str, ...] = ()

    def validate_redirect_uri(self, redirect_uri: object) -> str:
        uri = super().validate_redirect_uri(redirect_uri)
        if not is_allowed(uri, self.patterns):
            raise InvalidRedirectUriError("This server does not allow answers to that redirect_uri")
        return uri


class AllowedClients(Clients):
    """Finds clients, and lets them be answered only where that is allowed.

    Args:
        issuer: knows them.
        clients: that are not yet held back.
        patterns: allow redirect URIs.
    """

    def __init__(self, issuer: Issuer, clients: Clients, patterns: Sequence[str]) -> None:
        super().__init__(issuer, clients._documents)
        self._patterns = tuple(patterns)

    async def find(self, client_id: str) -> OAuthClientInformationFull | None:
        client = await super().find(client_id)
        if client is None:
            return None
        # Each field as it is: it was validated, and a hash of a secret is left out of dumps.
        fields = {one: getattr(client, one) for one in type(client).model_fields}
        return _AllowedClient.model_construct(None, **fields, patterns=self._patterns)

"""Clients that are a URL: their metadata is read from there
(draft-ietf-oauth-client-id-metadata-document-00).

The URL is a stranger's, so what fetches it must not reach what a stranger cannot (6.5 of the draft;
2026-07-28, basic/authorization, "Authorization Server Abuse Protection"): the fetcher sees to that,
and here is seen to it that it does not go too often. A document is kept as long as its headers
say, a minute at least and an hour at most, and for a day where it cannot be had again: a client
that was let in is not put out because its web server is down, or because strangers have this one
look at theirs. That there is none is kept too. Requests for one that is being fetched wait for it.
"""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

from pydantic import ValidationError

from fastmcp.server.auth.fetching import FetchError
from fastmcp.server.auth.flights import Flights
from fastmcp.server.auth.oauth import redirects
from fastmcp.server.auth.oauth.errors import ClientDocumentError, InvalidRedirectUriError
from fastmcp.server.auth.oauth.models import OAuthClientInformationFull

__all__ = ["ClientDocuments", "Fetched", "Fetcher", "is_url"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_LONGEST_URL: Final = 2048
_LONGEST: Final = 16 * 1024
"""Bytes; the draft proposes 5 KB (6.6)."""
_LONGEST_KEYS: Final = 64 * 1024
_SECONDS: Final = 5.0
_KEPT_AT_LEAST: Final = 60.0
_KEPT_AT_MOST: Final = 3600.0
_STALE: Final = 24 * 3600.0
_AGAIN: Final = 5.0
"""Seconds after a fetch that failed and may not fail again."""
_KEPT: Final = 500
_AT_ONCE: Final = 64
_URL: Final = re.compile(
    r"https://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?/[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*"
)
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?=/|\?|$)", re.IGNORECASE)
_METHODS: Final = ("none", "private_key_jwt")


class Fetched(Protocol):
    """What was at a URL: JSON, and how long it may be kept."""

    @property
    def json(self) -> Any: ...

    @property
    def max_age(self) -> float | None: ...


class Fetcher(Protocol):
    """Gets JSON from a URL that a stranger names, from public addresses alone."""

    async def get_json(self, url: str, *, limit: int, seconds: float) -> Fetched:
        """What is there.

        Args:
            url: that a stranger names.
            limit: bytes at most.
            seconds: until it must be there.
        """
        ...


def is_url(client_id: str) -> bool:
    """Whether a client's id is a URL rather than a name that was given to it."""
    return client_id.lower().startswith(("https://", "http://"))


class ClientDocuments:
    """Fetches the documents of clients, and the keys that they name.

    Args:
        fetcher: does that.
        least: seconds for which a document is kept at least.
    """

    def __init__(self, fetcher: Fetcher, least: float = _KEPT_AT_LEAST) -> None:
        self._fetcher = fetcher
        self._least = least
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._asking: Flights[str, _Kept] = Flights()

    async def client(self, url: str) -> OAuthClientInformationFull:
        """The client at a URL.

        Raises:
            ClientDocumentError: there is none.
        """
        _check_url(url)
        return _client_of(url, await self._json(url, _LONGEST))

    async def keys(self, url: str) -> Any:
        """The JWK Set at a URL that a client's document names.

        Raises:
            ClientDocumentError: there is none.
        """
        _check_url(url)
        return await self._json(url, _LONGEST_KEYS)

    async def _json(self, url: str, limit: int) -> Any:
        kept, now = self._kept.get(url), time.monotonic()
        if kept is None or kept.until <= now:
            if len(self._asking) < _AT_ONCE or self._asking.running(url) is not None:
                kept = await self._asking.answer(url, lambda: self._fetch(url, limit))
            elif kept is None or kept.good_until <= now:
                raise ClientDocumentError("Too many clients are looked up now", passing=True)
        if kept.why is not None:
            raise ClientDocumentError(kept.why, passing=kept.passing)
        return kept.body

    async def _fetch(self, url: str, limit: int) -> _Kept:
        before = self._kept.get(url)
        try:
            fetched = await self._fetcher.get_json(url, limit=limit, seconds=_SECONDS)
        except Exception as error:
            # What went wrong says something of networks that a stranger cannot see.
            _logger.warning("A client's document could not be fetched: %s", error)
            now = time.monotonic()
            passing = isinstance(error, FetchError) and error.passing
            if passing and before is not None and before.good_until > now:
                kept = replace(before, until=now + min(_AGAIN, self._least))
            else:
                kept = _Kept(
                    now + min(_AGAIN if passing else _KEPT_AT_LEAST, self._least),
                    why="The client's metadata could not be fetched from its URL",
                    passing=passing,
                )
        else:
            now = time.monotonic()
            seconds = min(max(fetched.max_age or 0, self._least), _KEPT_AT_MOST)
            kept = _Kept(now + seconds, body=fetched.json, good_until=now + _STALE)
        self._kept[url] = kept
        self._kept.move_to_end(url)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept


@dataclass(frozen=True)
class _Kept:
    """What was at a URL.

    Attributes:
        until: when it is asked for again, on the monotonic clock.
        body: that was there.
        good_until: when it cannot be used any more even if it cannot be had again.
        why: there is none. Not an error: one that is raised again and again holds on to every
            request that it was raised for.
        passing: it may be otherwise in a moment.
    """

    until: float
    body: Any = None
    good_until: float = 0.0
    why: str | None = None
    passing: bool = False


def _check_url(url: str) -> None:
    """Section 3 of the draft."""
    if len(url) > _LONGEST_URL or not _URL.fullmatch(url):
        raise ClientDocumentError(
            "A client's URL is https, with a host and a path, without a user, a fragment or "
            "characters that need encoding"
        )
    if _DOTS.search(urlsplit(url).path):
        raise ClientDocumentError("A client's URL has no segments of dots in its path")


def _client_of(url: str, body: Any) -> OAuthClientInformationFull:
    """Section 4 of the draft."""
    if not isinstance(body, dict):
        raise ClientDocumentError("The client's metadata is not a JSON object")
    document = cast("dict[str, Any]", body)
    # Compared as strings (RFC 3986, 6.2.1), or one host could speak for another's path.
    if document.get("client_id") != url:
        raise ClientDocumentError("The client_id in the client's metadata is not its URL")
    if not isinstance(document.get("client_name"), str) or not document["client_name"].strip():
        raise ClientDocumentError("The client's metadata has no client_name")
    if "client_secret" in document or "client_secret_expires_at" in document:
        # 4.1: anybody can read it
        raise ClientDocumentError("The client's metadata has a secret in it, which is none")
    method = document.get("token_endpoint_auth_method", "none")
    if method not in _METHODS:
        raise ClientDocumentError(
            f"The token_endpoint_auth_method of the client's metadata is none of {_METHODS}"
        )
    try:
        client = OAuthClientInformationFull.model_validate(
            {**document, "token_endpoint_auth_method": method}
        )
        if not client.redirect_uris:
            raise ClientDocumentError("The client's metadata has no redirect_uris")
        for uri in client.redirect_uris:
            redirects.check(uri)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ClientDocumentError(
            f"{where} of the client's metadata is not as it must be"
        ) from None
    except InvalidRedirectUriError as error:
        raise ClientDocumentError(error.message) from None
    return client

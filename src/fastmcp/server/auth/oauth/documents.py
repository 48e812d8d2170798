"""Clients that are a URL: their metadata is read from there
(draft-ietf-oauth-client-id-metadata-document-00).

The URL is a stranger's, so what fetches it must not reach what a stranger cannot (6.5 of the draft;
2026-07-28, basic/authorization, "Authorization Server Abuse Protection"): the fetcher sees to that,
and here is counted how often it may go. A document is kept as long as its headers say, a minute at
least and an hour at most; one that is no good, a minute. Requests for one that is being fetched
wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

from pydantic import ValidationError

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
_KEPT: Final = 500
_AT_ONCE: Final = 8
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
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: OrderedDict[str, tuple[float, asyncio.Future[Any]]] = OrderedDict()
        self._gate = asyncio.Semaphore(_AT_ONCE)

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
        now = time.monotonic()
        kept = self._kept.get(url)
        if kept is not None and (not kept[1].done() or kept[0] > now):
            return await asyncio.shield(kept[1])
        answer: asyncio.Future[Any] = asyncio.ensure_future(self._fetch(url, limit))
        # Nobody may be waiting any more when it fails.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._keep(url, now + _KEPT_AT_LEAST, answer)
        return await asyncio.shield(answer)

    async def _fetch(self, url: str, limit: int) -> Any:
        async with self._gate:
            try:
                fetched = await self._fetcher.get_json(url, limit=limit, seconds=_SECONDS)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                # What went wrong says something of networks that a stranger cannot see.
                _logger.warning("A client's document could not be fetched: %s", error)
                raise ClientDocumentError(
                    "The client's metadata could not be fetched from its URL"
                ) from None
        seconds = min(max(fetched.max_age or 0, _KEPT_AT_LEAST), _KEPT_AT_MOST)
        kept = self._kept.get(url)
        if kept is not None:
            self._kept[url] = (time.monotonic() + seconds, kept[1])
        return fetched.json

    def _keep(self, url: str, until: float, answer: asyncio.Future[Any]) -> None:
        self._kept.pop(url, None)
        self._kept[url] = (until, answer)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


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

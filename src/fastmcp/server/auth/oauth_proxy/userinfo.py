"""Tokens that mean nothing by themselves, of issuers that say of whom they are when they are shown.

What such an answer is like differs from one issuer to the next, and is written down as facts, not
as code: where to ask, and where in the answer to find what (OpenID Connect Core 1.0, 5.3, for those
that follow it). An answer is kept for a minute: the issuers count requests, and a client sends the
same token with every one.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.claims import Claims, access_token, scope_list
from fastmcp.server.auth.fetching import Fetched, Fetcher, FetchError
from fastmcp.server.auth.flights import Flights
from fastmcp.server.auth.verified import LENGTH, KeepingVerifier, VerifiedTokens

__all__ = ["Userinfo", "UserinfoTokenVerifier"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_KEPT: Final = 60
_CACHED: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Userinfo:
    """What an issuer answers. Where something is in it is said by names with dots between.

    Attributes:
        url: to ask, with `{place}` for what differs from one customer to the next.
        issuer: what to call it.
        subject: who it is.
        person: the object with what is known of them; "" for the whole answer.
        scopes: what the token permits; None where the answer need not say it: if it has `scope`, it
            is that.
        scopes_header: a header that says it.
        scopes_unsaid: what it permits where that header is missing.
        client: the client that it was issued to; None where the answer does not say it.
        expires: when it ends: a date, or seconds from now.
        profile: a second address that says more about the person.
        whole: a claim that holds all of the person.
    """

    url: str
    issuer: str
    subject: str = "sub"
    person: str = ""
    scopes: str | None = None
    scopes_header: str | None = None
    scopes_unsaid: tuple[str, ...] = ()
    client: str | None = None
    expires: str | None = None
    profile: str | None = None
    whole: str | None = None

    @property
    def tells_scopes(self) -> bool:
        return self.scopes is not None or self.scopes_header is not None

    def at(self, place: str) -> Userinfo:
        """The same for one customer."""
        url, issuer = (text.replace("{place}", place) for text in (self.url, self.issuer))
        return replace(self, url=url, issuer=issuer)


class UserinfoTokenVerifier(KeepingVerifier):
    """Shows each token to its issuer.

    One question serves all requests that bring the same token while it is under way.

    Args:
        facts: what the issuer answers.
        client_id: that tokens have to be issued to, where the answer says it; None for any.
        required_scopes: that every token must have. The server looks at them, and answers 403.
        timeout_seconds: for one question.
        cache_ttl_seconds: how long an answer is kept: that long a token that is revoked goes on
            being good. None for a minute, 0 for not at all.
        max_cache_size: how many answers; by default 10 000, and 0 for none.
        http_client: an `httpx.AsyncClient` to ask with, which you close.

    Raises:
        ValueError: an argument is out of range.
        TypeError: `http_client` is something else.
    """

    def __init__(
        self,
        facts: Userinfo,
        *,
        client_id: str | None = None,
        required_scopes: list[str] | str | None = None,
        timeout_seconds: float = 10,
        cache_ttl_seconds: int | None = None,
        max_cache_size: int | None = None,
        http_client: Any = None,
    ) -> None:
        if (cache_ttl_seconds or 0) < 0 or (max_cache_size or 0) < 0 or timeout_seconds <= 0:
            raise ValueError(
                "timeout_seconds is more than 0, cache_ttl_seconds and max_cache_size 0 or more"
            )
        known = VerifiedTokens(
            _KEPT if cache_ttl_seconds is None else cache_ttl_seconds,
            _CACHED if max_cache_size is None else max_cache_size,
        )
        super().__init__(known, required_scopes=scope_list(required_scopes))
        self.facts = facts
        self.timeout_seconds = timeout_seconds
        self._client_id = client_id
        self._asking: Flights[str, AccessToken | None] = Flights()
        self._fetcher = Fetcher(configured=True, http_client=http_client)
        try:
            self._fetcher.check(facts.url)
        except FetchError as error:
            raise ValueError(f"Tokens cannot be shown to their issuer. {error}") from error

    @property
    def takes_any_audience(self) -> bool:
        return self._client_id is None or self.facts.client is None

    async def _verified(self, token: str) -> AccessToken | None:
        if not token or len(token) > LENGTH or not token.isascii() or not token.isprintable():
            return None
        return await self._asking.answer(token, lambda: self._shown(token))

    async def _shown(self, token: str) -> AccessToken | None:
        facts = self.facts
        fetched = await self._ask(facts.url, token)
        said = None if fetched is None else _object(fetched)
        if fetched is None or said is None:
            return None
        client = None if facts.client is None else _at(said, facts.client)
        if facts.client is not None and self._client_id not in (None, str(client)):
            # 2026-07-28, security-considerations, "Access Token Privilege Restriction"
            _logger.info("A token was refused: it was issued to another client, %.200r", client)
            return None
        subject, person = _at(said, facts.subject), _at(said, facts.person)
        if subject is None or not isinstance(person, dict):
            _logger.warning("%s does not say whose a token is: %s", fetched.url, facts.subject)
            return None
        end = None if facts.expires is None else _time(_at(said, facts.expires))
        if end is not None and end <= time.time():
            return None
        known = cast("dict[str, Any]", person)
        if facts.profile is not None:
            known = await self._profile(facts.profile, token) | known
        claims: Claims = {
            **known,
            "iss": facts.issuer,
            "sub": str(subject),
            "scope": " ".join(self._scopes(said, fetched.headers)),
            **({} if facts.whole is None else {facts.whole: known}),
            **({} if client is None else {"client_id": str(client)}),
        }
        claims.pop("exp", None)
        if end is not None:
            claims["exp"] = int(end)
        verified = access_token(token, claims)
        self._known.put(verified, end)
        return verified

    def _scopes(self, said: Any, headers: Mapping[str, str]) -> list[str]:
        facts = self.facts
        if facts.scopes_header is not None:
            text = headers.get(facts.scopes_header)
            return list(facts.scopes_unsaid) if text is None else scope_list(text)
        return scope_list(_at(said, facts.scopes or "scope"))

    async def _profile(self, url: str, token: str) -> Claims:
        """More about the person, who is known without it."""
        try:
            fetched = await self._ask(url, token)
        except VerificationUnavailableError as error:
            _logger.info("Nothing more is known of who brings a token: %s", error)
            return {}
        return {} if fetched is None else _object(fetched) or {}

    async def _ask(self, url: str, token: str) -> Fetched | None:
        """The answer to a token that is good."""
        try:
            fetched = await self._fetcher.request(
                "GET",
                url,
                # GitHub refuses who has no User-Agent.
                headers={"User-Agent": "fastmcp", "Authorization": f"Bearer {token}"},
                seconds=self.timeout_seconds,
                again=True,
            )
        except FetchError as error:
            raise VerificationUnavailableError(f"The issuer cannot be asked: {error}") from error
        if fetched.status == 200:
            return fetched
        # RFC 6750, 3.1: 403 is for a token that permits too little, and says so. Others say it to
        # whoever asks too often, and so do firewalls.
        said = fetched.headers.get("WWW-Authenticate", "")
        if fetched.status in (400, 401) or (fetched.status == 403 and "insufficient_scope" in said):
            return None
        raise VerificationUnavailableError(f"{fetched.url} answered {fetched.status}")


def _object(fetched: Fetched) -> Claims | None:
    try:
        said = fetched.json
    except FetchError as error:
        raise VerificationUnavailableError(str(error)) from error
    return cast("Claims", said) if isinstance(said, dict) else None


def _at(said: Any, path: str) -> Any:
    """What is at a place in an answer; None for nothing."""
    for name in path.split(".") if path else ():
        said = cast("Claims", said).get(name) if isinstance(said, dict) else None
    return said


def _time(value: Any) -> float | None:
    """Seconds since the epoch: of a date, or of seconds from now."""
    if isinstance(value, str) and not value.isdecimal():
        try:
            found = datetime.datetime.fromisoformat(value)
        except ValueError:
            return None
        return found.replace(tzinfo=found.tzinfo or datetime.UTC).timestamp()
    try:
        return time.time() + float(value)
    except (TypeError, ValueError):
        return None

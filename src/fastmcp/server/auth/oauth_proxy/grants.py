"""What the upstream granted, for each family of our own tokens, and how it stays good.

It is kept sealed, under the name of the family: a store that is read gives no token away, and a
record that was put in another's place does not open. It is renewed a little before it expires, and
calls go on meanwhile; or when it has expired or is refused, while everybody who needs it waits for
the one who asks: the upstream may take a refresh token once (OAuth 2.1, 4.3.1), and a second use
ends the login.

Among several workers whose turn it is is a record too: whoever removes it asks, and puts a mark in
its place. A worker that dies meanwhile leaves the mark, which ends by itself; then the turn is
given anew. One that asked for nothing gives another turn, with another name: so it does not matter
who may still come and mark the old one as taken. A store that cannot say who removed a record
(`oauth.records`) lets two ask at once, and the one that is refused looks whether the other has
brought something.

A login ends when the upstream refuses to renew it, or has made it somebody else's. That a token is
refused which was given just now may be a moment's mistake, and ends nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, Field, ValidationError

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import TokenVerifier, VerificationUnavailableError
from fastmcp.server.auth.flights import Flights
from fastmcp.server.auth.oauth.records import Records, name
from fastmcp.server.auth.oauth_proxy.upstream import RefusedError, Upstream, UpstreamTokens
from fastmcp.server.session_keys import SessionKeys

__all__ = ["Grant", "Grants", "Verified"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

Verified: TypeAlias = "tuple[Grant, AccessToken]"

_EARLY: Final = 30.0
"""A grant is renewed that many seconds before it ends, or in the last tenth of its life."""
_TURN: Final = 30.0
"""Seconds after which a worker that had its turn is given up."""
_LATE: Final = 5.0
"""Seconds in which whoever verifies a token may not know it yet."""
_DOUBT: Final = 60.0
"""Seconds for which a grant that was refused as soon as it was given is not renewed again."""
_UNSAID: Final = 3600.0
"""Seconds of a token of which nobody says when it ends, nor is asked."""
_PATIENCE: Final = 15.0
_LOOK: Final = 0.1


class Grant(BaseModel):
    """What is kept of a login.

    Attributes:
        access_token: of the upstream; a secret, like the next two.
        refresh_token: None where there is none.
        identity: what the ID token said, where that is what is verified.
        asked: the scopes that the person consented to, as ours are called.
        scopes: those that the upstream said it granted.
        subject: who logged in; None until that is known.
        expires_at: when the access token ends, in seconds since the epoch; None for unknown.
        renew_at: from when on it is renewed.
        doubted: when it was found refused, as soon as it was given; None for not.
        turn: names this state of the grant.
        laps: how often somebody had the turn for nothing.
    """

    access_token: str = Field(repr=False)
    refresh_token: str | None = Field(default=None, repr=False)
    identity: AccessToken | None = None
    asked: list[str] = []
    scopes: list[str] = []
    subject: str | None = None
    expires_at: float | None = None
    renew_at: float | None = None
    doubted: float | None = None
    turn: str = ""
    laps: int = 0

    @property
    def is_renewable(self) -> bool:
        return self.refresh_token is not None


class Grants:
    """Keeps what the upstream granted.

    Args:
        records: where.
        keys: seal it.
        upstream: renews it.
        verifier: of its tokens.
        by_id_token: the ID token is verified, in place of the access token: once, when it comes.
            Its `exp` is the end of accepting it, and not of the login that it tells of (OpenID
            Connect Core 1.0, 2).
        scopes_as_granted: the verifier does not know scopes: they are those of the login.
        scopes_again: the scopes that a request to renew names, by those that were consented to;
            None for those of before (OAuth 2.1, 4.3.1).
        early: renew at least that many seconds before the end, half of its life at most.
        fallback: how many seconds a token is good of which the upstream does not say it; None
            until the verifier refuses it, or for an hour where it is not asked.
        keep: seconds that a grant is kept which nobody uses.
        purpose: of seals; those of another server are not opened.
    """

    def __init__(
        self,
        records: Records,
        keys: SessionKeys,
        upstream: Upstream,
        verifier: TokenVerifier,
        *,
        by_id_token: bool,
        scopes_as_granted: bool,
        scopes_again: Callable[[list[str]], list[str] | None],
        early: float,
        fallback: float | None,
        keep: float,
        purpose: str,
    ) -> None:
        self._records = records
        self._keys = keys
        self._upstream = upstream
        self._verifier = verifier
        self._by_id_token = by_id_token
        self._scopes_as_granted = scopes_as_granted or by_id_token
        self._scopes_again = scopes_again
        self._early = early
        self._fallback = _UNSAID if fallback is None and by_id_token else fallback
        self._keep = keep
        self._purpose = purpose
        self._renewing: Flights[str, Grant | None] = Flights()

    async def made(
        self, tokens: UpstreamTokens, asked: list[str], before: Grant | None = None
    ) -> Grant:
        """A grant of what the upstream answered.

        Args:
            tokens: the answer.
            asked: the scopes that were asked for.
            before: what it renews. What the answer does not bring anew stays (OAuth 2.1, 4.3.2;
                OpenID Connect Core 1.0, 12.2).

        Raises:
            VerificationUnavailableError: whether a first ID token is good cannot be known now.
        """
        life = self._fallback if tokens.expires_in is None else tokens.expires_in
        now = time.time()
        early = 0.0 if life is None else max(min(self._early, life / 2), min(_EARLY, life / 10))
        old_scopes = asked if before is None else before.scopes
        return Grant(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or (before.refresh_token if before else None),
            identity=await self._identity(tokens.id_token, before),
            asked=asked,
            scopes=old_scopes if tokens.scopes is None else tokens.scopes,
            subject=before.subject if before else None,
            expires_at=None if life is None else now + life,
            renew_at=None if life is None else now + life - early,
            turn=secrets.token_urlsafe(16),
        )

    async def _identity(self, id_token: str | None, before: Grant | None) -> AccessToken | None:
        """Who logged in, by the ID token; None where it is not good."""
        known = None if before is None else before.identity
        if id_token is None or not self._by_id_token:
            return known
        try:
            found = await self._verifier.verify_token(id_token)
        except Exception as error:
            if before is None:
                raise
            kind = type(error).__name__  # its text may hold the token
            _logger.info("An ID token of a renewed login was not looked at: %s", kind)
            return known
        return None if found is None else found.model_copy(update={"token": "", "expires_at": None})

    async def verified(self, grant: Grant) -> AccessToken | None:
        """What the upstream's token says; None where it is not good.

        Raises:
            RefusedError: it is another person's.
            VerificationUnavailableError: that cannot be known now.
        """
        if self._by_id_token:
            found = grant.identity
        else:
            found = await self._verifier.verify_token(grant.access_token)
        if found is None:
            return None
        subject = found.subject or found.claims.get("sub")
        if None not in (grant.subject, subject) and str(subject) != grant.subject:
            # OpenID Connect Core 1.0, 12.2: a renewed login is the same person's.
            raise RefusedError("a login became somebody else's")
        # A tool calls the upstream's API with the access token, whichever was verified.
        update: dict[str, Any] = {"token": grant.access_token}
        if self._scopes_as_granted:
            update["scopes"] = grant.scopes
        return found.model_copy(update=update)

    async def prolong(self, family: str, grant: Grant) -> None:
        """Keep a grant for as long as tokens that were made just now."""
        if not grant.is_renewable or await self._takes_turn(family, grant):
            await self._give_back(family, grant)
        # else: who renews it keeps it

    async def _give_back(self, family: str, grant: Grant) -> None:
        """Keep what was not renewed, for the next who tries."""
        latest = await self.read(family)
        if latest is not None and (latest.turn, latest.laps) == (grant.turn, grant.laps):
            await self.keep(family, grant.model_copy(update={"laps": grant.laps + 1}))

    async def keep(self, family: str, grant: Grant, seconds: float | None = None) -> None:
        """Keep a grant for a family of tokens, and give its turn; or for so many seconds, until
        there are some."""
        if grant.is_renewable:
            await self._records.write(_turn(family, grant), {}, self._keep)
        text = grant.model_dump_json().encode()
        record = {"sealed": self._keys.seal(self._seal(family), text)}
        if seconds is None:
            left = 0.0 if grant.expires_at is None else max(0.0, grant.expires_at - time.time())
            seconds = self._keep + (left if grant.is_renewable else 0)
        await self._records.write(name("upstream", family), record, seconds)

    async def read(self, family: str) -> Grant | None:
        """The grant of a family; None where it is over."""
        (kept,) = await self._records.read(name("upstream", family))
        opened = None if kept is None else self._keys.unseal(self._seal(family), kept["sealed"])
        try:
            return None if opened is None else Grant.model_validate_json(opened)
        except ValidationError:
            return None

    async def current(self, family: str) -> Verified | None:
        """The grant of a family, which is good now, and what it says; None where it is over.

        Raises:
            VerificationUnavailableError: that cannot be known now.
        """
        grant = await self.read(family)
        if grant is None:
            return None
        now = time.time()
        if grant.expires_at is not None and now >= grant.expires_at:
            if not grant.is_renewable:
                return None
            grant = await self.renewed(family, grant)
        elif grant.is_renewable and grant.renew_at is not None and now >= grant.renew_at:
            self._begin(family, grant)
        try:
            return None if grant is None else await self._good(family, grant)
        except RefusedError:
            _logger.warning("The upstream renewed a login for somebody else: it ends")
            await self.end(family)
            return None

    async def _good(self, family: str, grant: Grant) -> Verified | None:
        """It, or what it is renewed to where it is refused; None where that is too.

        Raises:
            RefusedError: it is another person's.
            VerificationUnavailableError: that cannot be known now.
        """
        verified = await self.verified(grant)
        if verified is not None:
            return grant, verified
        now = time.time()
        if grant.is_renewable and (grant.doubted is None or now >= grant.doubted + _DOUBT):
            renewed = await self.renewed(family, grant)
            if renewed is None:
                return None
            grant, verified = renewed, await self.verified(renewed)
            if verified is not None:
                return grant, verified
        if grant.doubted is not None and time.time() < grant.doubted + _LATE:
            raise VerificationUnavailableError("A token is refused that the upstream gave just now")
        return None

    async def end(self, family: str) -> None:
        """Forget a grant, and give it back to the upstream."""
        grant = await self.read(family)
        if not await self._records.take(name("upstream", family)) or grant is None:
            return
        if grant.refresh_token is not None:  # and with it what it gave (RFC 7009, 2.1)
            await self._upstream.revoke(grant.refresh_token, "refresh_token")
        else:
            await self._upstream.revoke(grant.access_token, "access_token")

    # renewing

    async def renewed(self, family: str, grant: Grant) -> Grant | None:
        """A grant after this one. Whoever asks meanwhile waits for the same; None where it is over.

        Raises:
            VerificationUnavailableError: there is none now.
        """
        return await asyncio.shield(self._begin(family, grant))

    def _begin(self, family: str, grant: Grant) -> asyncio.Task[Grant | None]:
        return self._renewing.begin(family, lambda: self._renew(family, grant))

    async def _renew(self, family: str, old: Grant) -> Grant | None:
        end = time.monotonic() + _PATIENCE
        while True:
            grant = await self.read(family)
            if grant is None or grant.turn != old.turn:
                return grant
            self._upstream.check_pause(grant.refresh_token or "")
            if await self._takes_turn(family, grant):
                return await self._ask(family, grant)
            if time.monotonic() > end:
                raise VerificationUnavailableError("Another worker renews a login, and is not done")
            await asyncio.sleep(_LOOK)

    async def _takes_turn(self, family: str, grant: Grant) -> bool:
        """Whether it is this worker that asks the upstream."""
        turn, taken = _turn(family, grant), _taken(family, grant)
        there, held = await self._records.read(turn, taken)
        if held is not None:
            return False
        if there is None:  # who had it has died. Several may see that: it is taken the next time
            await self._records.write(turn, {}, self._keep)
            return False
        # Before the turn is taken: so there is never neither, unless who took it has died.
        await self._records.write(taken, {}, _TURN)
        return await self._records.take(turn)

    async def _ask(self, family: str, grant: Grant) -> Grant | None:
        try:
            scopes = self._scopes_again(grant.asked)
            tokens = await self._upstream.renew(grant.refresh_token or "", scopes)
        except RefusedError as error:
            latest = await self.read(family)
            if latest is None or latest.turn != grant.turn:
                return latest
            _logger.info("The upstream does not renew a login (%s): it ends", error.error)
            await self._records.take(name("upstream", family))
            return None
        except BaseException:  # also a worker that is stopped
            await self._give_back(family, grant)
            raise
        renewed = await self.made(tokens, grant.asked, grant)
        if await self._is_refused(renewed):
            renewed.doubted = time.time()
        if await self.read(family) is None:  # it was ended meanwhile
            await self._upstream.revoke(renewed.refresh_token or "", "refresh_token")
            return None
        await self.keep(family, renewed)
        return renewed

    async def _is_refused(self, grant: Grant) -> bool:
        try:
            async with asyncio.timeout(_LATE):
                return await self.verified(grant) is None
        except Exception:  # it is looked at again; what the upstream gave must not be lost
            return False

    def _seal(self, family: str) -> str:
        return f"{self._purpose} {name('upstream', family)}"


def _turn(family: str, grant: Grant) -> str:
    return name("turn", f"{family} {grant.turn} {grant.laps}")


def _taken(family: str, grant: Grant) -> str:
    return name("taken", f"{family} {grant.turn} {grant.laps}")

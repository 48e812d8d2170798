"""What the upstream granted, for each family of our own tokens, and how it stays good.

It is kept sealed, under the name of the family: a store that is read gives no token away, and a
record that was put in another's place does not open. It is renewed a little before it expires, or
when it is refused, while everybody who needs it waits for the one who asks: the upstream may take
a refresh token once (OAuth 2.1, 4.3.1), and a second use ends the login.

Among several workers whose turn it is is a record too: whoever removes it asks. A worker that dies
meanwhile has let a mark behind that ends by itself; then the turn is given anew. A store that
cannot say who removed a record (`oauth.records`) lets two ask at once, and the one that is refused
looks whether the other has brought something.
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
from fastmcp.server.auth.oauth.records import Records, name
from fastmcp.server.auth.oauth_proxy.upstream import RefusedError, Upstream, UpstreamTokens
from fastmcp.server.session_keys import SessionKeys

__all__ = ["Grant", "Grants", "Verified"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_Key: TypeAlias = tuple[asyncio.AbstractEventLoop, str]
Verified: TypeAlias = "tuple[Grant, AccessToken]"

_EARLY: Final = 30.0
"""A grant is renewed that many seconds before it ends, or in the last tenth of its life."""
_TURN: Final = 30.0
"""Seconds after which a worker that had its turn is given up."""
_PATIENCE: Final = 15.0
_LOOK: Final = 0.1


class Grant(BaseModel):
    """What is kept of a login.

    Attributes:
        access_token: of the upstream; a secret, like the next two.
        refresh_token: None where there is none.
        id_token: the same.
        asked: the scopes that the person consented to, as ours are called.
        scopes: those that the upstream said it granted.
        subject: who logged in; None until that is known.
        expires_at: when the access token ends, in seconds since the epoch; None for unknown.
        renew_at: from when on it is renewed.
        turn: names this state of the grant.
    """

    access_token: str = Field(repr=False)
    refresh_token: str | None = Field(default=None, repr=False)
    id_token: str | None = Field(default=None, repr=False)
    asked: list[str] = []
    scopes: list[str] = []
    subject: str | None = None
    expires_at: float | None = None
    renew_at: float | None = None
    turn: str = ""

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
        by_id_token: the ID token is verified, in place of the access token.
        scopes_as_granted: the verifier does not know scopes: they are those of the login.
        scopes_again: the scopes that a request to renew names, by those that were consented to;
            None for those of before (OAuth 2.1, 4.3.1).
        early: renew at least that many seconds before the end, half of its life at most.
        fallback: how many seconds a token is good of which the upstream does not say it; None
            until the verifier refuses it.
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
        self._fallback = fallback
        self._keep = keep
        self._purpose = purpose
        self._renewing: dict[_Key, asyncio.Task[Grant | None]] = {}

    def made(self, tokens: UpstreamTokens, asked: list[str], before: Grant | None = None) -> Grant:
        """A grant of what the upstream answered.

        Args:
            tokens: the answer.
            asked: the scopes that were asked for.
            before: what it renews. What the answer does not bring anew stays (OAuth 2.1, 4.3.2).
        """
        life = self._fallback if tokens.expires_in is None else tokens.expires_in
        now = time.time()
        early = 0.0 if life is None else max(min(self._early, life / 2), min(_EARLY, life / 10))
        old_scopes = asked if before is None else before.scopes
        return Grant(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or (before.refresh_token if before else None),
            id_token=tokens.id_token or (before.id_token if before else None),
            asked=asked,
            scopes=old_scopes if tokens.scopes is None else tokens.scopes,
            subject=before.subject if before else None,
            expires_at=None if life is None else now + life,
            renew_at=None if life is None else now + life - early,
            turn=secrets.token_urlsafe(16),
        )

    async def verified(self, grant: Grant) -> AccessToken | None:
        """What the upstream's token says; None where it is not good, or is another person's.

        Raises:
            VerificationUnavailableError: that cannot be known now.
        """
        token = grant.id_token if self._by_id_token else grant.access_token
        found = None if token is None else await self._verifier.verify_token(token)
        if found is None:
            return None
        subject = found.subject or found.claims.get("sub")
        if None not in (grant.subject, subject) and str(subject) != grant.subject:
            # OpenID Connect Core 1.0, 12.2: a renewed login is the same person's.
            _logger.warning("The upstream renewed a login for somebody else; it is refused")
            return None
        # A tool calls the upstream's API with the access token, whichever was verified.
        update: dict[str, Any] = {"token": grant.access_token}
        if self._scopes_as_granted:
            update["scopes"] = grant.scopes
        return found.model_copy(update=update)

    async def keep(self, family: str, grant: Grant) -> None:
        """Keep a grant for a family of tokens."""
        left = 0.0 if grant.expires_at is None else max(0.0, grant.expires_at - time.time())
        seconds = self._keep + (left if grant.is_renewable else 0)
        if grant.is_renewable:
            await self._records.write(_turn(family, grant), {}, seconds)
        text = grant.model_dump_json().encode()
        record = {"sealed": self._keys.seal(self._seal(family), text)}
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
        renewed = False
        now = time.time()
        if grant.is_renewable and grant.renew_at is not None and now >= grant.renew_at:
            found = await self._renewed_early(family, grant, now)
            renewed = found is not grant
            grant = found
        elif grant.expires_at is not None and now >= grant.expires_at:
            return None
        verified = None if grant is None else await self.verified(grant)
        if verified is None and grant is not None and grant.is_renewable and not renewed:
            grant = await self.renewed(family, grant)
            verified = None if grant is None else await self.verified(grant)
            renewed = True
        if grant is None:
            return None
        if verified is None:
            if renewed:  # it would be renewed again with every request
                _logger.warning("A token that the upstream gave just now is refused: a login ends")
                await self.end(family)
            return None
        return grant, verified

    async def _renewed_early(self, family: str, grant: Grant, now: float) -> Grant | None:
        """It renewed, or as it is where that can wait."""
        try:
            return await self.renewed(family, grant)
        except VerificationUnavailableError:
            if grant.expires_at is None or now >= grant.expires_at:
                raise
            return grant

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
        loop = asyncio.get_running_loop()
        key = loop, family
        running = self._renewing.get(key)
        if running is None:
            running = self._renewing[key] = loop.create_task(self._renew(family, grant))
            running.add_done_callback(lambda task: self._ended(key, task))
        return await asyncio.shield(running)

    def _ended(self, key: _Key, task: asyncio.Task[Grant | None]) -> None:
        del self._renewing[key]
        if not task.cancelled():
            task.exception()  # whoever waited may have left

    async def _renew(self, family: str, old: Grant) -> Grant | None:
        end = time.monotonic() + _PATIENCE
        while True:
            grant = await self.read(family)
            if grant is None or grant.turn != old.turn:
                return grant
            if await self._takes_turn(family, grant):
                return await self._ask(family, grant)
            if time.monotonic() > end:
                raise VerificationUnavailableError("Another worker renews a login, and is not done")
            await asyncio.sleep(_LOOK)

    async def _takes_turn(self, family: str, grant: Grant) -> bool:
        """Whether it is this worker that asks the upstream."""
        turn, taken = _turn(family, grant), _taken(family, grant)
        there, held = await self._records.read(turn, taken)
        if there is None and held is not None:
            return False
        # Before the turn is taken: so there is never neither, unless who took it has died.
        await self._records.write(taken, {}, _TURN)
        if there is None:
            await self._records.write(turn, {}, self._keep)
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
        except VerificationUnavailableError:
            await self._records.write(_turn(family, grant), {}, self._keep)
            raise
        renewed = self.made(tokens, grant.asked, grant)
        if await self.read(family) is None:  # it was ended meanwhile
            await self._upstream.revoke(renewed.refresh_token or "", "refresh_token")
            return None
        await self.keep(family, renewed)
        return renewed

    def _seal(self, family: str) -> str:
        return f"{self._purpose} {name('upstream', family)}"


def _turn(family: str, grant: Grant) -> str:
    return name("turn", f"{family} {grant.turn}")


def _taken(family: str, grant: Grant) -> str:
    return name("taken", f"{family} {grant.turn}")

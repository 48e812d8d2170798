"""The check of every request: whose token comes with it, and how long a stream may use it.

A request without a good token gets no further than this. What it opens goes on as long as its
token does: a stream ends when the token expires, and when its verifier, asked again from time to
time, does not know it any more. A call that runs then still gives its answer: it was permitted
when it was made.

Sources: RFC 6750; 2026-07-28, basic/authorization, "Token Handling" and "Error Handling".
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import Any, Final

import msgspec
from starlette._utils import get_route_path
from starlette.authentication import AuthCredentials, BaseUser

from fastmcp.protocol.challenges import bearer_challenge
from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import AuthProvider, VerificationUnavailableError
from fastmcp.server.transports.asgi import JSON_HEADERS, Headers, Receive, Scope, Send, respond
from fastmcp.server.transports.limits import RETRY_AFTER

__all__ = ["AuthenticatedUser", "BearerGate", "Lease"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_MOST_LEASES: Final = 4096
_IN_QUERY: Final = re.compile(rb"(?:\A|&)(access_token|token|api_key|apikey)=", re.IGNORECASE)
_NOT_GOOD: Final = (
    "Authentication failed. The provided bearer token is invalid, expired, or no longer recognized "
    "by the server. To resolve: get a new token and try again."
)


class AuthenticatedUser(BaseUser):
    """Who calls, for `request.user`.

    Args:
        token: says so, to other requests too.
        principal: of that token.
    """

    def __init__(self, token: AccessToken, principal: str) -> None:
        self._token = token
        self._principal = principal

    @cached_property
    def access_token(self) -> AccessToken:
        """What the token says, as this request's own: who changes it changes nothing for others."""
        return self._token.model_copy(deep=True)

    @property
    def scopes(self) -> list[str]:
        """What the token permits."""
        return self.access_token.scopes

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def identity(self) -> str:
        return self._principal

    @property
    def display_name(self) -> str:
        return self._token.subject or self._token.client_id


class Lease:
    """What a token opened, and how long a stream of it may go on.

    Args:
        provider: verifies the token again.
        sent: the token, as the client sent it.
        token: what it says.
        recheck: seconds between two times.

    Attributes:
        kept: until when it is kept for the next request, on the monotonic clock.
    """

    __slots__ = ("_provider", "_recheck", "kept", "principal", "sent", "token")

    def __init__(
        self, provider: AuthProvider, sent: str, token: AccessToken, recheck: float
    ) -> None:
        self._provider = provider
        self._recheck = recheck
        self.sent = sent
        self.token = token
        self.principal = token.principal
        self.kept = time.monotonic() + recheck

    def bound(self, receive: Receive) -> Receive:
        """An ASGI channel on which the client leaves when its token ends, if not before."""

        async def received() -> MutableMapping[str, Any]:
            message = asyncio.ensure_future(receive())
            end = asyncio.ensure_future(self._ended())
            try:
                await asyncio.wait({message, end}, return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else {"type": "http.disconnect"}
            finally:
                message.cancel()
                end.cancel()

        return received

    async def _ended(self) -> None:
        token = self.token
        while True:
            left = _left(token)
            await asyncio.sleep(min(self._recheck, max(left, 0)))
            if left <= self._recheck:
                return
            try:
                again = await self._provider.recognize(self.sent)
            except Exception as error:  # it was good, and nobody says that it is not
                _logger.warning("A token could not be verified again: %s", _kind(error))
                continue
            if again is None:
                return
            required = self._provider.required_of(again)
            if self._provider.missing_scopes(again, required):
                return
            token = again


def _left(token: AccessToken) -> float:
    """Seconds."""
    end = token.expires_at
    return float("inf") if end is None else end + token.leeway - time.time()


class BearerGate:
    """Lets requests in that bring a good token.

    Args:
        provider: knows which those are.
        recheck: seconds after which the token of an open stream is verified again.
    """

    def __init__(self, provider: AuthProvider, recheck: float) -> None:
        self.provider = provider
        self._recheck = recheck
        self._leases: dict[bytes, Lease] = {}
        """Of the tokens of the last moments, by the value of `Authorization` that they came in."""
        if provider.takes_any_audience:
            _logger.warning(
                "%s takes tokens that were issued for other servers too. Give its verifier "
                "audience=, the address of this server that its tokens name",
                type(provider).__name__,
            )

    async def admit(self, scope: Scope, headers: Mapping[bytes, bytes], send: Send) -> bool:
        """Whether a request may come in: then its scope says who it is; else it was answered."""
        raw = headers.get(b"authorization")
        query: bytes = scope.get("query_string", b"")
        named = _IN_QUERY.search(query) if query else None
        if named is not None and (raw is None or named[1].lower() == b"access_token"):
            # Servers and proxies log it, and browsers remember it (RFC 6750, 2.3 and 5.3;
            # basic/authorization, "Token Requirements").
            text = "A token in the URL is not accepted. Send it as Authorization: Bearer <token>"
            await self._refuse(scope, send, 400, "invalid_request", text)
            return False
        lease = None if raw is None else self._leases.get(raw)
        given = _token_in(raw) if lease is None else lease.sent
        if raw is None or given is None:
            await self._refuse(scope, send, 401)
            return False
        provider = self.provider
        try:
            token = await provider.recognize(given)
        except VerificationUnavailableError as error:
            _logger.warning("A token could not be verified: %s", error)
            await self._unavailable(send)
            return False
        except Exception as error:
            # Where it failed, without what the error says: the token may stand in it.
            where = "".join(traceback.format_tb(error.__traceback__))
            _logger.error(
                "%s failed to verify a token: %s\n%s", type(provider).__name__, _kind(error), where
            )
            await self._unavailable(send)
            return False
        if token is None or _left(token) <= 0:
            self._leases.pop(raw, None)
            await self._refuse(scope, send, 401, "invalid_token", _NOT_GOOD)
            return False
        required = provider.required_of(token)
        if required and provider.missing_scopes(token, required):
            text = f"It permits less than is required: {' '.join(required)}"
            await self._refuse(scope, send, 403, "insufficient_scope", text, required)
            return False
        if lease is None or lease.token is not token:
            lease = self._let(raw, given, token)
        _say(scope, lease)
        return True

    async def identify(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Say in a scope whose request it is, as far as its token tells here; another worker let
        it in."""
        raw = headers.get(b"authorization")
        given = _token_in(raw)
        if raw is None or given is None:
            return
        try:
            token = await self.provider.recognize(given)
        except Exception as error:
            _logger.warning("A token could not be verified again: %s", _kind(error))
            return
        if token is not None:
            _say(scope, self._let(raw, given, token))

    def _let(self, raw: bytes, given: str, token: AccessToken) -> Lease:
        """What a good token opens, kept for the next request that brings it."""
        leases = self._leases
        leases.pop(raw, None)
        # All are kept equally long, so those whose time is over are in front.
        now = time.monotonic()
        while leases:
            oldest = next(iter(leases))
            if len(leases) < _MOST_LEASES and leases[oldest].kept > now:
                break
            del leases[oldest]
        lease = leases[raw] = Lease(self.provider, given, token, self._recheck)
        return lease

    async def _refuse(
        self,
        scope: Scope,
        send: Send,
        status: int,
        error: str | None = None,
        description: str | None = None,
        required: Sequence[str] = (),
    ) -> None:
        path = get_route_path(scope)
        value = bearer_challenge(
            error=error,
            description=description,
            scopes=list(dict.fromkeys([*self.provider.challenge_scopes, *required])),
            metadata=self.provider.metadata_url(path),
        )
        head: Headers = [
            (b"www-authenticate", value.encode("ascii")),
            (b"cache-control", b"no-store"),
        ]
        if error is None:
            await respond(send, status, b"", head)
            return
        body = msgspec.json.encode({"error": error, "error_description": description})
        await respond(send, status, body, [*JSON_HEADERS, *head])

    async def _unavailable(self, send: Send) -> None:
        text = "Whether the token is good cannot be known now; try again in a moment"
        body = msgspec.json.encode({"error": "temporarily_unavailable", "error_description": text})
        await respond(send, 503, body, [*JSON_HEADERS, RETRY_AFTER])


def _say(scope: Scope, lease: Lease) -> None:
    """Who calls."""
    scope["user"] = AuthenticatedUser(lease.token, lease.principal)
    scope["auth"] = AuthCredentials(lease.token.scopes)
    scope["fastmcp.lease"] = lease


def _token_in(header: bytes | None) -> str | None:
    """The token in the value of `Authorization`; None where none is there (RFC 6750, 2.1)."""
    if header is None or not header.isascii():
        return None
    scheme, _, token = header.decode().partition(" ")
    token = token.strip()
    return token if token and " " not in token and scheme.lower() == "bearer" else None


def _kind(error: Exception) -> str:
    """An error without the text of somebody else's, in which a token may stand."""
    return str(error) if isinstance(error, VerificationUnavailableError) else type(error).__name__

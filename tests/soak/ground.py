"""Where a client of the soak walks: the servers it may go to, who it is there, and its ledger."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from fastmcp.server.auth.providers.jwt import RSAKeyPair
from tests.soak.ledger import Ledger
from tests.support.sse import Event
from tests.support.wire import LATEST_HANDSHAKE, STATELESS, Answer, Wire

ISSUER, AUDIENCE = "https://issuer.example", "soak"
CAPABILITIES: dict[str, Any] = {
    "elicitation": {},
    "sampling": {},
    "roots": {},
    "extensions": {"io.modelcontextprotocol/tasks": {}},
}
HANDSHAKE = ("2025-03-26", "2025-06-18", LATEST_HANDSHAKE)
_USERS = 8


class Walker(Wire):
    """A `Wire` whose streams can be left before they end."""

    @asynccontextmanager
    async def open(
        self, tool: str, arguments: dict[str, Any]
    ) -> AsyncIterator[tuple[Any, AsyncIterator[Event]]]:
        """A call with progress, left with the block; yields its id and the events of its stream."""
        params = {"name": tool, "arguments": arguments}
        message = self.message("tools/call", params, meta={"progressToken": "p"})
        headers = self.standard_headers("tools/call", params)
        async with self._http_session.post(self.url, json=message, headers=headers) as response:
            assert response.status == 200, (response.status, await response.text())
            assert response.content_type == "text/event-stream"
            yield message["id"], self._events(response)


@dataclass
class Ground:
    """What a scenario is given.

    Attributes:
        url: the endpoint, at whichever worker.
        workers: the endpoint of each worker by itself.
        private_key: signs tokens, in PEM; "" where everybody is let in.
        ledger: what is done is noted here.
        chance: decides.
        user: whom the tokens name.
    """

    url: str
    workers: list[str]
    private_key: str
    ledger: Ledger
    chance: random.Random
    user: str = "nobody"
    _tokens: dict[str, str] = field(default_factory=dict)

    def somebody(self) -> None:
        """From now on be one of the users."""
        if self.private_key:
            self.user = f"user-{self.chance.randrange(_USERS)}"

    def token(self, user: str, seconds: int = 3600, **claims: Any) -> str:
        """A token that is made now."""
        pair = RSAKeyPair(private_key=SecretStr(self.private_key), public_key="")
        return pair.create_token(user, ISSUER, AUDIENCE, None, seconds, claims)

    def bearer(self) -> str | None:
        """The token of this user, the same for all requests."""
        if not self.private_key:
            return None
        if self.user not in self._tokens:
            self._tokens[self.user] = self.token(self.user)
        return self._tokens[self.user]

    def headers(self) -> dict[str, str]:
        """What lets this user in."""
        token = self.bearer()
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def somewhere(self) -> str:
        """The endpoint at whichever worker, or at one of them."""
        return self.chance.choice([self.url, *self.workers])

    def handshake(self) -> Walker:
        """A client of the handshake era, in one of its versions over HTTP."""
        return self._walker(self.chance.choice(HANDSHAKE))

    def latest(self) -> Walker:
        """A client of 2025-11-25."""
        return self._walker(LATEST_HANDSHAKE)

    def stateless(self) -> Walker:
        """A client of 2026-07-28."""
        return self._walker(STATELESS)

    def _walker(self, version: str) -> Walker:
        return Walker(self.somewhere(), version, capabilities=CAPABILITIES, headers=self.headers())

    def called(self, what: str) -> None:
        """A request was answered as it should be."""
        self.ledger.calls[what] += 1

    def refused(self, answer: Answer, status: int) -> None:
        """A request was refused, as was wanted, with this status."""
        assert answer.status == status, (answer.status, answer.body[:500])
        self.provoked(str(status))

    def provoked(self, what: str) -> None:
        """An error came that was wanted."""
        self.ledger.provoked[what] += 1

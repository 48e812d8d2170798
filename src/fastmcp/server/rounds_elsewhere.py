"""A round whose handler is held by another worker.

A retry comes to any worker. Its `requestState` says which worker holds the handler, and that one is
told the answers; what the handler says then, and what comes of it, is told back and goes out on the
retry's own response. The worker that has the retry looks now and then whether the other still is
there; the worker that has the handler hears when the retry's client leaves.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Any, Final

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Call
from fastmcp.protocol.jsonrpc import dump
from fastmcp.protocol.request_state import RequestState
from fastmcp.protocol.versions import Era
from fastmcp.server.backplane.base import (
    BackplaneDown,
    Concluded,
    Message,
    Retried,
    Spoke,
    TakenBack,
    Waiting,
)
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.exchange import Exchange
from fastmcp.server.rounds import Gone, Result, Rounds, Terms
from fastmcp.server.session_keys import SessionKeys
from fastmcp.utilities.spawning import spawn

__all__ = ["SharedRounds"]

_LOOK: Final = 2.0
"""Seconds after which a worker that waits for another looks whether it lives."""
_AGAIN: Final = 0.25
"""Seconds between attempts to tell what came of a call, while the others cannot be reached."""
_ATTEMPTS: Final = 40
_TOLD: Final = ("inputResponses",)


class _FarExchange(Exchange):
    """The way back of a retry that another worker has.

    Args:
        workers: the way to it.
        worker: its name.
        round: its name for the retry.
    """

    transport = "streamable-http"

    def __init__(self, workers: Workers, worker: str, round: str) -> None:
        super().__init__()
        self.worker = worker
        self._workers = workers
        self._round = round

    async def emit(self, message: bytes) -> bool:
        if self.cancelled:
            return False
        with suppress(BackplaneDown):
            return await self._workers.backplane.send(self.worker, Spoke(self._round, message))
        return False


class SharedRounds(Rounds):
    """The calls that wait for their clients, at any worker.

    Args:
        workers: the other workers.
        keys: as for `Rounds`, and so are the others.
    """

    def __init__(
        self,
        workers: Workers,
        keys: SessionKeys,
        server_info: dict[str, Any],
        group: str,
        terms: Terms,
    ) -> None:
        super().__init__(keys, server_info, group, terms)
        self._workers = workers
        self._inboxes: dict[str, asyncio.Queue[Spoke | Concluded]] = {}
        self._serving: dict[str, _FarExchange] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        workers.listen(self._hear)

    @property
    def worker(self) -> str:
        return self._workers.backplane.worker

    def stopping(self) -> None:
        if self._workers.backplane.alone:
            super().stopping()

    async def go_on(self, state: RequestState, call: Call, exchange: Exchange) -> Result:
        if state.worker == self.worker:
            return await super().go_on(state, call, exchange)
        name, inbox = secrets.token_hex(8), asyncio.Queue[Spoke | Concluded]()
        self._inboxes[name] = inbox
        params = {key: call.params[key] for key in _TOLD if key in call.params}
        retried = Retried(
            name,
            self.worker,
            state.call,
            state.round,
            call.id,
            call.method,
            call.version,
            dump(params),
            dump(call.meta),
        )
        try:
            if not await self._workers.backplane.send(state.worker, retried):
                raise Gone("the server that held it has stopped")
            return await self._follow(state.worker, name, inbox, exchange)
        except asyncio.CancelledError:
            with suppress(BackplaneDown):
                await self._workers.backplane.send(state.worker, TakenBack(name))
            raise
        finally:
            del self._inboxes[name]

    async def _follow(
        self, worker: str, name: str, inbox: asyncio.Queue[Spoke | Concluded], exchange: Exchange
    ) -> Result:
        """Say here what the handler says there, until it is done."""
        while True:
            try:
                async with asyncio.timeout(_LOOK):
                    said = await inbox.get()
            except TimeoutError:
                with suppress(BackplaneDown):
                    waiting = Waiting(name, self.worker)
                    if not await self._workers.backplane.send(worker, waiting):
                        raise Gone("the server that ran it has ended") from None
                continue
            if isinstance(said, Spoke):
                await exchange.tell(said.message)
            elif said.gone:
                raise Gone(said.gone)
            elif said.error is not None:
                code, message, data = said.error
                raise McpError(code, message, msgspec.json.decode(data))
            else:
                return msgspec.Raw(said.result)

    # from other workers

    def _hear(self, message: Message) -> None:
        if isinstance(message, (Spoke, Concluded)):
            inbox = self._inboxes.get(message.round)
            if inbox is not None:
                inbox.put_nowait(message)
        elif isinstance(message, Retried):
            exchange = _FarExchange(self._workers, message.worker, message.round)
            self._serving[message.round] = exchange
            exchange.rounds = self
            exchange.task = spawn(self._serve(message, exchange), self._tasks)
            # Not in `_serve`: a task that is cancelled before its first step runs none of it.
            exchange.task.add_done_callback(lambda _: self._serving.pop(message.round, None))
        elif isinstance(message, TakenBack):
            exchange = self._serving.get(message.round)
            if exchange is not None:
                exchange.cancel()
        elif isinstance(message, Waiting) and message.round not in self._serving:
            lost = Concluded(message.round, gone="what came of it was lost on its way")
            spawn(self._tell(message.worker, lost), self._tasks)

    async def _serve(self, retried: Retried, exchange: _FarExchange) -> None:
        try:
            said = await self._conclude(retried, exchange)
            await self._tell(retried.worker, said)
        except asyncio.CancelledError:
            if not exchange.cancelled:
                raise

    async def _conclude(self, retried: Retried, exchange: _FarExchange) -> Concluded:
        call = Call(
            Era.STATELESS,
            retried.version,
            retried.id,
            retried.method,
            msgspec.json.decode(retried.params),
            msgspec.json.decode(retried.meta),
        )
        try:
            result = await self.resume(retried.call, retried.number, call, exchange)
        except Gone as exc:
            return Concluded(retried.round, gone=str(exc))
        except McpError as exc:
            return Concluded(retried.round, error=(exc.code, exc.message, dump(exc.data)))
        return Concluded(retried.round, dump(result))

    async def _tell(self, worker: str, said: Concluded) -> None:
        for _ in range(_ATTEMPTS):
            with suppress(BackplaneDown):
                await self._workers.backplane.send(worker, said)
                return
            await asyncio.sleep(_AGAIN)

"""One handler over several requests: how a call asks its client in the stateless era.

There the server sends no requests. A call that needs to know something is answered with
`input_required` and its questions, and the client calls again, with the answers and the
`requestState` it was given (2026-07-28, basic/patterns/mrtr). The handler knows nothing of it: it
awaits its answer, as in the handshake era.

So a handler that asks stays suspended in the request task it began in; that request is answered,
and its task lives on, as a background task does. The retry's request lends the handler its own way
back to the client, and waits for what comes of it: the next questions, or the result. A handler
never changes its task, and goes on exactly once for each round, whatever a client sends twice.

What is suspended has a life time, and each principal may have so many; the longest waiting goes
first. A retry whose handler is gone is told so, unless the handler may be run again from its
start: then it is, and hears the answers given so far, which the client brings along.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Call
from fastmcp.protocol.era2026 import complete
from fastmcp.protocol.errors import INTERNAL_ERROR, invalid_params
from fastmcp.protocol.input_required import ASKS, INPUT_REQUIRED, input_responses
from fastmcp.protocol.jsonrpc import encode_result
from fastmcp.protocol.request_state import (
    Answer,
    RequestState,
    digest,
    fingerprint,
    open_state,
    seal_state,
)
from fastmcp.server.access import owner_of
from fastmcp.server.answers import check_answer
from fastmcp.server.session_keys import SessionKeys

__all__ = [
    "Conversation",
    "Gone",
    "Result",
    "Rounds",
    "Terms",
    "WayBack",
    "answers_so_far",
    "cannot_go_on",
]

_logger: Final = logging.getLogger("fastmcp.server.rounds")
_LONG_STATE: Final = 256 * 1024
"""Characters of a `requestState` that carries answers."""

Result: TypeAlias = "dict[str, Any] | msgspec.Raw"
"""What a request is answered with: made here, or as another worker wrote it."""


class WayBack(Protocol):
    """What is needed here of a request's exchange."""

    scope: Any
    task: asyncio.Task[Any] | None

    async def finish(self, payload: bytes, status: int = 200) -> None: ...


class Gone(Exception):
    """The handler that should go on is not there any more; the text says what happened."""


class Terms(msgspec.Struct, frozen=True):
    """What waiting calls may cost.

    Attributes:
        hold: seconds that a suspended handler waits for its client.
        ttl: seconds that a `requestState` is worth something.
        limit: how many suspended handlers one authenticated principal may have.
        total: how many there may be.
    """

    hold: float
    ttl: float
    limit: int
    total: int


class Rounds:
    """The calls of one application that wait for their clients.

    Args:
        keys: seal `requestState`.
        server_info: the `Implementation` that the server calls itself.
        group: which server: what another has sealed, with the same keys, is none of its own.
        terms: how long, and how many.

    """

    def __init__(
        self,
        keys: SessionKeys,
        server_info: dict[str, Any],
        group: str,
        terms: Terms,
    ) -> None:
        self.server_info = server_info
        self._purpose = f"requestState:{group}"
        self.terms = terms
        self._keys = keys
        self._held: OrderedDict[str, Conversation] = OrderedDict()
        """By name; those that have waited longest first."""
        self._of: dict[str, OrderedDict[str, Conversation]] = {}
        """By principal and name, in the same order."""
        self._warned = False
        self._running = 0

    def __len__(self) -> int:
        """How many handlers go on though the request that began them has been answered."""
        return self._running

    @property
    def worker(self) -> str:
        """This worker's name, which a client brings along."""
        return ""

    # what is sealed

    def seal(self, owner: str, request: str, **claims: Any) -> str:
        """The `requestState` of an answer.

        Args:
            owner: hash of the principal.
            request: the fingerprint of the request that is answered.
            claims: the other ones (`RequestState`).
        """
        state = RequestState(owner, request, int(time.time() + self.terms.ttl), **claims)
        return seal_state(state, self._seal)

    def read(self, call: Call, exchange: WayBack) -> RequestState | None:
        """The state that a request brings along, or None where it has none.

        Raises:
            McpError: it is not worth anything here.
        """
        if "requestState" not in call.params:
            return None
        return open_state(
            call.params["requestState"],
            self._unseal,
            owner=owner_of(exchange.scope or {}),
            request=fingerprint(call.method, call.params, call.meta),
            now=time.time(),
        )

    def _seal(self, data: bytes) -> str:
        return self._keys.seal(self._purpose, data)

    def _unseal(self, text: str) -> bytes | None:
        return self._keys.unseal(self._purpose, text)

    # what is suspended

    def keep(self, conversation: Conversation) -> None:
        """Hold a handler from now on; it waits for its client."""
        if conversation.id not in self._held:
            self._make_room(conversation.owner)
            self._running += 1
        mine = self._of.setdefault(conversation.owner, OrderedDict())
        self._held[conversation.id] = mine[conversation.id] = conversation
        self._held.move_to_end(conversation.id)
        mine.move_to_end(conversation.id)

    def _make_room(self, owner: str) -> None:
        """Give up the call that has waited longest: of a principal who has too many, or of all.

        Who is not authenticated is many people, and has no limit of his own.
        """
        mine = self._of.get(owner) if owner else None
        if mine is not None and len(mine) >= self.terms.limit:
            crowd, setting = mine, "FASTMCP_INPUT_REQUIRED_LIMIT"
        elif len(self._held) >= self.terms.total:
            crowd, setting = self._held, "FASTMCP_INPUT_REQUIRED_TOTAL"
        else:
            return
        oldest = next((one for one in crowd.values() if one.waits), None)
        if oldest is None:
            return
        if not self._warned:
            self._warned = True
            _logger.warning(
                "%d calls wait for their clients; from now on the one that has waited longest is "
                "given up for each new one (%s)",
                len(crowd),
                setting,
            )
        oldest.give_up()

    def ended(self) -> None:
        """A handler that was held is done."""
        self._running -= 1

    def let_go(self, conversation: Conversation) -> None:
        """Nobody comes back for it any more."""
        if self._held.pop(conversation.id, None) is not None:
            mine = self._of[conversation.owner]
            del mine[conversation.id]
            if not mine:
                del self._of[conversation.owner]

    def stopping(self) -> None:
        """This worker is told to stop: nobody can come back to it, unless by another."""
        self.give_up_waiting()

    def give_up_waiting(self) -> None:
        """End every handler that nobody can answer any more."""
        for conversation in list(self._held.values()):
            if conversation.waits:
                conversation.give_up()

    async def go_on(self, state: RequestState, call: Call, exchange: Any) -> Result:
        """Let the suspended handler go on with the answers of this request.

        Args:
            state: what the request brought along.
            call: the retry.
            exchange: the retry's, lent to the handler.

        Returns:
            the next result: its questions, or what it returned.
        Raises:
            Gone: there is no such handler here.
            McpError: what the handler raised; or the answers are none, or this round is over.
            asyncio.CancelledError: the client took the retry back, and with it the call.
        """
        return await self.resume(state.call, state.round, call, exchange)

    async def resume(self, name: str, round: int, call: Call, exchange: WayBack) -> dict[str, Any]:
        """The same, for a handler that is held here.

        Args:
            name: its own.
            round: which of its rounds is answered.
            call: the retry.
            exchange: the retry's.
        """
        conversation = self._held.get(name)
        if conversation is None:
            raise Gone(
                "the call that asked has ended meanwhile: it waited too long for its answer, was "
                "answered already, or its server was stopped"
            )
        return await conversation.go_on(round, call, exchange)


class _Ask:
    """One question that waits for its answer."""

    def __init__(self, method: str, params: dict[str, Any], digest: str) -> None:
        self.method = method
        self.params = params
        self.digest = digest
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Conversation:
    """A call that has asked its client something.

    Args:
        rounds: where it is kept while it waits.
        call: the request that began it.
        exchange: that request's way back.
        again: says whether the handler may be run again from its start; it is asked each round,
            for what the handler calls meanwhile may not.
        lend: gives the handler the request and the exchange of the next round.
        answers: what an earlier run of the handler was answered, by key.

    Attributes:
        id: its name.
        owner: hash of the principal.
    """

    def __init__(
        self,
        rounds: Rounds,
        call: Call,
        exchange: WayBack,
        *,
        again: Callable[[], bool],
        lend: Callable[[Call, Any], None],
        answers: Mapping[str, Answer] | None = None,
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.owner = owner_of(exchange.scope or {})
        self._rounds = rounds
        self._request = fingerprint(call.method, call.params, call.meta)
        self._task = exchange.task
        self._may_again = again
        self._again = True
        self._closed = False
        self._lend = lend
        self._loop = asyncio.get_running_loop()
        self._open: dict[str, _Ask] = {}
        self._answers = dict(answers or {})
        self._asked = 0
        self._round = 0
        self._saying: asyncio.Handle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._outcome: dict[str, Any] | McpError | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._first = call.id, exchange
        self._reply: asyncio.Future[dict[str, Any]] | None = None
        """The retry that waits for what comes next."""

    @property
    def waits(self) -> bool:
        """Whether it waits for its client, and no request for it."""
        return self._round > 0 and self._reply is None

    # the handler's side

    async def ask(self, method: str, params: dict[str, Any], sent: dict[str, Any]) -> Any:
        """Put a question, and await the answer.

        Args:
            method: of the question.
            params: what makes it this question and no other.
            sent: the same, with what belongs to this time alone.
        """
        if self._closed:
            raise McpError(
                INTERNAL_ERROR,
                f"{method} cannot be asked: the call is over. Await it before the handler returns",
            )
        self._asked += 1
        key = f"{ASKS[method]}-{self._asked}"
        ask = _Ask(method, sent, digest([method, params]))
        known = self._answers.get(key)
        if known is not None and known.question == ask.digest:
            return known.value
        self._open[key] = ask
        self._say_soon()
        try:
            return await ask.answer
        finally:
            del self._open[key]

    async def end(self, outcome: dict[str, Any] | McpError) -> bool:
        """The handler is done: whoever waits, or comes next, hears what came of it.

        Returns:
            False where that is the request that began it; else that one has been answered.
        """
        self._outcome = outcome
        self._stop_asking()
        if not self._round:
            return False
        self._rounds.ended()
        reply = self._reply
        if reply is not None:
            self._close()
            if not reply.done():
                _settle(reply, outcome)
        if self._finishing is not None:  # what was asked first may be on its way yet
            await asyncio.wait([self._finishing])
        return True

    def break_off(self) -> None:
        """The handler was stopped: whoever waits hears it, and nobody else ever will."""
        self._stop_asking()
        if self._round and self._outcome is None:
            self._rounds.ended()
        self._close()
        reply, error = self._reply, McpError(INTERNAL_ERROR, "The call was stopped")
        if self._round and reply is not None and not reply.done():
            reply.set_exception(error)

    def _stop_asking(self) -> None:
        """From now on nobody can be asked; who asks all the same is told."""
        self._closed = True
        if self._saying is not None:
            self._saying.cancel()
        for ask in self._open.values():
            ask.answer.cancel()

    def _close(self) -> None:
        self._rounds.let_go(self)
        if self._expiry is not None:
            self._expiry.cancel()

    def _say_soon(self) -> None:
        """Ask when the loop has turned once: what is asked at the same time is asked together."""
        if self._saying is None and not self.waits:
            self._saying = self._loop.call_soon(self._say)

    def _say(self) -> None:
        self._saying = None
        reply, waiting = self._reply, self._waiting()
        if not waiting or self.waits or (reply is not None and reply.done()):
            return
        self._round += 1
        self._reply = None
        self._wait()
        state = self._seal(waiting)
        if len(state) > _LONG_STATE and self._again:
            self._again = False  # what was answered is more than a client should carry
            state = self._seal(waiting)
        result = {
            "resultType": INPUT_REQUIRED,
            "inputRequests": {
                key: {"method": ask.method, "params": ask.params} for key, ask in waiting.items()
            },
            "requestState": state,
        }
        result = complete(result, self._rounds.server_info, None)
        if reply is not None:
            reply.set_result(result)
            return
        # The first request is answered beside its own task, in which the handler goes on.
        id, exchange = self._first
        self._finishing = self._loop.create_task(exchange.finish(encode_result(id, result)))

    def _waiting(self) -> dict[str, _Ask]:
        """The questions that somebody still wants to be answered."""
        return {key: ask for key, ask in self._open.items() if not ask.answer.done()}

    def _seal(self, waiting: Mapping[str, _Ask]) -> str:
        self._again = self._again and self._may_again()
        return self._rounds.seal(
            self.owner,
            self._request,
            asked={key: (ask.method, ask.digest) for key, ask in waiting.items()},
            call=self.id,
            worker=self._rounds.worker,
            round=self._round,
            again=self._again,
            answers=self._answers if self._again else {},
        )

    def _wait(self) -> None:
        self._rounds.keep(self)
        self._expiry = self._loop.call_later(self._rounds.terms.hold, self.give_up)

    # the client's side

    async def go_on(self, round: int, call: Call, exchange: WayBack) -> dict[str, Any]:
        """See `Rounds.go_on`."""
        if not self.waits or round != self._round:
            raise invalid_params(
                "Invalid params: this requestState has been used already; its call has gone on"
            )
        answers = self._read(call)
        if self._expiry is not None:
            self._expiry.cancel()
        if self._outcome is not None:  # it did not wait for the answers
            self._close()
            if isinstance(self._outcome, McpError):
                raise self._outcome
            return self._outcome
        self._reply = reply = self._loop.create_future()
        self._lend(call, exchange)
        waiting = self._waiting()
        for key, answer in answers.items():
            ask = waiting[key]
            self._answers[key] = Answer(ask.digest, answer)
            ask.answer.set_result(answer)
        if len(answers) < len(waiting):
            # "the server SHOULD respond with a new InputRequiredResult requesting the missing
            # information again" (basic/patterns/mrtr, "Error Handling")
            self._say_soon()
        try:
            return await reply
        except asyncio.CancelledError:
            self._stop()
            raise

    def _read(self, call: Call) -> dict[str, Any]:
        """The answers to what is open; whatever else was sent is ignored."""
        responses = input_responses(call.params) or {}
        answers = {key: responses[key] for key in self._waiting() if key in responses}
        for key, answer in answers.items():
            check_answer(key, self._open[key].method, answer)
        return answers

    def give_up(self) -> None:
        """Nobody answers: the handler is cancelled."""
        self._close()
        self._stop()

    def _stop(self) -> None:
        if self._outcome is not None:  # its task is over, or does something else by now
            return
        self._closed = True
        if self._task is not None and not self._task.cancelling():
            self._task.cancel()


def _settle(reply: asyncio.Future[dict[str, Any]], outcome: dict[str, Any] | McpError) -> None:
    if isinstance(outcome, McpError):
        reply.set_exception(outcome)
    else:
        reply.set_result(outcome)


def answers_so_far(state: RequestState, call: Call) -> dict[str, Answer]:
    """What a handler that is run again is answered: what the client brings along.

    Raises:
        McpError: an answer is none.
    """
    responses = input_responses(call.params) or {}
    answers = dict(state.answers)
    for key, (method, question) in state.asked.items():
        if key in responses:
            check_answer(key, method, responses[key])
            answers[key] = Answer(question, responses[key])
    return answers


def cannot_go_on(why: Gone) -> McpError:
    """What a client is told whose call cannot go on."""
    return McpError(
        INTERNAL_ERROR,
        f"The call cannot go on: {why}. It was not run again, because its tool is not marked "
        "idempotent or read-only; call it again without requestState",
    )

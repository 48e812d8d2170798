"""A handler that returns its questions: the guard pattern, in both eras.

Instead of awaiting an answer, a handler may return an `InputRequiredResult`, and is called anew
with the answers in `ctx.input_responses` and with what it gave as `request_state` in
`ctx.request_state`. In the stateless era that is what the protocol does by itself: nothing waits
on the server meanwhile (2026-07-28, basic/patterns/mrtr). In the handshake era the client is
asked right away, on the call's own stream, and the handler called anew here; and so it is in a
background task, where the questions are the task's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

import msgspec
from pydantic import ValidationError

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Call
from fastmcp.protocol.errors import (
    INTERNAL_ERROR,
    capability_names,
    missing_capability,
)
from fastmcp.protocol.input_required import (
    INPUT_REQUIRED,
    SINCE,
    input_responses,
    required,
)
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.methods import METHODS
from fastmcp.protocol.request_state import LONGEST_STATE, RequestState, digest, fingerprint
from fastmcp.protocol.versions import Era
from fastmcp.server.access import owner_of
from fastmcp.server.answers import Answer, check_answer, read_answer, read_any
from fastmcp.server.asking import lacking
from fastmcp.server.context import Context

__all__ = ["ask_for", "opened", "receive"]

_MOST_ROUNDS: Final = 32
"""How often a call in the handshake era may ask: a handler that is never content must end."""

_LATER: Final = 0.2
"""Seconds until a handler that asks nothing is called again."""


def receive(context: Context, state: RequestState | None, call: Call) -> None:
    """Take the answers that a request brings along into its context.

    Raises:
        McpError: an answer to what was asked is none. What was not asked is ignored.
    """
    responses = input_responses(call.params)
    if context.exchange.task_id is not None:
        context.returned_state = call.params.get("requestState")  # see `opened`
    else:
        context.returned_state = None if state is None else state.own
    if responses is None:
        return
    answers: dict[str, Answer] = {}
    for key, response in responses.items():
        if state is None:  # nobody knows what was asked; what is no answer at all is none
            with suppress(ValidationError):
                answers[key] = read_any(response)
        elif key in state.asked:
            answers[key] = check_answer(key, state.asked[key][0], response)
    context.inputs = cast("dict[str, Any]", answers)


def opened(context: Context) -> Call:
    """The request for whoever serves it elsewhere: with what its handler gave as `request_state`,
    and not with what the client carried."""
    call = context.call
    if "requestState" not in call.params:
        return call
    params = {key: call.params[key] for key in call.params if key != "requestState"}
    if context.returned_state is not None:
        params["requestState"] = context.returned_state
    return msgspec.structs.replace(call, params=params)


async def ask_for(
    context: Context, result: dict[str, Any], enter: Callable[[], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """Ask the client what a handler returned.

    Args:
        context: the call's.
        result: what the handler returned.
        enter: calls the handler anew.

    Returns:
        the result to send.
    Raises:
        McpError: the client cannot be asked this, or not here.
    """
    exchange = context.exchange
    if context.call.era is Era.STATELESS and not exchange.answered:
        # A call that may become a task is served as one, and what it answers is answered by the
        # call that it was: there it is sealed.
        return result if exchange.task_id is not None else _sealed(context, result)
    for _ in range(_MOST_ROUNDS):
        if result.get("resultType") != INPUT_REQUIRED:
            return result
        requests = _requests(context, result)
        if not requests:  # it only wants to be called again, later
            await asyncio.sleep(_LATER)
        answers = await _ask_all(context, requests)
        context.inputs = {
            key: _validated(requests[key][0], answer) for key, answer in answers.items()
        }
        context.returned_state = result.get("requestState")
        result = await enter()
    raise McpError(
        INTERNAL_ERROR,
        f"The handler asked its client {_MOST_ROUNDS} times and was not content: its author has to "
        "let it end",
    )


def _sealed(context: Context, result: dict[str, Any]) -> dict[str, Any]:
    call, rounds = context.call, context.exchange.rounds
    requests = _requests(context, result)
    if rounds is None or not METHODS[call.method].may_ask:
        raise McpError(
            INTERNAL_ERROR,
            f"{call.method} cannot be answered with input_required "
            "here: its handler has to return a result",
        )
    result["requestState"] = rounds.seal(
        owner_of(context.exchange.scope or {}),
        fingerprint(call.method, call.params, call.meta),
        asked={key: (request[0], digest(request)) for key, request in requests.items()},
        own=result.get("requestState"),
    )
    if len(result["requestState"]) > LONGEST_STATE:
        raise McpError(
            INTERNAL_ERROR,
            f"The handler of {call.method} gave a request_state that is too long for clients to "
            "carry: keep what is long, and give its name",
        )
    return result


def _requests(context: Context, result: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The questions by key, each one that this client can be asked."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    given = cast("Mapping[str, Any]", result.get("inputRequests") or {})
    for key, request in given.items():
        method, params = request["method"], as_object(request.get("params")) or {}
        context.asker.demand(SINCE.get(method, ""), method)
        missing = lacking(required(method, params), context.client_capabilities)
        if missing:
            if context.call.era is Era.STATELESS:
                raise missing_capability(missing)
            if context.session is not None:
                raise McpError(
                    INTERNAL_ERROR,
                    f"The client cannot be asked for {method}: it did not declare the "
                    f"{capability_names(missing)} capability; do without, or let a client connect "
                    "that has it",
                )
        found[key] = method, params
    return found


async def _ask_all(
    context: Context, requests: Mapping[str, tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    tasks = {
        key: asyncio.ensure_future(context.exchange.ask(method, params))
        for key, (method, params) in requests.items()
    }
    try:
        await asyncio.gather(*tasks.values())
    finally:
        for task in tasks.values():
            task.cancel()
    return {key: task.result() for key, task in tasks.items()}


def _validated(method: str, answer: Any) -> Any:
    try:
        return read_answer(method, answer)
    except ValidationError as exc:
        raise McpError(
            INTERNAL_ERROR, f"The client answered {method} with something that is no result of it"
        ) from exc

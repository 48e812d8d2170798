"""The seam between the workers of a server.

A session's id tells every worker what never changes (`protocol/session_token`). The rest is
here: the facts that do change during a session (its log level, its subscriptions, its end), the
changes that all clients may want to hear, and the few things one worker must tell another: an
answer came here and is waited for there, a request that runs there was cancelled here.
It speaks the domain and never the wire, so no implementation reads JSON-RPC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.protocol.jsonrpc import UNREADABLE
from fastmcp.server.backplane.feed import Feed
from fastmcp.server.bus import AnyChange

__all__ = [
    "ENDED",
    "STATE",
    "Answered",
    "Backplane",
    "BackplaneDown",
    "Cancelled",
    "Concluded",
    "Facts",
    "Message",
    "Noted",
    "Posted",
    "Published",
    "Receive",
    "Resync",
    "Retried",
    "Said",
    "Spoke",
    "StreamClosed",
    "Taken",
    "TakenBack",
    "TaskAsked",
    "TaskTold",
    "Waiting",
    "decode_message",
    "encode_message",
]

Facts: TypeAlias = Mapping[str, str | None]
"""What is known of a session beside its id, as text by name; in an update None forgets one."""


ENDED: Final = "ended"
"""The fact that a session is over; with it every other fact of it goes."""

STATE: Final = "state:"
"""Begins the names of facts that are an author's values: workers ask for them when they are
wanted, and need not be told where there is a common place to ask."""


class Answered(msgspec.Struct, frozen=True, tag=True):
    """A client's answer to a question that another worker asked.

    Attributes:
        session: the session's name (`Claims.jti`).
        ask: the question's JSON-RPC id.
        response: the JSON-RPC response as it came.
    """

    session: str
    ask: str
    response: bytes


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """A client took a request back, and it does not run where the word arrived."""

    session: str
    request: str | int


class Noted(msgspec.Struct, frozen=True, tag=True):
    """Facts of a session changed, which is over at a time (seconds since the epoch), or never."""

    session: str
    facts: dict[str, str | None]
    ends: float | None = None


class Said(msgspec.Struct, frozen=True, tag=True):
    """A message for the standalone stream of a session, which the receiving worker holds."""

    session: str
    message: bytes


class StreamClosed(msgspec.Struct, frozen=True, tag=True):
    """The server closes the standalone stream of a session; its client comes back."""

    session: str


class Retried(msgspec.Struct, frozen=True, tag=True):
    """A client's retry came here, and the handler that goes on with its answers is there.

    Attributes:
        round: the sender's name for the retry.
        worker: the sender.
        call: the name of the suspended handler.
        number: which of its rounds is answered.
        id: the retry's JSON-RPC id.
        method: its method.
        version: its protocol version.
        params: the answers, as JSON.
        meta: its `_meta`, as JSON.
    """

    round: str
    worker: str
    call: str
    number: int
    id: str | int
    method: str
    version: str
    params: bytes
    meta: bytes


class Spoke(msgspec.Struct, frozen=True, tag=True):
    """The handler said something to the client whose retry the receiver has."""

    round: str
    message: bytes


class Concluded(msgspec.Struct, frozen=True, tag=True):
    """What came of a round.

    Attributes:
        round: the receiver's name for the retry.
        result: as JSON; or
        error: code, message, and data as JSON; or
        gone: why there is no such handler.
    """

    round: str
    result: bytes = b""
    error: tuple[int, str, bytes] | None = None
    gone: str = ""


class TakenBack(msgspec.Struct, frozen=True, tag=True):
    """The client of a retry has left."""

    round: str


class Waiting(msgspec.Struct, frozen=True, tag=True):
    """The sender still waits for what comes of a round."""

    round: str
    worker: str


class Published(msgspec.Struct, frozen=True, tag=True):
    """Something changed that every client may want to know."""

    change: AnyChange


class TaskAsked(msgspec.Struct, frozen=True, tag=True):
    """A client came here for a background task that the receiving worker runs.

    Attributes:
        worker: who asks, and is to be told.
        ask: what the answer shall carry, so that it finds the way.
        verb: what is wanted of the task.
        task: its id.
        owner: whose the client is.
        responses: JSON of the client's `inputResponses`, for "answer".
    """

    worker: str
    ask: int
    verb: Literal["find", "answer", "cancel", "watch"]
    task: str
    owner: str
    responses: bytes = b""


class TaskTold(msgspec.Struct, frozen=True, tag=True):
    """The answer to `TaskAsked`.

    Attributes:
        ask: of the question.
        known: whether there is such a task for such an owner.
        state: JSON of the task's state, for "find".
        wrong: what is wrong with the client's responses, or "".
    """

    ask: int
    known: bool
    state: bytes = b""
    wrong: str = ""


class Posted(msgspec.Struct, frozen=True, tag=True):
    """A message came here for the HTTP+SSE session whose stream the receiving worker holds.

    Attributes:
        worker: who has it, and is to be told what became of it.
        ask: what the answer shall carry.
        stream: the stream's name.
        request: the HTTP request, sealed: its header may hold a credential.
    """

    worker: str
    ask: int
    stream: str
    request: str


class Taken(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Posted`: how the HTTP request is to be answered.

    Attributes:
        ask: of the question.
        status: 202 where the message was taken.
        body: of the response.
    """

    ask: int
    status: int
    body: bytes = b""


class Resync(msgspec.Struct, frozen=True, tag=True):
    """Messages may have been missed: what is known of sessions has to be looked up again.

    It comes from the backplane itself, never from a worker.
    """


Message: TypeAlias = (
    Answered
    | Cancelled
    | Noted
    | Said
    | StreamClosed
    | Retried
    | Spoke
    | Concluded
    | TakenBack
    | Waiting
    | Published
    | TaskAsked
    | TaskTold
    | Posted
    | Taken
    | Resync
)

Receive: TypeAlias = Callable[[Message], None]

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Message).decode


def encode_message(message: Message) -> bytes:
    """A message as bytes for another worker."""
    return _encode(message)


def decode_message(data: bytes) -> Message | None:
    """A worker's message, or None where it is none: a worker of another release may say more."""
    try:
        return _decode(data)
    except UNREADABLE:
        return None


class BackplaneDown(McpError):
    """The other workers, or what is kept for them, cannot be reached now; later they may.

    Args:
        what: it is.
        how: it fails, after its name.
    """

    def __init__(self, what: str, how: str = "cannot be reached") -> None:
        super().__init__(INTERNAL_ERROR, f"{what} {how} now; try again in a moment")


class Backplane(Protocol):
    """Reaches the other workers. One serves one application on one event loop.

    Attributes:
        worker: this worker's name; new with every start, so that a fork is not its parent.
        feed: the changes that were published, here or anywhere, newest last.
    """

    worker: str
    feed: Feed

    @property
    def alone(self) -> bool:
        """Whether no other worker can be there."""
        ...

    async def start(self, receive: Receive) -> None:
        """Begin to hear of others; `receive` is called with each of their messages."""
        ...

    async def stop(self) -> None:
        """Hear and tell no more."""
        ...

    async def send(self, worker: str, message: Message) -> bool:
        """Tell one worker.

        Returns:
            False where there is no such worker (any more), or none can be reached by design.
        Raises:
            BackplaneDown: it could not be told, and might be later.
        """
        ...

    async def broadcast(self, message: Message) -> None:
        """Tell all other workers.

        Raises:
            BackplaneDown: they could not be told.
        """
        ...

    async def note(self, session: str, facts: Facts, ttl: float | None) -> None:
        """Keep facts of a session for all workers, and tell them (`Noted`).

        Args:
            session: its name.
            facts: the changed ones; None forgets one.
            ttl: seconds until the session is over anyway, or None where it never is.
        Raises:
            BackplaneDown: they could not be kept.
        """
        ...

    async def notes(self, session: str) -> Facts:
        """What is kept of a session; empty where nothing is.

        Raises:
            BackplaneDown: it cannot be known now.
        """
        ...

    async def fact(self, session: str, name: str) -> str | None:
        """One fact of a session; None where it is not kept.

        Raises:
            BackplaneDown: it cannot be known now.
        """
        ...

    async def ready(self) -> bool:
        """Whether everything it needs can be reached."""
        ...

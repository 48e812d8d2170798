"""One answer: which form it takes, who may write, and that nothing of it is left."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from fastmcp.exceptions import McpError
from fastmcp.protocol.headers import Accepts
from fastmcp.server.sessions import Session
from fastmcp.server.transports.http_exchange import HttpExchange, Patience, StreamPolicy
from tests.support.asgi import settled

pytestmark = pytest.mark.usefixtures("no_leaks")


class Client:
    """The ASGI channels of one request."""

    def __init__(self, broken: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.broken = broken
        self.blocked: asyncio.Event | None = None

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.blocked is not None:
            await self.blocked.wait()
        if self.broken:
            raise OSError("the client is gone")
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent)


def make(
    client: Client,
    accepts: Accepts = Accepts(True, True),  # noqa: B008
    session: Session | None = None,
    cancels: bool = True,
    patience: Patience | None = None,
    **policy: Any,
) -> HttpExchange:
    exchange = HttpExchange(
        client.receive,
        client.send,
        {"type": "http"},
        session,
        accepts,
        StreamPolicy(**{"after": 60.0, "keepalive": 0.0, **policy}),
        patience or Patience(60.0),
        disconnect_cancels=cancels,
    )
    exchange.begin(cast("asyncio.Task[None]", asyncio.current_task()))
    return exchange


async def test_json_when_nothing_was_said():
    client = Client()
    await make(client).finish(b"{}", 404)
    assert client.status == 404
    assert client.body == b"{}"
    assert dict(client.sent[0]["headers"]) == {
        b"content-type": b"application/json",
        b"content-length": b"2",
    }


async def test_a_stream_when_something_was():
    client = Client()
    exchange = make(client)
    assert await exchange.emit(b'{"a":1}')
    await exchange.finish(b"{}", 404)
    assert client.status == 200  # it had begun
    assert client.body == (
        b'event: message\r\ndata: {"a":1}\r\n\r\nevent: message\r\ndata: {}\r\n\r\n'
    )
    assert client.sent[-1] == {"type": "http.response.body", "body": b""}
    assert not await exchange.emit(b"late")


async def test_an_error_before_anything_is_plain_even_for_stream_clients():
    client = Client()
    await make(client, Accepts(False, True)).finish(b"{}", 404)
    assert (client.status, client.body) == (404, b"{}")


async def test_headers_can_be_withdrawn():
    client = Client()
    exchange = make(client)
    exchange.add_header(b"x-one", b"1")
    exchange.withdraw_headers()
    await exchange.finish(b"{}")
    assert b"x-one" not in dict(client.sent[0]["headers"])


@pytest.mark.parametrize("say", [False, True])
async def test_a_server_whose_send_fails(say: bool):
    client = Client(broken=True)
    exchange = make(client, cancels=False)
    if say:
        assert not await exchange.emit(b"{}")
    await exchange.finish(b"{}")
    assert exchange.gone


async def test_a_send_that_fails_is_a_disconnect():
    """In the stateless era that cancels: the handler is stopped at its next await."""
    client = Client(broken=True)

    async def handler() -> None:
        exchange = make(client)
        await exchange.emit(b"{}")
        try:
            await asyncio.Event().wait()
        finally:
            exchange.drop()

    task = asyncio.create_task(handler())
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_concurrent_emits_are_whole_frames():
    client = Client()
    exchange = make(client)
    await asyncio.gather(*(exchange.emit(b'{"n":%d}' % n) for n in range(20)))
    await exchange.finish(b"{}")
    assert [m["type"] for m in client.sent].count("http.response.start") == 1
    assert client.body.count(b"event: message") == 21


async def test_nothing_after_a_cancellation():
    client = Client()
    exchange = make(client)
    exchange.task = None
    exchange.cancel()
    assert not await exchange.emit(b"{}")
    await exchange.abandon()
    assert client.body == b""
    assert client.sent[-1]["body"] == b""


async def test_cancelling_twice_is_cancelling_once():
    seen: list[str] = []
    begun = asyncio.Event()

    async def handler() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    exchange = make(Client())
    exchange.task = asyncio.create_task(handler())
    await begun.wait()
    exchange.cancel()
    await asyncio.sleep(0)
    exchange.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exchange.task
    assert seen == ["cleaned up"]
    exchange.drop()


async def test_leaving_while_the_answer_is_written_cancels_nothing():
    client = Client()
    exchange = make(client)
    await exchange.emit(b"{}")
    client.blocked = asyncio.Event()
    finishing = asyncio.create_task(exchange.finish(b"{}"))
    exchange.task = finishing if exchange.task is not None else None
    await settled()
    client.left.set()
    await settled()
    client.blocked.set()
    await finishing


async def test_a_finish_that_is_cancelled_leaves_no_watcher():
    client = Client()
    exchange = make(client)
    await exchange.emit(b"{}")
    client.blocked = asyncio.Event()
    finishing = asyncio.create_task(exchange.finish(b"{}"))
    await settled()
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing


async def test_a_question_and_its_lost_stream():
    client, session = Client(), Session("s", "2025-11-25", {}, {})
    exchange = make(client, session=session, cancels=False)
    asking = asyncio.create_task(exchange.ask("roots/list", {}))
    await settled()
    client.left.set()
    with pytest.raises(McpError, match="closed the stream"):
        await asking
    with pytest.raises(McpError, match="cannot reach the client"):
        await exchange.ask("roots/list", {})
    assert not session.asks
    await exchange.finish(b"{}")


# Patience


class Slow:
    """Stands for a call: counts how often it was found suspended."""

    def __init__(self) -> None:
        self.found = asyncio.Event()

    def suspended(self) -> None:
        assert not self.found.is_set(), "once is enough"
        self.found.set()


async def test_patience_finds_only_what_stays():
    patience: Any = Patience(0.01)
    quick, slow = Slow(), Slow()
    patience.watch(quick).discard(quick)
    patience.watch(slow)
    async with asyncio.timeout(5):
        await slow.found.wait()
    assert not quick.found.is_set()


async def test_patience_rests_and_wakes():
    patience: Any = Patience(0.001)
    for _ in range(3):
        slow = Slow()
        patience.watch(slow)
        async with asyncio.timeout(5):
            await slow.found.wait()
        while patience._loop is not None:  # noqa: ASYNC110  (its timer runs out)
            await asyncio.sleep(0)


def test_patience_survives_its_loop():
    patience: Any = Patience(0.01)

    async def leave_early() -> None:
        patience.watch(Slow())

    async def stay() -> None:
        slow = Slow()
        patience.watch(slow)
        async with asyncio.timeout(5):
            await slow.found.wait()

    asyncio.run(leave_early())
    asyncio.run(stay())

"""An event stream that lives long and ends well: the answer to a GET, and to who listens.

Whatever it carries, the same holds for it: the first byte goes out at once (proxies release the
head with it), silence is broken by comments, a client that left or does not read ends it, and so
do the server's stop and a life time, both with a last word. A subclass says what is on it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from fastmcp.protocol import sse
from fastmcp.server.transports.asgi import Receive, Send
from fastmcp.server.transports.http_exchange import (
    SSE_HEADERS,
    StreamPolicy,
    until_hung_up,
)
from fastmcp.server.transports.shutdown import on_stop

__all__ = ["RETRY", "EventStream"]

RETRY = 1000
"""Milliseconds after which a client comes back to a server that is started again."""
_SLACK = 0.05
"""Seconds: a source that waited for the pause between comments has waited a little less."""


class EventStream(ABC):
    """One long response.

    Args:
        receive: the ASGI channel.
        send: the ASGI channel.
        policy: pauses and limits.

    Attributes:
        closed: it shall end.
        spoken: when something was written last, by the loop's clock.
    """

    def __init__(self, receive: Receive, send: Send, policy: StreamPolicy) -> None:
        self.closed = False
        self.spoken = 0.0
        self._receive = receive
        self._send = send
        self._policy = policy
        self._comes_back = False

    @abstractmethod
    def frames(self) -> AsyncGenerator[bytes | None]:
        """What is on it: frames, or None each time there is nothing to say for a while.

        It ends when the stream does, and soon after `closed` is set.
        """

    def close(self) -> None:
        """End it: nobody reads it any more, or it goes on elsewhere."""
        self.closed = True

    def stop(self) -> None:
        """End it though there is more to come: the server stops, or closes it on purpose. The
        client is told when to come back, to another worker perhaps."""
        self._comes_back = True
        self.close()

    def let_go(self) -> None:
        """It has been written, whatever became of it: its source is not read any more."""
        return

    async def serve(self) -> None:
        """Write it to its end."""
        if await self.run():
            comes_back = sse.encode_retry(self._policy.retry or RETRY)
            await self.end(comes_back if self._comes_back else b"")

    async def run(self) -> bool:
        """Write it until it shall end; the end itself is left to `end`.

        Returns:
            False where nobody reads it any more.
        """
        loop = asyncio.get_running_loop()
        watcher = loop.create_task(self._close_when_gone())
        forget = on_stop(self.stop)
        try:
            async with aclosing(self.frames()) as frames:
                await self._put(
                    {"type": "http.response.start", "status": 200, "headers": SSE_HEADERS}
                )
                await self._write(frames)
        except asyncio.CancelledError:  # the server's patience is over
            self._comes_back = False
        except TimeoutError:  # the client does not read
            with suppress(asyncio.CancelledError):  # and the server's patience is over
                await until_hung_up(self._receive, self._policy)
            return False
        except OSError:  # the client left
            return False
        finally:
            forget()
            watcher.cancel()
            self.let_go()
        return True

    async def end(self, last: bytes = b"") -> None:
        """Write its end.

        Args:
            last: frames that come before it.
        """
        with suppress(OSError, asyncio.CancelledError):
            try:
                if last:
                    await self._body(last)
                await self._put({"type": "http.response.body", "body": b""})
            except TimeoutError:  # the client does not read
                await until_hung_up(self._receive, self._policy)

    async def _write(self, frames: AsyncGenerator[bytes | None]) -> None:
        loop = asyncio.get_running_loop()
        keepalive, lifetime = self._policy.keepalive, self._policy.lifetime
        begun = self.spoken = loop.time()
        async for frame in frames:
            now = loop.time()
            if frame is not None:
                await self._body(frame)
                self.spoken = now
            elif keepalive and now - self.spoken >= keepalive - _SLACK:
                await self._body(sse.KEEPALIVE)
                self.spoken = now
            if self.closed:
                return
            if lifetime and now - begun >= lifetime:
                self._comes_back = True
                return

    async def _body(self, frame: bytes) -> None:
        await self._put({"type": "http.response.body", "body": frame, "more_body": True})

    async def _put(self, message: dict[str, object]) -> None:
        async with asyncio.timeout(self._policy.write_timeout or None):
            await self._send(message)

    async def _close_when_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.close()

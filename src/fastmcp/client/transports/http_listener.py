"""The stream a server of the handshake era may speak on unasked (GET on the endpoint).

It is asked for once the session is open, and again whenever it ends, for as long as the session
lives: patiently, because a server that closes streams would otherwise be stormed, and never
giving up, because one that is restarted comes back. Where the restart lost the session, a new one
is opened for the stream as it is for a call. A server without such a stream says 405 and is not
asked again (2025-11-25, basic/transports, "Listening for Messages from the Server").
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp

from fastmcp.client.errors import refuses
from fastmcp.client.stream_patience import StreamPatience
from fastmcp.exceptions import McpError
from fastmcp.protocol import sse

__all__ = ["Listener"]

logger = logging.getLogger("fastmcp.client")


class Listener:
    """Keeps one stream open in a task of its own.

    Args:
        get: asks for the stream, from after an event id if one is given.
        follow: hands on its messages until it ends.
        lost: opens a new session, which has a listener of its own.
        missed: is called when it ended and nothing says from where to go on.
        hopeful: who is refused now may be let in later.
    """

    def __init__(
        self,
        get: Callable[[str | None], Awaitable[aiohttp.ClientResponse]],
        follow: Callable[[aiohttp.ClientResponse, sse.Decoder], Awaitable[None]],
        lost: Callable[[], Awaitable[None]],
        missed: Callable[[], None],
        hopeful: bool = False,
    ) -> None:
        self.refused = False
        self._was_open = False
        self._get = get
        self._follow = follow
        self._lost = lost
        self._missed = missed
        self._hopeful = hopeful
        self._last_id: str | None = None
        self._retry: int | None = None
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """End the stream."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _listen(self) -> None:
        patience = StreamPatience()
        while True:
            patience.begin()
            again = await self._once()
            if not again:
                return
            await asyncio.sleep(patience.pause(self._retry))

    async def _once(self) -> bool:
        """One stream from its request to its end; whether to ask for another."""
        decoder = sse.Decoder()
        try:
            response = await self._get(self._last_id)
            try:
                if response.status == 200 and response.content_type == "text/event-stream":
                    self._was_open = True
                    await self._follow(response, decoder)
                elif response.status == 404 and self._was_open:
                    await self._lost()  # else 404 is how this server says 405
                elif response.status == 401 and self._hopeful:
                    pass  # no person is asked for a stream: the next call will be
                elif refuses(response.status):
                    # 405: no such stream. Other refusals mean the same to a listener.
                    self.refused = response.status == 405
                    return False
            finally:
                response.close()
        except (McpError, aiohttp.ClientError, OSError) as exc:
            logger.debug("The server's stream ended: %s", exc)
        except Exception:
            # The user's function of headers, which may do better next time.
            logger.exception("The server's stream could not be asked for")
        finally:
            self._last_id = decoder.last_event_id or self._last_id
            self._retry = self._retry if decoder.retry is None else decoder.retry
        if self._last_id is None:
            self._missed()
        return True

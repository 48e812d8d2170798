"""One Redis, as a process uses it: a pool for commands, and one connection that listens.

Everything that waits for something (a resumed stream, the backplane) hears of it on the one
listening connection, whatever their number. When that connection was lost, what came meanwhile was
missed: whoever asked for it is told, and looks again. A command has a time limit, so that a Redis
that does not answer is an error and never a hang; and once one was kept waiting, nobody waits until
a Redis that hangs has answered again, for a stream writes many events and a call waits for each.
A Redis that answers and refuses (it is full, or a replica now) is told of apart: who runs it has
something to do.
redis-py is an extra and is imported when a line is made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from fastmcp.server.backplane.base import BackplaneDown

__all__ = ["RedisLine", "line_at", "line_of"]

_logger: Final = logging.getLogger("fastmcp.server.redis")

_PATIENCE: Final = 3.0
"""Seconds a command may take."""
_AT_ONCE: Final = 64
"""Commands under way, each on a connection; redis-py refuses the hundred and first of a pool, and
keeps as many as were ever needed."""
_BACKOFF: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_LISTEN: Final = 5.0
_WELL_AFTER: Final = 5.0
"""Seconds without a refusal, after which it is over: a worker writes more often than that."""
_SILENT: Final = "it does not answer"
T = TypeVar("T")

Hear = Callable[[bytes], None]


def line_at(url: str) -> RedisLine:
    """A line to the Redis of a URL (`redis://`, `rediss://`, `unix://`).

    Raises:
        ValueError: it is no such URL, or the extra `redis` is not installed.
    """
    try:
        from redis.asyncio import ConnectionPool
    except ImportError:
        raise ValueError(
            "FASTMCP_REDIS_URL needs redis-py: pip install 'fastmcp-streamline[redis]'"
        ) from None
    kind: Any = ConnectionPool  # the parameters of from_url are not typed
    return RedisLine(kind.from_url(url))


def line_of(storage: object) -> RedisLine | None:
    """A line to the Redis of a `RedisStore`; None for any other kind of store, and where its
    client is of a kind that cannot be made anew from its settings (sentinels)."""
    if not any(base.__name__ == "RedisStore" for base in type(storage).__mro__):
        return None
    from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis

    # The store names its client nowhere in public; without it nothing of Redis but get and put
    # could be used.
    client: Any = getattr(storage, "_client", None)
    pool: Any = getattr(client, "connection_pool", None)
    if not isinstance(client, Redis) or type(pool) not in (ConnectionPool, BlockingConnectionPool):
        return None
    return RedisLine(pool)


class RedisLine:
    """Commands, and channels that are heard.

    Args:
        pool: says how to connect; its settings are used, not its connections.
        prefix: begins every key and channel.
    """

    def __init__(self, pool: Any, prefix: str = "fastmcp") -> None:
        self.prefix = prefix
        self._model = pool
        self._loop: asyncio.AbstractEventLoop | None = None
        self._commands: Any = None
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._ear: Any = None
        self._heard: dict[str, Hear] = {}
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self._back: list[Callable[[], None]] = []
        self._listening: asyncio.Task[None] | None = None
        self._users = 0
        self._stalled: asyncio.Task[None] | None = None
        self._refused = 0.0

    # commands

    @property
    def commands(self) -> Any:
        """A client of redis-py; its answers are bytes. (Any: its types are partly unknown.)"""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # What an earlier loop left cannot be used, nor closed, on this one.
            self._loop = loop
            self._commands = self._client(_PATIENCE, _LISTEN)
            self._room = asyncio.Semaphore(_AT_ONCE)
            self._ear = None
            self._heard, self._confirmed, self._listening = {}, {}, None
            self._stalled = None
        return self._commands

    def _client(self, patience: float, check: float) -> Any:
        from redis.asyncio import ConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        settings: dict[str, Any] = {
            **self._model.connection_kwargs,
            "decode_responses": False,
            "socket_connect_timeout": _PATIENCE,
            "socket_timeout": patience,
            "health_check_interval": check,
            "retry": Retry(NoBackoff(), 0),
        }
        settings.pop("timeout", None)  # of a pool that blocks
        pool: Any = ConnectionPool(connection_class=self._model.connection_class, **settings)
        return Redis(connection_pool=pool)

    async def do(self, command: Callable[[Any], Awaitable[T]]) -> T:
        """Run a command; once more where the connection it got had died unnoticed.

        Raises:
            BackplaneDown: Redis cannot be reached, does not answer in time, or refuses.
        """
        from redis.exceptions import ConnectionError, RedisError, ResponseError
        from redis.exceptions import TimeoutError as Unanswered

        client = self.commands
        if self._stalled is not None:
            raise BackplaneDown("Redis") from TimeoutError(_SILENT)
        try:
            async with asyncio.timeout(_PATIENCE), self._room:
                try:
                    result = await command(client)
                except ConnectionError:
                    result = await command(client)
        except ResponseError as exc:
            raise self.refused(exc) from exc
        except (TimeoutError, Unanswered):
            self._stalled = self._stalled or asyncio.create_task(self._until_it_answers())
            raise BackplaneDown("Redis") from TimeoutError(_SILENT)
        except (RedisError, OSError) as exc:
            raise BackplaneDown("Redis") from exc
        if self._refused and asyncio.get_running_loop().time() - self._refused > _WELL_AFTER:
            self._refused = 0.0
            _logger.warning("Redis takes everything again")
        return result

    async def forgets(self) -> str:
        """By which policy it forgets keys when it is full; "" where it does not, or does not say.

        Raises:
            BackplaneDown: as `do` does.
        """
        from redis.exceptions import ResponseError

        async def ask(redis: Any) -> dict[str, Any]:
            with suppress(ResponseError):  # not everybody may ask
                return await redis.info("memory")
            return {}

        memory = await self.do(ask)
        policy = str(memory.get("maxmemory_policy", "noeviction"))
        return policy if memory.get("maxmemory") and policy != "noeviction" else ""

    def refused(self, refusal: Exception) -> BackplaneDown:
        """What to raise where Redis answered that it does not do as it is told; logged once.

        Args:
            refusal: the error that it answered.
        """
        if not self._refused:
            _logger.warning(
                "Redis refuses what it is told (%s): sessions and calls go on, but nothing that "
                "changes can be kept or told to other workers. Whoever runs it must help: where "
                "it is full, with more memory or a higher maxmemory",
                refusal,
            )
        self._refused = asyncio.get_running_loop().time()
        return BackplaneDown("Redis", "takes nothing")

    async def _until_it_answers(self) -> None:
        """Ask whether it answers again, so that nobody else has to wait for that."""
        from redis.exceptions import RedisError

        _logger.warning("Redis does not answer: it is not waited for until it does")
        while True:
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self.commands.ping()
                    break
            await asyncio.sleep(_BACKOFF[-1])
        self._stalled = None
        _logger.warning("Redis answers again")

    # channels

    async def hear(self, channel: str, hear: Hear) -> None:
        """Have every message of a channel; it returns when Redis has confirmed.

        Where Redis is down it waits for it a little, and the channel is heard when it is back.
        """
        _ = self.commands
        self._heard[channel] = hear
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())
        confirmed = self._confirmed.setdefault(channel, asyncio.get_running_loop().create_future())
        if self._ear is not None:
            from redis.exceptions import RedisError

            with suppress(RedisError, OSError):
                await self._ear.subscribe(channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await asyncio.shield(confirmed)

    async def unhear(self, channel: str) -> None:
        """Have them no more."""
        self._heard.pop(channel, None)
        self._confirmed.pop(channel, None)
        if self._ear is not None:
            from redis.exceptions import RedisError

            with suppress(RedisError, OSError):
                await self._ear.unsubscribe(channel)

    def when_back(self, callback: Callable[[], None]) -> None:
        """Call this each time the listening connection was lost and is there again."""
        self._back.append(callback)

    async def _listen(self) -> None:
        from redis.exceptions import RedisError

        failures = 0
        lost = False
        while True:
            client = self._client(_LISTEN * 3, 0)
            ear = client.pubsub()
            try:
                # One that is always there, so that the connection has something to hear.
                await ear.subscribe(f"{self.prefix}:line", *self._heard)
                self._ear = ear
                silent = False
                while True:
                    message = await ear.get_message(timeout=_LISTEN)
                    if message is None:
                        # redis-py asks as well, and does not mind that nobody answers.
                        if silent:
                            raise TimeoutError(_SILENT)
                        silent = True
                        await ear.ping()
                        continue
                    silent = False
                    if message["type"] == "subscribe":
                        if failures or lost:
                            _logger.warning("Redis is back")
                            for callback in list(self._back):
                                callback()
                            lost = False
                            failures = 0
                        self._confirm(message["channel"].decode())
                    elif message["type"] == "message":
                        self._take(message["channel"].decode(), message["data"])
            except (RedisError, OSError) as exc:
                if not failures:
                    _logger.warning("Redis cannot be reached (%s): trying again until it is", exc)
                lost = True
                failures += 1
            finally:
                self._ear = None
                with suppress(Exception):
                    await ear.aclose()
                    await client.connection_pool.disconnect()
            await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF)) - 1])

    def _confirm(self, channel: str) -> None:
        confirmed = self._confirmed.get(channel)
        if confirmed is not None and not confirmed.done():
            confirmed.set_result(None)

    def _take(self, channel: str, data: bytes) -> None:
        hear = self._heard.get(channel)
        if hear is None:
            return
        try:
            hear(data)
        except Exception:
            _logger.exception("A message on %s could not be taken", channel)

    # its life

    def hold(self) -> None:
        """Somebody uses it from now on."""
        self._users += 1

    async def release(self) -> None:
        """Somebody uses it no more; with its last user its connections are closed."""
        self._users -= 1
        if self._users > 0 or self._loop is not asyncio.get_running_loop():
            return
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        if self._stalled is not None:
            self._stalled.cancel()
        await self._commands.connection_pool.disconnect()
        self._loop = None
        self._listening = None
        self._back.clear()

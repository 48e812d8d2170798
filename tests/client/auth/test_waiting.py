"""Who waits for whom: calls, other calls' persons, other processes, other threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fastmcp import Client
from fastmcp.client.auth import TokenFiles
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.settings import get_settings
from tests.client.auth.authority import Person, authority, guarded
from tests.support.process import until

fcntl = pytest.importorskip("fcntl")


class Hesitant(Person):
    """Decides the first time at once, and after that when told to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.decides = asyncio.Event()

    async def browse(self, url: str) -> None:
        if len(self.opened) > 1:
            await self.decides.wait()
        await super().browse(url)


@contextmanager
def another_process(home: Path) -> Generator[None]:
    """Holds the locks of a home."""
    files = [path.open() for path in (home / "locks").glob("oauth-*")]
    try:
        for file in files:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        for file in files:
            file.close()


async def test_time_goes_on_while_no_person_is_asked() -> None:
    end = asyncio.Event()

    async def hangs(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
        await end.wait()
        return web.Response(status=404)

    async with (
        authority() as server,
        guarded(server) as endpoint,
        Client(endpoint.url, auth=Person(), timeout=0.5) as client,
    ):
        server.good.clear()
        server.on_metadata = hangs
        began = time.monotonic()
        with pytest.raises(Exception, match="time"):
            await client.call_tool("x")
        took = time.monotonic() - began
        end.set()
    assert took < 8  # and not the 15 seconds that an answer of the authorization server may take


async def test_a_token_that_is_nearly_over_waits_for_no_other_calls_person() -> None:
    async with (
        authority(lifetime=1) as server,
        guarded(server, challenge='scope="a"', needs={"tools/call": "b"}) as endpoint,
    ):
        person = Hesitant()
        async with Client(endpoint.url, auth=person, timeout=5) as client:
            more = asyncio.create_task(client.call_tool("x"))
            await until(lambda: len(person.opened) == 2, "the person is asked for more")
            nearly_over = time.monotonic() + 1
            await until(lambda: time.monotonic() > nearly_over, "the token is nearly over")
            await client.list_tools()
            assert not more.done()
            person.decides.set()
            await more
        await person.finished()


async def test_a_token_that_is_nearly_over_waits_for_no_other_process(tmp_path: Path) -> None:
    async with authority(lifetime=0) as server, guarded(server) as endpoint:
        person = Person(token_storage=TokenFiles(tmp_path / "tokens"), callback_timeout=30)
        async with Client(endpoint.url, auth=person, timeout=5) as client:
            before = server.count("refresh_token")
            person._good_until = 0.0  # as when the pause after an attempt is over
            with another_process(get_settings().home):
                await client.call_tool("x")
            assert server.count("refresh_token") == before


async def test_another_event_loop_uses_no_refresh_token_a_second_time() -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        arrived.set()
        await go_on.wait()
        return None

    async with authority() as server, guarded(server) as endpoint:
        person = Person()

        async def call() -> None:
            async with Client(endpoint.url, auth=person) as client:
                await client.call_tool("x")

        await call()
        server.good.clear()
        server.on_token = slow
        here = asyncio.create_task(call())
        await arrived.wait()
        with pytest.raises(AuthorizationFailedError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, call())
        go_on.set()
        await here
        await asyncio.to_thread(asyncio.run, call())  # one after the other they may
    assert server.count("refresh_token") == 1


async def test_whoever_comes_when_all_have_left_is_asked() -> None:
    """What ends because nobody waits is no answer to who comes while it does."""
    registers, go_on = asyncio.Event(), asyncio.Event()
    ends, ended = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request, said: dict[str, Any]) -> None:
        registers.set()
        await go_on.wait()

    class Lingering(Person):
        async def obtain(self, *given: Any) -> Any:
            try:
                return await super().obtain(*given)
            finally:
                ends.set()
                await ended.wait()

    async with authority(on_register=slow) as server, guarded(server) as endpoint:
        person = Lingering()

        async def use() -> None:
            async with Client(endpoint.url, auth=person) as client:
                await client.call_tool("x")

        first = asyncio.create_task(use())
        await registers.wait()
        first.cancel()
        await asyncio.wait([first])
        go_on.set()
        await ends.wait()
        second = asyncio.create_task(use())
        await until(lambda: person.refusals == 2, "another has come")
        ended.set()
        await second
    assert first.cancelled()
    assert len(server.authorized) == 1


async def test_the_end_of_a_program_loses_no_refresh_token(tmp_path: Path) -> None:
    """Ctrl-C while one is used: the server has used it up, and what it gave for it is kept."""
    arrived = threading.Event()

    async def slow(request: web.Request, form: dict[str, str]) -> None:
        if form["grant_type"] == "refresh_token":
            arrived.set()
            await asyncio.sleep(0.3)  # what is tested: an answer that takes a while

    async with authority(on_token=slow) as server, guarded(server) as endpoint:

        async def use() -> None:
            auth = Person(token_storage=TokenFiles(tmp_path))
            async with Client(endpoint.url, auth=auth) as client:
                await client.call_tool("x")

        async def interrupted() -> None:
            task = asyncio.create_task(use())
            await until(arrived.is_set, "the refresh token is used")
            task.cancel()
            await asyncio.wait([task])

        await use()
        server.good.clear()
        await asyncio.to_thread(asyncio.run, interrupted())
        await use()
    assert server.count("refresh_token") == 1
    assert len(server.authorized) == 1

"""T27: a proxy is quick, and what is behind it may come and go."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server import create_proxy
from fastmcp.server.providers.proxy import FastMCPProxy, ProxyClient
from tests.forwarding.conftest import BACKEND
from tests.forwarding.person import Person
from tests.support.process import Server, free_port, script, serve
from tests.support.recorder import Recorder, recording

ERAS = ("legacy", "2026-07-28")


@pytest.fixture
def recorder(backend: Server) -> Iterator[Recorder]:
    """Between the proxy and the server behind."""
    with recording(backend.url) as recorder:
        yield recorder
        recorder.assert_valid()


async def test_t27_overhead(backend: Server):
    """A proxied call computes less than two milliseconds longer than a direct one. Processor time,
    because the wall clock here measures the neighbours."""

    async def computed(client: Client[Any]) -> float:
        took: list[float] = []
        for _ in range(200):
            begun = time.process_time()
            await client.call_tool_mcp("add", {"a": 1, "b": 2})
            took.append(time.process_time() - begun)
        return statistics.median(took)

    async with (
        Client(backend.url, mode="legacy") as direct,
        Client(create_proxy(backend.url), mode="legacy") as client,
    ):
        assert await computed(client) - await computed(direct) < 0.002


@pytest.mark.parametrize("front", ERAS)
async def test_t27_one_session_behind_for_one_in_front(recorder: Recorder, front: str):
    async with Client(create_proxy(recorder.url), mode=front) as client:
        for n in range(100):
            assert (await client.call_tool("add", {"a": n, "b": 1})).data == n + 1
    sent = recorder.methods("client")
    opened = "initialize" if front == "legacy" else "server/discover"
    assert sent.count(opened) == 1
    assert sent.count("tools/call") == 100
    # The client itself lists once, to read what it is given by its schema.
    assert sent.count("tools/list") == 1


async def test_t27_connections_are_kept():
    with serve(script(BACKEND)) as server:
        async with Client(create_proxy(server.url), mode="legacy") as client:
            for _ in range(100):
                await client.call_tool_mcp("add", {"a": 1, "b": 2})
        ports = set(re.findall(r'127\.0\.0\.1:(\d+) - "POST', server.log))
        assert server.log.count('"POST') >= 100
    assert len(ports) <= 3, ports


@pytest.mark.parametrize("behind", ERAS)
async def test_t27_the_server_behind_is_started_anew(behind: str):
    port = free_port()
    ada = Person()
    with serve(script(BACKEND), port=port) as server:
        proxy = create_proxy(server.url, mode=behind)
        async with Client(proxy, mode="legacy", **ada.options()) as client:
            await client.set_logging_level("warning")
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            server.process.send_signal(SIGKILL)
            server.process.wait()
            with pytest.raises(ToolError, match=re.escape(f"127.0.0.1:{port}")):
                await client.call_tool("add", {"a": 1, "b": 2}, timeout=20)
            with serve(script(BACKEND), port=port):
                assert (await client.call_tool("add", {"a": 3, "b": 4})).data == 7
                ada.heard.clear()
                await client.call_tool("say")
                assert [heard[0] for heard in ada.heard] == ["warning"]


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """The URL of a server that takes connections and never says anything."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        for writer in held:
            writer.transport.abort()
        server.close()


@contextmanager
def takes_less_than(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


@pytest.mark.parametrize("how", ["refuses", "is silent"])
@pytest.mark.parametrize("front", ERAS)
async def test_t27_one_of_several_is_away(backend: Server, front: str, how: str):
    own = FastMCP("own")

    @own.tool
    async def mine() -> str:
        return "own"

    async with silent() as deaf:
        away = deaf if how == "is silent" else f"http://127.0.0.1:{free_port()}/mcp"
        gate = FastMCP("gate")
        gate.mount(own, "own")
        gate.mount(create_proxy(away), "away")
        gate.mount(create_proxy(backend.url), "near")
        async with Client(gate, mode=front) as client:
            with takes_less_than(3):  # a second, on a machine that does nothing else
                names = {tool.name for tool in await client.list_tools()}
            assert {"own_mine", "near_add"} <= names
            assert not [name for name in names if name.startswith("away")]
            assert (await client.call_tool("near_add", {"a": 1, "b": 2})).data == 3
            assert (await client.call_tool("own_mine")).data == "own"
            if how == "refuses":
                with pytest.raises(ToolError, match=re.escape(away)):
                    await client.call_tool("away_add", {"a": 1, "b": 2})


async def test_t27_what_was_listed_is_shown_while_it_is_away():
    with serve(script(BACKEND)) as server:
        gate = FastMCP("gate")
        gate.mount(create_proxy(server.url), "far")
        async with Client(gate, mode="legacy") as client:
            before = await client.list_tools()
            server.process.send_signal(SIGKILL)
            server.process.wait()
            await asyncio.sleep(1.1)  # longer than a list is shown again unasked
            assert await client.list_tools() == before
            with pytest.raises(ToolError, match=re.escape(server.url)):
                await client.call_tool("far_add", {"a": 1, "b": 2}, timeout=20)


async def test_t27_alone_and_away_a_list_is_an_error():
    away = f"http://127.0.0.1:{free_port()}/mcp"
    async with Client(create_proxy(away), mode="legacy") as client:
        with pytest.raises(Exception, match=re.escape(away)):
            await client.list_tools()


# whose a session is


@pytest.fixture
def gate(backend: Server, tmp_path: Path) -> Iterator[Server]:
    """A proxy as a process, which speaks the era of its client."""
    file = tmp_path / "gate.py"
    file.write_text(
        "import sys\n"
        "from fastmcp.server import create_proxy\n"
        f"mcp = create_proxy({backend.url!r}, mode=sys.argv[2])\n"
        "mcp.run(transport='http', port=int(sys.argv[1]), show_banner=False)\n"
    )
    with serve(script(file, "legacy")) as server:
        yield server


async def test_t27_two_sessions_in_front_are_two_behind(gate: Server):
    async with (
        Client(gate.url, mode="legacy") as ada,
        Client(gate.url, mode="legacy") as bob,
    ):
        both = [ada, bob] * 5
        names = await asyncio.gather(*(client.call_tool("session") for client in both))
        assert len({name.data for name in names[::2]}) == 1
        assert len({name.data for name in names}) == 2


async def test_t27_without_sessions_two_users_are_two_behind(gate: Server):
    """The server behind has sessions; those in front have none, but tokens."""
    async with (
        Client(gate.url, mode="2026-07-28", auth="of-ada") as ada,
        Client(gate.url, mode="2026-07-28", auth="of-bob") as bob,
    ):
        both = [ada, bob] * 5
        names = await asyncio.gather(*(client.call_tool("session") for client in both))
        assert len({name.data for name in names[::2]}) == 1
        assert len({name.data for name in names}) == 2


async def test_t27_without_any_name_every_call_is_alone(gate: Server):
    async with Client(gate.url, mode="2026-07-28") as client:
        names = await asyncio.gather(*(client.call_tool("session") for _ in range(6)))
        assert len({name.data for name in names}) == 6


async def test_t27_questions_and_levels_do_not_cross(gate: Server):
    people = [Person(name) for name in ("Ada", "Bob", "Cy", "Di")]
    modes = ["legacy", "legacy", "2026-07-28", "2026-07-28"]
    clients = [
        Client(gate.url, mode=mode, **person.options())
        for mode, person in zip(modes, people, strict=True)
    ]
    for client in clients:
        await client.__aenter__()
    try:
        await clients[0].set_logging_level("error")
        for _ in range(3):
            answers = await asyncio.gather(
                *(
                    client.call_tool("ask", {"question": person.name})
                    for client, person in zip(clients, people, strict=True)
                )
            )
            assert [a.data for a in answers] == [f"accept: {person.name}" for person in people]
        thoughts = await asyncio.gather(*(client.call_tool("think") for client in clients))
        assert [t.data for t in thoughts] == [f"{person.name} thinks: Say it" for person in people]
        await asyncio.gather(*(client.call_tool("say") for client in clients))
    finally:
        for client in clients:
            await client.__aexit__()
    assert all(set(person.asked) == {person.name} for person in people)
    logs = [[heard[0] for heard in person.heard if isinstance(heard[0], str)] for person in people]
    assert logs[0] == []
    assert all("warning" in heard for heard in logs[1:])


async def test_t27_sessions_behind_end_with_those_in_front(backend: Server, tmp_path: Path):
    with recording(backend.url) as recorder:
        async with Client(create_proxy(recorder.url), mode="legacy") as client:
            await client.call_tool("add", {"a": 1, "b": 2})
        ended = [status for verb, status, _ in recorder.exchanges if verb == "DELETE"]
        assert ended == [200]


async def test_t27_a_process_behind_is_nobody_elses(tmp_path: Path):
    """With stdio a connection is a process: each client has its own, and it ends with it."""
    file = tmp_path / "counts.py"
    file.write_text(
        "from fastmcp import FastMCP\n"
        "mcp = FastMCP('counts')\n"
        "seen = []\n"
        "@mcp.tool\n"
        "def remember(what: str) -> list[str]:\n"
        "    seen.append(what)\n"
        "    return seen\n"
        "mcp.run(show_banner=False)\n"
    )
    proxy = create_proxy(file)
    async with Client(proxy, mode="legacy") as ada, Client(proxy, mode="legacy") as bob:
        assert (await ada.call_tool("remember", {"what": "a"})).data == ["a"]
        assert (await bob.call_tool("remember", {"what": "b"})).data == ["b"]
        assert (await ada.call_tool("remember", {"what": "c"})).data == ["a", "c"]
    async with Client(proxy, mode="legacy") as cy:
        assert (await cy.call_tool("remember", {"what": "d"})).data == ["d"]


async def test_t27_a_handler_of_the_proxys_own_answers_in_its_place(backend: Server):
    async def own(message: str, kind: Any, params: Any, context: Any) -> Any:
        return {"value": "the proxy"}

    client = ProxyClient(backend.url, elicitation_handler=own, sampling_handler=None)
    proxy = FastMCPProxy(client_factory=lambda: client)
    async with Client(proxy, mode="legacy", **Person().options()) as client_in_front:
        assert (await client_in_front.call_tool("ask")).data == "accept: the proxy"
        with pytest.raises(ToolError, match="sampling"):
            await client_in_front.call_tool("think")

"""Stateless HTTP: what it can do on any worker, and what it says it cannot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.process import Server, serve, uvicorn
from tests.support.wire import Wire
from tests.workers.conftest import HERE, environment

CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {}}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("stateless")
    env = environment(folder, None, EVENTS="", FASTMCP_STATELESS_HTTP="true")
    del env["RETRY"]
    app = uvicorn("server:app", "--log-level", "warning")
    with ExitStack() as stack:
        yield [stack.enter_context(serve(app, cwd=HERE, env=env)) for _ in range(2)]


async def test_t19_any_worker_answers_without_a_session(two: list[Server]):
    async with Wire(two[0].url) as wire:
        await wire.initialize()
        assert wire.session_id is None
        pids: set[str] = set()
        for server in two * 2:
            wire.url = server.url
            pids.add((await wire.call("who")).text)
        assert len(pids) == 2


@pytest.mark.parametrize(
    ("tool", "arguments"), [("ask", {"question": "?"}), ("sample", {"text": "x"}), ("roots", {})]
)
async def test_t19_a_question_fails_at_once_and_says_why(
    two: list[Server], tool: str, arguments: dict[str, str]
):
    """The client could be asked, but its answer would find nobody."""
    async with Wire(two[0].url, capabilities=CAPABILITIES) as wire:
        await wire.initialize()
        begin = time.monotonic()
        answer = await wire.call(tool, arguments)
        assert time.monotonic() - begin < 1
        said = str(answer.response)
        assert "cannot reach the client" in said
        assert "stateless_http" in said


async def test_t19_progress_and_log_arrive_on_the_streams_of_their_calls(two: list[Server]):
    async with Wire(two[0].url) as wire:
        await wire.initialize()
        params = {"name": "ticking", "arguments": {"n": 3, "pause": 0.01, "tag": "s"}}
        answer = await wire.request("tools/call", params, meta={"progressToken": "p"})
        steps = answer.notifications("notifications/progress")
        assert [step["progress"] for step in steps] == [1, 2, 3]
        assert answer.text == "ticked s"
        answer = await wire.call("talk")
        said = [message["data"]["msg"] for message in answer.notifications("notifications/message")]
        assert said == ["debugging", "warned"]
        assert answer.text == "talked"


async def test_t19_state_ends_with_its_request(two: list[Server]):
    async with Wire(two[0].url) as wire:
        await wire.initialize()
        assert (await wire.call("remember", {"value": "blue"})).text == "remembered blue"
        assert (await wire.call("recall")).text == "None"


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_t19_there_is_no_stream_and_nothing_to_end(two: list[Server], verb: str):
    async with Wire(two[0].url) as wire:
        await wire.initialize()
        headers = {**wire.standard_headers(), "Accept": "text/event-stream"}
        answer = await wire.send(verb, headers=headers)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
        assert "Method not allowed" in answer.error["message"]

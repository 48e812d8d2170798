"""Background tasks in docket: they outlive their process, and any process runs them."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.support.process import START_SECONDS, Server, eventually, serve, until, uvicorn
from tests.support.redis import redis
from tests.workers.conftest import HERE, Workers, environment
from tests.workers.test_tasks import Watcher

FASTMCP = Path(sys.executable).with_name("fastmcp")


class Site(Workers):
    """Servers and pure workers that share a queue."""

    env: dict[str, str]

    @contextmanager
    def server(self, **extra: str) -> Iterator[Server]:
        app = uvicorn("server:app", "--log-level", "warning")
        with serve(app, cwd=HERE, env={**self.env, **extra}) as server:
            yield server

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [FASTMCP, "tasks", "worker", "server.py"]
        with subprocess.Popen(command, cwd=HERE, env=self.env, stderr=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with redis() as store:
        site = Site([], tmp_path / "journal", store)
        site.env = environment(
            tmp_path,
            None,
            FASTMCP_DOCKET_URL=f"redis://127.0.0.1:{store.port}",
            FASTMCP_DOCKET_REDELIVERY_TIMEOUT="1",
            FASTMCP_HTTP_SHUTDOWN_GRACE="0.2",
        )
        yield site


async def test_a_task_survives_the_restart_of_its_server(site: Site):
    with site.server() as first:
        async with Watcher([first.url]) as wire:
            done = await wire.begin("job", seconds=0, tag="done")
            await wire.until(done, "completed")
            running = await wire.begin("job", seconds=1, tag="running")
            asking = await wire.begin("asking_job", question="Still there?")
            [before] = (await wire.until(asking, "input_required"))["inputRequests"]

            async def begun() -> bool:
                return site.noted("job", "begins", "running") == 1

            await until(begun, "the task runs")
            assert first.stop() == 0
    assert site.noted("job", "cancelled", "running") == 1
    with site.server() as second:
        async with Watcher([second.url]) as wire:
            state = await wire.get(done)
            assert state["result"]["content"][0]["text"] == "job done"
            state = await wire.until(running, "completed")
            assert state["result"]["content"][0]["text"] == "job running"

            async def asked_again() -> bool:
                return before not in (await wire.get(asking)).get("inputRequests", [before])

            await until(asked_again, "the question is asked again")
            [after] = (await wire.until(asking, "input_required"))["inputRequests"]
            answer = {"action": "accept", "content": {"value": "yes"}}
            responses = {before: {"action": "decline"}, after: answer}
            update = {"taskId": asking, "inputResponses": responses}
            assert (await wire.request("tasks/update", update)).status == 200
            state = await wire.until(asking, "completed")
            assert state["result"]["content"][0]["text"] == "Still there?: yes"
    assert site.noted("job", "begins", "running") == 2
    assert site.noted("job", "ends", "running") == 1


async def test_a_task_survives_the_death_of_its_worker(site: Site):
    with site.server() as first, site.server() as second:
        async with Watcher([first.url, second.url]) as wire:
            ids = [await wire.begin("job", seconds=0.5, tag=f"t{n}") for n in range(6)]

            async def begun() -> bool:
                return sum(site.noted("job", "begins", f"t{n}") for n in range(6)) == 6

            await until(begun, "the tasks run")
            first.stop(signal.SIGKILL)
            wire._turn = itertools.cycle([second.url])
            for n, id in enumerate(ids):
                state = await wire.until(id, "completed")
                assert state["result"]["content"][0]["text"] == f"job t{n}"


async def test_a_worker_that_serves_nobody_runs_them(site: Site):
    with site.server(FASTMCP_DOCKET_CONCURRENCY="0") as server:
        async with Watcher([server.url]) as wire:
            id = await wire.begin("job", seconds=0, tag="a")
            never = await wire.begin("job", seconds=0, tag="never")
            await wire.request("tasks/cancel", {"taskId": never})
            assert (await wire.get(id))["status"] == "working"
            with site.worker() as worker:
                await wire.until(id, "completed", START_SECONDS)
                asking = await wire.begin("asking_job", question="?")
                [key] = (await wire.until(asking, "input_required"))["inputRequests"]
                wrong: dict[str, Any] = {"taskId": asking, "inputResponses": {key: {"roots": []}}}
                message = wire.message("tasks/update", wrong)
                headers = wire.standard_headers("tasks/update", wrong)
                assert (await wire.send("POST", message=message, headers=headers)).error
                answer = {"action": "accept", "content": {"value": "b"}}
                update = {"taskId": asking, "inputResponses": {key: answer}}
                await wire.request("tasks/update", update)
                state = await wire.until(asking, "completed")
                assert state["result"]["content"][0]["text"] == "?: b"
                long = await wire.begin("job", seconds=60, tag="long")

                async def begun() -> bool:
                    return site.noted("job", "begins", "long") == 1

                await until(begun, "the task runs")
                await wire.request("tasks/cancel", {"taskId": long})
                assert (await wire.get(long))["status"] == "cancelled"

                async def over() -> bool:
                    return site.noted("job", "cancelled", "long") == 1

                await until(over, "the function was interrupted")
                worker.terminate()
                _, said = worker.communicate(timeout=10)
                assert worker.returncode == 0, said
                assert b"Traceback" not in said
            assert (await wire.get(never))["status"] == "cancelled"
            assert site.noted("job", "begins", "never") == 0
            assert await wire.is_unknown("made up")


async def test_whoever_listens_is_told_how_tasks_are_that_others_run(site: Site):
    with site.server(FASTMCP_DOCKET_CONCURRENCY="0") as server, site.worker():
        async with Watcher([server.url]) as wire:
            id = await wire.begin("asking_job", question="?")
            async with asyncio.timeout(20):
                told = await wire.follow(id, server.url)
            assert "input_required" in [state["status"] for state in told]
            assert told[-1]["result"]["content"][0]["text"] == "?: yes"


def test_a_worker_that_can_run_no_more_ends(site: Site):
    """So that whoever looks after it starts it anew."""
    with site.worker() as worker:
        assert site.redis
        client = Redis(port=site.redis.port)
        try:
            eventually(lambda: bool(client.keys("*:stream")), 20, "the worker waits for tasks")
            for name in client.keys("*:stream"):
                client.xadd(name, {"function": "garbage"})
        finally:
            client.close()
        _, said = worker.communicate(timeout=20)
        assert worker.returncode == 1, said
        assert b"docket's worker ended" in said
        assert b"Tasks cannot be run any more" in said.splitlines()[-1]


def test_a_worker_without_a_queue_says_so(tmp_path: Path):
    env = environment(tmp_path, None)
    command = [FASTMCP, "tasks", "worker", "server.py"]
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "FASTMCP_DOCKET_URL" in done.stderr
    assert "Traceback" not in done.stderr

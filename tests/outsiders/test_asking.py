"""The example of a tool that asks, called by clients that no one here wrote, in both eras.

Alone, and behind an nginx that gives each request to the next of two workers, which share a Redis
and nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import node, venvs
from tests.support.locks import ROOT
from tests.support.nginx import balanced, nginx
from tests.support.process import serve, uvicorn
from tests.support.redis import redis

HERE = Path(__file__).parent
TIMES = 10
PLANNED = [
    f"Booked: {days} days in Oslo, with a boat (Name one thing to see in Oslo.)"
    for days in range(TIMES)
]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=["one process", "two workers and a Redis"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `examples/trip.py` is served."""
    env = {**os.environ, "FASTMCP_HOME": str(tmp_path_factory.mktemp("home"))}
    app = uvicorn("trip:app", "--log-level", "warning")
    with ExitStack() as stack:
        if request.param == "one process":
            server = stack.enter_context(serve(app, cwd=ROOT / "examples", env=env))
            yield server.url
            return
        store = stack.enter_context(redis())
        env["FASTMCP_REDIS_URL"] = f"redis://127.0.0.1:{store.port}"
        env["FASTMCP_SESSION_KEY"] = "k" * 32
        two = []
        for name in ("one", "two"):  # no folder in common: nothing goes past the Redis
            env = {**env, "FASTMCP_HOME": str(tmp_path_factory.mktemp(name))}
            two.append(stack.enter_context(serve(app, cwd=ROOT / "examples", env=env)).port)
        yield stack.enter_context(nginx(lambda port: balanced(port, two))).url


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_python_sdk(url: str, sdk: Path, mode: str) -> None:
    done = subprocess.run(
        [sdk, HERE / "traveller.py", url, mode, str(TIMES)],
        env=venvs.environment(),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == PLANNED


@pytest.mark.parametrize(
    ("script", "mode"),
    [
        ("traveller1.mjs", "legacy"),
        ("traveller2.mjs", "legacy"),
        ("traveller2.mjs", "2026-07-28"),
    ],
)
def test_typescript_sdks(url: str, npm: Path, script: str, mode: str) -> None:
    done = node.run([node.script(HERE / "node" / script, npm), url, mode, str(TIMES)], timeout=50)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert json.loads(done.stdout.splitlines()[-1]) == PLANNED

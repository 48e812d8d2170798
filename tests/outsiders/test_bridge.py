"""Clients that no one here wrote, over `fastmcp bridge`: they speak stdio, the server HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.outsiders.conversation import assert_conversation
from tests.outsiders.test_clients import HERE, assert_session_was_ended, last_line
from tests.support import node, schema, venvs
from tests.support.recorder import Recorder

pytestmark = pytest.mark.timeout(600)

MODES = [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")]


def bridge_to(recorder: Recorder, copy: Path) -> str:
    """The words that start the bridge, and keep a copy of what it writes."""
    command = f"'{sys.executable}' -m fastmcp bridge {recorder.url} | tee '{copy}'"
    return json.dumps(["sh", "-c", command])


def written(copy: Path, version: str) -> list[dict[str, Any]]:
    """What the bridge wrote to its client: messages of the version, and nothing else."""
    messages = [json.loads(line) for line in copy.read_text().splitlines()]
    for message in messages:
        if "method" in message:
            schema.check(message, version, "server")
    return messages


def steps(messages: list[dict[str, Any]]) -> list[list[Any]]:
    told = [m["params"] for m in messages if m.get("method") == "notifications/progress"]
    return [[params["progress"], params["total"], params["message"]] for params in told]


@pytest.mark.parametrize(("mode", "version"), MODES)
def test_python_sdk(recorder: Recorder, sdk: Path, tmp_path: Path, mode: str, version: str) -> None:
    copy = tmp_path / "copy"
    done = subprocess.run(
        [sdk, HERE / "python_client.py", bridge_to(recorder, copy), mode],
        env=venvs.environment(),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert_conversation(last_line(done), version, introduced=mode == "legacy")
    assert written(copy, version)
    if mode == "legacy":
        assert_session_was_ended(recorder)


@pytest.mark.parametrize(("mode", "version"), MODES)
def test_typescript_sdk(
    recorder: Recorder, npm: Path, tmp_path: Path, mode: str, version: str
) -> None:
    copy = tmp_path / "copy"
    script = node.script(HERE / "node" / "v2.mjs", npm)
    done = node.run([script, bridge_to(recorder, copy), mode], timeout=50)
    report = last_line(done)
    # On a pipe that client forgets who hears of a call's progress when it reads the answer, and
    # hands on what it read just before only then: what it was told is what counts here.
    report["progress"] = steps(written(copy, version))
    assert_conversation(report, version)
    if mode == "legacy":
        assert_session_was_ended(recorder)

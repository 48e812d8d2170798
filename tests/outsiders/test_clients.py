"""Clients that no one here wrote, against our server in a process of its own.

The first test of a fresh machine installs what it needs, hence the longer time-outs.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.outsiders.conversation import TOOLS, assert_conversation
from tests.support import node, venvs
from tests.support.process import Server, script, serve
from tests.support.recorder import Recorder, recording

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(600)


def last_line(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


def assert_session_was_ended(recorder: Recorder) -> None:
    ended = [status for verb, status, _ in recorder.exchanges if verb == "DELETE"]
    assert len(ended) == 1, recorder.exchanges
    assert 200 <= ended[0] < 300


@pytest.mark.parametrize(
    ("mode", "version"), [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")]
)
def test_python_sdk(recorder: Recorder, sdk: Path, mode: str, version: str) -> None:
    done = subprocess.run(
        [sdk, HERE / "python_client.py", recorder.url, mode],
        env=venvs.environment(),
        capture_output=True,
        text=True,
        timeout=50,
    )
    # A pinned version skips the discovery.
    assert_conversation(last_line(done), version, introduced=mode == "legacy")
    if mode == "legacy":
        assert_session_was_ended(recorder)


def test_python_sdk_finds_the_newest_version(recorder: Recorder, sdk: Path) -> None:
    done = subprocess.run(
        [sdk, HERE / "python_client.py", recorder.url, "auto"],
        env=venvs.environment(),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert_conversation(last_line(done), "2026-07-28")


def test_typescript_sdk_1(recorder: Recorder, npm: Path) -> None:
    done = node.run([node.script(HERE / "node" / "v1.mjs", npm), recorder.url], timeout=50)
    assert_conversation(last_line(done), "2025-11-25")
    assert_session_was_ended(recorder)


@pytest.mark.parametrize(
    ("mode", "version"),
    [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")],
)
def test_typescript_sdk_2(recorder: Recorder, npm: Path, mode: str, version: str) -> None:
    done = node.run([node.script(HERE / "node" / "v2.mjs", npm), recorder.url, mode], timeout=50)
    assert_conversation(last_line(done), version)
    if mode == "legacy":
        assert_session_was_ended(recorder)


@pytest.mark.parametrize("who", ["Python", "TypeScript"])
def test_sdks_listen_to_what_changes(sdk: Path, npm: Path, who: str) -> None:
    """And know that the server ended it on purpose when it stops."""
    with (
        serve(script(HERE / "changing.py")) as server,
        recording(server.url) as recorder,
    ):
        if who == "Python":
            done = subprocess.run(
                [sdk, HERE / "python_listener.py", recorder.url],
                env=venvs.environment(),
                capture_output=True,
                text=True,
                timeout=50,
            )
        else:
            script_path = node.script(HERE / "node" / "listener.mjs", npm)
            done = node.run([script_path, recorder.url], timeout=50)
        report = last_line(done)
        recorder.assert_valid()
    assert report["honored"] == {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourceSubscriptions": ["data://one"],
    }
    assert report["heard"] == ["tools", "data://one"]
    assert report["end"] == "graceful"


def inspect(npm: Path, url: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    launcher = npm / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    command = [launcher, "--cli", url, "--transport", "http", *arguments]
    # It keeps a catalogue of servers in its home; give it one of its own.
    return node.run(command, timeout=50, env={"HOME": str(home)})


def test_inspector_lists_tools(recorder: Recorder, npm: Path, tmp_path: Path) -> None:
    done = inspect(npm, recorder.url, tmp_path, "--method", "tools/list", "--strict")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert [tool["name"] for tool in listed["tools"]] == TOOLS


def test_inspector_calls_a_tool(recorder: Recorder, npm: Path, tmp_path: Path) -> None:
    call = ("--method", "tools/call", "--tool-name", "add", "--tool-arg", "a=2", "b=40")
    done = inspect(npm, recorder.url, tmp_path, *call)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["structuredContent"] == {"result": 42}


def test_inspector_reads_and_prompts(recorder: Recorder, npm: Path, tmp_path: Path) -> None:
    done = inspect(
        npm, recorder.url, tmp_path, "--method", "resources/read", "--uri", "data://greeting"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["contents"][0]["text"] == "Hello, Ωutsider!"
    prompt = ("--method", "prompts/get", "--prompt-name", "review", "--prompt-args", "code=1")
    done = inspect(npm, recorder.url, tmp_path, *prompt)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["messages"][0]["content"]["text"] == "Please review: 1"


def test_the_server_logged_no_stack_trace(running: Server) -> None:
    running.assert_clean()

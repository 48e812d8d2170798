"""Clients that no one here wrote, and ours, let in by our own authorization server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import venvs
from tests.support.locks import ROOT
from tests.support.process import script, serve

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        ("ours", ()),
        ("fastmcp-2", venvs.FASTMCP_2),
        ("fastmcp-4", venvs.FASTMCP_4),
    ],
)
def test_a_client_is_let_in(name: str, requirements: tuple[str, ...], tmp_path: Path) -> None:
    """It finds the way from the first 401, registers, and sends its user here."""
    visitor = f"env PYTHONPATH={ROOT} {sys.executable} -m tests.server.auth.oauth.visitor %s &"
    python = venvs.python_of(name, requirements) if requirements else sys.executable
    with serve(script(HERE / "oauth_server.py")) as server:
        done = subprocess.run(
            [python, HERE / "oauth_client.py", server.url],
            env=venvs.environment() | {"BROWSER": visitor, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=50,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert json.loads(done.stdout.splitlines()[-1]) == ["local: read"] * 2

"""Clients that no one here wrote, and ours, let in by our own authorization server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token
from fastmcp.utilities.tests import run_server_async
from tests.server.auth.oauth.company import CLIENT, SECRET, company, desk
from tests.server.auth.oauth.hand import provider
from tests.support import venvs
from tests.support.locks import ROOT
from tests.support.process import free_port, script, serve

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


async def test_an_employee_is_let_in(fastmcp4: Path, tmp_path: Path) -> None:
    """By the word of the company's identity provider, through the official SDK's client."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with company() as there:
        auth = provider(base_url=base, clients=[desk()], identity_assertion=there.trusted())
        mcp = FastMCP("at work", auth=auth)

        @mcp.tool
        def who() -> str:
            token = get_access_token()
            return "nobody" if token is None else f"{token.subject}: {' '.join(token.scopes)}"

        async with run_server_async(mcp, port=port) as url:
            child = await asyncio.create_subprocess_exec(
                fastmcp4,
                HERE / "employee.py",
                *(url, base, there.url, CLIENT, SECRET),
                env=venvs.environment() | {"HOME": str(tmp_path)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(50):
                told, complaint = await child.communicate()
    assert child.returncode == 0, complaint.decode()
    assert json.loads(told.splitlines()[-1]) == ["U019: read"] * 2
    assert len(there.exchanged) == 1

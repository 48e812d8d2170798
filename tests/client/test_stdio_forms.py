"""The command lines that the recipes make, and what they run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fastmcp import Client
from fastmcp.client.transports import (
    FastMCPStdioTransport,
    NodeStdioTransport,
    NpxStdioTransport,
    PythonStdioTransport,
    StdioTransport,
    UvStdioTransport,
    UvxStdioTransport,
    infer_transport,
)
from tests.client.conftest import SERVED
from tests.support.locks import ROOT
from tests.support.node import node

SERVER = """
const answers = {
  initialize: { protocolVersion: '2025-11-25', capabilities: {},
                serverInfo: { name: 'in JavaScript', version: '1' } },
  ping: {},
}
require('readline').createInterface({ input: process.stdin }).on('line', line => {
  const { id, method } = JSON.parse(line)
  if (id === undefined) return
  const body = method in answers ? { result: answers[method] }
                                 : { error: { code: -32601, message: 'Method not found' } }
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...body }))
})
"""


def words(transport: StdioTransport) -> str:
    return " ".join([transport.command, *transport.args])


async def test_node(tmp_path: Path) -> None:
    script = tmp_path / "server.js"
    script.write_text(SERVER)
    assert isinstance(infer_transport(script), NodeStdioTransport)
    transport = NodeStdioTransport(script, node_cmd=str(node()), keep_alive=False)
    async with Client(transport) as client:
        assert client.server_info is not None
        assert client.server_info.name == "in JavaScript"
        assert await client.ping()
    broken = tmp_path / "broken.js"
    broken.write_text("throw new TypeError('not today')")
    with pytest.raises(RuntimeError, match="exit code 1: TypeError: not today"):
        async with Client(NodeStdioTransport(broken, node_cmd=str(node()))):
            pass


async def test_fastmcp() -> None:
    transport = FastMCPStdioTransport(
        SERVED, ["--no-banner"], env={"PYTHONPATH": str(ROOT)}, keep_alive=False
    )
    async with Client(transport) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.parametrize("form", [NodeStdioTransport, PythonStdioTransport, FastMCPStdioTransport])
def test_scripts_are_looked_at(tmp_path: Path, form: type[NodeStdioTransport]) -> None:
    with pytest.raises(FileNotFoundError, match="Script not found"):
        form(tmp_path / "none.py")
    (tmp_path / "text.txt").touch()
    with pytest.raises(ValueError, match="script"):
        form(tmp_path / "text.txt")


def test_uv(tmp_path: Path) -> None:
    assert words(UvStdioTransport("serve")) == "uv run serve"
    whole = UvStdioTransport(
        "pkg.server",
        ["--port", "1"],
        module=True,
        project_directory=tmp_path,
        python_version="3.12",
        with_packages=["a", "b"],
        with_requirements=Path("r.txt"),
        env_vars={"KEY": "v"},
    )
    assert words(whole) == (
        f"uv run --python 3.12 --directory {tmp_path} --with a --with b"
        " --with-requirements r.txt --module pkg.server --port 1"
    )
    assert whole.env is not None
    assert whole.env["KEY"] == "v"
    with pytest.raises(NotADirectoryError):
        UvStdioTransport("serve", project_directory=tmp_path / "none")


def test_uvx(tmp_path: Path) -> None:
    transport = UvxStdioTransport(
        "tool",
        ["x"],
        project_directory=str(tmp_path),
        python_version="3.12",
        with_packages=["a"],
        from_package="pkg",
    )
    assert words(transport) == "uvx --python 3.12 --from pkg --with a tool x"
    assert transport.cwd == str(tmp_path)
    with pytest.raises(NotADirectoryError):
        UvxStdioTransport("tool", project_directory=str(tmp_path / "none"))


def test_npx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"'npx' not found on the PATH. Install Node"):
        NpxStdioTransport("package")
    npx = tmp_path / "npx"
    npx.touch()
    npx.chmod(npx.stat().st_mode | stat.S_IXUSR)
    assert words(NpxStdioTransport("package", ["x"])) == "npx --yes --prefer-offline package x"
    assert words(NpxStdioTransport("package", use_package_lock=False)) == "npx --yes package"


def test_a_runner_learns_where_packages_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "https://pypi.example.com")
    monkeypatch.setenv("https_proxy", "http://proxy.example.com")
    monkeypatch.setenv("SECRET", "s3cret")
    env = UvxStdioTransport("tool").env
    assert env is not None
    assert env["UV_INDEX_URL"] == "https://pypi.example.com"
    assert env["https_proxy"] == "http://proxy.example.com"
    assert "SECRET" not in env
    assert "SECRET" in os.environ

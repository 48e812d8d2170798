"""MCP configurations as people write and paste them, and as files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fastmcp import Client
from fastmcp.client.transports import (
    MCPConfigTransport,
    StdioTransport,
    StreamableHttpTransport,
    infer_transport,
)
from fastmcp.client.transports.composite import CompositeTransport
from fastmcp.mcp_config import (
    CanonicalMCPConfig,
    MCPConfig,
    RemoteMCPServer,
    StdioMCPServer,
    TransformingRemoteMCPServer,
    TransformingStdioMCPServer,
    infer_transport_type_from_url,
    update_config_file,
)
from tests.client.conftest import SERVED
from tests.support.locks import ROOT

CHILD = {"command": "python", "args": ["server.py"], "env": {"KEY": "v"}}
REMOTE = {"url": "https://example.com/mcp", "headers": {"X-Key": "k"}}


@pytest.mark.parametrize(
    "config",
    [
        {"mcpServers": {"a": CHILD, "b": REMOTE}},
        {"a": CHILD, "b": REMOTE},
        {"servers": {"a": CHILD, "b": REMOTE}, "inputs": [{"id": "key"}]},
        {"mcpServers": {"a": {**CHILD, "type": "stdio"}, "b": {**REMOTE, "type": "http"}}},
        {"mcpServers": {"a": CHILD, "b": {**REMOTE, "type": "streamable-http"}}},
        {"mcpServers": {"a": CHILD, "b": {**REMOTE, "transport": "streamableHttp"}}},
        {"mcpServers": {"a": CHILD, "b": {**REMOTE, "url": "https://example.com/mcp"}}, "x": 1},
    ],
)
def test_ways_to_write_it(config: dict[str, Any]) -> None:
    parsed = MCPConfig.from_dict(config)
    child, remote = parsed.mcpServers["a"], parsed.mcpServers["b"]
    assert type(child) is StdioMCPServer
    assert type(remote) is RemoteMCPServer
    transport = child.to_transport()
    assert isinstance(transport, StdioTransport)
    assert (transport.command, transport.args, transport.env) == (
        "python",
        ["server.py"],
        {"KEY": "v"},
    )
    web = remote.to_transport()
    assert isinstance(web, StreamableHttpTransport)
    assert (web.url, web.headers) == ("https://example.com/mcp", {"X-Key": "k"})
    extra = parsed.to_dict()
    assert {key: extra[key] for key in ("inputs", "x") if key in config} == {
        key: config[key] for key in ("inputs", "x") if key in config
    }
    both = infer_transport(config)
    assert isinstance(both, MCPConfigTransport)
    assert isinstance(both.transport, CompositeTransport)


def test_what_is_kept() -> None:
    server = {**CHILD, "env": {"N": 1, "YES": True, "NO": None}, "cwd": "/x", "keep_alive": False,
              "timeout": 3, "alwaysAllow": ["x"], "disabled": False}  # fmt: skip
    parsed = MCPConfig.from_dict({"mcpServers": {"a": server}, "theme": "dark"})
    dumped = parsed.to_dict()
    assert dumped["theme"] == "dark"
    assert dumped["mcpServers"]["a"]["alwaysAllow"] == ["x"]
    transport = parsed.mcpServers["a"].to_transport()
    assert isinstance(transport, StdioTransport)
    assert transport.env == {"N": "1", "YES": "true"}
    assert (transport.cwd, transport.keep_alive) == ("/x", False)
    parsed.add_server("b", RemoteMCPServer(url="http://b"))
    assert list(MCPConfig(mcpServers=parsed.mcpServers).mcpServers) == ["a", "b"]


def test_entries_that_change_their_server() -> None:
    config = {
        "a": {**CHILD, "tools": {"x": {"name": "y"}}},
        "b": {**REMOTE, "include_tags": ["t"]},
        "c": {**REMOTE, "tools": {}},
    }
    kinds = [type(server) for server in MCPConfig.from_dict(config).mcpServers.values()]
    assert kinds == [TransformingStdioMCPServer, TransformingRemoteMCPServer, RemoteMCPServer]
    kinds = [type(server) for server in CanonicalMCPConfig.from_dict(config).mcpServers.values()]
    assert kinds == [StdioMCPServer, RemoteMCPServer, RemoteMCPServer]


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ({"command": "x", "args": "-y"}, "server 'a', key 'args': Input should be a valid list"),
        ({"command": "x", "args": [1]}, "server 'a', key 'args.0': Input should be a valid string"),
        ({"command": "x", "type": "http"}, "server 'a', key 'type': Input should be 'stdio'"),
        ({"url": "x.com/mcp"}, "server 'a', key 'url': should be an http or https URL"),
        ({"url": "http://x", "type": "carrier"}, "server 'a', key 'type': Input should be 'http'"),
        ({"url": "http://x", "headers": {"a": 1}}, "server 'a', key 'headers.a': Input should be"),
        ({"serverUrl": "http://x"}, "server 'a': should be an object with \"command\""),
        ("npx x", "server 'a': should be an object"),
        ({"url": "http://x", "tools": {"t": {"hide": 1}}}, "tools.t.hide: Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(server: Any, says: str) -> None:
    config = {"mcpServers": {"a": server, "b": CHILD}}
    with pytest.raises(ValueError, match="The MCP configuration is not right:") as caught:
        Client(config)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(ValidationError):
        MCPConfig.from_dict(config)


@pytest.mark.parametrize(
    "config", [{"mcpServers": {}}, {}, {"mcpServers": {"a": {**CHILD, "disabled": True}}}]
)
def test_no_servers(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="No MCP servers defined"):
        MCPConfigTransport(config)


def test_one_server_is_connected_to_directly() -> None:
    one = MCPConfigTransport({"a": REMOTE, "off": {**CHILD, "disabled": True}})
    assert isinstance(one.transport, StreamableHttpTransport)
    client = Client({"a": REMOTE}, auth="token")
    web = client.transport.transport
    assert web.auth.header() == "Bearer token"


def test_what_is_not_filled_in_is_said(caplog: pytest.LogCaptureFixture) -> None:
    MCPConfigTransport({"a": {**REMOTE, "headers": {"Authorization": "Bearer ${TOKEN}"}}})
    assert "'a' has ${TOKEN} in 'headers'" in caplog.text


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://x/mcp", "http"),
        ("http://x/sse", "sse"),
        ("http://x/sse/", "sse"),
        ("http://x/mcp?to=/sse", "http"),
        ("http://x/ssebox", "http"),
    ],
)
def test_transport_of_a_url(url: str, kind: str) -> None:
    assert infer_transport_type_from_url(url) == kind


def test_no_url() -> None:
    with pytest.raises(ValueError, match="Invalid URL: ftp://x"):
        infer_transport_type_from_url("ftp://x")


# --- files -------------------------------------------------------------------------------------


def test_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "mcp.json"
    config = MCPConfig.from_dict({"mcpServers": {"ä": CHILD}, "theme": "dark"})
    config.write_to_file(file)
    assert MCPConfig.from_file(file) == config
    assert "ä" in file.read_text(encoding="utf-8")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())  # as editors on Windows save it
    assert MCPConfig.from_file(file) == config


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No MCP servers defined in the config: "),
        ("  ", "No MCP servers defined in the config: "),
        ('{"a":\n  // mine\n {}}', "is no JSON: line 2, column 3"),
        ("[]", "is not right"),
        ('{"mcpServers": {"a": {"command": 1}}}', "server 'a', key 'command'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "mcp.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=r"mcp\.json") as caught:
        MCPConfig.from_file(file)
    assert says in str(caught.value)


@pytest.mark.parametrize("key", ["mcpServers", "servers", None])
def test_an_entry_of_a_file_is_changed_and_nothing_else(tmp_path: Path, key: str | None) -> None:
    real = tmp_path / "real.json"
    file = tmp_path / "mcp.json"
    file.symlink_to(real)
    servers = {"a": {**CHILD, "alwaysAllow": None}, "b": {"url": "http://b", "x": [1]}}
    data: dict[str, Any] = servers if key is None else {"z": None, key: servers}
    real.write_text(json.dumps(data))
    real.chmod(0o600)
    update_config_file(file, "a", StdioMCPServer(command="uv", args=[]))
    update_config_file(file, "c", RemoteMCPServer(url="http://c"))
    after = json.loads(real.read_text())
    now = after if key is None else after[key]
    assert now["b"] == servers["b"]
    assert now["a"] == {"command": "uv", "args": [], "env": {"KEY": "v"}, "alwaysAllow": None}
    assert now["c"]["url"] == "http://c"
    if key is not None:
        assert after["z"] is None
    assert real.stat().st_mode & 0o777 == 0o600
    assert file.is_symlink()


async def test_a_client_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / ".mcp.json"
    child = {"command": sys.executable, "args": [str(SERVED)], "env": {"PYTHONPATH": str(ROOT)},
             "keep_alive": False, "type": "stdio"}  # fmt: skip
    file.write_text(json.dumps({"mcpServers": {"only": child}}))
    async with Client(MCPConfig.from_file(file)) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


def test_it_can_be_what_a_program_imports_first():
    """The transports that a configuration is made into know it, and it knows them."""
    code = "from fastmcp.mcp_config import MCPConfig; MCPConfig(mcpServers={})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_files_that_are_no_configuration(tmp_path: Path):
    path = tmp_path / "config.json"
    for data, says in (
        (b'{"a": "\xff"}', "no text in UTF-8: invalid start byte at byte 7"),
        (b'{"a": ' * 5000, "a number or its nesting has no end"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number or its nesting has no end"),
    ):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=says):
            MCPConfig.from_file(path)

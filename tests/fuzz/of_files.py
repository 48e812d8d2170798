"""Readers of files that a person, or another program, has written: configurations and skills."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path

from fastmcp.mcp_config import CanonicalMCPConfig, MCPConfig
from fastmcp.settings import get_settings
from fastmcp.utilities.frontmatter import InvalidSkill, check, parse, split
from tests.fuzz.reader import Reader


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _written(data: bytes) -> Path:
    path = _folder() / "file"
    path.write_bytes(data)
    return path


def _config(data: bytes) -> None:
    path = _written(data)
    CanonicalMCPConfig.from_file(path)
    config = MCPConfig.from_file(path)
    for server in config.enabled.values():
        server.to_transport()
    config.write_to_file(path)
    MCPConfig.from_file(path)


_CONFIG = {
    "mcpServers": {
        "a": {
            "command": "python",
            "args": ["a.py"],
            "env": {"A": 1},
            "cwd": "/",
            "keep_alive": False,
        },
        "b": {
            "url": "https://a.example/mcp",
            "headers": {"a": "b"},
            "auth": "oauth",
            "type": "sse",
        },
        "c": {"url": "http://a.example", "transport": "streamableHttp", "sse_read_timeout": 3},
        "d": {
            "command": "x",
            "tools": {"t": {"name": "u", "arguments": {"a": {"name": "b", "hide": True}}}},
            "include_tags": ["a"],
            "disabled": True,
        },
    },
    "inputs": [],
}


def _settings(data: bytes) -> None:
    """An env file."""
    before = os.environ.get("FASTMCP_ENV_FILE")
    os.environ["FASTMCP_ENV_FILE"] = str(_written(data))
    try:
        _ = get_settings.__wrapped__().session_keys
    finally:
        if before is None:
            del os.environ["FASTMCP_ENV_FILE"]
        else:
            os.environ["FASTMCP_ENV_FILE"] = before


_ENV = b"""# settings
FASTMCP_LOG_LEVEL=debug
export FASTMCP_PORT="8001"
FASTMCP_HOME=~/x
FASTMCP_HTTP_ALLOWED_HOSTS=["a", "b"]
FASTMCP_HTTP_CORS_ORIGINS=a,b
FASTMCP_SESSION_KEY='one,two'
FASTMCP_HTTP_WRITE_TIMEOUT=1e3
FASTMCP_DOCKET_RECONNECTION_DELAY=PT5M
FASTMCP_CLIENT_LOG_LEVEL=Info
FASTMCP_HTTP_HOST_ORIGIN_PROTECTION=auto
"""


def _skill(data: bytes) -> None:
    block, _ = split(data.decode("utf-8", "replace"))
    if block is not None:
        found = parse(block)
        json.dumps(found, allow_nan=False)
        check(found, "pdf")


_SKILL = b"""---
name: pdf
description: >
  Reads PDFs.
license: MIT
metadata:
  version: 1.0
  tags: [a, "b", 2026-07-28, 0x1F, .5e3, ~, yes]
  when: !!timestamp 2026-07-28
---
# Text
"""

READERS = (
    Reader("mcp configuration", _config, (json.dumps(_CONFIG).encode(),), (ValueError,)),
    Reader(
        "env file",
        _settings,
        (_ENV,),
        (ValueError,),
        words=(b"~nobody", b"${A}", b"'", b"="),
        examples=(
            b"FASTMCP_HTTP_ALLOWED_HOSTS=" + b'{"a":' * 5000,
            b"FASTMCP_HTTP_WRITE_TIMEOUT=" + b"9" * 5000,
            b"FASTMCP_HOME=~nobody-has-this-name/x",
            b"FASTMCP_LOG_LEVEL=\xff",
        ),
    ),
    Reader(
        "front matter of a skill",
        _skill,
        (_SKILL,),
        (InvalidSkill,),
        words=(b"&a", b"*a", b"<<: ", b"!!python/object:os.system", b"? ", b"- ", b"!!binary "),
        grows=(
            lambda n: b"---\na: " + b"[" * n + b"\n---\n",
            lambda n: b"---\n" + b"? " * n + b"\n---\n",
            lambda n: b"---\na: '" + b"\n" * n + b"'\n---\n",
            lambda n: b"---\na: " + b"1:" * n + b"1\n---\n",
        ),
    ),
)

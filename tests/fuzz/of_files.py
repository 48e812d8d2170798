"""Readers of files that a person, or another program, has written: configurations, skills, and what
a client keeps of its authorizations."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path

from fastmcp.client.auth.discovery import AuthorizationServer
from fastmcp.client.auth.storage import CredentialStore
from fastmcp.client.auth.token_files import TokenFiles
from fastmcp.client.auth.tokens import ClientIdentity, Token
from fastmcp.mcp_config import CanonicalMCPConfig, MCPConfig
from fastmcp.settings import get_settings
from fastmcp.utilities.frontmatter import InvalidSkill, check, parse, split
from tests.fuzz import seeds
from tests.fuzz.reader import Reader, run


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

_ISSUER = "https://a.example"
_WHO = ClientIdentity(_ISSUER, "a client", "a secret", "client_secret_basic")


@cache
def _keeping() -> tuple[CredentialStore, TokenFiles, tuple[Path, ...]]:
    """A client's store, and the files in which it keeps its token, its name and its issuer."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    files = TokenFiles(folder)
    store = CredentialStore(files, "https://a.example/mcp", "somebody")
    server = AuthorizationServer(_ISSUER, None, f"{_ISSUER}/token")

    async def keep() -> None:
        await store.keep_token(Token("a token", server, "https://a.example/mcp", "a client"))
        await store.keep_client(_WHO)
        await store.keep_issuer(_ISSUER)
        await files.put("a", {})

    run(keep())
    return store, files, tuple(folder.iterdir())


def _kept(data: bytes) -> None:
    """What stands in each of them; it is used, where it can be read."""
    store, files, paths = _keeping()
    for path in paths:
        path.write_bytes(data)

    async def look() -> None:
        await files.ttl("a")
        token = await store.token()
        if token is not None:
            assert token.header.isprintable()
            assert token.lives in (True, False)
            await store.keep_token(token)
        client = await store.client(_ISSUER)
        if client is not None:
            await client.authenticate({})
            await store.keep_client(client)
        issuer = await store.issuer()
        assert issuer is None or isinstance(issuer, str)

    run(look())


_KEPT_CLIENT = {
    "issuer": _ISSUER,
    "id": "a client",
    "secret": "a secret",
    "method": "client_secret_basic",
    "expires_at": 4102444800.5,
    "redirect_uri": "http://localhost:3333/callback",
    "scopes": ["a", "b"],
}
_KEPT_TOKEN = {
    "access_token": "a-token",
    "server": {
        "issuer": _ISSUER,
        "authorization_endpoint": None,
        "token_endpoint": f"{_ISSUER}/token",
        "scopes": ["a"],
        "pkce": ["S256"],
        "sends_iss": True,
    },
    "resource": "https://a.example/mcp",
    "client_id": "a client",
    "requested": ["a", "b"],
    "granted": ["a"],
    "obtained_at": 1.5,
    "expires_at": 4102444800,
    "refresh_token": "another",
    "key": {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    },
    "registration": _KEPT_CLIENT,
}
"""The key is that of RFC 7515, A.3."""

READERS = (
    Reader(
        "kept credentials",
        _kept,
        tuple(
            seeds.said({"value": value, "until": until})
            for value in (_KEPT_TOKEN, _KEPT_CLIENT, {"issuer": _ISSUER})
            for until in (None, 4102444800.5)
        ),
        grows=(
            lambda n: b'{"value":{"a":' + b"[" * n,
            lambda n: b'{"until":null,"value":{"issuer":"' + b"\\u00e9" * n + b'"}}',
        ),
        examples=(b'{"value":{"a":"\xff"},"until":null}', b'{"value":' + b'{"a":' * 9999),
    ),
    Reader(
        "mcp configuration",
        _config,
        (json.dumps(_CONFIG).encode(),),
        (ValueError,),
        examples=(b'{"mcpServers": {}, "inputs": "\\ud800"}',),
    ),
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

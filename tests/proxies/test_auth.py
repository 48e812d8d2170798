"""T16: a client finds out where to get a token, wherever the server is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fastmcp import Client
from tests.support.curl import curl
from tests.support.nginx import nginx
from tests.support.process import free_port, script, serve

PROTECTED = Path(__file__).with_name("protected.py")
ROOT = "http://127.0.0.1"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}

STRIPPED = """
location /db/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_set_header Host $host; }}
"""
STAGE = """
location /prod/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_set_header Host $host; }}
"""


@contextmanager
def served(where: str) -> Iterator[str]:
    """Where clients reach the application, without the path of the endpoint."""
    port = free_port()
    with ExitStack() as stack:
        base, root_path, mount = f"{ROOT}:{port}", "", ""
        if where == "mounted":
            base, mount = f"{base}/api", "/api"
        elif where == "behind a prefix":
            proxy = stack.enter_context(nginx(STRIPPED.format(port=port)))
            base = f"{ROOT}:{proxy.port}/db"
        elif where == "behind a stage":
            proxy = stack.enter_context(nginx(STAGE.format(port=port)))
            base, root_path = f"{ROOT}:{proxy.port}/prod", "/prod"
        stack.enter_context(serve(script(PROTECTED, base, root_path, mount), port=port))
        yield base


@pytest.mark.parametrize("where", ["alone", "mounted", "behind a prefix", "behind a stage"])
async def test_t16(where: str):
    with served(where) as base:
        for path in ("/mcp", "/mcp/"):
            url = base + path
            refused = curl(url, headers=JSON, body=PING)
            assert (refused.status, refused.body) == (401, "")
            challenge = refused.headers["www-authenticate"]
            assert "error" not in challenge
            assert 'scope="read"' in challenge
            named = re.search(r'resource_metadata="([^"]+)"', challenge)
            assert named is not None, challenge
            found = curl(named[1], verb="GET", headers={"origin": "https://page.example"})
            assert found.status == 200, found
            assert found.message["resource"] == url
            assert found.message["authorization_servers"] == ["https://issuer.example"]
            assert found.headers["access-control-allow-origin"] == "*"
            wrong = curl(url, headers=JSON | {"authorization": "Bearer bad"}, body=PING)
            assert wrong.status == 401
            assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
        if where in ("alone", "mounted"):  # who has the root of the host (RFC 9728, 3.1)
            host, _, prefix = base.removeprefix("http://").partition("/")
            place = f"http://{host}{WELL_KNOWN}{'/' + prefix if prefix else ''}/mcp"
            assert curl(place, verb="GET").message["resource"] == f"{base}/mcp"
        async with Client(f"{base}/mcp", auth="good") as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3

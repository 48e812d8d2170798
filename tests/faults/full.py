"""A server whose disk is full, or becomes so: `full.py PORT WHEN`.

A limit of no bytes for any file stands for the disk (`RLIMIT_FSIZE`): a write fails as it would
there, for this process alone. WHEN is "from the start", or "later": then a POST to /disk says
"full" or "free". The log goes through a pipe, which is no file, unless it is to be lost too ("with
its log").
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from fastmcp import FastMCP
from fastmcp.server.auth import OAuthProxy, StaticTokenVerifier

port, when = int(sys.argv[1]), sys.argv[2]


def limit(full: bool) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0 if full else hard, hard))


if when != "with its log":
    cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert cat.stdin is not None
    for stream in (1, 2):
        os.dup2(cat.stdin.fileno(), stream)
if when != "later":
    limit(full=True)

mcp = FastMCP(
    "full",
    auth=OAuthProxy(
        upstream_authorization_endpoint="https://idp.example/authorize",
        upstream_token_endpoint="https://idp.example/token",
        upstream_client_id="id",
        upstream_client_secret="s" * 32,
        token_verifier=StaticTokenVerifier({"token": {"client_id": "someone", "scopes": []}}),
        base_url=f"http://127.0.0.1:{port}",
    )
    if when == "later"
    else None,
)


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
def add_in_thread(a: int, b: int) -> int:
    return a + b


@mcp.custom_route("/disk", methods=["POST"])
async def disk(request: Request) -> Response:
    limit(await request.body() == b"full")
    return Response()


uvicorn.run(mcp.http_app(), port=port, log_level="info")

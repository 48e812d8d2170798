"""One of several workers of a server with an authorization server of its own: `python worker.py
PORT BASE_URL REDIS_PORT`."""

from __future__ import annotations

import sys

import uvicorn
from key_value.aio.stores.redis import RedisStore
from starlette.requests import Request
from starlette.responses import Response

from fastmcp import FastMCP
from fastmcp.server.auth import StoredOAuthProvider, Subject
from tests.server.auth.oauth.hand import known


class Ann(StoredOAuthProvider):
    async def authenticate(self, request: Request) -> Subject | Response:
        return Subject("ann")


if __name__ == "__main__":
    own, base_url, redis = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    auth = Ann(
        base_url=base_url,
        storage=RedisStore(host="127.0.0.1", port=redis),
        clients=[known(client_id="known")],
    )
    mcp = FastMCP("worker", auth=auth)
    uvicorn.run(mcp.http_app(), host="127.0.0.1", port=own, log_level="warning")

"""A server that gives out its own tokens: `python oauth_server.py PORT`."""

from __future__ import annotations

import sys

import uvicorn

from fastmcp import FastMCP
from fastmcp.server.auth import ClientRegistrationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp.server.dependencies import get_access_token

port = int(sys.argv[1])
mcp = FastMCP(
    "issuer",
    auth=InMemoryOAuthProvider(
        base_url=f"http://127.0.0.1:{port}",
        required_scopes=["read"],
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["read", "write"]
        ),
    ),
)


@mcp.tool
async def who() -> str:
    """Whose the token is."""
    token = get_access_token()
    return "nobody" if token is None else f"{token.subject}: {' '.join(token.scopes)}"


uvicorn.run(mcp.http_app(), host="127.0.0.1", port=port, log_level="warning")

"""A server that asks an authorization server elsewhere about tokens:
`python introspecting_server.py PORT ISSUER`."""

from __future__ import annotations

import sys

import uvicorn

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.dependencies import get_access_token

port, issuer = int(sys.argv[1]), sys.argv[2]
here = f"http://127.0.0.1:{port}"
verifier = IntrospectionTokenVerifier(
    introspection_url=f"{issuer}introspect",
    client_id="a server",
    client_secret="its secret",
    required_scopes=["mcp:tools"],
    audience=f"{here}/mcp",
)
mcp = FastMCP("asking", auth=RemoteAuthProvider(verifier, [issuer], here))


@mcp.tool
async def who() -> str:
    """Whose the token is."""
    token = get_access_token()
    return "nobody" if token is None else f"{token.client_id}: {' '.join(token.scopes)}"


uvicorn.run(mcp.http_app(), host="127.0.0.1", port=port, log_level="warning")

"""A server of FastMCP itself that gives out its own tokens, and asks nobody:
`python fastmcp_authority.py PORT`, with any version from 2 on."""

from __future__ import annotations

import sys

from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider

port = int(sys.argv[1])
mcp = FastMCP(
    "older",
    auth=InMemoryOAuthProvider(
        base_url=f"http://127.0.0.1:{port}",
        required_scopes=["read"],
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["read"]),
    ),
)


@mcp.tool
def who() -> str:
    """For those who were let in."""
    return "somebody"


mcp.run(transport="http", host="127.0.0.1", port=port, show_banner=False)

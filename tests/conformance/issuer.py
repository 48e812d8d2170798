"""The server whose authorization server the official conformance suite examines: `python issuer.py
PORT CALLBACK_PORT`."""

from __future__ import annotations

import sys

import uvicorn

from fastmcp import FastMCP
from fastmcp.server.auth import OAuthClientInformationFull
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider

CLIENT = "conformance"


def server(port: int, callback_port: int) -> FastMCP:
    """A server with the client that the suite is."""
    client = OAuthClientInformationFull(
        client_id=CLIENT,
        client_name="The conformance suite",
        redirect_uris=[f"http://127.0.0.1:{callback_port}/callback"],
        token_endpoint_auth_method="none",
    )
    auth = InMemoryOAuthProvider(
        base_url=f"http://127.0.0.1:{port}", clients=[client], required_scopes=["read"]
    )
    return FastMCP("Issuer", auth=auth)


if __name__ == "__main__":
    own, callback = (int(word) for word in sys.argv[1:3])
    uvicorn.run(server(own, callback).http_app(), host="127.0.0.1", port=own, log_level="warning")

"""A protected server behind a path: `python protected.py PORT BASE_URL ROOT_PATH MOUNT`."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider, StaticTokenVerifier

port, base_url, root_path, mount = sys.argv[1:]
tokens = StaticTokenVerifier({"good": {"sub": "ada", "scopes": ["read"]}}, ["read"])
auth = RemoteAuthProvider(tokens, ["https://issuer.example"], base_url=base_url)
mcp = FastMCP("protected", auth=auth)


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


app = mcp.http_app()
if mount:
    # An application that has the root of its host serves what has to be there.
    well_known = auth.get_well_known_routes("/mcp")
    app = Starlette(routes=[*well_known, Mount(mount, app)], lifespan=app.lifespan)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(port), root_path=root_path, log_level="warning")

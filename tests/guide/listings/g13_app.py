import os

from fastmcp import FastMCP
from fastmcp.server.auth import StaticTokenVerifier

auth = StaticTokenVerifier(tokens={os.environ["MCP_AUTH_TOKEN"]: {"sub": "admin"}})
mcp = FastMCP("Production Server", auth=auth)


@mcp.tool
def hello(name: str) -> str:
    return f"Hello, {name}!"


@mcp.tool
def worker() -> int:
    return os.getpid()


app = mcp.http_app()

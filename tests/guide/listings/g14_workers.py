import os

from fastmcp import FastMCP

mcp = FastMCP("MyServer")


@mcp.tool
def hello(name: str) -> str:
    return f"Hello, {name}!"


@mcp.tool
def worker() -> int:
    return os.getpid()


app = mcp.http_app()

"""A server with a listing of three megabytes, and results of any size, for uvicorn."""

from __future__ import annotations

from fastmcp import FastMCP

mcp = FastMCP("large")
for number in range(1000):
    mcp.tool(lambda: 1, name=f"tool_{number}", description="word " * 600)


@mcp.tool
async def text(size: int) -> str:
    return "x" * size


@mcp.tool
async def length(text: str) -> int:
    return len(text)


app = mcp.http_app(max_body_bytes=1_000_000)

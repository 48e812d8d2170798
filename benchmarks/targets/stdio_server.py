"""A server with one tool on a pipe: as short as one can be."""

from fastmcp import FastMCP

mcp = FastMCP("benchmark")


@mcp.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


mcp.run(show_banner=False)

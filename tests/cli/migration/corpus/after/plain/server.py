"""A server as most are written."""

from fastmcp import FastMCP

mcp = FastMCP("plain")   # the name is shown in clients


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


if __name__ == "__main__":
    # Kept on loopback; a proxy stands in front.
    mcp.run(
        transport="http",  # old
        host="127.0.0.1",
        port=8000,
    )

from mcp.server.mcpserver import MCPServer

mcp = MCPServer("sdk2")


@mcp.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


mcp.run("streamable-http", host="127.0.0.1", port=8000)

from fastmcp import FastMCP

mcp = FastMCP("tools")
mcp.run(transport="sse", port=8000)

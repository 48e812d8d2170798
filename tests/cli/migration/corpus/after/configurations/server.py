from fastmcp import FastMCP

mcp = FastMCP("tools")
mcp.run(transport="http", port=8000)

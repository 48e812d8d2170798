from mcp.server.fastmcp import FastMCP

mcp = FastMCP("paths", sse_path="/events")
mcp.settings.port = 8020

mcp.run("sse")

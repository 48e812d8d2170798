from mcp.server.fastmcp import FastMCP

mcp = FastMCP("paths", streamable_http_path="/events")
mcp.settings.port = 8020

mcp.run("streamable-http")

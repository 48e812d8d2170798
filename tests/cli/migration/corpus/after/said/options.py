from fastmcp import FastMCP

mcp = FastMCP("options")

options = {"transport": "http", "host": "0.0.0.0", "port": 8002}
mcp.run(**options)

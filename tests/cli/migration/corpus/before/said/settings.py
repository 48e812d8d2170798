import os

import fastmcp
from fastmcp import FastMCP

os.environ["FASTMCP_TRANSPORT"] = "sse"
os.environ.setdefault("FASTMCP_PORT", "8008")
fastmcp.settings.transport = "sse"

mcp = FastMCP("settings")
mcp.run()

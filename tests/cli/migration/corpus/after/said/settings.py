import os

import fastmcp
from fastmcp import FastMCP

os.environ["FASTMCP_TRANSPORT"] = "http"
os.environ.setdefault("FASTMCP_PORT", "8008")
fastmcp.settings.transport = "http"

mcp = FastMCP("settings")
mcp.run()

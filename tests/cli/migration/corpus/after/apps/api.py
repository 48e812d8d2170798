from fastapi import FastAPI
from fastmcp import FastMCP

mcp = FastMCP("api")
mcp_app = mcp.http_app(transport="http")

app = FastAPI(lifespan=mcp_app.lifespan)
app.mount("/tools", mcp_app)

from mcp.server.fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.routing import Mount

mcp = FastMCP("mounted")
app = Starlette(routes=[Mount("/", app=mcp.sse_app())])

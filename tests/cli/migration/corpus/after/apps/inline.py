from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.routing import Mount

mcp = FastMCP("inline")
app = Starlette(routes=[Mount("/", app=mcp.http_app(transport="sse"))])

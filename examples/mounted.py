"""One server inside a FastAPI and inside a Starlette application.

The parent application must run the server's lifespan: pass it on as below.

    uvicorn examples.mounted:api          # http://127.0.0.1:8000/tools/mcp
    uvicorn examples.mounted:site         # http://127.0.0.1:8000/ai/mcp
"""

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from fastmcp import FastMCP

mcp = FastMCP("Mounted")


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.custom_route("/health", methods=["GET"])
async def health(request: Request) -> PlainTextResponse:
    """A plain HTTP route beside the endpoint, served below the same prefix."""
    return PlainTextResponse("OK")


# In FastAPI.
api_mcp = mcp.http_app(path="/mcp")
api = FastAPI(title="An API with tools", lifespan=api_mcp.lifespan)


@api.get("/")
def index() -> dict[str, str]:
    """The API's own route."""
    return {"mcp": "/tools/mcp"}


api.mount("/tools", api_mcp)


# In Starlette. Each application gets its own http_app().
async def home(request: Request) -> PlainTextResponse:
    """The site's own route."""
    return PlainTextResponse("MCP is at /ai/mcp")


site_mcp = mcp.http_app(path="/mcp")
site = Starlette(routes=[Route("/", home), Mount("/ai", app=site_mcp)], lifespan=site_mcp.lifespan)

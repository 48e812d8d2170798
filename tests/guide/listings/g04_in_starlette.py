from g04_app import app as mcp_app
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route


async def health(request):
    return PlainTextResponse("ok")


app = Starlette(
    routes=[Route("/health", health), Mount("/deep/tools", app=mcp_app)],
    lifespan=mcp_app.lifespan,
)

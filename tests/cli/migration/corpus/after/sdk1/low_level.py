from mcp.server import Server
from mcp.server.sse import SseServerTransport
from starlette.applications import Starlette
from starlette.routing import Mount, Route

server = Server("low")
sse = SseServerTransport("/messages/")


async def handle(request):
    async with sse.connect_sse(request.scope, request.receive, request._send) as (read, write):
        await server.run(read, write, server.create_initialization_options())


app = Starlette(
    routes=[Route("/sse", endpoint=handle), Mount("/messages/", app=sse.handle_post_message)]
)

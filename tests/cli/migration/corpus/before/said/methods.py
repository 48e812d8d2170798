import asyncio

import uvicorn
from fastmcp import FastMCP

mcp: FastMCP = FastMCP("methods")


async def main() -> None:
    await mcp.run_sse_async(host="127.0.0.1", port=8004)


async def other(server: "FastMCP") -> None:
    await server.run_http_async(transport='sse', port=8005, path="/events")


app = mcp.sse_app(path="/stream", message_path="/post/")
uvicorn.run(app, port=8006)

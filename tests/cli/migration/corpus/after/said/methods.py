import asyncio

import uvicorn
from fastmcp import FastMCP

mcp: FastMCP = FastMCP("methods")


async def main() -> None:
    await mcp.run_http_async(host="127.0.0.1", port=8004)


async def other(server: "FastMCP") -> None:
    await server.run_http_async(transport='http', port=8005, path="/events")


app = mcp.http_app(path="/stream")
uvicorn.run(app, port=8006)

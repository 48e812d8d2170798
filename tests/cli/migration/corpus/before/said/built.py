import asyncio
import sys

from fastmcp import FastMCP


def make() -> FastMCP:
    return FastMCP("built")


class App:
    def __init__(self) -> None:
        self.mcp = make()

    async def serve(self) -> None:
        await self.mcp.run_async(
            "stdio" if "--stdio" in sys.argv else "sse", show_banner=False
        )


kwargs = dict(transport="sse", port=8003)
asyncio.run(make().run_http_async(**kwargs))

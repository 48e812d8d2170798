import asyncio
from contextlib import AsyncExitStack

import mcp.types as types
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client

SERVER = "http://127.0.0.1:8000/sse"


async def main():
    async with AsyncExitStack() as stack:
        streams = await stack.enter_async_context(sse_client(url=SERVER))
        session = await stack.enter_async_context(ClientSession(*streams))
        await session.initialize()
        result = await session.call_tool("add", {"a": 1, "b": 2})
        print("sum", result.content[0].text)


asyncio.run(main())

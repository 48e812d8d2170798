import asyncio

from mcp import ClientSession
from mcp.client.sse import sse_client as connect


async def main():
    async with (
        connect("http://127.0.0.1:8000/sse") as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        result = await session.call_tool("add", {"a": 1, "b": 2})
        print("sum", result.content[0].text)


asyncio.run(main())

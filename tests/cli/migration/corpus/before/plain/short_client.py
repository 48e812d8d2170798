import asyncio
from fastmcp import Client


async def main():
    async with Client("http://localhost:8000/sse") as client:
        print("sum", (await client.call_tool("add", {"a": 1, "b": 2})).content[0].text)


asyncio.run(main())

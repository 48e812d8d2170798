from fastmcp import Client
from fastmcp.client.transports import SSETransport


async def main():
    transport = SSETransport("http://localhost:8000/sse")
    async with Client(transport) as client:
        tools = await client.list_tools()
        result = await client.call_tool("hello", {"name": "world"})
        print(result)
        print([tool.name for tool in tools])


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())

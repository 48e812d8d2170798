"""A client of the quickstart server, over HTTP and in memory.

python examples/quickstart.py &
python examples/client.py
python examples/client.py --in-memory
"""

import asyncio
import sys

from quickstart import mcp

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport


async def main(in_memory: bool) -> None:
    server = mcp if in_memory else StreamableHttpTransport("http://127.0.0.1:8000/mcp")
    async with Client(server) as client:
        print("protocol", client.protocol_version)
        for tool in await client.list_tools():
            print("tool", tool.name, "-", tool.description)
        result = await client.call_tool("hello", {"name": "world"})
        print("result", result.data)


if __name__ == "__main__":
    asyncio.run(main("--in-memory" in sys.argv))

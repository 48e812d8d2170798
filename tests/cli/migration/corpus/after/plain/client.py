import asyncio
import sys

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport, StdioTransport

URL = 'http://127.0.0.1:8000/mcp'


async def main() -> None:
    print("asking", URL, file=sys.stderr)
    transport = StreamableHttpTransport(URL, headers={"x-team": "a"}, sse_read_timeout=30)
    async with Client(transport) as client:
        result = await client.call_tool("add", {"a": 1, "b": 2})
        print("sum", result.content[0].text)


def local() -> StdioTransport:
    return StdioTransport("python", ["server.py"])


if __name__ == "__main__":
    asyncio.run(main())

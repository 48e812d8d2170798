from mcp.client.sse import sse_client


async def main():
    async with sse_client("http://127.0.0.1:8000/sse", headers={"a": "b"}) as (read, write):
        pass

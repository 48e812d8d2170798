"""FastMCP's own client over HTTP+SSE, in an environment of its own: `fastmcp_sse_client.py URL`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import SSETransport


async def main(url: str) -> dict[str, Any]:
    progress: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append([done, total, message])

    async with Client(SSETransport(url)) as client:
        added = await client.call_tool("add", {"a": 2, "b": 3})
        await client.call_tool("count", {"to": 3}, progress_handler=on_progress)
        return {"add": added.data, "progress": progress}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))

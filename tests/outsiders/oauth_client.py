"""FastMCP's own client, any version from 2 on, which is let in by OAuth: `python oauth_client.py
URL`. Its browser is what the variable BROWSER names."""

from __future__ import annotations

import asyncio
import json
import sys

from fastmcp import Client


async def main(url: str) -> None:
    async with Client(url, auth="oauth") as client:
        said = [str((await client.call_tool("who")).data) for _ in range(2)]
    print(json.dumps(said))


asyncio.run(main(sys.argv[1]))

"""A client among several that have one store: `python sharer.py URL FOLDER`. One call."""

from __future__ import annotations

import asyncio
import sys

from fastmcp import Client
from fastmcp.client.auth import TokenFiles
from fastmcp.utilities.tests import HeadlessOAuth


async def main(url: str, folder: str) -> None:
    auth = HeadlessOAuth(url, token_storage=TokenFiles(folder))
    async with Client(url, auth=auth) as client:
        await client.call_tool("x")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))

import asyncio
import json
import re
from pathlib import Path

from fastmcp import Client


async def main() -> None:
    text = Path(__file__).with_name("mcp.json").read_text()
    text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    config = json.loads(re.sub(r",(\s*})", r"\1", text))
    async with Client(config) as client:
        print("sum", (await client.call_tool("add", {"a": 1, "b": 2})).content[0].text)


asyncio.run(main())

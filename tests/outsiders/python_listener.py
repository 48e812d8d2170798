"""The official Python SDK's client, listening to `changing.py`: `python_listener.py URL`.

Prints one JSON report, of the same shape as `node/listener.mjs`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from mcp import Client
from mcp.client.subscriptions import ResourceUpdated, ToolsListChanged


async def main(url: str) -> dict[str, Any]:
    heard: list[Any] = []
    async with (
        Client(url, mode="2026-07-28") as client,
        client.listen(
            tools_list_changed=True,
            prompts_list_changed=True,
            resource_subscriptions=["data://one"],
        ) as subscription,
    ):
        honored = subscription.honored.model_dump(by_alias=True, exclude_none=True)
        await client.call_tool("grow", {})
        await client.call_tool("touch", {"uri": "data://two"})
        await client.call_tool("touch", {"uri": "data://one"})
        while len(heard) < 2:
            event = await anext(subscription)
            if isinstance(event, ToolsListChanged):
                heard.append("tools")
            elif isinstance(event, ResourceUpdated):
                heard.append(event.uri)
        await client.call_tool("leave", {})
        heard += [repr(event) async for event in subscription]  # raises where it ends badly
    return {"honored": honored, "heard": heard, "end": "graceful"}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))

"""The official Python SDK's client calls a tool that asks: `traveller.py URL MODE TIMES`.

Prints, as JSON, what came of each call. Run in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import mcp_types as types
from mcp import Client


async def main(url: str, mode: str, times: int) -> list[str]:
    async def on_elicit(context: Any, params: Any) -> types.ElicitResult:
        value = "Oslo" if params.message.startswith("Where") else "yes"
        return types.ElicitResult(action="accept", content={"value": value})

    async def on_sample(context: Any, params: Any) -> types.CreateMessageResult:
        text = f"a boat ({params.messages[0].content.text})"
        content = types.TextContent(type="text", text=text)
        return types.CreateMessageResult(role="assistant", model="mock", content=content)

    options: dict[str, Any] = {
        "mode": mode,
        "elicitation_callback": on_elicit,
        "sampling_callback": on_sample,
    }
    async with Client(url, **options) as client:
        answers = await asyncio.gather(
            *(client.call_tool("plan_trip", {"days": day}) for day in range(times))
        )
    return [answer.content[0].text for answer in answers]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))))

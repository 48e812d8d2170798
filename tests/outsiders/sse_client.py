"""The official Python SDK 1.x over HTTP+SSE, in an environment of its own: `sse_client.py URL`.

Prints one JSON report. It uses what release 1.9 has, so that any of them can run it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import mcp.types as types
from mcp import ClientSession
from mcp.client.sse import sse_client


def result(answer: Any) -> dict[str, Any]:
    return answer.model_dump(by_alias=True, exclude_none=True, mode="json")


async def main(url: str) -> dict[str, Any]:
    report: dict[str, Any] = {"logs": [], "progress": []}

    async def on_log(params: Any) -> None:
        report["logs"].append([params.level, params.data])

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        report["progress"].append([done, total, message])

    async def on_sample(context: Any, params: Any) -> Any:
        text = types.TextContent(type="text", text=params.messages[0].content.text[::-1])
        return types.CreateMessageResult(role="assistant", model="mock", content=text)

    async def on_roots(context: Any) -> Any:
        return types.ListRootsResult(roots=[types.Root(uri="file:///home/ada")])

    async with (
        sse_client(url, headers={"X-Req": "old"}) as (read, write),
        ClientSession(
            read,
            write,
            logging_callback=on_log,
            sampling_callback=on_sample,
            list_roots_callback=on_roots,
        ) as session,
    ):
        began = await session.initialize()
        report["protocolVersion"] = began.protocolVersion
        report["server"] = began.serverInfo.name
        report["tools"] = [tool.name for tool in (await session.list_tools()).tools]
        report["add"] = result(await session.call_tool("add", {"a": 2, "b": 3}))
        report["count"] = result(
            await session.call_tool("count", {"to": 3}, progress_callback=on_progress)
        )
        await session.set_logging_level("info")
        report["talk"] = result(await session.call_tool("talk", {}))
        report["think"] = result(await session.call_tool("think", {"prompt": "abc"}))
        report["where"] = result(await session.call_tool("where", {}))
        report["read"] = result(await session.read_resource("data://greeting"))
        many = [session.call_tool("add", {"a": n, "b": n}) for n in range(20)]
        report["parallel"] = [int(answer.content[0].text) for answer in await asyncio.gather(*many)]
    return report


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))

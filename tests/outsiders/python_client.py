"""The official Python SDK's client, run in an environment of its own: `python_client.py URL MODE`.

Instead of a URL, a JSON list of words is a command that speaks stdio. MODE is what its `Client`
takes: `legacy` for the handshake era, or a stateless version. Prints one JSON report, of the same
shape as the TypeScript clients beside it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.shared.exceptions import UrlElicitationRequiredError


def result(answer: Any) -> dict[str, Any]:
    return answer.model_dump(by_alias=True, exclude_none=True, mode="json")


async def main(url: str, mode: str) -> dict[str, Any]:
    logs: list[Any] = []
    progress: list[Any] = []
    complete: list[Any] = []

    async def on_log(params: types.LoggingMessageNotificationParams) -> None:
        logs.append([params.level, params.data])

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append([done, total, message])

    async def on_elicit(context: Any, params: Any) -> types.ElicitResult:
        if params.mode == "url":
            return types.ElicitResult(action="accept")
        if "meals" in params.requested_schema["properties"]:
            content: Any = {"meals": ["lunch", "breakfast"], "view": "g", "floor": "2"}
            return types.ElicitResult(action="accept", content=content)
        return types.ElicitResult(action="accept", content={"name": "Ada", "age": 36})

    async def on_message(message: Any) -> None:
        if isinstance(message, types.ElicitCompleteNotification):
            complete.append(message.params.elicitation_id)

    async def on_sample(context: Any, params: Any) -> Any:
        if params.tools:
            asked = len(params.messages) == 1
            name, given = ("price", {"nights": 2}) if asked else ("final_response", {"value": 200})
            return types.CreateMessageResultWithTools(
                role="assistant",
                model="mock",
                content=[types.ToolUseContent(id="1", name=name, input=given)],
                stop_reason="toolUse",
            )
        said = params.messages[0].content.text
        return types.CreateMessageResult(
            role="assistant", model="mock", content=types.TextContent(type="text", text=said[::-1])
        )

    async def on_roots(context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri="file:///home/ada")])

    options: dict[str, Any] = {"mode": mode, "logging_callback": on_log}
    handshake = mode == "legacy"
    if handshake:
        options |= {
            "elicitation_callback": on_elicit,
            "sampling_callback": on_sample,
            "sampling_capabilities": types.SamplingCapability(
                tools=types.SamplingToolsCapability()
            ),
            "message_handler": on_message,
            "list_roots_callback": on_roots,
        }
    else:
        options |= {"log_level": "info"}
    report: dict[str, Any] = {}
    target: Any = url
    if url.startswith("["):
        command, *arguments = json.loads(url)
        target = StdioServerParameters(command=command, args=arguments)
    async with Client(target, **options) as client:
        report["protocolVersion"] = client.protocol_version
        report["server"] = client.server_info.name if client.server_info else None
        report["instructions"] = client.instructions
        report["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        report["resources"] = [str(r.uri) for r in (await client.list_resources()).resources]
        templates = await client.list_resource_templates()
        report["templates"] = [t.uri_template for t in templates.resource_templates]
        report["prompts"] = [prompt.name for prompt in (await client.list_prompts()).prompts]
        report["add"] = result(await client.call_tool("add", {"a": 2, "b": 3}))
        report["person"] = result(await client.call_tool("person", {"name": "Ada"}))
        report["fail"] = result(await client.call_tool("fail", {}))
        report["bad"] = result(await client.call_tool("add", {"a": "x", "b": 3}))
        try:
            report["unknown"] = result(await client.call_tool("nope", {}))
        except MCPError as error:
            report["unknown"] = {"error": error.code, "message": str(error)}
        report["count"] = result(
            await client.call_tool("count", {"to": 3}, progress_callback=on_progress)
        )
        if handshake:
            await client.set_logging_level("info")
        report["talk"] = result(await client.call_tool("talk", {}))
        report["read"] = result(await client.read_resource("data://greeting"))
        report["user"] = result(await client.read_resource("data://users/ada"))
        report["bytes"] = result(await client.read_resource("data://bytes"))
        try:
            report["missing"] = result(await client.read_resource("data://nope"))
        except MCPError as error:
            report["missing"] = {"error": error.code, "message": str(error)}
        report["prompt"] = result(await client.get_prompt("review", {"code": "x = 1"}))
        if handshake:
            await client.send_ping()
            report["ask"] = result(await client.call_tool("ask", {}))
            report["think"] = result(await client.call_tool("think", {"prompt": "abc"}))
            report["where"] = result(await client.call_tool("where", {}))
            report["survey"] = result(await client.call_tool("survey", {}))
            try:
                await client.call_tool("locked", {})
            except MCPError as error:
                found = UrlElicitationRequiredError.from_error(error.error)
                report["locked"] = {
                    "error": found.code,
                    "pages": [[page.message, page.url] for page in found.elicitations],
                }
            report["complete"] = complete
        many = [client.call_tool("add", {"a": n, "b": n}) for n in range(20)]
        report["parallel"] = [
            answer.structured_content["result"] for answer in await asyncio.gather(*many)
        ]
        report["logs"] = logs
        report["progress"] = progress
    return report


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2]))))

"""The server that the official conformance suite examines: `python server.py PORT`.

Written on the public FastMCP API alone, so it also runs on FastMCP 4 for comparison. The suite
prescribes the names and texts. One handler serves both protocol eras: what a tool asks with
`ctx.elicit` goes out as a request in the handshake era and as `input_required` in the stateless.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from mcp_types import (
    AudioContent,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, Field, WithJsonSchema

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.prompts import Message
from fastmcp.server.providers.skills import SkillsDirectoryProvider
from fastmcp.tools import Tool, ToolResult
from fastmcp.utilities.tasks import TaskConfig

try:
    from fastmcp.server.event_store import EventStore
except ImportError:  # resumable streams are not there yet
    EventStore = None


def _png() -> str:
    """A red pixel, base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\x00\xff\x00\x00")
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(png).decode()


def _wav() -> str:
    """A few silent samples, base64."""
    samples = b"\x00\x00" * 8
    wav = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1,
                      8000, 16000, 2, 16)  # fmt: skip
    return base64.b64encode(wav + struct.pack("<4sI", b"data", len(samples)) + samples).decode()


PNG = _png()
WAV = _wav()

mcp = FastMCP(
    "conformance-server",
    version="1.0.0",
    instructions="A fixture of the official conformance suite.",
    on_duplicate="replace",
    dereference_schemas=False,
    providers=[SkillsDirectoryProvider(Path(__file__).parent / "skills")],
)

# Tools with one plain answer. The first listed one must succeed with no arguments.


@mcp.tool
def test_simple_text() -> str:
    """Answers with a text."""
    return "This is a simple text response for testing."


@mcp.tool
def test_image_content() -> ImageContent:
    """Answers with an image."""
    return ImageContent(type="image", data=PNG, mime_type="image/png")


@mcp.tool
def test_audio_content() -> AudioContent:
    """Answers with a sound."""
    return AudioContent(type="audio", data=WAV, mime_type="audio/wav")


@mcp.tool
def test_embedded_resource() -> EmbeddedResource:
    """Answers with a resource."""
    contents = TextResourceContents(
        uri="test://embedded-resource",
        mime_type="text/plain",
        text="This is an embedded resource content.",
    )
    return EmbeddedResource(type="resource", resource=contents)


@mcp.tool
def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    """Answers with a text, an image and a resource."""
    contents = TextResourceContents(
        uri="test://mixed-content-resource",
        mime_type="application/json",
        text=json.dumps({"test": "data", "value": 123}),
    )
    return [
        TextContent(type="text", text="Multiple content types test:"),
        ImageContent(type="image", data=PNG, mime_type="image/png"),
        EmbeddedResource(type="resource", resource=contents),
    ]


@mcp.tool
def test_error_handling() -> str:
    """Always fails."""
    raise ToolError("This tool intentionally returns an error for testing")


@mcp.tool
def greet(name: str) -> str:
    """Greets by name."""
    return f"Hello, {name}!"


@mcp.tool
def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> str:
    """Echoes an argument that also travels as a header."""
    return f"region: {region}"


# Tools that say something while they run.


@mcp.tool
async def test_tool_with_logging(ctx: Context) -> str:
    """Logs three lines."""
    await ctx.info("Tool execution started")
    await asyncio.sleep(0.05)
    await ctx.info("Tool processing data")
    await asyncio.sleep(0.05)
    await ctx.info("Tool execution completed")
    return "Tool with logging executed successfully"


@mcp.tool
async def test_logging_tool(ctx: Context) -> str:
    """Would log, if the client asked for logs."""
    await ctx.debug("a debug line")
    await ctx.info("an info line")
    await ctx.error("an error line")
    return "done"


@mcp.tool
async def test_tool_with_progress(ctx: Context) -> str:
    """Reports its progress three times."""
    for step in (0, 50, 100):
        await ctx.report_progress(step, 100, f"Completed step {step} of 100")
        await asyncio.sleep(0.05)
    return "done"


@mcp.tool
async def test_reconnection(ctx: Context) -> str:
    """Closes its stream in the middle; the result comes to whoever resumes it."""
    await ctx.info("reconnection begins")  # so that the answer is a stream in any case
    await ctx.close_sse_stream()
    await asyncio.sleep(0.15)
    return "Reconnection test completed successfully"


# Tools that ask the client.


class User(BaseModel):
    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


class Defaults(BaseModel):
    name: str = Field("John Doe", description="User name")
    age: int = Field(30, description="User age")
    score: float = Field(95.5, description="User score")
    status: Literal["active", "inactive", "pending"] = Field("active", description="User status")
    verified: bool = Field(True, description="Verification status")


_TITLED = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in
           enumerate(("First", "Second", "Third"), start=1)]  # fmt: skip
_LEGACY = {
    "type": "string",
    "enum": ["opt1", "opt2", "opt3"],
    "enumNames": ["Option One", "Option Two", "Option Three"],
}


class Enums(BaseModel):
    untitledSingle: Literal["option1", "option2", "option3"]
    titledSingle: Annotated[str, WithJsonSchema({"type": "string", "oneOf": _TITLED})]
    legacyEnum: Annotated[str, WithJsonSchema(_LEGACY)]
    untitledMulti: list[Literal["option1", "option2", "option3"]]
    titledMulti: Annotated[
        list[str], WithJsonSchema({"type": "array", "items": {"anyOf": _TITLED}})
    ]


async def ask(ctx: Context, message: str, form: Any) -> str:
    """Elicits and says what came back."""
    answer = await ctx.elicit(message, form)
    data = getattr(answer, "data", None)
    shown = data.model_dump_json() if isinstance(data, BaseModel) else json.dumps(data)
    return f"action={answer.action}, content={shown}"


async def think(ctx: Context, prompt: str) -> str:
    """Lets the client's model answer."""
    answer = await ctx.sample(prompt, max_tokens=100)
    return f"LLM response: {answer.text}"


async def roots(ctx: Context) -> str:
    """Names the client's roots."""
    return f"roots: {', '.join(str(root.uri) for root in await ctx.list_roots())}"


@mcp.tool
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Samples the prompt with the client's model."""
    return await think(ctx, prompt)


@mcp.tool
async def test_elicitation(message: str, ctx: Context) -> str:
    """Asks the user for a name and an address."""
    return await ask(ctx, message, User)


@mcp.tool
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Asks with a default for each primitive type."""
    return await ask(ctx, "Please review and update the form fields", Defaults)


@mcp.tool
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Asks with each form of an enumeration."""
    return await ask(ctx, "Please select options from the enum fields", Enums)


@mcp.tool
async def test_missing_capability(ctx: Context) -> str:
    """Needs a client that samples."""
    return await think(ctx, "Say hello.")


@mcp.tool
async def test_streaming_elicitation(ctx: Context) -> str:
    """Reports progress, then asks."""
    await ctx.report_progress(1, 2)
    return await ask(ctx, "What is your name?", Name)


class Use(BaseModel):
    context: str = Field(description="What the prompt is for")


class Name(BaseModel):
    name: str = Field(description="Your name")


class Color(BaseModel):
    color: str = Field(description="Your favourite colour")


class Confirmation(BaseModel):
    ok: bool = Field(description="Go on?")


def name_of(ctx: Context) -> str | InputRequiredResult:
    """The user's name, or the question for it. The suite prescribes its key, so it is not awaited
    but returned."""
    answer = (ctx.input_responses or {}).get("user_name")
    content = answer.content if isinstance(answer, ElicitResult) else None
    if not content or not isinstance(content.get("name"), str):
        params = {"message": "What is your name?", "requestedSchema": Name.model_json_schema()}
        return InputRequiredResult.model_validate(
            {"inputRequests": {"user_name": {"method": "elicitation/create", "params": params}}}
        )
    return str(content["name"])


@mcp.tool
async def test_input_required_result_elicitation(ctx: Context) -> str | InputRequiredResult:
    """Asks for a name."""
    return name_of(ctx)


@mcp.tool
async def test_input_required_result_sampling(ctx: Context) -> str:
    """Asks the client's model."""
    return await think(ctx, "What is the capital of France?")


@mcp.tool
async def test_input_required_result_list_roots(ctx: Context) -> str:
    """Asks for the roots."""
    return await roots(ctx)


@mcp.tool
async def test_input_required_result_request_state(ctx: Context) -> str:
    """Asks for a confirmation; the request state travels with it."""
    return "state-ok: " + await ask(ctx, "Please confirm", Confirmation)


@mcp.tool
async def test_input_required_result_tampered_state(ctx: Context) -> str:
    """As before; a state that was changed on the way must be refused."""
    return "state-ok: " + await ask(ctx, "Please confirm", Confirmation)


@mcp.tool
async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
    """Asks three things at once."""
    answers = await asyncio.gather(
        ask(ctx, "What is your name?", Name),
        think(ctx, "Generate a greeting"),
        roots(ctx),
    )
    return "; ".join(answers)


@mcp.tool
async def test_input_required_result_multi_round(ctx: Context) -> str:
    """Asks twice, one after the other."""
    first = await ask(ctx, "Step 1: What is your name?", Name)
    second = await ask(ctx, "Step 2: What is your favorite color?", Color)
    return f"{first}; {second}"


@mcp.tool
async def test_input_required_result_capabilities(ctx: Context) -> str:
    """Asks only what the client declared that it can answer."""
    return await think(ctx, "What is the capital of France?")


# Tools that run as tasks.


@mcp.tool(task=True)
async def slow_compute(seconds: float, label: str = "") -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return f"computed {label}"


@mcp.tool(task=TaskConfig(mode="required"))
async def failing_job() -> str:
    """Fails after a second."""
    await asyncio.sleep(1)
    raise ToolError("This job always fails")


@mcp.tool(task=True)
async def protocol_error_job(ctx: Context) -> str:
    """Needs a client with roots; for one without, that is an error of the protocol."""
    return await roots(ctx)


class Confirm(BaseModel):
    confirm: bool = Field(description="Delete it?")


@mcp.tool(task=True)
async def confirm_delete(filename: str, ctx: Context) -> str:
    """Deletes nothing, once that is confirmed."""
    return await ask(ctx, f"Delete {filename}?", Confirm)


@mcp.tool(task=True)
async def multi_input(ctx: Context) -> str:
    """Asks two things at once."""
    answers = await asyncio.gather(
        ask(ctx, "What is your name?", Name), ask(ctx, "Go on?", Confirm)
    )
    return "; ".join(answers)


@mcp.tool(task=TaskConfig(mode="required"))
async def test_tool_with_task(ctx: Context) -> str | InputRequiredResult:
    """Asks first; with the answer it becomes a task."""
    name = name_of(ctx)
    if isinstance(name, InputRequiredResult):
        return name
    await asyncio.sleep(0.1)
    return f"Hello, {name}"


# Tools that change the lists.


def dynamic_tool() -> str:
    """Comes and is replaced at run time."""
    return "dynamic"


def dynamic_prompt() -> str:
    """Comes and is replaced at run time."""
    return "dynamic"


@mcp.tool
async def test_trigger_tool_change() -> str:
    """Changes the list of tools."""
    mcp.add_tool(dynamic_tool)
    return "changed"


@mcp.tool
async def test_trigger_prompt_change() -> str:
    """Changes the list of prompts."""
    mcp.prompt(dynamic_prompt)
    return "changed"


# A tool whose schema no Python signature could say; it must pass through as it is.

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


class SchemaTool(Tool):
    """Takes its arguments as they come."""

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return ToolResult(content=json.dumps(arguments))


mcp.add_tool(
    SchemaTool(
        name="json_schema_2020_12_tool",
        description="Has an input schema with the keywords of JSON Schema 2020-12.",
        parameters=SCHEMA,
    )
)

# Resources


@mcp.resource("test://static-text", name="static-text", mime_type="text/plain")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@mcp.resource("test://static-binary", name="static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """An image."""
    return base64.b64decode(PNG)


@mcp.resource("test://template/{id}/data", name="template", mime_type="application/json")
def template(id: str) -> str:
    """One of many."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@mcp.resource("test://watched-resource", name="watched-resource", mime_type="text/plain")
def watched() -> str:
    """May be subscribed to."""
    return "Watched resource content"


# Prompts


@mcp.prompt
def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


@mcp.prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@mcp.prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:
    """A prompt that carries a resource."""
    contents = TextResourceContents(
        uri=resourceUri, mime_type="text/plain", text="Embedded resource content for testing."
    )
    return [
        Message(EmbeddedResource(type="resource", resource=contents)),
        Message("Please process the embedded resource above."),
    ]


@mcp.prompt
def test_prompt_with_image() -> list[Message]:
    """A prompt that carries an image."""
    return [
        Message(ImageContent(type="image", data=PNG, mime_type="image/png")),
        Message("Please analyze the image above."),
    ]


@mcp.prompt
async def test_input_required_result_prompt(ctx: Context) -> str:
    """A prompt that asks first."""
    return await ask(ctx, "What context should the prompt use?", Use)


@mcp.completion
async def complete(ref: Any, argument: Any, context: Any) -> list[str]:
    """Completes the first argument of the prompt above."""
    values = ["paris", "park", "party", "test-value"]
    return [value for value in values if value.startswith(argument.value)]


def application() -> Any:
    """The ASGI application, with all that the suite looks for switched on."""
    options: dict[str, Any] = {"host_origin_protection": True}
    if EventStore is not None:
        options |= {"event_store": EventStore(), "retry_interval": 500}
    return mcp.http_app(**options)


if __name__ == "__main__":
    uvicorn.run(application(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

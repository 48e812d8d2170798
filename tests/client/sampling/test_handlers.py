"""Sampling through the vendors' own packages, against servers that speak their APIs."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from mcp_types import (
    AudioContent,
    CreateMessageRequestParams,
    ImageContent,
    ModelHint,
    ModelPreferences,
    SamplingCapability,
    SamplingMessage,
    TextContent,
    Tool,
    ToolChoice,
    ToolResultContent,
)

from fastmcp import Client, Context, FastMCP
from fastmcp.client.sampling.handlers.anthropic import AnthropicSamplingHandler
from fastmcp.client.sampling.handlers.google_genai import GoogleGenaiSamplingHandler
from fastmcp.client.sampling.handlers.openai import OpenAISamplingHandler
from fastmcp.exceptions import McpError, ToolError
from tests.client.sampling.vendors import Anthropic, Google, OpenAI, Vendor, serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""The vendors' packages warn of each other, and of models that go."""

VENDORS = {"openai": OpenAI, "anthropic": Anthropic, "google": Google}


@pytest.fixture(params=list(VENDORS))
async def vendor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Vendor]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with serving(VENDORS[request.param]()) as serving_vendor:
        yield serving_vendor
        for close in serving_vendor.closing:
            await close()


def handler(vendor: Vendor, url: str | None = None) -> Any:
    url = url or vendor.url
    if isinstance(vendor, OpenAI):
        client = openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0)
        vendor.closing.append(client.close)
        return OpenAISamplingHandler("gpt-5", client)
    if isinstance(vendor, Anthropic):
        other = anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0)
        vendor.closing.append(other.close)
        return AnthropicSamplingHandler("claude-sonnet-4-5", other)
    once = genai.types.HttpRetryOptions(attempts=1)
    options = genai.types.HttpOptions(base_url=url, retry_options=once)
    google = genai.Client(api_key="k", http_options=options)
    vendor.closing.append(google.aio.aclose)
    return GoogleGenaiSamplingHandler("gemini-3-flash", google, thinking_budget=0)


async def ask(
    vendor: Vendor, *messages: tuple[str, Any], url: str | None = None, **params: Any
) -> Any:
    given = [SamplingMessage(role=role, content=content) for role, content in messages]  # type: ignore[arg-type]
    asked = CreateMessageRequestParams(messages=given, **{"max_tokens": 100_000, **params})
    return await handler(vendor, url)(asked.messages, asked, None)


HELLO = ("user", TextContent(type="text", text="Hello"))
PICTURE = ImageContent(type="image", data=base64.b64encode(b"png").decode(), mime_type="image/png")
SOUND = AudioContent(type="audio", data=base64.b64encode(b"wav").decode(), mime_type="audio/wav")
ADD = Tool(
    name="add",
    description="Adds.",
    input_schema={"title": "Add", "properties": {"title": {"title": "T", "type": "string"}}},
)


async def test_what_is_sent(vendor: Vendor) -> None:
    result = await ask(
        vendor,
        HELLO,
        ("assistant", TextContent(type="text", text="Hi")),
        ("user", [TextContent(type="text", text="Look"), PICTURE]),
        system_prompt="Be brief.",
        temperature=0.5,
        stop_sequences=["END"],
        tools=[ADD],
        tool_choice=ToolChoice(mode="required"),
    )
    assert result.content[0].text == "ok"
    assert result.stop_reason == "endTurn"
    [sent] = vendor.requests
    picture = PICTURE.data
    if isinstance(vendor, OpenAI):
        assert sent == {
            "model": "gpt-5",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hi"},
                {"role": "user", "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
                ]},
            ],
            "max_completion_tokens": 100_000,
            "temperature": 0.5,
            "stop": ["END"],
            "tools": [{"type": "function", "function": {
                "name": "add", "description": "Adds.",
                "parameters": {"type": "object", **ADD.input_schema}}}],
            "tool_choice": "required",
        }  # fmt: skip
    elif isinstance(vendor, Anthropic):
        assert sent == {
            "model": "claude-sonnet-4-5",
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "user", "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image", "source": {
                        "type": "base64", "media_type": "image/png", "data": picture}},
                ]},
            ],
            "max_tokens": 100_000,
            "temperature": 0.5,
            "stop_sequences": ["END"],
            "tools": [{"name": "add", "description": "Adds.",
                       "input_schema": {"type": "object", **ADD.input_schema}}],
            "tool_choice": {"type": "any"},
        }  # fmt: skip
    else:
        assert sent["model"] == "gemini-3-flash"
        assert sent["contents"] == [
            {"role": "user", "parts": [{"text": "Hello"}]},
            {"role": "model", "parts": [{"text": "Hi"}]},
            {"role": "user", "parts": [
                {"text": "Look"}, {"inlineData": {"data": picture, "mimeType": "image/png"}}]},
        ]  # fmt: skip
        assert sent["systemInstruction"]["parts"] == [{"text": "Be brief."}]
        config = sent["generationConfig"]
        assert (config["temperature"], config["maxOutputTokens"]) == (0.5, 100_000)
        assert config["stopSequences"] == ["END"]
        assert config["thinkingConfig"] == {"thinkingBudget": 0}
        [declared] = sent["tools"][0]["functionDeclarations"]
        assert declared["parametersJsonSchema"] == {
            "type": "object",
            "properties": {"title": {"type": "string"}},
        }
        assert sent["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


async def test_a_conversation_with_tools(vendor: Vendor) -> None:
    """The calls go to the server as blocks, and come back from it with their results."""
    vendor.next = ["I add.", ("add", {"a": 1}), ("add", {"a": 2})]
    first = await ask(vendor, HELLO, tools=[ADD])
    assert first.stop_reason == "toolUse"
    text, one, two = first.content
    assert (text.text, one.name, one.input, two.input) == ("I add.", "add", {"a": 1}, {"a": 2})
    assert one.id != two.id
    vendor.next = ["3"]
    results = [
        ToolResultContent(
            type="tool_result", tool_use_id=one.id, content=[TextContent(type="text", text="one")]
        ),
        ToolResultContent(
            type="tool_result", tool_use_id=two.id, content=[], structured_content={"n": 2}
        ),
        TextContent(type="text", text="Go on."),
    ]
    # As it comes back over the wire, not as the object that went.
    echoed = first.model_dump(mode="json", by_alias=True)["content"]
    second = await ask(vendor, HELLO, ("assistant", echoed), ("user", results), tools=[ADD])
    assert second.content[0].text == "3"
    sent = vendor.requests[-1]
    if isinstance(vendor, OpenAI):
        said, first_result, second_result, last = sent["messages"][1:]
        assert said["content"] == "I add."
        assert [c["function"]["arguments"] for c in said["tool_calls"]] == ['{"a": 1}', '{"a": 2}']
        assert first_result == {"role": "tool", "tool_call_id": one.id, "content": "one"}
        assert second_result == {"role": "tool", "tool_call_id": two.id, "content": '{"n":2}'}
        assert last == {"role": "user", "content": "Go on."}
    elif isinstance(vendor, Anthropic):
        _, said, answered = sent["messages"]
        assert [block["type"] for block in said["content"]] == ["text", "tool_use", "tool_use"]
        first_result, second_result, last = answered["content"]
        assert first_result == {"type": "tool_result", "tool_use_id": one.id, "is_error": False,
                                "content": [{"type": "text", "text": "one"}]}  # fmt: skip
        assert second_result["content"] == [{"type": "text", "text": '{"n":2}'}]
        assert last == {"type": "text", "text": "Go on."}
    else:
        _, said, answered = sent["contents"]
        call = said["parts"][1]
        assert call["functionCall"]["args"] == {"a": 1}
        assert base64.urlsafe_b64decode(call["thoughtSignature"]) == b"thoughts"
        first_result, second_result, last = answered["parts"]
        assert first_result["functionResponse"]["name"] == "add"
        assert first_result["functionResponse"]["response"] == {"result": "one"}
        assert second_result["functionResponse"]["response"] == {"result": '{"n":2}'}
        assert last == {"text": "Go on."}


@pytest.mark.parametrize("mode", ["auto", "none"])
async def test_tool_choice(vendor: Vendor, mode: str) -> None:
    await ask(vendor, HELLO, tools=[ADD], tool_choice=ToolChoice(mode=mode))  # type: ignore[arg-type]
    [sent] = vendor.requests
    if isinstance(vendor, OpenAI):
        assert sent["tool_choice"] == mode
    elif isinstance(vendor, Anthropic):
        assert sent["tool_choice"] == {"type": mode}
    else:
        assert sent["toolConfig"] == {"functionCallingConfig": {"mode": mode.upper()}}


async def test_why_it_stopped(vendor: Vendor) -> None:
    words = {
        OpenAI: {"length": "maxTokens", "stop": "endTurn", "content_filter": "content_filter"},
        Anthropic: {"max_tokens": "maxTokens", "stop_sequence": "stopSequence",
                    "refusal": "refusal"},
        Google: {"MAX_TOKENS": "maxTokens", "SAFETY": "SAFETY"},
    }  # fmt: skip
    for said, meant in words[type(vendor)].items():
        vendor.stop = said
        result = await ask(vendor, HELLO)
        assert (result.stop_reason, result.content.text) == (meant, "ok")


async def test_no_answer(vendor: Vendor) -> None:
    vendor.next = []
    vendor.stop = {OpenAI: "length", Anthropic: "max_tokens", Google: "MAX_TOKENS"}[type(vendor)]
    with pytest.raises(McpError, match=r"gave no answer.*maxTokens was too small"):
        await ask(vendor, HELLO)


@pytest.mark.parametrize(
    ("hints", "model"),
    [
        (["gpt-4o", "claude-opus-4-5", "gemini-2.5-pro"], None),
        (["nonsense"], "default"),
        (["gpt", "claude", "gemini"], "default"),
        (["", "sonnet", "5"], "default"),
    ],
)
async def test_hints(vendor: Vendor, hints: list[str], model: str | None) -> None:
    preferences = ModelPreferences(hints=[ModelHint(name=name) for name in hints])
    await ask(vendor, HELLO, model_preferences=preferences)
    own = {OpenAI: "gpt", Anthropic: "claude", Google: "gemini"}[type(vendor)]
    expected = {OpenAI: "gpt-5", Anthropic: "claude-sonnet-4-5", Google: "gemini-3-flash"}[
        type(vendor)
    ]
    if model is None:
        expected = next(name for name in hints if name.startswith(own))
    assert vendor.requests[-1]["model"] == expected


async def test_sounds(vendor: Vendor) -> None:
    if isinstance(vendor, Anthropic):
        with pytest.raises(McpError, match=r"does not take audio \(audio/wav\)"):
            await ask(vendor, ("user", SOUND))
        return
    await ask(vendor, ("user", SOUND))
    [sent] = vendor.requests
    if isinstance(vendor, OpenAI):
        sound = {"data": SOUND.data, "format": "wav"}
        assert sent["messages"][0]["content"] == [{"type": "input_audio", "input_audio": sound}]
    else:
        data = {"data": SOUND.data, "mimeType": "audio/wav"}
        assert sent["contents"][0]["parts"] == [{"inlineData": data}]


async def test_what_has_no_form_is_refused() -> None:
    picture = PICTURE.model_copy(update={"mime_type": "image/tiff"})
    result = ToolResultContent(type="tool_result", tool_use_id="x", content=[PICTURE])
    for vendor, content in ((OpenAI(), picture), (Anthropic(), picture), (OpenAI(), result),
                            (Google(), result)):  # fmt: skip
        vendor.url = "http://127.0.0.1:9"
        with pytest.raises(McpError, match="The client's model does not take"):
            await ask(vendor, ("user", content))


@pytest.mark.parametrize(("status", "says"), [(401, "let this client in"), (429, "too often"),
                                              (400, "refused the request")])  # fmt: skip
async def test_errors_tell_the_server_nothing_private(
    vendor: Vendor, status: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.next = status
    with pytest.raises(McpError, match=says) as caught:
        await ask(vendor, HELLO)
    assert "secret words" not in str(caught.value)
    assert "secret words" in caplog.text


async def test_nobody_there(vendor: Vendor) -> None:
    with pytest.raises(McpError, match="could not be reached"):
        await ask(vendor, HELLO, url="http://127.0.0.1:9")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_server_asks_with_tools(vendor: Vendor, mode: str) -> None:
    mcp = FastMCP("asks")

    @mcp.tool
    async def total(ctx: Context) -> str:
        def price(nights: int) -> int:
            """What a stay costs."""
            vendor.next = ["It costs 200."]
            return 100 * nights

        vendor.next = [("price", {"nights": 2})]
        return (await ctx.sample("How much?", tools=[price])).text or ""

    @mcp.tool
    async def plain(ctx: Context) -> str:
        return (await ctx.sample("Hello?")).text or ""

    async with Client(mcp, sampling_handler=handler(vendor), mode=mode) as client:
        assert (await client.call_tool("total")).data == "It costs 200."
        vendor.next = ["Hello!"]
        assert (await client.call_tool("plain")).data == "Hello!"
    without = Client(
        mcp,
        sampling_handler=handler(vendor),
        sampling_capabilities=SamplingCapability(),
        mode=mode,
    )
    async with without as client:
        with pytest.raises((ToolError, McpError), match=r"sampling\.tools"):
            await client.call_tool("total")


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("openai", "openai", "openai"),
        ("anthropic", "anthropic", "anthropic"),
        ("google_genai", "google.genai", "gemini"),
    ],
)
def test_a_package_that_is_not_there(module: str, package: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None;"
        f"import fastmcp.client.sampling.handlers.{module}"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 1
    assert f"pip install 'fastmcp-streamline[{extra}]'" in ran.stderr.splitlines()[-1]

"""The client's model asked: what goes out, what comes back, tools in between, answers of a type.

The model is the test itself: it is handed the params of every question and gives the answer.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import mcp_types
import pytest
from mcp_types import AudioContent, SamplingMessage, TextContent, ToolResultContent, ToolUseContent
from pydantic import BaseModel, Field

from fastmcp import Context, FastMCP
from fastmcp.exceptions import McpError, ToolError
from fastmcp.server.asking import Asker
from fastmcp.server.sampling import SampleStep, SamplingResult, sample, sample_step
from fastmcp.tools import Tool, ToolResult
from tests.support import schema
from tests.support.asgi import STATELESS, Live, Peer

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", STATELESS)
WITH_TOOLS = {"sampling": {"tools": {}}}

Model = Callable[[dict[str, Any]], Any]


def said(*blocks: Any, stop: str = "endTurn", **more: Any) -> dict[str, Any]:
    """An answer of the model: texts and content blocks."""
    content = [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]
    body = content[0] if len(content) == 1 else content
    return {"role": "assistant", "model": "m", "content": body, "stopReason": stop, **more}


def use(name: str, input: Any, id: str = "u1") -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


class Client:
    """A client whose model answers with the next of `answers`, or as a function of the params."""

    def __init__(
        self,
        *answers: Any,
        version: str = "2025-11-25",
        capabilities: dict[str, Any] | None = None,
    ) -> None:
        self.answers = list(answers)
        self.version = version
        self.asked: list[dict[str, Any]] = []
        self.required: list[dict[str, Any]] = []
        declared = WITH_TOOLS if capabilities is None else capabilities
        self.asker = Asker(self._ask, version, declared)

    async def _ask(
        self, method: str, params: dict[str, Any], required: dict[str, Any]
    ) -> dict[str, Any]:
        request = {"method": method, "params": params}
        if self.version != STATELESS:
            request |= {"jsonrpc": "2.0", "id": 1}
        schema.check_definition(request, self.version, "CreateMessageRequest")
        self.asked.append(params)
        self.required.append(required)
        answer = self.answers.pop(0)
        given = answer(params) if callable(answer) else answer
        return await given if inspect.isawaitable(given) else given

    async def sample(
        self, messages: Any = "?", result_type: Any = None, masked: bool = False, **options: Any
    ) -> SamplingResult[Any]:
        return await sample(self.asker, messages, result_type, masked, options)  # type: ignore[arg-type]

    async def step(
        self, messages: Any = "?", execute_tools: bool = True, **options: Any
    ) -> SampleStep:
        return await sample_step(self.asker, messages, execute_tools, False, options)  # type: ignore[arg-type]

    def results(self, question: int = -1) -> list[dict[str, Any]]:
        """The tool results that end a question's messages."""
        content = self.asked[question]["messages"][-1]["content"]
        assert all(block["type"] == "tool_result" for block in content)
        return content


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


# one question


@pytest.mark.parametrize("version", VERSIONS)
async def test_everything_that_can_be_said(version: str):
    client = Client(said("4"), version=version, capabilities={"sampling": {"context": {}}})
    result = await client.sample(
        ["What is", SamplingMessage(role="user", content=TextContent(type="text", text="2+2?"))],
        system_prompt="Be brief.",
        temperature=0.5,
        max_tokens=9,
        model_preferences=["sonnet", "haiku"],
        stop_sequences=["."],
        metadata={"k": 1},
        include_context="thisServer",
    )
    assert (result.text, result.result, result.message.model) == ("4", "4", "m")
    assert [m.role for m in result.history] == ["user", "user", "assistant"]
    [params] = client.asked
    assert params == {
        "messages": [
            {"role": "user", "content": {"type": "text", "text": "What is"}},
            {"role": "user", "content": {"type": "text", "text": "2+2?"}},
        ],
        "maxTokens": 9,
        "systemPrompt": "Be brief.",
        "temperature": 0.5,
        "modelPreferences": {"hints": [{"name": "sonnet"}, {"name": "haiku"}]},
        "stopSequences": ["."],
        "metadata": {"k": 1},
        "includeContext": "thisServer",
    }
    # The capability came with 2025-11-25; before, everyone might be asked to include context.
    context = {"context": {}} if version >= "2025-11-25" else {}
    assert client.required == [{"sampling": context}]


async def test_little_is_said_by_default():
    client = Client(said("yes"))
    assert (await client.sample("Well?")).result == "yes"
    content = {"type": "text", "text": "Well?"}
    assert client.asked == [{"messages": [{"role": "user", "content": content}], "maxTokens": 512}]
    assert client.required == [{"sampling": {}}]


async def test_model_preferences():
    client = Client(said("a"), said("b"))
    await client.sample(model_preferences="gpt")
    assert client.asked[0]["modelPreferences"] == {"hints": [{"name": "gpt"}]}
    preferences = mcp_types.ModelPreferences(cost_priority=0.1, speed_priority=1)
    await client.sample(model_preferences=preferences)
    assert client.asked[1]["modelPreferences"] == {"costPriority": 0.1, "speedPriority": 1}


async def test_answers_in_parts_and_without_text():
    picture = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
    result = await Client(said("a", picture, "b")).sample()
    assert result.text == "ab"
    result = await Client(said(picture)).sample()
    assert (result.text, result.result) == (None, "")
    assert result.message.content.type == "image"  # type: ignore[union-attr]


async def test_a_conversation_goes_on():
    client = Client(said("1"), said("2"))
    first = await client.sample("one")
    second = await client.sample([*first.history, "two"])
    assert len(first.history) == 2
    texts = [m["content"]["text"] for m in client.asked[1]["messages"]]
    assert texts == ["one", "1", "two"]
    assert len(second.history) == 4


async def test_several_blocks_are_several_messages_to_old_clients():
    texts = [TextContent(type="text", text=text) for text in ("a", "b")]
    message = SamplingMessage(role="user", content=texts)
    old, new = Client(said("x"), version="2025-06-18"), Client(said("x"))
    await old.sample([message])
    await new.sample([message])
    assert [m["content"]["text"] for m in old.asked[0]["messages"]] == ["a", "b"]
    assert len(new.asked[0]["messages"][0]["content"]) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 0},
        {"tool_concurrency": -1, "tools": [add]},
        {"tool_choice": "maybe", "tools": [add]},
        {"tool_choice": "required"},
        {"tools": [add, add]},
        {"tools": [lambda a: a]},
        {"model_preferences": [1]},
        {"messages": []},
        {"messages": [5]},
    ],
)
async def test_mistakes_of_the_author(options: dict[str, Any]):
    client = Client()
    with pytest.raises(ValueError):  # noqa: PT011  # which one, the parameter says
        await client.sample(**options)
    assert client.asked == []


async def test_no_such_option():
    with pytest.raises(TypeError, match="top_k"):
        await Client().sample(top_k=5)


def results(*ids: str, text: bool = False) -> SamplingMessage:
    blocks: list[Any] = [ToolResultContent(tool_use_id=id) for id in ids]
    if text:
        blocks.append(TextContent(type="text", text="and"))
    return SamplingMessage(role="user", content=blocks)


def uses(*ids: str, role: Literal["user", "assistant"] = "assistant") -> SamplingMessage:
    return SamplingMessage(
        role=role, content=[ToolUseContent(id=id, name="add", input={}) for id in ids]
    )


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        (["a", results("1")], "messages\\[1\\] holds results"),
        (["a", uses("1", role="user")], "messages\\[1\\] .*'assistant'"),
        (["a", uses("1"), results("1", text=True)], "messages\\[2\\] mixes"),
        (["a", uses("1", "2"), results("1")], "messages\\[2\\] must hold exactly"),
        (["a", uses("1"), "b", results("1")], "messages\\[2\\] must hold exactly"),
        (["a", uses("1"), results("1", "1")], "messages\\[2\\] must hold exactly"),
        (["a", uses("1")], "end with tool uses"),
        (
            [
                "a",
                uses("1"),
                SamplingMessage(role="assistant", content=ToolResultContent(tool_use_id="1")),
            ],
            "messages\\[2\\] .*'user'",
        ),
    ],
)
async def test_conversations_that_break_the_rules_of_tools(messages: Any, place: str):
    client = Client()
    with pytest.raises(ValueError, match=place):
        await client.sample(messages, tools=[add])
    assert client.asked == []


async def test_a_conversation_with_tools_needs_a_client_with_tools():
    client = Client(said("ok"))
    await client.sample(["a", uses("2", "1"), results("1", "2"), "b"])
    assert client.required == [{"sampling": {"tools": {}}}]
    old = Client(version="2025-06-18")
    with pytest.raises(ToolError, match="2025-06-18, and that came with 2025-11-25"):
        await old.sample(["a", uses("1"), results("1")])
    with pytest.raises(ToolError, match="sampling with tools"):
        await old.sample(tools=[add])


# answers that nobody should give


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "malformed: role"),
        ({"role": "assistant", "content": {"type": "text", "text": "x"}}, "malformed: model"),
        (said({"type": "text"}), "malformed: content"),
        (said({"type": "video", "data": ""}), "malformed: content"),
        (said({"type": "tool_use", "id": "1", "name": "add", "input": "x"}), "malformed"),
        (said({"type": "tool_use", "name": "add", "input": {}}), "malformed"),
        (said(5), "malformed"),
        (said("x", stop=5), "malformed"),  # type: ignore[arg-type]
        (said({"type": "tool_result", "toolUseId": "1", "content": []}), "only a server has"),
        (said(use("add", {}, "1"), use("add", {}, "1")), "one id"),
    ],
)
async def test_malformed_answers(answer: Any, why: str):
    with pytest.raises(McpError, match=why) as raised:
        await Client(answer).sample(tools=[add])
    assert len(str(raised.value)) < 1000


class Strict(Tool):
    """A tool whose schema is its own."""

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return ToolResult(content=f"ran with {arguments}")


async def test_a_models_arguments_are_checked_whatever_the_tool():
    number = {"type": "integer", "maximum": 5}
    schema = {"type": "object", "properties": {"n": number}, "additionalProperties": False}
    strict = Strict(name="strict", parameters=schema)
    client = Client(said(use("strict", {"n": "evil", "z": 1}), stop="toolUse"), said("done"))
    result = await client.sample(tools=[strict])
    (block,) = result.history[-2].content
    assert block.is_error
    assert "ran with" not in str(block.content)


async def test_a_model_that_was_to_use_no_tool():
    def never() -> str:
        raise AssertionError

    client = Client(said(use("never", {}), stop="toolUse"))
    with pytest.raises(McpError, match="uses a tool"):
        await client.sample(tools=[never], tool_choice="none")


async def test_a_model_that_wants_too_much_at_once():
    client = Client(said(*(use("add", {}, id=str(n)) for n in range(129)), stop="toolUse"))
    with pytest.raises(McpError, match="more than 128 tools"):
        await client.sample(tools=[add])


async def test_a_tool_that_was_not_offered():
    with pytest.raises(McpError, match="offered none"):
        await Client(said(use("add", {}))).sample()


async def test_stop_reasons_do_not_decide():
    # The blocks do: every use must be followed by its result, whatever the reason says.
    client = Client(said(use("add", {"a": 1, "b": 1}), stop="endTurn"), said("2"))
    assert (await client.sample(tools=[add])).text == "2"
    assert (await Client(said("x", stop="toolUse")).sample(tools=[add])).text == "x"


# tools


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_tools_run_until_the_model_has_answered(version: str):
    client = Client(
        said("Let me see", use("add", {"a": 1, "b": 2}, "x"), stop="toolUse"),
        said(use("add", {"a": 3, "b": 4}, "y"), stop="toolUse"),
        said("10"),
        version=version,
    )
    result = await client.sample("What is 1+2+3+4?", tools=[add])
    assert result.text == "10"
    assert [m.role for m in result.history] == ["user", *["assistant", "user"] * 2, "assistant"]
    [tool] = client.asked[0]["tools"]
    assert (tool["name"], tool["description"]) == ("add", "Adds.")
    assert tool["inputSchema"]["required"] == ["a", "b"]
    assert "toolChoice" not in client.asked[0]
    assert all(required == {"sampling": {"tools": {}}} for required in client.required)
    assert client.results(1) == [
        {
            "type": "tool_result",
            "toolUseId": "x",
            "content": [{"type": "text", "text": "3"}],
        }
    ]
    assert client.results(2)[0]["content"][0]["text"] == "7"


async def test_every_kind_of_tool():
    class Own(Tool):
        async def run(self, arguments: dict[str, Any]) -> ToolResult:
            return ToolResult(content=[AudioContent(type="audio", data="", mime_type="audio/wav")])

    class Adder:
        async def more(self, to: list[int]) -> dict[str, int]:
            return {"sum": sum(to)}

    renamed = Tool.from_function(add, name="plus")
    own = Own(name="own", parameters={"type": "object"})
    client = Client(
        said(
            use("plus", {"a": 1, "b": 2}, "1"),
            use("own", {"any": 1}, "2"),
            use("more", {"to": [1, 2]}, "3"),
        ),
        said("done"),
    )
    await client.sample(tools=[renamed, own, Adder().more])
    assert [b["content"][0].get("text", b["content"][0]["type"]) for b in client.results()] == [
        "3",
        "audio",
        '{"sum":3}',
    ]


async def test_what_goes_wrong_in_a_tool_is_told_to_the_model():
    def fails() -> None:
        raise RuntimeError("the disk is full")

    def says_no() -> None:
        raise ToolError("not today")

    def exits() -> None:
        raise SystemExit(1)

    async def cancelled() -> None:
        raise asyncio.CancelledError

    answers = said(
        use("fails", {}, "1"),
        use("says_no", {}, "2"),
        use("exits", {}, "3"),
        use("cancelled", {}, "4"),
        use("nope", {}, "5"),
        use("add", {"a": "x"}, "6"),
        use("add", {"a": 1, "b": 2, "c": 3}, "7"),
        use("add", {"a": 1, "b": 2}, "8"),
    )
    tools = [fails, says_no, exits, cancelled, add]
    for concurrency in (None, 0, 2):
        client = Client(answers, said("sorry"))
        assert (await client.sample(tools=tools, tool_concurrency=concurrency)).text == "sorry"
        told = client.results()
        assert [block["toolUseId"] for block in told] == list("12345678")
        assert [block.get("isError") for block in told] == [True] * 7 + [None]
        texts = [block["content"][0]["text"] for block in told]
        assert texts[0] == "Error calling tool 'fails': the disk is full"
        assert texts[1] == "not today"
        assert "SystemExit" in texts[2]
        assert "CancelledError" in texts[3]
        assert texts[4] == (
            "Unknown tool: 'nope'. The tools are: fails, says_no, exits, cancelled, add"
        )
        assert "valid integer" in texts[5]
        assert texts[7] == "3"
    for masks in ({"masked": True}, {"mask_error_details": True}):
        client = Client(answers, said("sorry"))
        await client.sample(tools=tools, **masks)
        texts = [block["content"][0]["text"] for block in client.results()]
        assert texts[:2] == ["Error calling tool 'fails'", "not today"]
    client = Client(answers, said("sorry"))
    await client.sample(tools=tools, masked=True, mask_error_details=False)
    assert "disk" in client.results()[0]["content"][0]["text"]


@pytest.mark.parametrize(("concurrency", "most"), [(None, 1), (1, 1), (2, 2), (0, 4)])
async def test_how_many_tools_run_at_once(concurrency: int | None, most: int):
    running = peak = 0
    full = asyncio.Event()

    async def work(n: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        if running == most:
            full.set()
        await full.wait()
        await asyncio.sleep(0)  # whoever else might begin, begins
        running -= 1
        return n

    client = Client(said(*(use("work", {"n": n}, str(n)) for n in range(4))), said("done"))
    async with asyncio.timeout(10):
        await client.sample(tools=[work], tool_concurrency=concurrency)
    assert peak == most
    assert [block["content"][0]["text"] for block in client.results()] == ["0", "1", "2", "3"]


async def test_a_cancelled_sampling_cancels_its_tools():
    begun, ended = asyncio.Event(), []

    async def hangs(n: int) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(n)

    client = Client(said(use("hangs", {"n": 1}, "1"), use("hangs", {"n": 2}, "2")))
    task = asyncio.create_task(client.sample(tools=[hangs], tool_concurrency=0))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [1, 2]


async def test_tool_choice_is_for_the_first_answer():
    client = Client(said(use("add", {"a": 1, "b": 2})), said("3"))
    await client.sample(tools=[add], tool_choice="required")
    assert client.asked[0]["toolChoice"] == {"mode": "required"}
    assert "toolChoice" not in client.asked[1]


async def test_a_model_that_never_answers_is_stopped():
    rounds = 0

    def again(params: dict[str, Any]) -> Any:
        nonlocal rounds
        rounds += 1
        return said(use("add", {"a": 1, "b": 1}))

    with pytest.raises(McpError, match="100 rounds"):
        await Client(*[again] * 200).sample(tools=[add])
    assert rounds == 100


# steps


async def test_a_loop_of_ones_own():
    client = Client(said("hm", use("add", {"a": 1, "b": 2}), stop="toolUse"), said("3"))
    step = await client.step("1+2?", tools=[add], tool_choice="required")
    assert (step.is_tool_use, step.text) == (True, "hm")
    assert [call.name for call in step.tool_calls] == ["add"]
    assert step.response.stop_reason == "toolUse"
    assert [m.role for m in step.history] == ["user", "assistant", "user"]
    step = await client.step(step.history, tools=[add])
    assert (step.is_tool_use, step.text, step.tool_calls) == (False, "3", [])
    assert len(step.history) == 4


async def test_a_step_that_leaves_the_tools_to_the_author():
    ran: list[int] = []

    def note(n: int) -> None:
        ran.append(n)

    client = Client(said(use("note", {"n": 1}, "x")), said("thanks"))
    step = await client.step("go", execute_tools=False, tools=[note])
    assert (ran, len(step.history)) == ([], 2)
    with pytest.raises(ValueError, match="no results"):
        await client.step(step.history, tools=[add])
    step = await client.step([*step.history, results("x")], tools=[add])
    assert step.text == "thanks"


# answers of a type


class City(BaseModel):
    name: str
    people: int = Field(gt=0)


@dataclass
class Pair:
    a: int
    b: int


CASES = [
    (City, {"name": "Rome", "people": 3}, City(name="Rome", people=3)),
    (Pair, {"a": 1, "b": 2}, Pair(1, 2)),
    (dict[str, int], {"x": 1}, {"x": 1}),
    (int, {"value": 5}, 5),
    (list[City], {"value": [{"name": "R", "people": 1}]}, [City(name="R", people=1)]),
    (Literal["a", "b"], {"value": "b"}, "b"),
    (City | None, {"value": None}, None),
]


@pytest.mark.parametrize(("asked", "input", "value"), CASES, ids=str)
async def test_a_typed_answer_by_tool(asked: Any, input: Any, value: Any):
    client = Client(said(use("final_response", input), stop="toolUse"))
    result = await client.sample("?", asked)
    assert result.result == value
    assert type(result.result) is type(value)
    [tool] = client.asked[0]["tools"]
    assert tool["inputSchema"]["type"] == "object"
    assert client.asked[0]["toolChoice"] == {"mode": "required"}
    # The history is complete: another sampling may go on from it.
    assert [m.role for m in result.history] == ["user", "assistant", "user"]
    client.answers = [said("and so on")]
    await client.sample([*result.history, "more"])


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", STATELESS])
@pytest.mark.parametrize(("asked", "input", "value"), CASES, ids=str)
async def test_a_typed_answer_of_a_client_without_tools(
    version: str, asked: Any, input: Any, value: Any
):
    text = f"Here:\n```json\n{json.dumps(input)}\n```"
    client = Client(said(text), version=version, capabilities={"sampling": {}})
    result = await client.sample("?", asked)
    assert result.result == value
    assert "tools" not in client.asked[0]
    assert client.required == [{"sampling": {}}]
    assert "JSON Schema" in client.asked[0]["messages"][-1]["content"]["text"]


async def test_a_bare_value_is_good_enough():
    client = Client(said("5"), capabilities={"sampling": {}})
    assert (await client.sample("?", int)).result == 5


async def test_text_is_an_answer_without_a_type():
    client = Client(said("x"))
    assert (await client.sample("?", str)).result == "x"
    assert "tools" not in client.asked[0]


async def test_an_answer_that_does_not_fit_is_asked_for_again():
    client = Client(
        said("Rome, of course"),
        said(use("final_response", {"name": "Rome"}, "1")),
        said(use("final_response", {"name": "Rome", "people": -1}, "2")),
        said(use("final_response", {"name": "Rome", "people": 3}, "3")),
    )
    result = await client.sample("?", City)
    assert result.result.people == 3
    nudge = client.asked[1]["messages"][-1]["content"]["text"]
    assert "not JSON" in nudge
    assert "Call the tool 'final_response'" in nudge
    [missing] = client.results(2)
    assert missing["isError"]
    assert "people: Field required" in missing["content"][0]["text"]
    assert "people: Input should be greater than 0" in client.results(3)[0]["content"][0]["text"]
    assert all(params["toolChoice"] == {"mode": "required"} for params in client.asked)


async def test_tools_and_a_type():
    client = Client(
        said(use("add", {"a": 1, "b": 2}, "1")),
        said(use("add", {"a": 1, "b": 2}, "1"), use("final_response", {"value": "x"}, "2")),
        said(use("add", {"a": 1, "b": 2}, "1"), use("final_response", {"value": 3}, "2")),
    )
    assert (await client.sample("?", int, tools=[add])).result == 3
    assert [tool["name"] for tool in client.asked[0]["tools"]] == ["add", "final_response"]
    assert [block.get("isError") for block in client.results(2)] == [None, True]


async def test_the_misses_are_counted_in_a_row():
    def miss(params: dict[str, Any]) -> Any:
        return said(use("final_response", {"value": "x"}))

    def work(params: dict[str, Any]) -> Any:
        return said(use("add", {"a": 1, "b": 2}))

    good = said(use("final_response", {"value": 3}))
    client = Client(miss, miss, miss, work, miss, miss, miss, good)
    assert (await client.sample("?", int, tools=[add])).result == 3
    for client in (
        Client(*[miss] * 9),
        Client(*[said("no")] * 9),
        Client(*[said("no")] * 9, capabilities={"sampling": {}}),
    ):
        with pytest.raises(McpError, match="in 4 attempts"):
            await client.sample("?", int)
        assert len(client.asked) == 4


async def test_types_that_cannot_be_asked_for():
    with pytest.raises(TypeError, match="cannot ask for"):
        await Client().sample("?", Callable)
    with pytest.raises(ValueError, match="final_response"):
        await Client().sample("?", int, tools=[Tool.from_function(add, name="final_response")])


class Node(BaseModel):
    value: int
    children: list[Node] = []


async def test_recursive_types():
    tree = {"value": 1, "children": [{"value": 2}]}
    client = Client(
        said(use("final_response", tree)), said(use("final_response", {"value": [tree]}))
    )
    assert (await client.sample("?", Node)).result.children[0].value == 2
    assert (await client.sample("?", list[Node])).result[0].value == 1
    for params in client.asked:
        Tool(name="x", parameters=params["tools"][0]["inputSchema"])
        assert "$defs" in params["tools"][0]["inputSchema"]


# through a server


def build(**options: Any) -> FastMCP:
    mcp = FastMCP("sampling", **options)

    async def lookup(word: str, ctx: Context) -> str:
        """Asks the user, from inside a tool of the model."""
        answer = await ctx.elicit(f"What is {word}?", str)
        return str(getattr(answer, "data", "nobody knows"))

    def breaks() -> None:
        raise RuntimeError("secret detail")

    @mcp.tool
    async def think(ctx: Context, prompt: str) -> str:
        return (await ctx.sample(prompt, tools=[lookup, breaks])).result

    @mcp.tool
    async def count(ctx: Context) -> int:
        return (await ctx.sample("How many?", result_type=int)).result

    @mcp.tool
    async def step(ctx: Context) -> bool:
        return (await ctx.sample_step("?", tools=[breaks], execute_tools=False)).is_tool_use

    @mcp.tool
    async def context(ctx: Context) -> str:
        return (await ctx.sample("?", include_context="allServers")).result

    @mcp.prompt
    async def prompt(ctx: Context) -> str:
        return (await ctx.sample("p")).result

    @mcp.resource("r://x")
    async def resource(ctx: Context) -> str:
        return (await ctx.sample("r")).result

    @mcp.tool
    async def roots(ctx: Context) -> list[str]:
        return [str(root.uri) for root in await ctx.list_roots()]

    return mcp


def questions(live: Live) -> list[dict[str, Any]]:
    """The server's requests so far."""
    return [message for message in live.messages if "id" in message and "method" in message]


async def answer(peer: Peer, live: Live, *results: Any) -> list[dict[str, Any]]:
    """Answers the questions of a call, one after the other; returns their params."""
    asked: list[dict[str, Any]] = []
    for count, result in enumerate(results, start=1):
        await live.until(lambda live, count=count: len(questions(live)) >= count)
        question = questions(live)[-1]
        asked.append(question.get("params") or {})
        await peer.post({"jsonrpc": "2.0", "id": question["id"], "result": result})
    await live.done()
    return asked


async def test_tools_of_the_model_are_inside_the_call():
    capabilities = {**WITH_TOOLS, "elicitation": {}}
    peer = await Peer(build().http_app(), capabilities=capabilities).open()
    live = peer.start_call("think", {"prompt": "hi"})
    asked = await answer(
        peer,
        live,
        said(use("lookup", {"word": "mcp"}), use("breaks", {}, "u2")),
        {"action": "accept", "content": {"value": "a protocol"}},
        said("It is a protocol."),
    )
    assert live.text == "It is a protocol."
    assert "ctx" not in str(asked[0]["tools"])
    first, second = asked[2]["messages"][-1]["content"]
    assert first["content"][0]["text"] == "a protocol"
    assert "secret detail" in second["content"][0]["text"]


async def test_the_servers_mask_is_the_tools():
    mcp = build(mask_error_details=True)
    assert mcp.mask_error_details
    peer = await Peer(mcp.http_app(), capabilities=WITH_TOOLS).open()
    live = peer.start_call("think", {"prompt": "hi"})
    asked = await answer(peer, live, said(use("breaks", {})), said("oh"))
    assert "secret" not in str(asked)


async def test_prompts_and_resources_sample_too():
    peer = await Peer(build().http_app(), capabilities={"sampling": {}}).open()
    live = peer.start("prompts/get", {"name": "prompt"})
    await answer(peer, live, said("from p"))
    assert live.result["messages"][0]["content"]["text"] == "from p"
    live = peer.start("resources/read", {"uri": "r://x"})
    await answer(peer, live, said("from r"))
    assert live.result["contents"][0]["text"] == "from r"


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
async def test_a_typed_answer_of_any_client(version: str):
    peer = await Peer(build().http_app(), version, capabilities={"sampling": {}}).open()
    live = peer.start_call("count")
    await answer(peer, live, said("many"), said("5"))
    assert live.text == "5"


@pytest.mark.parametrize(
    ("tool", "declared", "missing"),
    [
        ("count", {}, {"sampling": {}}),
        ("think", {"sampling": {}}, {"sampling": {"tools": {}}}),
        ("step", {"sampling": {"context": {}}}, {"sampling": {"tools": {}}}),
        ("context", {"sampling": {"tools": {}}}, {"sampling": {"context": {}}}),
        ("roots", {}, {"roots": {}}),
    ],
)
async def test_a_client_is_asked_only_for_what_it_declared(
    tool: str, declared: dict[str, Any], missing: dict[str, Any]
):
    [(name, parts)] = missing.items()
    words = ".".join([name, *parts])
    arguments = {"prompt": "?"} if tool == "think" else {}
    live = await (await Peer(build().http_app(), capabilities=declared).open()).call(
        tool, arguments
    )
    assert live.result["isError"]
    assert f"did not declare the {words} capability" in live.text
    live = await Peer(build().http_app(), STATELESS, capabilities=declared).call(tool, arguments)
    assert (live.status, live.error["code"]) == (400, -32021)
    assert live.error["data"] == {"requiredCapabilities": missing}


@pytest.mark.parametrize(
    "nonsense", [{}, {"roots": 5}, {"roots": [{"uri": 5}]}, {"roots": [{"uri": "http://x"}]}, []]
)
async def test_roots_that_are_none(nonsense: Any):
    peer = await Peer(build().http_app(), capabilities={"roots": {}}).open()
    live = peer.start_call("roots")
    await answer(peer, live, {"roots": [{"uri": "file:///a"}]})
    assert live.result["structuredContent"] == {"result": ["file:///a"]}
    live = peer.start_call("roots")
    await answer(peer, live, nonsense)
    assert live.result["isError"]
    assert "malformed" in live.text or "no object" in live.text

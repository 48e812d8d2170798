"""Prompts: what clients see of them, and what rendering gives."""

from typing import Any

import mcp_types
import pydantic
import pytest
from pydantic import BaseModel

from fastmcp.exceptions import PromptError
from fastmcp.prompts import FunctionPrompt, Message, Prompt, PromptArgument, PromptResult, prompt
from fastmcp.prompts.function_prompt import prompt_decoration


def note(schema: str) -> str:
    return (
        f"Provide a value matching the following JSON schema: {schema}."
        " Encode non-string values as JSON."
    )


async def said(fn: Any, **arguments: Any) -> list[Any]:
    result = await Prompt.from_function(fn).render(arguments)
    return [message["content"]["text"] for message in result.to_wire()["messages"]]


class TestListing:
    def test_arguments(self) -> None:
        def fn(topic: str, count: int, tags: list[str] | None = None, style: str = "x") -> str:
            """Ask.

            Args:
                topic: what about
                count: how many
            """
            return topic

        made = Prompt.from_function(fn, tags={"a"}, title="T", version=1)
        assert made.key == "prompt:fn@1"
        assert made.to_wire() == {
            "name": "fn",
            "title": "T",
            "description": "Ask.",
            "arguments": [
                {"name": "topic", "description": "what about", "required": True},
                {
                    "name": "count",
                    "description": "how many\n\n" + note('{"type":"integer"}'),
                    "required": True,
                },
                {
                    "name": "tags",
                    "description": note(
                        '{"anyOf":[{"items":{"type":"string"},"type":"array"},{"type":"null"}]}'
                    ),
                    "required": False,
                },
                {"name": "style", "required": False},
            ],
            "_meta": {"fastmcp": {"tags": ["a"], "version": "1"}},
        }
        assert made.to_mcp_prompt(name="other").name == "other"

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("def fn(a, /): ...", "positional-only parameters are not supported as prompts"),
            ("def fn(*a): ...", r"Functions with \*args are not supported as prompts"),
            ("def fn(**a): ...", r"Functions with \*\*kwargs are not supported as prompts"),
            ("fn = lambda: ''", "must provide a name for lambda"),
        ],
    )
    def test_refused(self, source: str, message: str) -> None:
        names: dict[str, Any] = {}
        exec(source, names)
        with pytest.raises(ValueError, match=message):
            Prompt.from_function(names["fn"])


class TestRendering:
    async def test_text_of_clients_becomes_values(self) -> None:
        class Model(BaseModel):
            a: int

        def fn(
            n: int, f: float, b: bool, xs: list[int], m: Model, s: str, either: int | str, u=None
        ) -> str:
            return repr((n, f, b, xs, m.a, s, either, u))

        assert await said(
            fn, n="5", f="1.5", b="true", xs="[1]", m='{"a": 2}', s='"q"', either="7", u="{}"
        ) == [repr((5, 1.5, True, [1], 2, '"q"', "7", "{}"))]

    async def test_values_that_are_no_text_stay(self) -> None:
        def fn(xs: list[int]) -> str:
            return repr(xs)

        assert await said(fn, xs=[1, 2]) == ["[1, 2]"]

    async def test_text_that_does_not_fit(self) -> None:
        def fn(n: int) -> str:
            return ""

        with pytest.raises(
            PromptError,
            match=r"^Could not convert argument 'n' with value 'x' to expected type <class 'int'>",
        ):
            await said(fn, n="x")

    async def test_missing(self) -> None:
        def fn(a: str, b: str = "") -> str:
            return a

        with pytest.raises(ValueError, match=r"^Missing required arguments: \{'a'\}$"):
            await said(fn)
        with pytest.raises(ValueError, match="Missing required arguments"):
            await Prompt.from_function(fn).render()

    async def test_unknown_arguments_are_left_out(self) -> None:
        def fn(a: str) -> str:
            return a

        assert await said(fn, a="x", other="y") == ["x"]

    async def test_returns(self) -> None:
        def listed() -> list[Any]:
            return ["a", Message({"b": 1}, role="assistant")]

        made = Prompt.from_function(listed, description="D", meta={"k": 1})
        assert (await made.render()).to_wire() == {
            "description": "D",
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "a"}},
                {"role": "assistant", "content": {"type": "text", "text": '{"b":1}'}},
            ],
            "_meta": {"k": 1},
        }

        async def result() -> PromptResult:
            return PromptResult("x", description="own", meta={"m": 1})

        assert (await Prompt.from_function(result).render()).to_wire() == {
            "description": "own",
            "messages": [{"role": "user", "content": {"type": "text", "text": "x"}}],
            "_meta": {"m": 1},
        }

        def message() -> Message:
            return Message("one")

        assert await said(message) == ["one"]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "Prompt must return str, list[Message], or PromptResult, got NoneType"),
            ({"role": "user"}, "Prompt must return str, list[Message], or PromptResult, got dict"),
            (["a", {"b": 1}], "messages[1] must be Message or str, got dict"),
        ],
    )
    async def test_returns_that_are_refused(self, value: Any, text: str) -> None:
        with pytest.raises(TypeError) as caught:
            await Prompt.from_function(lambda: value, name="p").render()
        assert str(caught.value).startswith(text)


class TestMessages:
    def test_content(self) -> None:
        image = mcp_types.ImageContent(type="image", data="YQ==", mime_type="image/png")
        assert Message(image).content is image
        assert Message("x").to_wire() == {"role": "user", "content": {"type": "text", "text": "x"}}
        assert Message([1]).to_mcp_prompt_message().content == mcp_types.TextContent(
            type="text", text="[1]"
        )
        with pytest.raises(pydantic.ValidationError):
            Message("x", role="system")  # pyright: ignore

    def test_result(self) -> None:
        assert PromptResult("x") == PromptResult([Message("x")])
        assert PromptResult("x") != PromptResult("y")
        assert "PromptResult(" in repr(PromptResult("x"))
        assert isinstance(PromptResult("x").to_mcp_prompt_result(), mcp_types.GetPromptResult)
        with pytest.raises(TypeError, match=r"messages must be str or list\[Message\], got dict"):
            PromptResult({})  # pyright: ignore
        with pytest.raises(TypeError, match=r"messages\[0\] must be Message, got str"):
            PromptResult(["x"])  # pyright: ignore


async def test_subclasses_render() -> None:
    class Fixed(Prompt):
        async def render(self, arguments: dict[str, Any] | None = None) -> PromptResult:
            self.check_required(arguments or {})
            return self.convert_result("x")

    made = Fixed(name="f", arguments=[PromptArgument(name="a", required=True)])
    assert (await made.render({"a": "1"})).to_wire()["messages"][0]["content"]["text"] == "x"
    with pytest.raises(ValueError, match="Missing required arguments"):
        await made.render()
    with pytest.raises(NotImplementedError, match="must override render"):
        await Prompt(name="p").render()


def test_decorator() -> None:
    @prompt
    def a() -> str:
        return ""

    @prompt("bee", tags={"x"})
    def b() -> str:
        return ""

    made = [prompt_decoration.component(fn) for fn in (a, b)]
    assert [type(p) for p in made] == [FunctionPrompt, FunctionPrompt]
    assert [p.name for p in made] == ["a", "bee"]
    assert a() == ""
    with pytest.raises(TypeError, match="First argument to @prompt must be"):
        prompt(5)  # pyright: ignore
    with pytest.raises(TypeError, match="unexpected keyword argument 'task'"):
        prompt(task=True)  # pyright: ignore

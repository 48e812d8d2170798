"""Tools made of functions: what clients see of them, and what calling them gives."""

import asyncio
import contextvars
import datetime as dt
import enum
import functools
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

import mcp_types
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.resources import FunctionResource
from fastmcp.tools import FunctionTool, Tool, ToolResult, tool
from fastmcp.tools.function_tool import tool_decoration
from fastmcp.utilities.types import Audio, File, Image

WRAP = {"fastmcp": {"wrap_result": True}}


def wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"result": schema},
        "required": ["result"],
        "x-fastmcp-wrap-result": True,
    }


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


async def call(fn: Callable[..., Any], arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    return (await Tool.from_function(fn).run(arguments or {})).to_wire()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    zip_code: int | None = Field(default=None, alias="zip")


class Person(BaseModel):
    """Somebody."""

    name: str = Field(description="who", title="Full Name")
    home: Address


class Node(BaseModel):
    value: int
    children: list["Node"] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Options(TypedDict, total=False):
    depth: int


async def add(a: int, b: int) -> int:
    return a + b


class TestListing:
    def test_entry(self) -> None:
        assert Tool.from_function(add).to_wire() == {
            "name": "add",
            "title": "Add",
            "inputSchema": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "required": ["a", "b"],
                "additionalProperties": False,
            },
            "outputSchema": wrapped({"type": "integer"}),
            "_meta": {"fastmcp": {"tags": []}},
        }

    def test_everything_an_author_may_say(self) -> None:
        made = Tool.from_function(
            add,
            name="sum",
            version=2,
            title="Sum",
            description="Adds.",
            icons=[mcp_types.Icon(src="https://e.org/i.png", mime_type="image/png")],
            tags={"b", "a"},
            annotations={"readOnlyHint": True, "title": "other"},
            meta={"team": "x"},
        )
        assert made.key == "tool:sum@2"
        entry = made.to_wire()
        assert entry["title"] == "Sum"
        assert entry["description"] == "Adds."
        assert entry["icons"] == [{"src": "https://e.org/i.png", "mimeType": "image/png"}]
        assert entry["annotations"] == {"title": "other", "readOnlyHint": True}
        assert entry["_meta"] == {"team": "x", "fastmcp": {"tags": ["a", "b"], "version": "2"}}

    @pytest.mark.parametrize(
        ("name", "title"),
        [("my_tool", "My Tool"), ("get-user", "Get User"), ("x2y", "X2Y"), ("a.b", "A.B")],
    )
    def test_title_from_name(self, name: str, title: str) -> None:
        assert Tool.from_function(add, name=name).to_wire()["title"] == title

    def test_title_of_annotations_before_the_derived(self) -> None:
        made = Tool.from_function(add, annotations={"title": "From annotations"})
        assert made.to_wire()["title"] == "From annotations"

    def test_entry_is_kept_until_a_field_is_assigned(self) -> None:
        made = Tool.from_function(add)
        first = made.to_wire()
        assert made.to_wire() is first
        made.description = "new"
        assert made.to_wire()["description"] == "new"
        copy = made.copy()
        copy.name = "other"
        assert (made.to_wire()["name"], copy.to_wire()["name"]) == ("add", "other")

    def test_dump_after_listing(self) -> None:
        made = Tool.from_function(add)
        made.to_wire()
        assert "fn" not in made.model_dump()
        assert json.loads(made.model_dump_json())["name"] == "add"

    def test_deep_copy_still_runs(self) -> None:
        made = Tool.from_function(add).model_copy(deep=True)
        assert made.name == "add"

    def test_model_of_the_protocol(self) -> None:
        model = Tool.from_function(add).to_mcp_tool(name="plus")
        assert isinstance(model, mcp_types.Tool)
        assert (model.name, model.title) == ("plus", "Plus")


class TestInputSchema:
    def test_constraints_descriptions_defaults(self) -> None:
        def fn(
            a: Annotated[int, "the a"],
            b: Annotated[int, Field(description="the b", ge=1, le=5)] = 2,
            c: Annotated[str, Field(title="See")] = "x",
            d: int = Field(default=3, description="the d"),
            e: Optional[str] = None,  # noqa: UP045
        ) -> None: ...

        assert Tool.from_function(fn).parameters["properties"] == {
            "a": {"type": "integer", "description": "the a"},
            "b": {
                "type": "integer",
                "description": "the b",
                "minimum": 1,
                "maximum": 5,
                "default": 2,
            },
            "c": {"type": "string", "title": "See", "default": "x"},
            "d": {"type": "integer", "default": 3, "description": "the d"},
            "e": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        }

    def test_kinds_of_types(self) -> None:
        def fn(
            colour: Colour,
            mode: Literal["r", "w"],
            point: Point,
            options: Options,
            day: dt.date,
            at: dt.datetime,
            tags: set[str],
            anything: Any,
            untyped,
        ) -> None: ...

        properties = Tool.from_function(fn).to_wire()["inputSchema"]["properties"]
        assert properties == {
            "colour": {"enum": ["red", "blue"], "type": "string"},
            "mode": {"enum": ["r", "w"], "type": "string"},
            "point": {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
                "required": ["x"],
            },
            "options": {"type": "object", "properties": {"depth": {"type": "integer"}}},
            "day": {"type": "string", "format": "date"},
            "at": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "anything": {},
            "untyped": {},
        }

    def test_references_are_inlined_when_listed(self) -> None:
        def fn(who: Person) -> None: ...

        made = Tool.from_function(fn)
        assert made.parameters["properties"]["who"] == {"$ref": "#/$defs/Person"}
        schema = made.to_wire()["inputSchema"]
        assert "$defs" not in schema
        who = schema["properties"]["who"]
        assert who["description"] == "Somebody."
        assert who["properties"]["name"] == {
            "type": "string",
            "description": "who",
            "title": "Full Name",
        }
        assert set(who["properties"]["home"]["properties"]) == {"street", "zip"}
        assert made.to_wire(dereference=False)["inputSchema"] == made.parameters

    def test_recursive_models_keep_their_references(self) -> None:
        def fn(node: Node) -> None: ...

        schema = Tool.from_function(fn).to_wire()["inputSchema"]
        assert schema["properties"]["node"] == {"$ref": "#/$defs/Node"}
        assert schema["$defs"]["Node"]["properties"]["children"]["items"] == {
            "$ref": "#/$defs/Node"
        }

    def test_properties_named_like_keywords(self) -> None:
        def fn(title: str, description: str, properties: int = 0) -> None: ...

        properties = Tool.from_function(fn).to_wire()["inputSchema"]["properties"]
        assert list(properties) == ["title", "description", "properties"]

    def test_docstring_arguments(self) -> None:
        def fn(a: int, b: Annotated[str, "explicit"] = "x") -> None:
            """Do it.

            More prose.

            Args:
                a: the first
                b: not this one

            Returns:
                nothing
            """

        made = Tool.from_function(fn)
        assert made.description == "Do it.\n\nMore prose."
        properties = made.parameters["properties"]
        assert properties["a"]["description"] == "the first"
        assert properties["b"]["description"] == "explicit"

    def test_textual_annotations_of_local_names(self) -> None:
        class Local(BaseModel):
            n: int

        def fn(x: "Local", y: "list[Local] | None" = None) -> "Local":
            return x

        made = Tool.from_function(fn)
        assert made.to_wire()["inputSchema"]["properties"]["x"]["required"] == ["n"]
        assert made.output_schema is not None
        assert made.output_schema["required"] == ["n"]

    def test_unknown_name_in_an_annotation(self) -> None:
        def fn(x: "Nowhere") -> None: ...  # noqa: F821  # pyright: ignore

        with pytest.raises(NameError, match="Nowhere"):
            Tool.from_function(fn)

    def test_default_without_json_form(self) -> None:
        def fn(x: Any = object()) -> None: ...  # noqa: B008

        assert Tool.from_function(fn).parameters["properties"] == {"x": {}}


class TestForms:
    async def test_bound_method(self) -> None:
        class Counter:
            def __init__(self) -> None:
                self.n = 1

            def up(self, by: int) -> int:
                """Count."""
                return self.n + by

        made = Tool.from_function(Counter().up)
        assert (made.name, made.description) == ("up", "Count.")
        assert list(made.parameters["properties"]) == ["by"]
        assert (await made.run({"by": 2})).structured_content == {"result": 3}

    async def test_object_with_call(self) -> None:
        class Greeter:
            """Greets."""

            async def __call__(self, name: str) -> str:
                """Not this.

                Args:
                    name: whom
                """
                return f"hi {name}"

        made = Tool.from_function(Greeter())
        assert (made.name, made.description) == ("Greeter", "Greets.")
        assert made.parameters["properties"]["name"]["description"] == "whom"
        assert (await made.run({"name": "x"})).to_wire()["content"] == [text("hi x")]

    async def test_partial(self) -> None:
        made = Tool.from_function(functools.partial(add, b=2))
        assert made.name == "add"
        assert made.parameters["required"] == ["a"]
        assert (await made.run({"a": 1})).structured_content == {"result": 3}
        assert (await made.run({"a": 1, "b": 5})).structured_content == {"result": 6}

    async def test_staticmethod(self) -> None:
        assert (await Tool.from_function(staticmethod(add)).run({"a": 1, "b": 1})).to_wire()[
            "content"
        ] == [text("2")]

    async def test_decorated_function_keeps_its_signature(self) -> None:
        def twice(fn: Callable[..., int]) -> Callable[..., int]:
            @functools.wraps(fn)
            def inner(*args: Any, **kwargs: Any) -> int:
                return 2 * fn(*args, **kwargs)

            return inner

        @twice
        def one(a: int) -> int:
            return a

        assert (await call(one, {"a": "4"}))["structuredContent"] == {"result": 8}

    def test_lambda_needs_a_name(self) -> None:
        with pytest.raises(ValueError, match="must provide a name for lambda"):
            Tool.from_function(lambda x: x)
        assert Tool.from_function(lambda x: x, name="same").name == "same"

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("def fn(a, /): ...", "positional-only parameters are not supported as tools"),
            ("def fn(*args): ...", r"Functions with \*args are not supported as tools"),
            ("def fn(**kw): ...", r"Functions with \*\*kwargs are not supported as tools"),
        ],
    )
    def test_parameters_without_a_name(self, source: str, message: str) -> None:
        names: dict[str, Any] = {}
        exec(source, names)
        with pytest.raises(ValueError, match=message):
            Tool.from_function(names["fn"])

    @pytest.mark.parametrize("value", [5, classmethod(add)])
    def test_not_callable(self, value: Any) -> None:
        with pytest.raises(TypeError, match="is not a callable object"):
            Tool.from_function(value)

    def test_version_with_the_key_separator(self) -> None:
        with pytest.raises(ValueError, match="cannot contain '@'"):
            Tool.from_function(add, version="a@b")


class TestArguments:
    @pytest.mark.parametrize(
        "arguments", [{"a": 1, "b": 2}, {"a": "1", "b": 2.0}, {"a": True, "b": "2"}]
    )
    async def test_coercion(self, arguments: dict[str, Any]) -> None:
        assert (await call(add, arguments))["structuredContent"] == {"result": 3}

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            ({"a": 1}, "b\n  Missing required argument [type=missing_argument, "),
            (
                {"a": 1, "b": 2, "c": 3},
                "c\n  Unexpected keyword argument [type=unexpected_keyword_argument, input_value=",
            ),
            ({"a": "x", "b": 1}, "a\n  Input should be a valid integer, unable to parse string"),
            ({"a": 1.5, "b": 1}, "a\n  Input should be a valid integer, got a number with a"),
            ({"a": None, "b": 1}, "a\n  Input should be a valid integer [type=int_type, "),
        ],
    )
    async def test_error_text(self, arguments: dict[str, Any], line: str) -> None:
        with pytest.raises(ValidationError) as caught:
            await Tool.from_function(add, name="other").run(arguments)
        assert str(caught.value).startswith(f"1 validation error for call[add]\n{line}")
        assert "For further information visit https://errors.pydantic.dev/" in str(caught.value)

    async def test_json_text_is_not_decoded(self) -> None:
        def fn(xs: list[int]) -> None: ...

        with pytest.raises(ValidationError, match="Input should be a valid list"):
            await Tool.from_function(fn).run({"xs": "[1]"})

    async def test_models_arrive_as_models(self) -> None:
        def fn(who: Person, point: Point, colour: Colour, day: dt.date) -> str:
            return f"{who.home.zip_code} {point.y} {colour.name} {day.year}"

        result = await call(
            fn,
            {
                "who": {"name": "n", "home": {"street": "s", "zip": "9"}},
                "point": {"x": 1},
                "colour": "red",
                "day": "2020-01-02",
            },
        )
        assert result["content"] == [text("9 0 RED 2020")]

    async def test_strict(self) -> None:
        def fn(n: int, day: dt.date = dt.date(2020, 1, 1)) -> str:
            return f"{n} {day}"

        made = Tool.from_function(fn)
        made.strict = True
        for refused in ({"n": "5"}, {"n": 2.0}, {"n": True}):
            with pytest.raises(ValidationError, match=r"for call\[fn\]"):
                await made.run(refused)
        assert (await made.run({"n": 5, "day": "2021-02-03"})).to_wire()["content"] == [
            text("5 2021-02-03")
        ]

    async def test_validation_error_of_the_body_is_not_the_clients(self) -> None:
        def fn() -> None:
            Point.__init__  # noqa: B018
            Address.model_validate({})

        with pytest.raises(pydantic.ValidationError, match="1 validation error for Address"):
            await Tool.from_function(fn).run({})

    @given(a=st.integers(-(2**53), 2**53), b=st.integers(-(2**53), 2**53))
    def test_any_integers(self, a: int, b: int) -> None:
        result = asyncio.run(call(add, {"a": a, "b": b}))
        assert result["structuredContent"] == {"result": a + b}
        assert result["content"] == [text(str(a + b))]


class TestResults:
    @pytest.mark.parametrize(
        ("hint", "value", "shown"),
        [
            (str, "hé", "hé"),
            (int, 5, "5"),
            (bool, True, "true"),
            (float, 2.0, "2.0"),
            (list[int], [1, 2], "[1,2]"),
            (tuple[int, str], (1, "b"), '[1,"b"]'),
            (set[int], {1}, "[1]"),
            (dt.datetime, dt.datetime(2020, 1, 2), "2020-01-02T00:00:00"),
            (Colour, Colour.RED, "red"),
            (list[Address], [Address(street="s", zip=1)], '[{"street":"s","zip_code":1}]'),
        ],
    )
    async def test_wrapped(self, hint: Any, value: Any, shown: str) -> None:
        def fn() -> Any:
            return value

        fn.__annotations__["return"] = hint
        made = Tool.from_function(fn)
        assert made.output_schema is not None
        assert made.output_schema["x-fastmcp-wrap-result"] is True
        wire = (await made.run({})).to_wire()
        assert wire["content"] == [text(shown)]
        assert wire["_meta"] == WRAP
        try:
            assert wire["structuredContent"] == {"result": json.loads(shown)}
        except json.JSONDecodeError:
            assert wire["structuredContent"] == {"result": shown}

    @pytest.mark.parametrize(
        ("hint", "value", "structured"),
        [
            (dict, {"x": [1]}, {"x": [1]}),
            (dict[str, int], {"x": 1}, {"x": 1}),
            (Point, Point(1), {"x": 1, "y": 0}),
            (Options, {"depth": 1}, {"depth": 1}),
            (Address, Address(street="s", zip=1), {"street": "s", "zip_code": 1}),
            (Node, Node(value=1), {"value": 1, "children": []}),
        ],
    )
    async def test_objects(self, hint: Any, value: Any, structured: Any) -> None:
        def annotated() -> Any:
            return value

        def bare():
            return value

        annotated.__annotations__["return"] = hint
        made = Tool.from_function(annotated)
        assert made.output_schema is not None
        assert made.output_schema["type"] == "object"
        assert "x-fastmcp-wrap-result" not in made.output_schema
        assert Tool.from_function(bare).output_schema is None
        for fn in (annotated, bare):
            wire = await call(fn)
            assert wire["structuredContent"] == structured
            assert json.loads(wire["content"][0]["text"]) == structured
            assert "_meta" not in wire

    @pytest.mark.parametrize(
        ("value", "content"),
        [
            (None, []),
            ([], []),
            (5, [text("5")]),
            (True, [text("true")]),
            ("hi", [text("hi")]),
            ([1, {"b": 2}], [text('[1,{"b":2}]')]),
            (dt.datetime(2020, 1, 2), [text("2020-01-02T00:00:00")]),
            (b"abc", [text("abc")]),
            (b"\xff\xfe", [text("//4=")]),
            (float("inf"), [text("null")]),
            ({"b": object}, [text('{"b":"<class \'object\'>"}')]),
        ],
    )
    async def test_unannotated_values_have_no_structured_content(
        self, value: Any, content: Any
    ) -> None:
        def fn():
            return value

        wire = await call(fn)
        assert wire["content"] == content
        assert "structuredContent" not in wire

    @pytest.mark.parametrize(
        "hint",
        [
            None,
            type(None),
            Any,
            bytes,
            list,
            tuple,
            list[Any],
            tuple[Any, ...],
            Image,
            Image | None,
            str | Image,
            list[Image],
            list[str | Image],
            mcp_types.TextContent,
            list[mcp_types.TextContent],
            ToolResult,
            mcp_types.CallToolResult,
            Iterator[int],
            AsyncIterator[int],
        ],
        ids=str,
    )
    def test_no_output_schema(self, hint: Any) -> None:
        def fn() -> Any: ...

        fn.__annotations__["return"] = hint
        assert Tool.from_function(fn).output_schema is None

    async def test_optional(self) -> None:
        def fn(x: int | None = None) -> int | None:
            return x

        assert Tool.from_function(fn).output_schema == wrapped(
            {"anyOf": [{"type": "integer"}, {"type": "null"}]}
        )
        empty = await call(fn)
        assert (empty["content"], empty["structuredContent"]) == ([], {"result": None})
        assert (await call(fn, {"x": 3}))["content"] == [text("3")]

    async def test_content(self) -> None:
        def fn():
            return ["a", Image(data=b"x"), Audio(data=b"y"), File(data=b"z", name="n.txt"), 5]

        kinds = [block["type"] for block in (await call(fn))["content"]]
        assert kinds == ["text", "image", "audio", "resource", "text"]

    async def test_blocks_of_the_protocol(self) -> None:
        def one():
            return mcp_types.TextContent(type="text", text="x")

        assert (await call(one))["content"] == [text("x")]

    async def test_verbatim_result_of_the_protocol(self) -> None:
        def fn() -> mcp_types.CallToolResult:
            return mcp_types.CallToolResult(
                content=[mcp_types.TextContent(type="text", text="x")],
                structured_content={"q": 1},
                is_error=True,
            )

        assert await call(fn) == {
            "content": [text("x")],
            "structuredContent": {"q": 1},
            "isError": True,
        }

    async def test_generators_are_collected(self) -> None:
        def numbers() -> Iterator[int]:
            yield 1
            yield 2

        async def letters():
            yield "a"
            yield "b"

        assert (await call(numbers))["content"] == [text("[1,2]")]
        assert (await call(letters))["content"] == [text('["a","b"]')]

    async def test_serializer_of_the_annotation(self) -> None:
        def fn() -> Annotated[int, pydantic.PlainSerializer(lambda n: f"#{n}", return_type=str)]:
            return 5

        assert (await call(fn))["structuredContent"] == {"result": "#5"}

    async def test_output_schema_of_the_author(self) -> None:
        def fn() -> int:
            return 1

        assert Tool.from_function(fn, output_schema=None).output_schema is None
        given: dict[str, Any] = {"type": "object", "$defs": {"a": {"$anchor": "b"}}}
        assert Tool.from_function(fn, output_schema=given).to_wire()["outputSchema"] == given
        with pytest.raises(ValueError, match="output schema of tool 'fn' cannot be used"):
            Tool.from_function(fn, output_schema={"type": "arr"})
        with pytest.raises(ValueError, match='1 is not of type "array"'):
            await Tool.from_function(fn, output_schema={"type": "array"}).run({})
        with pytest.raises(ValueError, match="structured_content must be a dict"):
            await Tool.from_function(fn, output_schema={"type": "object"}).run({})

    async def test_value_that_breaks_the_output_schema(self) -> None:
        def fn() -> dict[str, Any]:
            return {"x": object()}

        with pytest.raises(ToolError, match="Could not serialize the return value of tool 'fn'"):
            await Tool.from_function(fn).run({})


class TestThreads:
    async def test_sync_functions_leave_the_loop_and_see_context_variables(self) -> None:
        variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
        variable.set("seen")

        def fn() -> str:
            assert threading.current_thread() is not threading.main_thread()
            return variable.get()

        assert (await call(fn))["content"] == [text("seen")]

    async def test_opting_out(self) -> None:
        def fn() -> bool:
            return threading.current_thread() is threading.main_thread()

        inline = Tool.from_function(fn, run_in_thread=False)
        assert (await inline.run({})).structured_content == {"result": True}
        with pytest.raises(ValueError, match="timeout cannot be enforced when run_in_thread=False"):
            Tool.from_function(fn, run_in_thread=False, timeout=1)

    async def test_sync_function_that_returns_an_awaitable(self) -> None:
        def fn(a: int) -> Any:
            return add(a, 1)

        assert (await call(fn, {"a": 1}))["content"] == [text("2")]

    async def test_timeout(self) -> None:
        async def slow() -> None:
            await asyncio.Event().wait()

        with pytest.raises(ToolError) as caught:
            await Tool.from_function(slow, timeout=0.01).run({})
        assert str(caught.value) == (
            "Error calling tool 'slow': Tool 'slow' execution timed out after 0.01s"
        )

    async def test_time_out_of_the_body_is_its_own(self) -> None:
        async def fn() -> None:
            raise TimeoutError("mine")

        with pytest.raises(TimeoutError, match="mine"):
            await Tool.from_function(fn, timeout=10).run({})

    async def test_in_time(self) -> None:
        assert (await Tool.from_function(add, timeout=10).run({"a": 1, "b": 2})).to_wire()[
            "content"
        ] == [text("3")]


class TestDecorator:
    def test_forms(self) -> None:
        @tool
        def a() -> None: ...
        @tool()
        def b() -> None: ...
        @tool("see")
        def c() -> None: ...
        @tool(name="dee", tags={"x"})
        def d() -> None: ...

        names = [tool_decoration.component(fn).name for fn in (a, b, c, d)]
        assert names == ["a", "b", "see", "dee"]
        assert d() is None
        assert tool_decoration.component(d).tags == {"x"}

    async def test_methods(self) -> None:
        class Service:
            @tool(name="shout")
            def method(self, word: str) -> str:
                return word.upper()

            @staticmethod
            @tool
            def static() -> int:
                return 1

            @tool("outer")
            @staticmethod
            def outer_static() -> int:
                return 2

            @classmethod
            @tool
            def klass(cls) -> str:
                return cls.__name__

        service = Service()
        made = tool_decoration.component(service.method)
        assert made.name == "shout"
        assert (await made.run({"word": "a"})).to_wire()["content"] == [text("A")]
        assert tool_decoration.component(service.static).name == "static"
        assert tool_decoration.component(service.outer_static).name == "outer"
        assert (await tool_decoration.component(Service.klass).run({})).to_wire()["content"] == [
            text("Service")
        ]

    def test_misuse(self) -> None:
        with pytest.raises(TypeError, match="both a name as first argument and as keyword"):
            tool("a", name="b")
        with pytest.raises(TypeError, match="To decorate a classmethod, use @classmethod above"):
            tool(classmethod(add))  # pyright: ignore
        with pytest.raises(TypeError, match="To decorate a classmethod"):
            tool()(classmethod(add))
        with pytest.raises(TypeError, match="First argument to @tool must be a function, string"):
            tool(5)  # pyright: ignore
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            tool(colour="red")  # pyright: ignore

    def test_method_without_its_object(self) -> None:
        class Service:
            def method(self) -> None: ...

        facts = tool_decoration.metadata()
        with pytest.raises(TypeError, match="'method' has 'self' as its first parameter"):
            tool_decoration.made(Service.method, facts)
        assert tool_decoration.made(Service().method, facts).name == "method"

    def test_metadata_and_arguments(self) -> None:
        with pytest.raises(TypeError, match="Cannot pass both 'metadata' and individual"):
            FunctionTool.from_function(add, metadata=tool_decoration.metadata(), name="x")


class TestParamHeaders:
    def test_from_a_field(self) -> None:
        def fn(
            region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
            other: int = 0,
        ) -> None: ...

        made = Tool.from_function(fn)
        listed = made.to_wire()["inputSchema"]["properties"]["region"]
        assert listed == {"type": "string", "x-mcp-header": "Region"}
        assert made.param_headers == (("Region", ("region",), "string"),)

    def test_mostly_none(self) -> None:
        assert Tool.from_function(add).param_headers == ()

    @pytest.mark.parametrize(
        ("hint", "name"), [(float, "N"), (str, ""), (str, "a b"), (str, "a\r\nb"), (list[str], "L")]
    )
    def test_refused(self, hint: Any, name: str) -> None:
        def fn(x: Any) -> None: ...

        fn.__annotations__["x"] = Annotated[hint, Field(json_schema_extra={"x-mcp-header": name})]
        with pytest.raises(ValueError, match="x-mcp-header"):
            Tool.from_function(fn)

    def test_within_models(self) -> None:
        class Where(BaseModel):
            zone: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Zone"})]

        def fn(where: Where) -> None: ...
        def many(where: list[Where]) -> None: ...

        found = Tool.from_function(fn).param_headers
        assert found == (("Zone", ("where", "zone"), "integer"),)
        with pytest.raises(ValueError, match="only allowed on parameters"):
            Tool.from_function(many)

    def test_taken_name(self) -> None:
        header = Field(json_schema_extra={"x-mcp-header": "A"})
        lower = Field(json_schema_extra={"x-mcp-header": "a"})

        def fn(x: Any, y: Any) -> None: ...

        fn.__annotations__.update(x=Annotated[str, header], y=Annotated[str, lower])
        with pytest.raises(ValueError, match="taken by parameter 'x'"):
            Tool.from_function(fn)


async def test_cost_of_a_call() -> None:
    """A plain async tool costs a handful of Python calls, the wire form of its result included."""
    made = Tool.from_function(add)
    arguments = {"a": 1, "b": 2}
    (await made.run(arguments)).to_wire()
    calls: list[str] = []

    def count(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_qualname)

    sys.setprofile(count)
    try:
        wire = (await made.run(arguments)).to_wire()
    finally:
        sys.setprofile(None)
    assert wire["structuredContent"] == {"result": 3}
    assert len(calls) <= 6, calls


class Aliased(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    value: int = Field(serialization_alias="theValue")


class Unaliased(BaseModel):
    value: int = Field(serialization_alias="theValue")
    inner: Aliased


async def test_aliases_are_each_models_own_choice() -> None:
    def fn() -> Unaliased:
        return Unaliased(value=1, inner=Aliased(value=2))

    made = Tool.from_function(fn)
    assert made.output_schema is not None
    assert list(made.output_schema["properties"]) == ["value", "inner"]
    inner = made.to_wire()["outputSchema"]["properties"]["inner"]
    assert list(inner["properties"]) == ["theValue"]
    assert (await made.run({})).structured_content == {"value": 1, "inner": {"theValue": 2}}

    def bare() -> Any:
        return {"a": Aliased(value=3)}

    assert (await Tool.from_function(bare).run({})).structured_content == {"a": {"theValue": 3}}


async def test_a_tool_and_a_resource_of_a_function_without_from_function() -> None:
    def double(n: int) -> int:
        return 2 * n

    made = FunctionTool(fn=double, name="double", parameters={"type": "object"})  # type: ignore[call-arg]
    assert (await made.run({"n": 2})).to_wire()["content"] == [text("4")]
    resource = FunctionResource(fn=lambda: "hey", uri="r://x")  # type: ignore[call-arg]
    assert (await resource.read()).contents[0].content == "hey"


def test_what_the_decorator_said_counts_where_nothing_else_is_said() -> None:
    @tool(name="named", tags={"x"})
    def fn() -> None: ...

    assert Tool.from_function(fn).key == "tool:named@"
    assert Tool.from_function(fn, title="T").key == "tool:fn@"


def test_the_title_follows_what_is_overridden() -> None:
    made = Tool.from_function(lambda: 1, name="one_two")
    assert made.to_mcp_tool().title == "One Two"
    assert made.to_mcp_tool(name="three_four").title == "Three Four"
    assert made.to_mcp_tool(annotations={"title": "A"}).title == "A"
    assert Tool.from_function(lambda: 1, name="n", title="T").to_mcp_tool(name="m").title == "T"


@pytest.mark.parametrize("in_thread", [True, False])
@pytest.mark.parametrize("how", ["from_function", "decorator", "constructor"])
async def test_max_concurrency(how: str, in_thread: bool) -> None:
    """So many at a time, the others in order; the time-out counts the wait as well."""
    loop, lock, begun = asyncio.get_running_loop(), threading.Lock(), list[int]()
    two_begun, go_on, go_on_in_thread = asyncio.Event(), asyncio.Event(), threading.Event()
    at_once = most = 0

    def enter(n: int) -> None:
        nonlocal at_once, most
        with lock:
            begun.append(n)
            at_once += 1
            most = max(most, at_once)
            if len(begun) == 2:
                loop.call_soon_threadsafe(two_begun.set)

    def leave(n: int) -> int:
        nonlocal at_once
        with lock:
            at_once -= 1
        return n

    async def work(n: int) -> int:
        enter(n)
        await go_on.wait()
        return leave(n)

    def work_in_thread(n: int) -> int:
        enter(n)
        assert go_on_in_thread.wait(10)
        return leave(n)

    fn: Any = work_in_thread if in_thread else work
    if how == "from_function":
        made: Tool = Tool.from_function(fn, max_concurrency=2)
    elif how == "decorator":
        made = Tool.from_function(tool(max_concurrency=2)(fn))
    else:
        made = FunctionTool(fn=fn, name="n", parameters={}, max_concurrency=2)  # type: ignore[call-arg]
    assert "maxConcurrency" not in json.dumps(made.to_wire())
    made = made.model_copy(update={"strict": True})  # as a strict server does
    calls = [asyncio.create_task(made.run({"n": n})) for n in range(6)]
    async with asyncio.timeout(10):
        await two_begun.wait()
        calls[3].cancel()
        impatient = made.model_copy(update={"timeout": 0.01})
        with pytest.raises(ToolError, match="timed out"):
            await impatient.run({"n": 99})
        assert sorted(begun) == [0, 1]
        go_on.set()
        go_on_in_thread.set()
        await asyncio.wait(calls)
    assert (sorted(begun), most) == ([0, 1, 2, 4, 5], 2)
    assert in_thread or begun == sorted(begun)


@pytest.mark.parametrize("facts", [{"max_concurrency": 0}, {"on_disconnect": "maybe"}])
def test_bounds_that_make_no_sense(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(facts))):
        Tool.from_function(lambda: 1, name="n", **facts)

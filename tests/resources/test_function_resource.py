"""Resources and templates made of functions, and the decorator that says so."""

import threading
from typing import Annotated, Any

import mcp_types
import pytest

from fastmcp.exceptions import ArgumentError, ResourceSecurityError
from fastmcp.resources import (
    FunctionResource,
    Resource,
    ResourceContent,
    ResourceResult,
    ResourceSecurity,
    ResourceTemplate,
    resource,
)
from fastmcp.resources.function_resource import (
    FunctionResourceTemplate,
    resource_decoration,
)


async def read(template: FunctionResourceTemplate, uri: str) -> Any:
    params = template.matches(uri)
    assert params is not None
    return (await template.read(uri, params)).contents[0].content


class TestResource:
    async def test_listing_and_reading(self) -> None:
        def config() -> dict[str, int]:
            """The settings.

            Returns:
                them
            """
            assert threading.current_thread() is not threading.main_thread()
            return {"a": 1}

        made = Resource.from_function(config, "data://config", tags={"x"}, version="1")
        assert isinstance(made, FunctionResource)
        assert made.key == "resource:data://config@1"
        assert made.to_wire() == {
            "name": "config",
            "uri": "data://config",
            "description": "The settings.",
            "mimeType": "text/plain",
            "_meta": {"fastmcp": {"tags": ["x"], "version": "1"}},
        }
        assert (await made.read()).to_wire("data://config") == {
            "contents": [{"uri": "data://config", "mimeType": "text/plain", "text": '{"a": 1}'}]
        }

    def test_everything_an_author_may_say(self) -> None:
        made = Resource.from_function(
            lambda: "",
            "ui://x",
            name="n",
            title="T",
            description="D",
            icons=[mcp_types.Icon(src="https://e.org/i")],
            annotations={"audience": ["user"], "priority": 0.5},
            meta={"k": 1},
        )
        entry = made.to_wire()
        assert entry["title"] == "T"
        assert entry["mimeType"] == "text/html;profile=mcp-app"
        assert entry["annotations"] == {"audience": ["user"], "priority": 0.5}
        assert entry["_meta"] == {"k": 1, "fastmcp": {"tags": []}}
        model = made.to_mcp_resource(name="other")
        assert (model.name, model.uri) == ("other", "ui://x")

    @pytest.mark.parametrize(
        ("value", "item"),
        [
            ("hé", {"mimeType": "text/csv", "text": "hé"}),
            (b"\x00", {"mimeType": "text/csv", "blob": "AA=="}),
            ([1, "a"], {"mimeType": "text/csv", "text": '[1, "a"]'}),
            (None, {"mimeType": "text/csv", "text": "null"}),
            (True, {"mimeType": "text/csv", "text": "true"}),
            (ResourceContent({"a": 1}), {"mimeType": "application/json", "text": '{"a":1}'}),
            (ResourceResult("x"), {"mimeType": "text/plain", "text": "x"}),
        ],
    )
    async def test_returns(self, value: Any, item: dict[str, Any]) -> None:
        made = Resource.from_function(lambda: value, "a://b", name="n", mime_type="text/csv")
        assert (await made.read()).to_wire("a://b")["contents"] == [{"uri": "a://b", **item}]

    async def test_meta_goes_into_the_items(self) -> None:
        def text() -> str:
            return "x"

        def items() -> list[ResourceContent]:
            return [ResourceContent("a", meta={"k": 2}), ResourceContent(b"b")]

        meta = {"k": 1, "fastmcp": {"x": 1}}
        one = await Resource.from_function(text, "a://b", meta=meta).read()
        assert [item.meta for item in one.contents] == [{"k": 1}]
        two = await Resource.from_function(items, "a://b", meta=meta).read()
        assert [item.meta for item in two.contents] == [{"k": 2}, {"k": 1}]

    @pytest.mark.parametrize("uri", ["abc", "", ":x", "1a://x"])
    def test_uri_without_a_scheme(self, uri: str) -> None:
        with pytest.raises(ValueError, match="not an absolute URI"):
            Resource.from_function(lambda: "", uri, name="n")

    def test_mime_type(self) -> None:
        with pytest.raises(ValueError, match="not a MIME type"):
            Resource.from_function(lambda: "", "a://b", name="n", mime_type="text")

    def test_parameters_need_a_template(self) -> None:
        def fn(x: str) -> str:
            return x

        with pytest.raises(ValueError, match="can only serve a URI template"):
            Resource.from_function(fn, "a://b")

    def test_lambda_needs_a_name(self) -> None:
        with pytest.raises(ValueError, match="must provide a name for lambda"):
            Resource.from_function(lambda: "", "a://b")


class TestTemplate:
    async def test_parameters(self) -> None:
        def fn(
            city: str,
            path: str,
            days: int = 1,
            ratio: float = 0.5,
            full: bool = False,
            tags: list[str] | None = None,
        ) -> str:
            return repr((city, path, days, ratio, full, tags))

        made = ResourceTemplate.from_function(
            fn, "w://{city}/{path*}{?days,ratio,full,tags*}", name="w"
        )
        assert made.to_wire() == {
            "name": "w",
            "uriTemplate": "w://{city}/{path*}{?days,ratio,full,tags*}",
            "mimeType": "text/plain",
            "_meta": {"fastmcp": {"tags": []}},
        }
        assert made.parameters["required"] == ["city", "path"]
        assert made.to_mcp_template().uri_template == made.uri_template
        assert await read(made, "w://a%20b/c/d") == repr(("a b", "c/d", 1, 0.5, False, None))
        assert await read(made, "w://x/y?days=3&ratio=2&full=true&tags=a&tags=b") == repr(
            ("x", "y", 3, 2.0, True, ["a", "b"])
        )
        assert made.matches("w://x") is None

    async def test_value_that_does_not_fit(self) -> None:
        made = ResourceTemplate.from_function(self.number, "n://{n}")
        with pytest.raises(ArgumentError, match="valid integer"):
            await made.read("n://x", {"n": "x"})

    @staticmethod
    def number(n: int) -> int:
        return n

    async def test_list_without_explode_is_comma_separated(self) -> None:
        def fn(x: str, ids: Annotated[list[int] | None, "ids"] = None) -> str:
            return repr(ids)

        made = ResourceTemplate.from_function(fn, "a://{x}{?ids}")
        assert await read(made, "a://1?ids=1,2") == "[1, 2]"

    async def test_var_keyword_takes_any(self) -> None:
        def fn(**values: str) -> str:
            return repr(sorted(values.items()))

        made = ResourceTemplate.from_function(fn, "a://{x}/{y}{?q}")
        assert await read(made, "a://1/2?q=3") == repr([("q", "3"), ("x", "1"), ("y", "2")])

    async def test_hyphens(self) -> None:
        def fn(user_id: int) -> int:
            return user_id

        assert await read(ResourceTemplate.from_function(fn, "a://{user-id}"), "a://7") == "7"

    @pytest.mark.parametrize(
        ("template", "source", "message"),
        [
            ("a://x", "def fn(x): ...", "must contain at least one parameter"),
            ("a://{x", "def fn(x): ...", "must contain at least one parameter"),
            (
                "a://{x}{?q}",
                "def fn(x, q): ...",
                "Query parameters {'q'} must be optional function parameters with default values",
            ),
            (
                "a://{x}",
                "def fn(y): ...",
                "Required function arguments {'y'} must be a subset of the URI path parameters",
            ),
            (
                "a://{x}/{z}",
                "def fn(x): ...",
                "must be a subset of the function arguments: {'x'}",
            ),
            (
                "a://{x}{?z*}",
                "def fn(x, z: str = ''): ...",
                "Query parameter 'z' uses the RFC 6570 explode modifier",
            ),
            ("a://{a-b}/{a_b}", "def fn(a_b): ...", "both normalize to 'a_b'"),
            ("a://{x}", "def fn(x, /): ...", "positional-only parameters are not supported as re"),
            ("a://{x}", "def fn(*x): ...", r"\*args are not supported as resource templates"),
            ("{x}", "def fn(x): ...", "not an absolute URI"),
        ],
    )
    def test_what_does_not_fit(self, template: str, source: str, message: str) -> None:
        names: dict[str, Any] = {}
        exec(source, names)
        with pytest.raises(ValueError, match=message):
            ResourceTemplate.from_function(names["fn"], template)


class TestSecurity:
    @staticmethod
    def fn(path: str) -> str:
        return path

    @pytest.mark.parametrize("uri", ["f://..%2Fx", "f:///etc/passwd", "f://a%00b", "f://C%3A/x"])
    async def test_on_by_default(self, uri: str) -> None:
        made = ResourceTemplate.from_function(self.fn, "f://{path*}")
        with pytest.raises(ResourceSecurityError, match="Parameter 'path'"):
            await read(made, uri)

    async def test_policies(self) -> None:
        off = ResourceTemplate.from_function(self.fn, "f://{path*}", security=None)
        assert await read(off, "f://../x") == "../x"
        exempt = ResourceSecurity(exempt_params={"path"})
        own = ResourceTemplate.from_function(self.fn, "f://{path*}", security=exempt)
        assert await read(own, "f:///x") == "/x"
        inherits = ResourceTemplate.from_function(self.fn, "f://{path*}")
        got = await inherits.read("f://../x", {"path": "../x"}, security=None)
        assert got.contents[0].content == "../x"


class TestDecorator:
    def test_resource_or_template(self) -> None:
        @resource("a://b", mime_type="text/csv")
        def one() -> str:
            return ""

        @resource("a://{x}", name="two")
        def other(x: str) -> str:
            return x

        made = resource_decoration.build(one, one.__fastmcp__)  # pyright: ignore
        assert isinstance(made, FunctionResource)
        assert made.mime_type == "text/csv"
        template = resource_decoration.build(other, other.__fastmcp__)  # pyright: ignore
        assert isinstance(template, ResourceTemplate)
        assert template.name == "two"
        assert one() == ""

    def test_misuse(self) -> None:
        def fn() -> None: ...
        def needs(x: str) -> None: ...

        with pytest.raises(TypeError, match=r"requires a URI as the first argument"):
            resource(fn)  # pyright: ignore
        with pytest.raises(TypeError, match="To decorate a classmethod"):
            resource("a://b")(classmethod(fn))  # pyright: ignore
        with pytest.raises(ValueError, match="must contain at least one parameter"):
            resource_decoration.build(needs, resource_decoration.metadata(uri="a://b"))

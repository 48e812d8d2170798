"""A Python type out, a typed answer back; pages; and who may be asked for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

import mcp_types
import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, SecretStr, WithJsonSchema
from typing_extensions import TypedDict

from fastmcp import Context, FastMCP
from fastmcp.exceptions import McpError, ToolError, URLElicitationRequiredError
from fastmcp.server.asking import Asker
from fastmcp.server.elicitation import (
    get_elicitation_schema,
    handle_elicit_accept,
    parse_elicit_response_type,
)
from tests.support import schema
from tests.support.asgi import STATELESS, Live, Peer

VERSIONS = ("2025-06-18", "2025-11-25", STATELESS)
BOTH_MODES = {"elicitation": {"form": {}, "url": {}}}


class Size(Enum):
    SMALL = "small"
    BIG = "big"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Order(BaseModel):
    size: Size
    count: int = Field(default=1, description="how many")
    note: str | None = None


@dataclass
class Point:
    x: int
    y: float = 0.5


class Named(TypedDict):
    name: str
    nick: NotRequired[str]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: date


TITLED = [{"const": "a", "title": "An A"}, {"const": "b", "title": "A B"}]
LEGACY = {"type": "string", "enum": ["a", "b"], "enumNames": ["An A", "A B"]}


def asker(version: str) -> Asker:
    async def ask(method: str, params: dict[str, Any], required: dict[str, Any]) -> Any:
        raise AssertionError("nobody is asked here")

    return Asker(ask, version, {})


def put(asked: Any, version: str = "2025-11-25") -> dict[str, Any]:
    """The `requestedSchema` as a client of that version is sent it, checked against its schema."""
    requested = parse_elicit_response_type(asked).worded_for(asker(version))
    request = {
        "method": "elicitation/create",
        "params": {"message": "?", "requestedSchema": requested},
    }
    if version != STATELESS:
        request |= {"jsonrpc": "2.0", "id": 1}
    schema.check_definition(request, version, "ElicitRequest")
    for field in requested["properties"].values():
        assert_closed(field, version)
    return requested


def assert_closed(field: dict[str, Any], version: str) -> None:
    """The published schemas are open; a form uses the keywords of one kind of field alone."""
    definitions = schema.definitions(version)
    kinds = [
        definitions[branch["$ref"].rpartition("/")[2]]["properties"].keys()
        for branch in definitions["PrimitiveSchemaDefinition"]["anyOf"]
    ]
    # `pattern` is in the text of the specification only; what came in 2025-11-25 an older client
    # may overlook.
    more = {"pattern"} if version != "2025-06-18" else {"pattern", "default"}
    assert any(field.keys() <= kind | more for kind in kinds), field


def field_of(asked: Any, version: str = "2025-11-25") -> dict[str, Any]:
    """The one field of what is no object."""
    return put(asked, version)["properties"]["value"]


# forms


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("asked", "content", "data"),
    [
        (str, {"value": "a"}, "a"),
        (int, {"value": 5}, 5),
        (float, {"value": 5}, 5.0),
        (bool, {"value": True}, True),
        (Decimal, {"value": 1.5}, Decimal("1.5")),
        (date, {"value": "2026-07-28"}, date(2026, 7, 28)),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (Literal["a"], {"value": "a"}, "a"),
        (Literal[1, 2], {"value": "2"}, 2),
        (Literal[1, 2], {"value": 2}, 2),
        (Literal["a", 1, True], {"value": "true"}, True),
        (Size, {"value": "big"}, Size.BIG),
        (Level, {"value": "2"}, Level.HIGH),
        (RootModel[int], {"value": 3}, RootModel[int](3)),
        (str | None, {}, None),
        (str | None, {"value": None}, None),
        (Annotated[int, Field(default=7)], {}, 7),
        (Order, {"size": "small"}, Order(size=Size.SMALL)),
        (Order, {"size": "small", "count": None}, Order(size=Size.SMALL)),
        (Order, {"size": "big", "count": 2, "note": "n"}, Order(size=Size.BIG, count=2, note="n")),
        (Point, {"x": 1}, Point(1)),
        (Named, {"name": "n"}, {"name": "n"}),
        (Strict, {"day": "2026-07-28"}, Strict(day=date(2026, 7, 28))),
        (["a", "b"], {"value": "a"}, "a"),
        (("a", "b"), {"value": "a"}, "a"),
        ({"a": {"title": "An A"}, "b": {}}, {"value": "b"}, "b"),
        ({"a": "An A"}, {"value": "a"}, "a"),
    ],
)
def test_round_trip(version: str, asked: Any, content: dict[str, Any], data: Any):
    put(asked, version)
    answer = handle_elicit_accept(parse_elicit_response_type(asked), content)
    assert (answer.action, answer.data) == ("accept", data)
    assert type(answer.data) is type(data)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("asked", "content", "data"),
    [
        (list[Literal["a", "b"]], ["a"], ["a"]),
        (list[Size], ["big", "small"], [Size.BIG, Size.SMALL]),
        (list[Level], ["1"], [Level.LOW]),
        (set[Literal["a", "b"]], ["a", "b"], {"a", "b"}),
        (list[Size] | None, ["big"], [Size.BIG]),
        ([["a", "b"]], ["b", "a"], ["b", "a"]),
        ([{"a": {"title": "A"}}], ["a"], ["a"]),
        (Annotated[list[Size], Field(min_length=1)], ["big"], [Size.BIG]),
        (Annotated[list[str], WithJsonSchema({"type": "array", "items": LEGACY})], ["a"], ["a"]),
    ],
)
def test_several_choices(version: str, asked: Any, content: list[str], data: Any):
    config = parse_elicit_response_type(asked)
    if version == "2025-06-18":
        with pytest.raises(ToolError, match=r"several choices.*2025-06-18.*2025-11-25"):
            config.worded_for(asker(version))
        return
    assert field_of(asked, version)["type"] == "array"
    assert handle_elicit_accept(config, {"value": content}).data == data


def test_every_keyword_a_form_has():
    class Form(BaseModel):
        mail: Annotated[str, WithJsonSchema({"type": "string", "format": "email"})]
        home: AnyUrl
        day: date = date(2026, 7, 28)
        moment: datetime
        word: str = Field("abc", min_length=2, max_length=5, pattern="^[a-z]+$", title="Word")
        count: int = Field(3, ge=1, le=9, description="how many")
        rate: float = Field(0.5, ge=0, le=1)
        sure: bool = False
        size: Size = Size.BIG
        sizes: list[Size] = Field([Size.BIG], min_length=1, max_length=2)
        level: Level = Level.LOW

    properties = put(Form)["properties"]
    assert {name: field.get("format") for name, field in properties.items()} == {
        **dict.fromkeys(properties),
        "mail": "email",
        "home": "uri",
        "day": "date",
        "moment": "date-time",
    }
    assert properties["day"]["default"] == "2026-07-28"
    assert properties["word"] == {
        "title": "Word",
        "type": "string",
        "minLength": 2,
        "maxLength": 5,
        "pattern": "^[a-z]+$",
        "default": "abc",
    }
    assert properties["count"] == {
        "title": "Count",
        "description": "how many",
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 3,
    }
    assert properties["rate"]["default"] == 0.5
    assert properties["sure"] == {"title": "Sure", "type": "boolean", "default": False}
    assert properties["size"]["default"] == "big"
    assert properties["sizes"] == {
        "title": "Sizes",
        "type": "array",
        "items": {"type": "string", "enum": ["small", "big"]},
        "minItems": 1,
        "maxItems": 2,
        "default": ["big"],
    }
    assert (properties["level"]["enum"], properties["level"]["default"]) == (["1", "2"], "1")
    assert put(Form)["required"] == ["mail", "home", "moment"]


def test_what_a_form_cannot_say_is_left_out_and_checked_in_the_answer():
    class Form(BaseModel):
        id: UUID
        span: timedelta
        half: float = Field(multiple_of=0.5)
        more: int = Field(gt=1, lt=5)
        part: float = Field(1, gt=0)
        extra: str = Field("x", json_schema_extra={"x-widget": "area"}, examples=["y"])

    properties = put(Form)["properties"]
    assert properties["id"] == {"title": "Id", "type": "string"}
    assert properties["span"] == {"title": "Span", "type": "string"}
    assert properties["half"] == {"title": "Half", "type": "number"}
    assert properties["more"] == {"title": "More", "type": "integer", "minimum": 2, "maximum": 4}
    assert properties["part"]["minimum"] == 0
    assert properties["extra"] == {"title": "Extra", "type": "string", "default": "x"}
    good = {"id": "12345678-1234-5678-1234-567812345678", "span": "P1D", "half": 1.5, "more": 2}
    config = parse_elicit_response_type(Form)
    assert handle_elicit_accept(config, good).data.span == timedelta(days=1)
    for name, value in {"id": "no", "half": 0.3, "more": 5, "part": 0}.items():
        with pytest.raises(McpError, match=name):
            handle_elicit_accept(config, {**good, name: value})


@pytest.mark.parametrize("asked", [Literal["a", "b"], ["a", "b"]])
def test_untitled_choices(asked: Any):
    for version in VERSIONS:
        assert field_of(asked, version) == {"type": "string", "enum": ["a", "b"]}


@pytest.mark.parametrize(
    "asked",
    [
        {"a": {"title": "An A"}, "b": {"title": "A B"}},
        Annotated[str, WithJsonSchema({"type": "string", "oneOf": TITLED})],
        Annotated[str, WithJsonSchema({"type": "string", "anyOf": TITLED})],
    ],
)
def test_titled_choices(asked: Any):
    assert field_of(asked) == {"type": "string", "oneOf": TITLED}
    assert field_of(asked, STATELESS) == {"type": "string", "oneOf": TITLED}
    assert field_of(asked, "2025-06-18") == LEGACY


def test_titled_choices_as_older_versions_write_them():
    for version in VERSIONS:
        assert field_of(Annotated[str, WithJsonSchema(LEGACY)], version) == LEGACY


def test_titled_choices_in_a_list():
    assert field_of([{"a": {"title": "An A"}, "b": "A B"}]) == {
        "type": "array",
        "items": {"anyOf": TITLED},
    }
    for items in (LEGACY, {"anyOf": TITLED}, {"oneOf": TITLED}):
        written = Annotated[list[str], WithJsonSchema({"type": "array", "items": items})]
        assert field_of(written)["items"] == {"anyOf": TITLED}


def test_what_may_be_none_may_be_left_out():
    class Form(BaseModel):
        a: str | None
        b: Literal["x", None]
        c: Annotated[int | None, Field(description="c")] = None

    requested = put(Form)
    assert "required" not in requested
    assert requested["properties"]["c"] == {"title": "C", "description": "c", "type": "integer"}
    assert requested["properties"]["b"]["enum"] == ["x"]
    config = parse_elicit_response_type(Form)
    assert handle_elicit_accept(config, {}).data == Form(a=None, b=None)
    assert handle_elicit_accept(config, None).data == Form(a=None, b=None)


def test_names_that_clients_see():
    class Form(BaseModel):
        first: str = Field(alias="first name")

    assert put(Form)["required"] == ["first name"]
    answer = handle_elicit_accept(parse_elicit_response_type(Form), {"first name": "Ada"})
    assert answer.data.first == "Ada"
    assert get_elicitation_schema(Form) == put(Form)


def test_unions_that_the_protocol_can_ask_for():
    class Form(BaseModel):
        amount: int | float
        word: Literal["a"] | Literal["b", "c"]
        either: Size | Literal["huge"]

    properties = put(Form)["properties"]
    assert properties["amount"]["type"] == "number"
    assert properties["word"]["enum"] == ["a", "b", "c"]
    assert properties["either"]["enum"] == ["small", "big", "huge"]


def test_titles():
    config = parse_elicit_response_type(str, response_title="T", response_description="D")
    field = config.schema["properties"]["value"]
    assert (field["title"], field["description"]) == ("T", "D")
    with pytest.raises(TypeError, match="Field"):
        parse_elicit_response_type(Order, response_title="T")


@pytest.mark.parametrize(
    "asked",
    [
        None,
        dict[str, int],
        list[int],
        list[str],
        list,
        tuple[int, str],
        int | str,
        Any,
        object,
        5,
        [5],
        [[]],
        {},
        [{}],
        [],
        {1: "a"},
        ["a", ["b"]],
        Callable,
        Literal["1", 1],
        list[list[Size]],
        list[Order],
        Annotated[str, WithJsonSchema({"oneOf": [{"type": "string"}]})],
        Annotated[str, WithJsonSchema({"type": "string", "enum": []})],
    ],
)
def test_what_cannot_be_asked(asked: Any):
    with pytest.raises(TypeError, match=r"ctx.elicit\(\)"):
        parse_elicit_response_type(asked)


def test_nested_models_cannot_be_asked():
    class Outer(BaseModel):
        inner: Order

    with pytest.raises(TypeError, match=r"'inner' \(object\).*fields of their own"):
        parse_elicit_response_type(Outer)


class Tree(BaseModel):
    child: Tree | None = None


def test_recursive_models_cannot_be_asked():
    with pytest.raises(TypeError, match="'child'"):
        parse_elicit_response_type(Tree)


@pytest.mark.parametrize("asked", [SecretStr, SecretStr | None, dict])
def test_secrets_are_not_asked_for_in_a_form(asked: Any):
    class Form(BaseModel):
        name: str
        key: SecretStr

    asked = Form if asked is dict else asked
    with pytest.raises(TypeError, match="elicit_url"):
        parse_elicit_response_type(asked)


@pytest.mark.parametrize(
    ("asked", "content", "field"),
    [
        (int, {"value": "x"}, "value"),
        (int, {}, "value"),
        (int, None, "value"),
        (int, {"value": None}, "value"),
        (int, [], "object"),
        (str, {"value": 5}, "value"),
        (str, {"value": {"a": 1}}, "value"),
        (Order, {"size": "huge"}, "size.*'small'"),
        (Order, {"size": ["small"]}, "size"),
        (Order, {"size": "small", "count": "many"}, "count"),
        (["a"], {"value": "z"}, "value.*'a'"),
        ([["a"]], {"value": "a"}, "value"),
        ([["a"]], {"value": ["z"]}, "value"),
        ([["a"]], {"value": [["a"]]}, "value"),
        (Level, {"value": "3"}, "value"),
        (Annotated[str, WithJsonSchema(LEGACY)], {"value": "z"}, "value"),
        (Annotated[list[Size], Field(max_length=1)], {"value": ["big", "small"]}, "value"),
        (Annotated[str, Field(min_length=3)], {"value": "ab"}, "value"),
    ],
)
def test_answers_that_do_not_fit_name_the_field(asked: Any, content: Any, field: str):
    with pytest.raises(McpError, match=f"does not fit the form: .*{field}"):
        handle_elicit_accept(parse_elicit_response_type(asked), content)


def test_what_the_user_typed_is_not_repeated():
    with pytest.raises(McpError) as raised:
        handle_elicit_accept(parse_elicit_response_type(int), {"value": "my secret"})
    assert "my secret" not in str(raised.value)


# asking


def build() -> FastMCP:
    mcp = FastMCP("asking")

    @mcp.tool
    async def order(ctx: Context) -> str:
        answer = await ctx.elicit("What?", Order)
        return f"{answer.action} {getattr(answer, 'data', None)}"

    @mcp.tool
    async def several(ctx: Context) -> str:
        return str(await ctx.elicit("Which?", [["a", "b"]]))

    @mcp.tool
    async def nothing(ctx: Context) -> str:
        return str(await ctx.elicit("Well?"))

    @mcp.tool
    async def page(ctx: Context, url: str = "https://example.com/key", id: str = "id-1") -> str:
        answer = await ctx.elicit_url("Your key, please", url, id or None)
        return f"{answer.action} {getattr(answer, 'data', '-')}"

    @mcp.tool
    async def complete(ctx: Context) -> str:
        await ctx.send_elicit_complete("id-1")
        return "told"

    pages = [{"message": "Log in", "url": "https://example.com/login", "elicitationId": "id-1"}]

    @mcp.tool
    async def login() -> str:
        raise URLElicitationRequiredError(pages, "Permission needed")

    @mcp.tool
    async def bad_login() -> str:
        raise URLElicitationRequiredError([{"message": "Log in", "url": "http://example.com"}])

    @mcp.prompt
    async def login_prompt() -> str:
        raise URLElicitationRequiredError(pages, "Permission needed")

    @mcp.resource("r://login")
    async def login_resource() -> str:
        raise URLElicitationRequiredError(pages, "Permission needed")

    @mcp.prompt
    async def prompt(ctx: Context) -> str:
        return str(await ctx.elicit("Who?", str))

    @mcp.resource("r://{x}/asked")
    async def resource(x: str, ctx: Context) -> str:
        return str(await ctx.elicit(f"{x}?", str))

    return mcp


async def asked(peer: Peer, live: Live, answer: Any, *, valid: bool = True) -> dict[str, Any]:
    """The params of the one question that a call asks; it is answered."""
    await live.until(lambda live: live.sent("elicitation/create"))
    [question] = live.sent("elicitation/create")
    if valid:
        await peer.answer(question, answer)
    else:
        await peer.post({"jsonrpc": "2.0", "id": question["id"], "result": answer})
    await live.done()
    return question["params"]


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
async def test_a_form_is_asked_and_answered(version: str):
    peer = await Peer(build().http_app(), version, capabilities={"elicitation": {}}).open()
    live = peer.start_call("order")
    params = await asked(peer, live, {"action": "accept", "content": {"size": "big", "count": 2}})
    assert (params["message"], "mode" in params) == ("What?", False)
    assert live.text == "accept size=<Size.BIG: 'big'> count=2 note=None"
    for action in ("decline", "cancel"):
        live = peer.start_call("order")
        await asked(peer, live, {"action": action})
        assert live.text == f"{action} None"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "action None"),
        ({"action": "maybe"}, "action 'maybe'"),
        ({"action": "accept"}, "size: Field required"),
        ({"action": "accept", "content": "big"}, "no object"),
        ({"action": "accept", "content": {"size": {"a": 1}}}, "size: the choices are"),
        ("yes", "no object"),
    ],
)
async def test_a_client_that_answers_nonsense(answer: Any, said: str):
    peer = await Peer(build().http_app(), capabilities={"elicitation": {}}).open()
    live = peer.start_call("order")
    await asked(peer, live, answer, valid=False)
    assert live.result["isError"]
    assert said in live.text


async def test_prompts_and_resources_ask_too():
    peer = await Peer(build().http_app(), capabilities={"elicitation": {}}).open()
    accept = {"action": "accept", "content": {"value": "Ada"}}
    live = peer.start("prompts/get", {"name": "prompt"})
    await asked(peer, live, accept)
    assert "data='Ada'" in live.result["messages"][0]["content"]["text"]
    live = peer.start("resources/read", {"uri": "r://who/asked"})
    assert (await asked(peer, live, accept))["message"] == "who?"
    assert "data='Ada'" in live.result["contents"][0]["text"]


async def test_no_type_is_the_authors_mistake():
    peer = await Peer(build().http_app(), capabilities={"elicitation": {}}).open()
    live = await peer.call("nothing")
    assert live.result["isError"]
    assert "needs a response_type" in live.text


async def test_several_choices_of_an_old_client():
    peer = await Peer(build().http_app(), "2025-06-18", capabilities={"elicitation": {}}).open()
    live = await peer.call("several")
    assert live.result["isError"]
    assert "it speaks 2025-06-18, and that came with 2025-11-25" in live.text


async def test_a_page_is_opened():
    peer = await Peer(build().http_app(), capabilities=BOTH_MODES).open()
    live = peer.start_call("page")
    params = await asked(peer, live, {"action": "accept"})
    assert params == {
        "mode": "url",
        "message": "Your key, please",
        "url": "https://example.com/key",
        "elicitationId": "id-1",
    }
    assert live.text == "accept None"
    live = peer.start_call("page", {"id": ""})
    assert len((await asked(peer, live, {"action": "decline"}))["elicitationId"]) > 20
    assert live.text == "decline -"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/x",
        "http://127.0.0.1/x",
        "http://[::1]:9/x",
        "https://example.com/a?b=c%20d#e",
    ],
)
async def test_pages_of_ones_own_machine_need_no_tls(url: str):
    peer = await Peer(build().http_app(), capabilities=BOTH_MODES).open()
    live = peer.start_call("page", {"url": url})
    assert (await asked(peer, live, {"action": "accept"}))["url"] == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com", "use https"),
        ("http://127.0.0.1.example.com", "use https"),
        ("http://localhost@example.com", "credentials"),
        ("https://user:pass@example.com", "credentials"),
        ("javascript:alert(1)", "must begin https://"),
        ("file:///etc/passwd", "must begin https://"),
        ("example.com", "must begin https://"),
        ("https://", "must begin https://"),
        ("https://exa mple.com", "no URL"),
        ("https://example.com\n.evil.com", "no URL"),
        ("https://example.com\\@evil.com", "no URL"),
        ("https://exämple.com", "no URL"),
        ("", "must begin https://"),
    ],
)
async def test_where_no_user_is_sent(url: str, said: str):
    peer = await Peer(build().http_app(), capabilities=BOTH_MODES).open()
    live = await peer.call("page", {"url": url})
    assert live.result["isError"]
    assert said in live.text


@pytest.mark.parametrize(
    ("declared", "tool", "missing"),
    [
        ({}, "order", {"elicitation": {}}),
        ({}, "page", {"elicitation": {"url": {}}}),
        ({"elicitation": {}}, "page", {"elicitation": {"url": {}}}),
        ({"elicitation": {"form": {}}}, "page", {"elicitation": {"url": {}}}),
        ({"elicitation": {"url": {}}}, "order", {"elicitation": {"form": {}}}),
    ],
)
async def test_a_client_is_asked_only_in_the_modes_it_declared(
    declared: dict[str, Any], tool: str, missing: dict[str, Any]
):
    [(name, parts)] = missing.items()
    words = ".".join([name, *parts])
    live = await (await Peer(build().http_app(), capabilities=declared).open()).call(tool)
    assert live.result["isError"]
    assert f"did not declare the {words} capability" in live.text
    live = await Peer(build().http_app(), STATELESS, capabilities=declared).call(tool)
    assert (live.status, live.error["code"]) == (400, -32021)
    assert live.error["data"] == {"requiredCapabilities": missing}
    assert words in live.error["message"]


async def test_pages_came_after_2025_06_18():
    peer = await Peer(build().http_app(), "2025-06-18", capabilities=BOTH_MODES).open()
    live = await peer.call("page")
    assert "it speaks 2025-06-18, and that came with 2025-11-25" in live.text


async def test_the_end_of_an_elicitation_is_told_where_it_can_be():
    for version, times in (("2025-06-18", 0), ("2025-11-25", 1), (STATELESS, 0)):
        peer = await Peer(build().http_app(), version, capabilities=BOTH_MODES).open()
        live = await peer.call("complete")
        told = live.sent("notifications/elicitation/complete")
        assert [n["params"] for n in told] == [{"elicitationId": "id-1"}] * times
        assert live.text == "told"


async def test_the_end_of_an_elicitation_is_told_after_the_call():
    mcp, kept = FastMCP("later"), []

    @mcp.tool
    async def keep(ctx: Context) -> str:
        kept.append(ctx)
        return "kept"

    app = mcp.http_app()
    peer = await Peer(app, capabilities=BOTH_MODES).open()
    other = await Peer(app, capabilities=BOTH_MODES).open()
    stream, others = peer.listen(), other.listen()
    await stream.until(lambda live: live.status)
    await others.until(lambda live: live.status)
    await peer.call("keep")
    await kept[0].send_elicit_complete("id-7")
    await stream.until(lambda live: live.sent("notifications/elicitation/complete"))
    assert not others.sent("notifications/elicitation/complete")
    for live in (stream, others):
        live.leave()
        await live.done()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "login", "arguments": {}}),
        ("prompts/get", {"name": "login_prompt"}),
        ("resources/read", {"uri": "r://login"}),
    ],
)
async def test_an_error_that_asks_for_a_page(method: str, params: dict[str, Any]):
    app = build().http_app()
    live = await (await Peer(app, capabilities=BOTH_MODES).open()).request(method, params)
    assert (live.error["code"], live.error["message"]) == (-32042, "Permission needed")
    schema.check_definition(live.response, "2025-11-25", "URLElicitationRequiredError")
    assert live.error["data"]["elicitations"] == [
        {
            "mode": "url",
            "message": "Log in",
            "url": "https://example.com/login",
            "elicitationId": "id-1",
        }
    ]
    # -32042 is of 2025-11-25 alone (2026-07-28, basic/index), and for those who open pages.
    for version, capabilities in (
        ("2025-11-25", {"elicitation": {}}),
        ("2025-06-18", BOTH_MODES),
        (STATELESS, BOTH_MODES),
    ):
        peer = await Peer(app, version, capabilities=capabilities).open()
        live = await peer.request(method, params)
        if method == "tools/call":
            assert live.result["isError"]
            text = live.text
        else:
            assert live.error["code"] == -32603
            text = live.error["message"]
        assert "Permission needed" in text
        assert "Log in (https://example.com/login)" in text


async def test_an_error_that_asks_for_a_page_nobody_may_be_sent_to():
    peer = await Peer(build().http_app(), capabilities=BOTH_MODES).open()
    live = await peer.call("bad_login")
    assert live.result["isError"]
    assert "use https" in live.text


def test_what_the_error_is_made_of():
    model = mcp_types.ElicitRequestURLParams(message="m", url="https://x", elicitation_id="i")
    page = {"mode": "url", "message": "m", "url": "https://x", "elicitationId": "i"}
    assert URLElicitationRequiredError([model]).elicitations == [page]
    assert URLElicitationRequiredError([page]).elicitations == [page]
    [made] = URLElicitationRequiredError([{"message": "m", "url": "https://x"}]).elicitations
    assert made["elicitationId"]
    for wrong in ([], [{"url": "https://x"}], [{"message": "m"}]):
        with pytest.raises(ValueError, match=r"page|message"):
            URLElicitationRequiredError(wrong)

"""A Python type out, a typed answer back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from fastmcp.exceptions import McpError
from fastmcp.server.elicitation import handle_elicit_accept, parse_elicit_response_type
from tests.support import schema


class Size(Enum):
    SMALL = "small"
    BIG = "big"


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


@pytest.mark.parametrize(
    ("asked", "content", "data"),
    [
        (str, {"value": "a"}, "a"),
        (int, {"value": 5}, 5),
        (float, {"value": 5}, 5.0),
        (bool, {"value": True}, True),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (Size, {"value": "big"}, Size.BIG),
        (list[Literal["a", "b"]], {"value": ["a"]}, ["a"]),
        (Order, {"size": "small"}, Order(size=Size.SMALL)),
        (Order, {"size": "big", "count": 2, "note": "n"}, Order(size=Size.BIG, count=2, note="n")),
        (Point, {"x": 1}, Point(1)),
        (Named, {"name": "n"}, {"name": "n"}),
        (["a", "b"], {"value": "a"}, "a"),
        ({"a": {"title": "An A"}, "b": {}}, {"value": "b"}, "b"),
        ([["a", "b"]], {"value": ["b", "a"]}, ["b", "a"]),
        ([{"a": {"title": "A"}}], {"value": ["a"]}, ["a"]),
    ],
)
def test_round_trip(asked: Any, content: dict[str, Any], data: Any):
    config = parse_elicit_response_type(asked)
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "elicitation/create",
        "params": {"message": "?", "requestedSchema": config.schema},
    }
    schema.check(request, "2025-11-25", "server")
    answer = handle_elicit_accept(config, content)
    assert (answer.action, answer.data) == ("accept", data)


@pytest.mark.parametrize(
    "asked", [None, dict[str, int], list[int], list[str], 5, [5], [[]], {}, [{}], []]
)
def test_what_cannot_be_asked(asked: Any):
    with pytest.raises(TypeError):
        parse_elicit_response_type(asked)


def test_nested_models_cannot_be_asked():
    class Outer(BaseModel):
        inner: Order

    with pytest.raises(TypeError, match="'inner'"):
        parse_elicit_response_type(Outer)


@pytest.mark.parametrize(
    ("asked", "content"),
    [
        (int, {"value": "x"}),
        (int, {}),
        (int, None),
        (int, []),
        (Order, {"size": "huge"}),
        (["a"], {"value": "z"}),
        ([["a"]], {"value": "a"}),
        ([["a"]], {"value": ["z"]}),
    ],
)
def test_answers_that_do_not_fit(asked: Any, content: Any):
    with pytest.raises(McpError):
        handle_elicit_accept(parse_elicit_response_type(asked), content)


def test_titles():
    config = parse_elicit_response_type(str, response_title="T", response_description="D")
    field = config.schema["properties"]["value"]
    assert (field["title"], field["description"]) == ("T", "D")


def test_unions_that_the_protocol_can_ask_for():
    class Form(BaseModel):
        amount: int | float
        word: Literal["a"] | Literal["b", "c"]

    properties = parse_elicit_response_type(Form).schema["properties"]
    assert properties["amount"]["type"] == "number"
    assert properties["word"]["enum"] == ["a", "b", "c"]

"""Words of a command line become what an input schema asks for."""

from __future__ import annotations

from typing import Any

import pytest

from fastmcp.cli.arguments import parse_arguments, parse_words
from fastmcp.cli.errors import CliError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "i": {"type": "integer"},
        "n": {"type": "number"},
        "b": {"type": "boolean"},
        "s": {"type": "string"},
        "z": {"type": "null"},
        "l": {"type": "array", "items": {"type": "integer"}},
        "o": {"type": "object"},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        "both": {"type": ["string", "number"]},
        "color": {"enum": ["red", 3, None]},
        "ref": {"$ref": "#/$defs/Thing"},
        "any": {},
    },
    "$defs": {"Thing": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("i=5", 5),
        ("n=5", 5),
        ("n=-2.5e3", -2500.0),
        ("b=true", True),
        ("b=NO", False),
        ("s=5", "5"),
        ("s=a=b", "a=b"),
        ("s=", ""),
        ("z=null", None),
        ("l=[1, 2]", [1, 2]),
        ('o={"a": 1}', {"a": 1}),
        ("maybe=7", 7),
        ("maybe=null", None),
        ("maybe=seven", "seven"),
        ("both=1.5", 1.5),
        ("both=x", "x"),
        ("color=red", "red"),
        ("color=3", 3),
        ("color=null", None),
        ("ref=4", 4),
        ("any=[1]", [1]),
        ("any=text", "text"),
        ("unknown=1", 1),
    ],
)
def test_values(word: str, value: Any):
    (got,) = parse_arguments([word], None, SCHEMA).values()
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("i=x", "Argument i must be an integer, not 'x'."),
        ("n=x", "must be a number"),
        ("b=maybe", "must be true or false"),
        ("z=x", "must be null"),
        ("l=1,2", "must be a JSON list"),
        ("l={}", "must be a JSON list"),
        ("o=[]", "must be a JSON object"),
        ("color=blue", "must be one of red, 3, None"),
        ("nonsense", "'nonsense' is not an argument; write key=value."),
        ("=5", "is not an argument"),
    ],
)
def test_misfits(word: str, said: str):
    with pytest.raises(CliError) as caught:
        parse_arguments([word], None, SCHEMA)
    assert said in str(caught.value)
    assert caught.value.code == 2


def test_json_input_is_taken_as_it_is_and_words_win():
    got = parse_arguments(["i=5"], '{"i": 1, "s": 2}', SCHEMA)
    assert got == {"i": 5, "s": 2}


@pytest.mark.parametrize("text", ["{", "[1]", "1"])
def test_json_input_must_be_an_object(text: str):
    with pytest.raises(CliError, match="--input-json"):
        parse_words([], text)

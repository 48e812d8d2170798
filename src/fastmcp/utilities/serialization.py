"""Values of authors on their way to JSON: the two forms a result needs, made in C.

`to_jsonable` gives the structured form (dicts, lists, strings, numbers), `to_text` the text
form. Both take models, dataclasses, dates, enums, sets and bytes (UTF-8). Fields go by their
names, or by their aliases in a model that asks for it (`ConfigDict(serialize_by_alias=True)`):
that is what the inferred output schemas speak of.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import pydantic_core
from pydantic_core import core_schema

__all__ = ["SerializationError", "bytes_to_text", "to_jsonable", "to_text"]

SerializationError = ValueError
"""What both raise for a value that has no form: pydantic's own error is one, and so are those of
text that is no Unicode, of a value that holds itself, and of one that is nested too deeply."""

_ANY = core_schema.any_schema()
# Unlike pydantic_core's functions, serializers leave aliases to each model's own config.
_plain = pydantic_core.SchemaSerializer(_ANY, core_schema.CoreConfig(ser_json_inf_nan="null"))
_binary = pydantic_core.SchemaSerializer(
    _ANY, core_schema.CoreConfig(ser_json_inf_nan="null", ser_json_bytes="base64")
)

to_jsonable = partial(_plain.to_python, mode="json", warnings=False)
"""`to_jsonable(value)`: the JSON form of any value. Raises `SerializationError`."""


def to_text(value: Any) -> str:
    """Compact JSON of any value; what has no JSON form is written as its `str()`."""
    try:
        return _plain.to_json(value, fallback=str, warnings=False).decode()
    except pydantic_core.PydanticSerializationError:
        return _binary.to_json(value, fallback=str, warnings=False).decode()  # no UTF-8


def bytes_to_text(data: bytes) -> str:
    """Bytes as UTF-8 text where they are that, else as base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii")

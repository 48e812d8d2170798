"""Values of authors on their way to JSON: the two forms a result needs, made in C.

`to_jsonable` gives the structured form (dicts, lists, strings, numbers), `to_text` the text
form. Both take models, dataclasses, dates, enums, sets and bytes (UTF-8), and use field names
rather than aliases, because that is what the inferred output schemas speak of.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import pydantic_core

__all__ = ["SerializationError", "bytes_to_text", "to_jsonable", "to_text"]

SerializationError = (pydantic_core.PydanticSerializationError, UnicodeDecodeError)
"""What `to_jsonable` raises for a value that has no JSON form."""

to_jsonable = partial(pydantic_core.to_jsonable_python, by_alias=False, inf_nan_mode="null")
"""`to_jsonable(value)`: the JSON form of any value. Raises one of `SerializationError`."""


_dump = partial(pydantic_core.to_json, by_alias=False, inf_nan_mode="null", fallback=str)


def to_text(value: Any) -> str:
    """Compact JSON of any value; what has no JSON form is written as its `str()`."""
    try:
        return _dump(value).decode()
    except pydantic_core.PydanticSerializationError:
        return _dump(value, bytes_mode="base64").decode()  # bytes that are no UTF-8


def bytes_to_text(data: bytes) -> str:
    """Bytes as UTF-8 text where they are that, else as base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii")

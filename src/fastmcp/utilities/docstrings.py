"""What a docstring says: the prose for the description, the arguments for the schema.

Google, NumPy and Sphinx styles are understood. A docstring without any structured section is
prose as a whole and kept as it stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from docstring_parser.common import Docstring

__all__ = ["ParsedDocstring", "parse_docstring"]


class ParsedDocstring(msgspec.Struct, frozen=True):
    """The prose (None when there is none) and the description of each argument."""

    description: str | None = None
    parameters: dict[str, str] = {}


def parse_docstring(fn: Callable[..., Any]) -> ParsedDocstring:
    """Read the docstring of `fn`, one it inherits included. Never raises."""
    text = inspect.getdoc(fn)
    if not text:
        return ParsedDocstring()
    for style in ("GOOGLE", "NUMPYDOC", "REST"):
        parsed = _parse(text, style)
        if parsed is not None and parsed.meta:
            return ParsedDocstring(
                description=(parsed.description or "").strip() or None,
                parameters={
                    param.arg_name.lstrip("*"): inspect.cleandoc(param.description)
                    for param in parsed.params
                    if param.description
                },
            )
    return ParsedDocstring(description=text)


def _parse(text: str, style: str) -> Docstring | None:
    from docstring_parser import DocstringStyle, ParseError, parse

    try:
        # The parser dedents once more, and treats a first line apart: give it an empty one.
        return parse(f"\n{text}", style=DocstringStyle[style])
    except ParseError:
        return None  # the text only looks like this style

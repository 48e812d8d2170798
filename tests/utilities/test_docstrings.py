"""What is taken from a docstring."""

from typing import Any

import pytest

from fastmcp.utilities.docstrings import parse_docstring

GOOGLE = """Do it.

Longer prose.

    indented

Args:
    a: the first
        continued
    b (str, optional): the second

Returns:
    int: something

Raises:
    ValueError: never
"""
NUMPY = """Do it.

Longer prose.

    indented

Parameters
----------
a : int
    the first
    continued
b : str, optional
    the second

Returns
-------
int
    something
"""
SPHINX = """Do it.

Longer prose.

    indented

:param a: the first
    continued
:param b: the second
:type b: str
:returns: something
:raises ValueError: never
"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_styles(text: str) -> None:
    def fn() -> None: ...

    fn.__doc__ = text
    parsed = parse_docstring(fn)
    assert parsed.description == "Do it.\n\nLonger prose.\n\n    indented"
    assert parsed.parameters == {"a": "the first\ncontinued", "b": "the second"}


@pytest.mark.parametrize(
    ("text", "description"),
    [
        (None, None),
        ("", None),
        ("One line.", "One line."),
        ("One.\n\n    code\n\n* a: b\n* c", "One.\n\n    code\n\n* a: b\n* c"),
        ("Note: see https://e.org/a:b", "Note: see https://e.org/a:b"),
        ("Do it.\n\nReturns:\n    int: x", "Do it."),
        ("\nArgs:\n    a: only", None),
    ],
)
def test_prose(text: Any, description: str | None) -> None:
    def fn() -> None: ...

    fn.__doc__ = text
    assert parse_docstring(fn).description == description

"""The one implementation behind `@tool` and `@mcp.tool`, `@prompt` and `@mcp.prompt`, and so on.

A decorator comes in several forms (bare, called, with a name, as a function). `decorate` turns
them all into one question, "what is to happen to this function with these facts?", and answers
the misuses. Standalone decorators answer with `attach`: the facts are left on the function. A
server answers by making the component and adding it (`made`), then returns the function.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec

from fastmcp.utilities.hints import callable_label

__all__ = ["ATTRIBUTE", "Decoration", "attach", "decorate", "decorate_uri", "metadata_of"]

C = TypeVar("C")
M = TypeVar("M", bound=msgspec.Struct)

ATTRIBUTE = "__fastmcp__"
"""Where a decorated function keeps what its decorator said."""

Use = Callable[[Any, Any], Any]
"""(function, facts) -> what the decorator returns."""


class Decoration(msgspec.Struct, Generic[C, M], frozen=True):
    """How functions become one kind of component.

    Args:
        noun: "tool", "resource", "prompt".
        metadata: the class of the facts a decorator takes; its fields are the arguments.
        build: (function, facts) -> component.
    """

    noun: str
    metadata: type[M]
    build: Callable[[Any, M], C]

    def made(self, fn: Any, facts: M) -> C:
        """The component for a function decorated on a server, whose methods cannot be bound yet.

        Raises:
            TypeError: the function is a method without its object.
        """
        _refuse_method(fn, self.noun)
        return self.build(fn, facts)

    def component(self, fn: Any) -> C:
        """The component for a function handed over, with what `@tool` and the like said of it."""
        facts = metadata_of(fn, self.metadata)
        return self.build(fn, self.metadata() if facts is None else facts)


def attach(fn: Any, facts: Any) -> Any:
    """Leave the facts on the function and return it, where it takes attributes at all."""
    with contextlib.suppress(AttributeError):  # nothing can be left on a bound method or a builtin
        setattr(_target(fn), ATTRIBUTE, facts)
    return fn


def _target(fn: Any) -> Any:
    return cast("Any", fn).__func__ if isinstance(fn, staticmethod) else fn


def metadata_of(fn: Any, kind: type[M]) -> M | None:
    """What a decorator of this kind left on the function, or None."""
    facts = getattr(_target(fn), ATTRIBUTE, None)
    return facts if isinstance(facts, kind) else None


def decorate(
    decoration: Decoration[Any, Any], name_or_fn: Any, given: dict[str, Any], use: Use
) -> Any:
    """Every form of a decorator whose first argument is a name or the function itself.

    Args:
        decoration: what is decorated.
        name_or_fn: the first argument; None if there was none.
        given: the keyword arguments.
        use: what to do with the function.

    Raises:
        TypeError: the name was given twice, the argument is something else, or a classmethod.
    """
    noun = decoration.noun
    if isinstance(name_or_fn, classmethod):
        raise TypeError(f"To decorate a classmethod, use @classmethod above @{noun}.")
    if isinstance(name_or_fn, str):
        if given.get("name") is not None:
            raise TypeError(
                "Cannot specify both a name as first argument and as keyword argument. Use either"
                f" @{noun}({name_or_fn!r}) or @{noun}(name={given['name']!r}), not both."
            )
        given = {**given, "name": name_or_fn}
    elif name_or_fn is not None and not _is_function(name_or_fn):
        raise TypeError(
            f"First argument to @{noun} must be a function, string, or None, got {type(name_or_fn)}"
        )
    facts = _facts(decoration, given)
    if name_or_fn is not None and not isinstance(name_or_fn, str):
        return use(name_or_fn, facts)
    return _waiting(noun, facts, use)


def decorate_uri(
    decoration: Decoration[Any, Any], uri: Any, given: dict[str, Any], use: Use
) -> Any:
    """The one form of a decorator whose first argument is a URI.

    Raises:
        TypeError: it was used without one.
    """
    noun = decoration.noun
    if not isinstance(uri, str):
        if callable(uri) or isinstance(uri, classmethod | staticmethod):
            raise TypeError(
                f"The @{noun} decorator was used incorrectly. It requires a URI as the first"
                f" argument. Use @{noun}('uri') instead of @{noun}"
            )
        uri = str(uri)
    return _waiting(noun, _facts(decoration, {**given, "uri": uri}), use)


def _facts(decoration: Decoration[Any, Any], given: dict[str, Any]) -> Any:
    if unknown := sorted(set(given) - set(decoration.metadata.__struct_fields__)):
        raise TypeError(f"@{decoration.noun} got an unexpected keyword argument '{unknown[0]}'")
    return decoration.metadata(**given)


def _waiting(noun: str, facts: Any, use: Use) -> Callable[[Any], Any]:
    def decorator(fn: Any) -> Any:
        if isinstance(fn, classmethod):
            raise TypeError(f"To decorate a classmethod, use @classmethod above @{noun}.")
        return use(fn, facts)

    return decorator


def _is_function(value: Any) -> bool:
    return inspect.isroutine(value) or isinstance(value, staticmethod | functools.partial)


def _refuse_method(fn: Any, noun: str) -> None:
    if not inspect.isfunction(fn):
        return
    first = next(iter(inspect.signature(fn).parameters), None)
    if first in {"self", "cls"}:
        name = callable_label(fn)
        raise TypeError(
            f"The function '{name}' has '{first}' as its first parameter. Use the standalone"
            f" @{noun} decorator in the class and register the bound method:"
            f" server.add_{noun}(obj.{name})"
        )

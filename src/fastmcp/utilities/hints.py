"""The annotations of a callable as types, also where they were written as text.

`from __future__ import annotations` turns every annotation into a string. The names in it are
looked up in the function's module, in what the function closes over and, for a function made
inside another one, in the locals of the functions that are running around its registration.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

__all__ = ["EMPTY", "callable_label", "resolve_hints", "unwrap_callable"]

EMPTY: Any = inspect.Parameter.empty
"""No default, no annotation."""


def unwrap_callable(fn: Any) -> Callable[..., Any]:
    """What is to be called: the function of a staticmethod, the `__call__` of an object.

    Raises:
        TypeError: for what cannot be called, a bare classmethod object included.
    """
    if isinstance(fn, staticmethod):
        fn = typing.cast("staticmethod[..., Any]", fn).__func__
    if not callable(fn):
        raise TypeError(f"{fn!r} is not a callable object")
    if inspect.isroutine(fn) or inspect.isclass(fn) or isinstance(fn, functools.partial):
        return typing.cast("Callable[..., Any]", fn)
    return fn.__call__


def callable_label(fn: Any) -> str:
    """A name for errors: the function's, or that of the function a partial stands for."""
    while isinstance(fn, functools.partial):
        fn = typing.cast("functools.partial[Any]", fn).func
    return getattr(fn, "__name__", None) or type(fn).__name__


def resolve_hints(fn: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of `fn`, `Annotated` kept, `return` included.

    Raises:
        NameError: a name in a textual annotation is found nowhere.
    """
    target: Any = fn
    while isinstance(target, functools.partial):
        target = typing.cast("functools.partial[Any]", target).func
    if inspect.isclass(target):
        target = target.__init__
    elif not inspect.isroutine(target) and callable(target):
        target = target.__call__
    own = _hints_of(target)
    # A decorator may have given a signature of its own: what it says that the hints do not know.
    for name, parameter in _parameters(fn).items():
        if parameter.annotation is not EMPTY and not isinstance(parameter.annotation, str):
            own.setdefault(name, parameter.annotation)
    return own


def _parameters(fn: Callable[..., Any]) -> typing.Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return {}


def _hints_of(target: Any) -> dict[str, Any]:
    function = inspect.unwrap(target)
    function = getattr(function, "__func__", function)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except NameError:
        local_names = _surrounding_names(function)
    except TypeError:
        return {}  # a builtin has none
    return typing.get_type_hints(target, localns=local_names, include_extras=True)


def _surrounding_names(function: Any) -> dict[str, Any]:
    """Names visible where `function` was written, as far as they can still be found."""
    names: dict[str, Any] = {}
    module_names = getattr(function, "__globals__", None)
    frame: types.FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    outer: list[dict[str, Any]] = []
    while frame is not None:
        if frame.f_globals is module_names and frame.f_locals is not frame.f_globals:
            outer.append(frame.f_locals)
        frame = frame.f_back
    for found in reversed(outer):  # nearer frames win
        names.update(found)
    if inspect.isfunction(function):
        names.update(inspect.getclosurevars(function).nonlocals)
    return names

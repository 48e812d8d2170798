"""Old spellings of the protocol's fields can be read: `tool.inputSchema`, `result.isError`.

`mcp_types` names its fields as Python does (`input_schema`); the SDK before it named them as the
wire does, and programs read them so. Reading an old name gives the new one's value, with one
warning for each class and name. Assigning to it does not work.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, Final, cast

from pydantic import BaseModel

from fastmcp.exceptions import FastMCPDeprecationWarning
from fastmcp.settings import get_settings

__all__ = ["install"]

_warned: Final[set[tuple[type, str]]] = set()


@functools.cache
def _fields_by_alias(model: type[BaseModel]) -> dict[str, str]:
    return {
        field.alias: name
        for name, field in model.model_fields.items()
        if field.alias is not None and field.alias != name
    }


@functools.cache
def install(models: Any) -> None:
    """Let the models answer to old names, as long as FASTMCP_MCP_CAMELCASE_COMPAT is not false.

    Args:
        models: `mcp_types`; whoever loads it says so here.
    """
    lineage: list[Any] = list(models.Tool.__mro__)
    base = next(cls for cls in reversed(lineage) if cls.__module__.startswith("mcp_types"))
    given = cast("Any", getattr(base, "__getattr__", None))

    def read(self: BaseModel, name: str) -> Any:
        # Called for names only that the model does not have.
        model = type(self)
        field = _fields_by_alias(model).get(name)
        if field is None or not get_settings().mcp_camelcase_compat:
            return given(self, name)
        if (model, name) not in _warned:
            _warned.add((model, name))
            warnings.warn(
                f"{model.__name__}.{name} is an old spelling: write `.{field}`",
                FastMCPDeprecationWarning,
                stacklevel=2,
            )
        return getattr(self, field)

    setattr(base, "__getattr__", read)  # noqa: B010  (its type declares none)

"""Fields that hold the protocol's models, and load them only when there is one to hold.

A component has an icon or hints for clients now and then; a field that was declared with their
classes would have them loaded with the component's own.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from fastmcp.utilities import mcp_types

__all__ = ["Annotations", "Content", "Icons", "ToolAnnotations", "ToolExecution"]

if TYPE_CHECKING:
    Annotations: TypeAlias = mcp_types.Annotations | None
    Content: TypeAlias = mcp_types.ContentBlock
    Icons: TypeAlias = list[mcp_types.Icon] | None
    ToolAnnotations: TypeAlias = mcp_types.ToolAnnotations | None
    ToolExecution: TypeAlias = mcp_types.ToolExecution | None
else:

    @functools.cache
    def _adapter(name: str, many: bool) -> TypeAdapter[Any]:
        model = getattr(mcp_types, name)
        return TypeAdapter(list[model] if many else model)

    def _held(name: str, many: bool = False) -> Any:
        def check(value: Any) -> Any:
            if value is None:
                return None
            try:
                return _adapter(name, many).validate_python(value)
            except ValidationError as exc:
                first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
                where = ".".join(map(str, first["loc"]))
                raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None

        return Annotated[Any, BeforeValidator(check)]

    Annotations = _held("Annotations")
    Content = _held("ContentBlock")
    Icons = _held("Icon", many=True)
    ToolAnnotations = _held("ToolAnnotations")
    ToolExecution = _held("ToolExecution")

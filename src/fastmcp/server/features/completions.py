"""completion/complete (server/utilities/completion)."""

from __future__ import annotations

import inspect
from typing import Any, Final, cast

import mcp_types
from pydantic import TypeAdapter, ValidationError

from fastmcp.protocol.errors import invalid_params, method_not_found, unfit_params
from fastmcp.server.completions import CompletionAnswer, completion_values
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.features import prompts, resources
from fastmcp.utilities.threads import run_in_thread

__all__ = ["HANDLERS"]

_reference: Final[TypeAdapter[Any]] = TypeAdapter(
    mcp_types.PromptReference | mcp_types.ResourceTemplateReference
)


async def _complete(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    handler = engine.completion_handler
    if handler is None:
        raise method_not_found("completion/complete")
    try:
        reference = _reference.validate_python(params.get("ref"))
        argument = mcp_types.CompletionArgument.model_validate(params.get("argument"))
        completion_context = (
            mcp_types.CompletionContext.model_validate(params["context"])
            if params.get("context") is not None
            else None
        )
    except ValidationError as exc:
        raise unfit_params(exc) from None
    if not await _is_known(engine, context, reference):
        raise invalid_params(f"Unknown {_named(reference)}")
    if inspect.iscoroutinefunction(handler):
        answer = await handler(reference, argument, completion_context)
    else:
        answer = await run_in_thread(handler, reference, argument, completion_context)
        if inspect.isawaitable(answer):
            answer = await answer
    return {"completion": completion_values(cast("CompletionAnswer", answer))}


async def _is_known(engine: Engine, context: Context, reference: Any) -> bool:
    """Whether a reference names what this client sees: nothing is suggested for the rest."""
    if isinstance(reference, mcp_types.PromptReference):
        return await prompts.find(engine, context, reference.name) is not None
    uri = str(reference.uri)
    return (
        await resources.find_template(engine, context, uri) is not None
        or await resources.find(engine, context, uri) is not None
    )


def _named(reference: Any) -> str:
    if isinstance(reference, mcp_types.PromptReference):
        return f"prompt: {reference.name!r}"
    return f"resource template: {str(reference.uri)!r}"


HANDLERS: Final[dict[str, Handler]] = {"completion/complete": _complete}

"""completion/complete (server/utilities/completion)."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from fastmcp.protocol.errors import invalid_params, method_not_found, unfit_params
from fastmcp.server.checks import is_seen
from fastmcp.server.completions import CompletionAnswer, completion_values
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.features import prompts, resources
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.threads import run_in_thread

__all__ = ["HANDLERS", "complete"]


@functools.cache
def _reference() -> TypeAdapter[Any]:
    return TypeAdapter(mcp_types.PromptReference | mcp_types.ResourceTemplateReference)


async def _complete(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    if engine.completion_handler is None and engine.providers is None:
        raise method_not_found("completion/complete")
    await mcp_types.load()
    try:
        reference, _, _ = _parsed(params.get("ref"), params.get("argument"), params.get("context"))
    except ValidationError as exc:
        raise unfit_params(exc) from None
    result = await complete(
        engine, context, params["ref"], params["argument"], params.get("context")
    )
    if result is not None:
        return result
    if engine.completion_handler is None and await _is_known(engine, context, reference):
        raise method_not_found("completion/complete")
    raise invalid_params(f"Unknown {_named(reference)}")


async def complete(
    engine: Engine,
    context: Context,
    reference: dict[str, Any],
    argument: dict[str, Any],
    context_arguments: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """The result for a reference, of a provider or of the handler; None where it names nothing
    that this client sees, or nobody has anything to say of it.

    Args:
        reference: as the client sent it, and so are the others; checked.
    """
    given = _parsed(reference, argument, context_arguments)
    if not await _is_known(engine, context, given[0]):
        return None
    if engine.providers is not None:
        result = await engine.providers.complete(reference, argument, context_arguments)
        if result is not None:
            return result
    handler = engine.completion_handler
    if handler is None:
        return None
    if inspect.iscoroutinefunction(handler):
        answer = await handler(*given)
    else:
        answer = await run_in_thread(handler, *given)
        if inspect.isawaitable(answer):
            answer = await answer
    return {"completion": completion_values(cast("CompletionAnswer", answer))}


def _parsed(
    reference: object, argument: object, context_arguments: object
) -> tuple[Any, mcp_types.CompletionArgument, mcp_types.CompletionContext | None]:
    return (
        _reference().validate_python(reference),
        mcp_types.CompletionArgument.model_validate(argument),
        None
        if context_arguments is None
        else mcp_types.CompletionContext.model_validate(context_arguments),
    )


async def _is_known(engine: Engine, context: Context, reference: Any) -> bool:
    """Whether a reference names what this client sees: nothing is suggested for the rest."""
    found: FastMCPComponent | None
    if isinstance(reference, mcp_types.PromptReference):
        found = await prompts.find(engine, context, reference.name)
    else:
        uri = str(reference.uri)
        found = await resources.find_template(engine, context, uri)
        found = found or await resources.find(engine, context, uri)
    return found is not None and await is_seen(context, found, engine.middleware)


def _named(reference: Any) -> str:
    if isinstance(reference, mcp_types.PromptReference):
        return f"prompt: {reference.name!r}"
    return f"resource template: {str(reference.uri)!r}"


HANDLERS: Final[dict[str, Handler]] = {"completion/complete": _complete}

"""prompts/list and prompts/get (server/prompts)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from fastmcp.exceptions import (
    ArgumentError,
    FastMCPError,
    McpError,
    NotFoundError,
    PromptError,
    URLElicitationRequiredError,
)
from fastmcp.prompts.base import PromptResult
from fastmcp.protocol.errors import INTERNAL_ERROR, INVALID_PARAMS, invalid_params, unfit_params
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.features.families import PROMPTS
from fastmcp.server.wanted_version import meta_of, wanted_version
from fastmcp.utilities import mcp_types
from fastmcp.utilities.lazy import later

if TYPE_CHECKING:
    from fastmcp.server import elicitation
else:
    elicitation = later("fastmcp.server.elicitation")

__all__ = ["HANDLERS", "components", "find", "get"]

_logger: Final = logging.getLogger("fastmcp.server.prompts")


components = PROMPTS.components
find = PROMPTS.find


async def _get(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    name = params.get("name")
    given = params.get("arguments")
    arguments = as_object(given)
    if not isinstance(name, str):
        raise invalid_params("Invalid params: name must be a string")
    if given is not None and arguments is None:
        raise invalid_params("Invalid params: arguments must be an object")
    try:
        result = await get(engine, context, name, arguments, wanted_version(context.call.meta))
    except NotFoundError:
        raise invalid_params(f"Unknown prompt: {name!r}") from None
    except FastMCPError as exc:
        wrong = isinstance(exc.__cause__, ArgumentError)
        raise McpError(INVALID_PARAMS if wrong else INTERNAL_ERROR, str(exc)) from exc
    return result.to_wire()


async def get(
    engine: Engine,
    context: Context,
    name: str,
    arguments: dict[str, Any] | None = None,
    version: str | None = None,
    run_middleware: bool = True,
) -> PromptResult:
    """Render a prompt through the middleware.

    Raises:
        NotFoundError: no such prompt.
        PromptError: it could not be rendered.
    """
    if engine.middleware and run_middleware:
        try:
            message = mcp_types.GetPromptRequestParams(
                name=name, arguments=arguments, _meta=meta_of(version)
            )
        except ValidationError as exc:  # an argument that is no string
            raise unfit_params(exc) from None
        return await engine.through(context, "prompts/get", "on_get_prompt", message, _get_message)
    return await _run(engine, context, name, arguments, version)


async def _get_message(engine: Engine, context: Context, message: Any) -> PromptResult:
    return await _run(
        engine, context, message.name, message.arguments, wanted_version(message.meta)
    )


async def _run(
    engine: Engine,
    context: Context,
    name: str,
    arguments: dict[str, Any] | None,
    version: str | None,
) -> PromptResult:
    prompt = await find(engine, context, name, version)
    if prompt is None:
        raise NotFoundError(f"Unknown prompt: {name!r}")
    await mcp_types.load()
    try:
        found: Any = await prompt.render(arguments)  # an author's own class may return texts
        return prompt.convert_result(found)
    except URLElicitationRequiredError as exc:
        raise elicitation.url_required(exc, context.asker) from exc
    except McpError:
        raise
    except ArgumentError as exc:  # the client's own words: there is nothing to mask
        _logger.warning("Invalid arguments for prompt %r", name)
        raise PromptError(f"Error rendering prompt {name!r}: {exc}") from exc
    except FastMCPError as exc:
        _logger.log(exc.log_level, "Error rendering prompt %r", name)
        raise
    except Exception as exc:
        _logger.exception("Error rendering prompt %r", name)
        text = f"Error rendering prompt {name!r}"
        if not engine.mask_error_details:
            text = f"{text}: {exc}"
        raise PromptError(text) from exc


HANDLERS: Final[dict[str, Handler]] = {"prompts/list": PROMPTS.page, "prompts/get": _get}

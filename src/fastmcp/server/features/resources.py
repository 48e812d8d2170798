"""resources/list, resources/templates/list, resources/read and subscriptions
(server/resources)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from fastmcp.exceptions import (
    ArgumentError,
    FastMCPError,
    McpError,
    NotFoundError,
    ResourceError,
    ResourceSecurityError,
    URLElicitationRequiredError,
)
from fastmcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    RESOURCE_NOT_FOUND_2025,
    invalid_params,
)
from fastmcp.protocol.subscriptions import LONGEST_URI, MOST_URIS
from fastmcp.protocol.versions import Era
from fastmcp.resources.base import ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.checks import is_permitted, is_seen
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.features.families import RESOURCES, TEMPLATES
from fastmcp.server.providers.base import Version
from fastmcp.server.wanted_version import meta_of, wanted_version
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.lazy import later

if TYPE_CHECKING:
    from fastmcp.server import elicitation
else:
    elicitation = later("fastmcp.server.elicitation")

__all__ = [
    "HANDLERS",
    "components",
    "find",
    "find_template",
    "is_hidden",
    "read",
    "subscribe",
    "template_components",
    "unsubscribe",
]

_logger: Final = logging.getLogger("fastmcp.server.resources")


components = RESOURCES.components
template_components = TEMPLATES.components
find = RESOURCES.find


async def _match(
    engine: Engine, context: Context, uri: str, version: Version = None
) -> tuple[ResourceTemplate, dict[str, Any]] | None:
    """The template a client sees that a URI fits, and its parameters, in the same order."""
    found = await _known_match(engine, context, uri, version)
    return found if found is None or await is_permitted(context, found[0]) else None


async def _known_match(
    engine: Engine, context: Context, uri: str, version: Version = None
) -> tuple[ResourceTemplate, dict[str, Any]] | None:
    """The same, whoever may see it."""
    view = engine.view(context)
    found = view.match_template(uri, version)
    if found is None and engine.providers is not None:
        template = await engine.providers.get_resource_template(uri, version)
        params = template.matches(uri) if template is not None else None
        if template is not None and params is not None and view.templates.admits(template):
            found = template, params
    return found


async def is_hidden(engine: Engine, context: Context, uri: str) -> bool:
    """Whether something is there under a URI that is not for this client to see. What nothing is
    known of may be there tomorrow."""
    known: FastMCPComponent | None = await RESOURCES.known(engine, context, uri)
    if known is None:
        matched = await _known_match(engine, context, uri)
        known = None if matched is None else matched[0]
    return known is not None and not await is_seen(context, known, engine.middleware)


async def find_template(
    engine: Engine, context: Context, uri: str, version: Version = None
) -> ResourceTemplate | None:
    """The template a client sees that has this text, or that this URI fits."""
    exact = engine.view(context).templates.find(uri, version)
    if exact is not None:
        return exact if await is_permitted(context, exact) else None
    matched = await _match(engine, context, uri, version)
    return matched[0] if matched is not None else None


async def _read(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    uri = params.get("uri")
    if not isinstance(uri, str):
        raise invalid_params("Invalid params: uri must be a string")
    try:
        result = await read(engine, context, uri, wanted_version(context.call.meta))
    except (NotFoundError, ResourceSecurityError):
        # A refused parameter looks like a missing resource: a prober learns nothing.
        # 2026-07-28 server/resources: -32602; earlier revisions: -32002.
        code = INVALID_PARAMS if context.call.era is Era.STATELESS else RESOURCE_NOT_FOUND_2025
        raise McpError(code, f"Resource not found: {uri!r}", {"uri": uri}) from None
    except FastMCPError as exc:
        code = INVALID_PARAMS if isinstance(exc.__cause__, ArgumentError) else INTERNAL_ERROR
        raise McpError(code, str(exc), {"uri": uri}) from exc
    wire = result.to_wire(uri)
    if result.cache_members and context.call.era is Era.STATELESS:
        wire.update(result.cache_members)
    return wire


async def read(
    engine: Engine,
    context: Context,
    uri: str,
    version: str | None = None,
    run_middleware: bool = True,
) -> ResourceResult:
    """Read a resource through the middleware.

    Raises:
        NotFoundError: nothing has this URI and no template fits it.
        ResourceError: it could not be read.
    """
    if engine.middleware and run_middleware:
        message = mcp_types.ReadResourceRequestParams(uri=uri, _meta=meta_of(version))
        return await engine.through(
            context, "resources/read", "on_read_resource", message, _read_message
        )
    return await _run(engine, context, uri, version)


async def _read_message(engine: Engine, context: Context, message: Any) -> ResourceResult:
    return await _run(engine, context, str(message.uri), wanted_version(message.meta))


async def _run(engine: Engine, context: Context, uri: str, version: str | None) -> ResourceResult:
    try:
        resource = await find(engine, context, uri, version)
        if resource is not None:
            found: Any = await resource.read()  # an author's own class may return plain text
            return resource.convert_result(found)
        matched = await _match(engine, context, uri, version)
        if matched is not None:
            template, parameters = matched
            found = await template.read(uri, parameters)
            return template.convert_result(found)
    except URLElicitationRequiredError as exc:
        raise elicitation.url_required(exc, context.asker) from exc
    except (McpError, NotFoundError):
        raise
    except ArgumentError as exc:  # the client's own words: there is nothing to mask
        _logger.warning("Invalid parameters for resource %r", uri)
        raise ResourceError(f"Error reading resource {uri!r}: {exc}") from exc
    except FastMCPError as exc:
        _logger.log(exc.log_level, "Error reading resource %r", uri)
        raise
    except Exception as exc:
        _logger.exception("Error reading resource %r", uri)
        text = f"Error reading resource {uri!r}"
        if not engine.mask_error_details:
            text = f"{text}: {exc}"
        raise ResourceError(text) from exc
    raise NotFoundError(f"Unknown resource: {uri!r}")


async def _subscribe(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    uri = params.get("uri")
    if not isinstance(uri, str):
        raise invalid_params("Invalid params: uri must be a string")
    session = context.session
    if session is not None:
        if len(uri) > LONGEST_URI or len(session.subscriptions) >= MOST_URIS:
            raise invalid_params(
                f"Invalid params: a session subscribes to at most {MOST_URIS} resources, "
                f"with URIs of at most {LONGEST_URI} characters"
            )
        if await is_hidden(engine, context, uri):
            return {}  # as for one that is not there: nothing will be told of either
        await subscribe(engine, context, uri)  # first: whoever has it may refuse
        await session.subscribe(uri)
    return {}


async def _unsubscribe(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    uri = params.get("uri")
    if not isinstance(uri, str):
        raise invalid_params("Invalid params: uri must be a string")
    if context.session is not None:
        await context.session.unsubscribe(uri)
        await unsubscribe(engine, context, uri)
    return {}


async def subscribe(engine: Engine, context: Context, uri: str) -> bool:
    """Let whoever is behind this server tell when a resource of theirs is updated."""
    if engine.providers is None or engine.view(context).resources.find(uri) is not None:
        return False
    return await engine.providers.subscribe(uri)


async def unsubscribe(engine: Engine, context: Context, uri: str) -> None:
    """Let them tell no more."""
    if engine.providers is not None:
        await engine.providers.unsubscribe(uri)


HANDLERS: Final[dict[str, Handler]] = {
    "resources/list": RESOURCES.page,
    "resources/templates/list": TEMPLATES.page,
    "resources/read": _read,
    "resources/subscribe": _subscribe,
    "resources/unsubscribe": _unsubscribe,
}

"""Checks for all components of a server, beside those that each has for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from fastmcp.exceptions import NotFoundError
from fastmcp.server.checks import AuthCheck, AuthChecks, Guard, is_permitted
from fastmcp.server.context import Context
from fastmcp.server.middleware.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.wanted_version import wanted_version
from fastmcp.utilities.components import FastMCPComponent

__all__ = ["AuthMiddleware"]

C = TypeVar("C", bound=FastMCPComponent)


class AuthMiddleware(Guard, Middleware):
    """Shows and lets use what passes the checks; over stdio everything does.

    Args:
        auth: a check, or several that must all say yes; `require_scopes("api")`, for example.
    """

    def __init__(self, auth: AuthCheck | list[AuthCheck]) -> None:
        self.auth: AuthChecks = auth

    async def _passes(self, component: FastMCPComponent) -> bool:
        context = Context.current()
        return context is not None and await is_permitted(context, component, self.auth)

    async def _passing(self, components: Sequence[C]) -> list[C]:
        return [component for component in components if await self._passes(component)]

    async def on_list_tools(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._passing(await call_next(context))

    async def on_list_resources(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._passing(await call_next(context))

    async def on_list_resource_templates(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._passing(await call_next(context))

    async def on_list_prompts(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._passing(await call_next(context))

    async def _admit(self, what: str, name: str, found: FastMCPComponent | None) -> None:
        """Raises:
        NotFoundError: it is not there for this client.
        """
        if found is not None and not await self._passes(found):
            raise NotFoundError(f"Unknown {what}: {name!r}")

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        name, version = context.message.name, wanted_version(context.message.meta)
        await self._admit("tool", name, await _server(context).get_tool(name, version))
        return await call_next(context)

    async def on_read_resource(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        uri = str(context.message.uri)
        server, version = _server(context), wanted_version(context.message.meta)
        found = await server.get_resource(uri, version)
        found = found or await server.get_resource_template(uri, version)
        await self._admit("resource", uri, found)
        return await call_next(context)

    async def on_get_prompt(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        name, version = context.message.name, wanted_version(context.message.meta)
        await self._admit("prompt", name, await _server(context).get_prompt(name, version))
        return await call_next(context)


def _server(context: MiddlewareContext[Any]) -> Any:
    """The server that is asked."""
    assert context.fastmcp_context is not None  # there is one on the way of a call
    return context.fastmcp_context.fastmcp

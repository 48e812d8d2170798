"""Resources and templates made of functions, and `@resource`.

A URI with `{}` in it, or a function with parameters, makes a template; anything else a
resource. Synchronous functions run off the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import msgspec
import pydantic_core
from pydantic import Field, SkipValidation, model_validator

from fastmcp.exceptions import ArgumentError
from fastmcp.protocol.era2026 import CacheScope
from fastmcp.resources.base import DEFAULT_MIME_TYPE, Resource, ResourceResult
from fastmcp.resources.security import (
    DEFAULT_RESOURCE_SECURITY,
    INHERIT,
    InheritSecurity,
    ResourceSecurity,
)
from fastmcp.resources.template import ResourceTemplate, accepts_list, is_list_only
from fastmcp.utilities import mcp_types
from fastmcp.utilities.decorating import Decoration, attach, decorate_uri
from fastmcp.utilities.hints import EMPTY
from fastmcp.utilities.signatures import FunctionCall, component_name, read_function
from fastmcp.utilities.uri_template import UriTemplate, is_template

__all__ = [
    "FunctionResource",
    "FunctionResourceTemplate",
    "ResourceMeta",
    "resource",
    "resource_decoration",
]

F = TypeVar("F", bound=Callable[..., Any])

UI_MIME_TYPE = "text/html;profile=mcp-app"
"""What a resource under `ui://` is, unless its author says otherwise."""


class ResourceMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What `@resource(...)` says of a function, until it becomes a resource or a template."""

    uri: str
    name: str | None = None
    version: str | int | float | None = None
    title: str | None = None
    description: str | None = None
    icons: list[mcp_types.Icon] | None = None
    mime_type: str | None = None
    tags: set[str] | None = None
    annotations: mcp_types.Annotations | dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    auth: Any = None
    cache_ttl: float | None = None
    cache_scope: CacheScope | None = None
    security: ResourceSecurity | InheritSecurity | None = INHERIT


def _fields(fn: Any, function: FunctionCall, facts: ResourceMeta) -> dict[str, Any]:
    """The fields that resources and templates share."""
    annotations = facts.annotations
    if isinstance(annotations, dict):
        annotations = mcp_types.Annotations.model_validate(annotations)
    default = UI_MIME_TYPE if facts.uri.lower().startswith("ui://") else DEFAULT_MIME_TYPE
    described = facts.description is not None
    return {
        "name": component_name(fn, facts.name),
        "version": facts.version,
        "title": facts.title,
        "description": facts.description if described else function.doc.description,
        "icons": facts.icons,
        "mime_type": facts.mime_type or default,
        "tags": set(facts.tags or ()),
        "annotations": annotations,
        "meta": facts.meta,
        "auth": facts.auth,
        "cache_ttl": facts.cache_ttl,
        "cache_scope": facts.cache_scope,
        "fn": function.fn,
        "function": function,
    }


class FunctionResource(Resource):
    """A resource whose content a function makes at every read.

    Args:
        fn: the function; it has no parameters but injected ones.
        function: everything worked out about calling it.
    """

    fn: SkipValidation[Callable[..., Any]] = Field(exclude=True, repr=False)
    function: SkipValidation[FunctionCall] = Field(exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _read_fn(cls, given: Any) -> Any:
        """Let `FunctionResource(fn=..., uri=...)` do without the rest."""
        if not isinstance(given, dict) or "function" in given or "fn" not in given:
            return cast("Any", given)
        fields = cast("dict[str, Any]", given)
        return {**fields, "function": read_function(fields["fn"], noun="resources")}

    @classmethod
    def from_function(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        fn: Callable[..., Any],
        uri: str,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        mime_type: str | None = None,
        tags: set[str] | None = None,
        annotations: mcp_types.Annotations | dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        auth: Any = None,
        cache_ttl: float | None = None,
        cache_scope: CacheScope | None = None,
    ) -> Self:
        """A resource that calls `fn`.

        Args:
            fn: a function without parameters, injected ones excepted.
            uri: absolute, without `{}`.
            name: the function's by default.
            version: any; PEP 440 for a defined order.
            title: for people.
            description: the docstring's prose by default.
            icons: shown by clients.
            mime_type: text/plain by default, whatever is returned.
            tags: the author's groups.
            annotations: audience, priority.
            meta: listed as `_meta`.
            auth: checks that decide who may see and read it.
            cache_ttl: seconds that clients may cache what they read; the server's by default.
            cache_scope: who may share it, "private" or "public"; the server's by default.

        Raises:
            TypeError: `fn` cannot be called.
            ValueError: a lambda without a name, a URI without a scheme, or a function with
                parameters.
        """
        return cls.of(
            fn,
            ResourceMeta(
                uri=str(uri),
                name=name,
                version=version,
                title=title,
                description=description,
                icons=icons,
                mime_type=mime_type,
                tags=tags,
                annotations=annotations,
                meta=meta,
                auth=auth,
                cache_ttl=cache_ttl,
                cache_scope=cache_scope,
            ),
        )

    @classmethod
    def of(cls, fn: Callable[..., Any], facts: ResourceMeta) -> Self:
        """A resource that calls `fn`, with what `@resource` said of it."""
        component_name(fn, facts.name)
        function = read_function(fn, noun="resources")
        required = [n for n, p in function.parameters.items() if p.default is EMPTY]
        if required:
            raise ValueError(
                f"{function.label}() has the parameters {required}, so it can only serve a URI"
                f" template that has them, as in {facts.uri}/{{{required[0]}}}"
            )
        return cls(uri=facts.uri, **_fields(fn, function, facts))

    async def read(self) -> ResourceResult:
        return self.convert_result(await self.function.invoke({}))


class FunctionResourceTemplate(ResourceTemplate):
    """A template whose resources a function makes.

    Args:
        fn: the function; its parameters are the template's.
        function: everything worked out about calling it.
        list_params: query parameters that hold comma-separated lists.
    """

    fn: SkipValidation[Callable[..., Any]] = Field(exclude=True, repr=False)
    function: SkipValidation[FunctionCall] = Field(exclude=True, repr=False)
    list_params: frozenset[str] = Field(default=frozenset(), exclude=True, repr=False)

    @classmethod
    def from_function(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        fn: Callable[..., Any],
        uri_template: str,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        mime_type: str | None = None,
        tags: set[str] | None = None,
        annotations: mcp_types.Annotations | dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        auth: Any = None,
        cache_ttl: float | None = None,
        cache_scope: CacheScope | None = None,
        security: ResourceSecurity | InheritSecurity | None = INHERIT,
    ) -> Self:
        """A template that calls `fn`. Arguments as for a resource, and:

        Args:
            fn: a function that has the template's parameters; `**kwargs` takes any.
            uri_template: with at least one parameter; those in the query need defaults in `fn`.
            name: the function's by default.
            version: any; PEP 440 for a defined order.
            title: for people.
            description: the docstring's prose by default.
            icons: shown by clients.
            mime_type: text/plain by default, whatever is returned.
            tags: the author's groups.
            annotations: audience, priority.
            meta: listed as `_meta`.
            auth: checks that decide who may see and read it.
            cache_ttl: seconds that clients may cache what they read; the server's by default.
            cache_scope: who may share it, "private" or "public"; the server's by default.
            security: which values are refused; the server's policy by default, None for none.

        Raises:
            TypeError: `fn` cannot be called.
            ValueError: the template and the function do not fit; the text says how.
        """
        return cls.of(
            fn,
            ResourceMeta(
                uri=uri_template,
                name=name,
                version=version,
                title=title,
                description=description,
                icons=icons,
                mime_type=mime_type,
                tags=tags,
                annotations=annotations,
                meta=meta,
                auth=auth,
                cache_ttl=cache_ttl,
                cache_scope=cache_scope,
                security=security,
            ),
        )

    @classmethod
    def of(cls, fn: Callable[..., Any], facts: ResourceMeta) -> Self:
        """A template that calls `fn`, with what `@resource` said of it."""
        component_name(fn, facts.name)
        function = read_function(fn, noun="resource templates", var_keyword=True)
        template = UriTemplate(facts.uri)
        _check_fit(template, function)
        lists = {
            name
            for name in template.query
            if name not in template.exploded
            and name in function.parameters
            and is_list_only(function.parameters[name].annotation)
        }
        return cls(
            uri_template=facts.uri,
            parameters=function.schema,
            security=facts.security,
            list_params=frozenset(lists),
            **_fields(fn, function, facts),
        )

    def matches(self, uri: str) -> dict[str, Any] | None:
        return self.template.match(uri, self.list_params)

    async def read(
        self,
        uri: str,
        params: dict[str, Any],
        *,
        security: ResourceSecurity | None = DEFAULT_RESOURCE_SECURITY,
    ) -> ResourceResult:
        """Read the resource at `uri`.

        Args:
            uri: as the client gave it.
            params: from `matches`.
            security: the server's policy, used if the template has none of its own.

        Raises:
            ResourceSecurityError: a value is refused.
            ArgumentError: a value does not fit its annotation.
        """
        self.screen(params, security)
        try:
            kwargs = self.function.validate(params)
        except pydantic_core.ValidationError as error:
            raise ArgumentError(str(error)) from error
        return self.convert_result(await self.function.invoke(kwargs))


def _check_fit(template: UriTemplate, function: FunctionCall) -> None:
    """Refuse a function whose parameters are not the template's.

    Raises:
        ValueError: which ones do not fit.
    """
    if not template.parameters:
        raise ValueError("URI template must contain at least one parameter")
    named = {n: p for n, p in function.parameters.items() if p.kind is not p.VAR_KEYWORD}
    takes_any = len(named) < len(function.parameters)
    optional = {name for name, p in named.items() if p.default is not EMPTY}
    required = set(named) - optional
    path, query = set(template.path), set(template.query)
    if unfit := query - optional if not takes_any else query & required:
        raise ValueError(
            f"Query parameters {unfit} must be optional function parameters with default values"
        )
    for name in sorted(template.exploded & set(named)):
        if not accepts_list(named[name].annotation):
            raise ValueError(
                f"Query parameter '{name}' uses the RFC 6570 explode modifier, so its function"
                f" parameter must accept a list: use '{{?{name}}}' for a scalar value"
            )
    if not required <= path:
        raise ValueError(
            f"Required function arguments {required} must be a subset of the URI path parameters"
            f" {path}"
        )
    if not takes_any and not path | query <= set(named):
        raise ValueError(
            f"URI parameters {path | query} must be a subset of the function arguments:"
            f" {set(named)}"
        )


Resource.FUNCTION_RESOURCE = FunctionResource
ResourceTemplate.FUNCTION_TEMPLATE = FunctionResourceTemplate


def build(fn: Any, facts: ResourceMeta) -> Resource | ResourceTemplate:
    """A resource or a template, as the URI and the function's parameters say.

    Raises:
        TypeError: `fn` cannot be called.
        ValueError: as `from_function` of either.
    """
    if is_template(facts.uri):
        return FunctionResourceTemplate.of(fn, facts)
    function = read_function(fn, noun="resources", var_keyword=True)
    if function.parameters:
        return FunctionResourceTemplate.of(fn, facts)
    return FunctionResource.of(fn, facts)


resource_decoration: Decoration[Resource | ResourceTemplate, ResourceMeta] = Decoration(
    noun="resource", metadata=ResourceMeta, build=build
)
"""How functions become resources: shared by `@resource` and `@mcp.resource`."""


def resource(
    uri: str,
    *,
    name: str | None = None,
    version: str | int | float | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: list[mcp_types.Icon] | None = None,
    mime_type: str | None = None,
    tags: set[str] | None = None,
    annotations: mcp_types.Annotations | dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
    auth: Any = None,
    cache_ttl: float | None = None,
    cache_scope: CacheScope | None = None,
    security: ResourceSecurity | InheritSecurity | None = INHERIT,
) -> Callable[[F], F]:
    """Say that a function is to be a resource or a template; `add_resource` makes it one.

    The function itself is returned, with what was said in `fn.__fastmcp__`. Arguments as for
    `ResourceTemplate.from_function`.

    Raises:
        TypeError: used without a URI.
    """
    given: dict[str, Any] = {
        "name": name,
        "version": version,
        "title": title,
        "description": description,
        "icons": icons,
        "mime_type": mime_type,
        "tags": tags,
        "annotations": annotations,
        "meta": meta,
        "auth": auth,
        "cache_ttl": cache_ttl,
        "cache_scope": cache_scope,
        "security": security,
    }
    return cast("Callable[[F], F]", decorate_uri(resource_decoration, uri, given, attach))

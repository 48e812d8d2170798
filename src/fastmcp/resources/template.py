"""A template: one function for all the URIs of one form.

Path parameters are required, query parameters optional, and values are what the function's
annotations say (text becomes int, float, bool, a list ...). Before the function is called, the
values are screened by a `ResourceSecurity` policy.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import Field, field_validator

from fastmcp.exceptions import ResourceSecurityError
from fastmcp.protocol.era2026 import CacheScope
from fastmcp.resources.base import (
    DEFAULT_MIME_TYPE,
    ResourceResult,
    check_mime_type,
    check_uri,
    to_result,
)
from fastmcp.resources.security import (
    DEFAULT_RESOURCE_SECURITY,
    INHERIT,
    InheritSecurity,
    ResourceSecurity,
)
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import FastMCPComponent, dump_model
from fastmcp.utilities.hints import EMPTY
from fastmcp.utilities.model_fields import Annotations
from fastmcp.utilities.uri_template import UriTemplate

__all__ = ["ResourceTemplate", "accepts_list", "is_list_only"]


class ResourceTemplate(FastMCPComponent):
    """Resources whose URIs have one form.

    Args:
        uri_template: see `fastmcp.utilities.uri_template`.
        name: clients show it.
        mime_type: of the content.
        parameters: JSON Schema of the parameters.
        annotations: audience, priority.
        security: what values are refused: a policy, None for no checks, or the server's policy.
        cache_ttl: as for a `Resource`, and so is `cache_scope`.
    """

    KEY_PREFIX: ClassVar[str] = "template"
    # What `from_function` makes. It is a subclass, so its module sets this when imported.
    FUNCTION_TEMPLATE: ClassVar[type[ResourceTemplate]]

    name: str
    uri_template: str
    mime_type: str = DEFAULT_MIME_TYPE
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    annotations: Annotations = None
    security: ResourceSecurity | InheritSecurity | None = Field(
        default=INHERIT, exclude=True, repr=False
    )
    cache_ttl: float | None = Field(default=None, ge=0, allow_inf_nan=False, exclude=True)
    cache_scope: CacheScope | None = Field(default=None, exclude=True)

    @field_validator("uri_template")
    @classmethod
    def _template_form(cls, value: str) -> str:
        UriTemplate(value)
        return check_uri(value)

    @field_validator("mime_type")
    @classmethod
    def _mime_form(cls, value: str) -> str:
        return check_mime_type(value)

    @property
    def identifier(self) -> str:
        return self.uri_template

    @property
    def template(self) -> UriTemplate:
        """The template taken apart."""
        return self._derive("template", lambda: UriTemplate(self.uri_template))

    def matches(self, uri: str) -> dict[str, Any] | None:
        """The parameters' values in `uri`, decoded; None if it is not of this form."""
        return self.template.match(uri)

    def screen(
        self, params: dict[str, Any], default: ResourceSecurity | None = DEFAULT_RESOURCE_SECURITY
    ) -> None:
        """Refuse values that the template's policy does not allow.

        Args:
            params: from `matches`.
            default: the server's policy, for a template without one of its own.

        Raises:
            ResourceSecurityError: naming the parameter, not the value.
        """
        policy = default if isinstance(self.security, InheritSecurity) else self.security
        if policy is not None and (name := policy.validate(params)) is not None:
            raise ResourceSecurityError(
                f"Parameter '{name}' of {self.uri_template!r} is not allowed: path traversal,"
                " absolute paths and null bytes are refused"
            )

    async def read(self, uri: str, params: dict[str, Any]) -> ResourceResult:
        """Read the resource at `uri`.

        Args:
            uri: as the client gave it.
            params: from `matches`, already screened.
        """
        raise NotImplementedError(f"{type(self).__name__} must override read()")

    def convert_result(self, value: Any) -> ResourceResult:
        """Whatever `read` found, as a result with this template's MIME type."""
        result = to_result(value, self.mime_type, self.meta)
        return result.cached(self.cache_ttl, self.cache_scope)

    def _make_wire(self) -> dict[str, Any]:
        entry = self._wire_base()
        entry["uriTemplate"] = self.uri_template
        entry["mimeType"] = self.mime_type
        if self.annotations is not None:
            entry["annotations"] = dump_model(self.annotations)
        return entry

    def to_mcp_template(self, **overrides: Any) -> mcp_types.ResourceTemplate:
        """The protocol's model; `overrides` are its fields by their Python names."""
        model = mcp_types.ResourceTemplate.model_validate(self.to_wire())
        return model.model_copy(update=overrides) if overrides else model

    @staticmethod
    def from_function(
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
    ) -> ResourceTemplate:
        """A template that calls `fn`; see `FunctionResourceTemplate.from_function`."""
        return ResourceTemplate.FUNCTION_TEMPLATE.from_function(
            fn,
            uri_template,
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
        )


def is_list_only(hint: Any) -> bool:
    """Whether a parameter with this annotation takes nothing but lists (and None)."""
    return all(_is_list(member) for member in _members(hint)) and bool(_members(hint))


def accepts_list(hint: Any) -> bool:
    """Whether a parameter with this annotation may be given a list of texts."""
    if hint is EMPTY or hint is Any or hint is object:
        return True
    return any(_is_list(member) or member is Any for member in _members(hint))


def _members(hint: Any) -> list[Any]:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    origin = get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return [inner for arg in get_args(hint) if arg is not type(None) for inner in _members(arg)]
    return [hint]


def _is_list(hint: Any) -> bool:
    return (get_origin(hint) or hint) in {list, set, frozenset, tuple}

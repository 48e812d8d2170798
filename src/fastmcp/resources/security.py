"""What a client may not put into a template's parameters.

Template parameters often end up in file paths. A value that climbs out (`..`), that starts
somewhere else (`/etc`, `C:`), or that cuts a path short (a null byte) is refused before the
author's function sees it, whatever way it was encoded in the URI.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "DEFAULT_RESOURCE_SECURITY",
    "INHERIT",
    "INHERIT_SECURITY",
    "InheritSecurity",
    "ResourceSecurity",
]

_DRIVE = re.compile(r"[A-Za-z]:")


class InheritSecurity:
    """The type of `INHERIT`."""

    def __repr__(self) -> str:
        return "INHERIT"

    def __copy__(self) -> InheritSecurity:
        return self

    def __deepcopy__(self, memo: Any) -> InheritSecurity:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


INHERIT: Final = InheritSecurity()
"""The template has no policy of its own: the server's applies. (None is a policy: no checks.)"""
INHERIT_SECURITY: Final = INHERIT
"""FastMCP's name for it."""


@dataclass(frozen=True)
class ResourceSecurity:
    """Which values of template parameters are refused.

    Args:
        reject_path_traversal: `..` as a whole path segment. `v1..v2` is none.
        reject_absolute_paths: a leading `/` or `\\`, or a drive letter.
        reject_null_bytes: a null byte anywhere.
        exempt_params: parameters that are not looked at, as in the template or in the function.
    """

    reject_path_traversal: bool = True
    reject_absolute_paths: bool = True
    reject_null_bytes: bool = True
    exempt_params: AbstractSet[str] = field(default_factory=frozenset[str])

    def validate(self, params: Mapping[str, object]) -> str | None:
        """The first parameter whose value is refused; None if all pass.

        Args:
            params: decoded values by parameter name; lists are looked into.
        """
        exempt = {name.replace("-", "_") for name in self.exempt_params}
        for name, value in params.items():
            if name not in exempt and any(map(self._refuses, _texts(value))):
                return name
        return None

    def _refuses(self, text: str) -> bool:
        if self.reject_null_bytes and "\0" in text:
            return True
        if self.reject_path_traversal and ".." in re.split(r"[/\\]", text):
            return True
        return self.reject_absolute_paths and (
            text.startswith(("/", "\\")) or _DRIVE.match(text) is not None
        )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        yield from (item for item in cast("list[Any]", value) if isinstance(item, str))


DEFAULT_RESOURCE_SECURITY: Final = ResourceSecurity()
"""Everything is refused that can be."""

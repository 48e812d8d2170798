"""Which version of a component a request wants: `_meta.fastmcp.version`, FastMCP's own extension.

Middleware gets it in the message's `meta`, and may change it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmcp.protocol.jsonrpc import as_object

__all__ = ["meta_of", "wanted_version"]


def wanted_version(meta: Mapping[str, Any] | None) -> str | None:
    """The version that a request's `_meta` names, or None for the highest."""
    extra = as_object(meta.get("fastmcp")) if meta else None
    version = extra.get("version") if extra is not None else None
    return version if isinstance(version, str) else None


def meta_of(version: str | None) -> Any:
    """The `_meta` that names a version. (Any: its model knows the protocol's own keys alone.)"""
    return None if version is None else {"fastmcp": {"version": version}}

"""The components that were added to a server itself, as `FastMCP.local_provider` shows them.

Adding is what `FastMCP` does; here is what it has no methods for.
"""

from __future__ import annotations

from fastmcp.server.registry import Registry

__all__ = ["LocalProvider"]


class LocalProvider:
    """A server's own components.

    Args:
        registry: where they are.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def remove_tool(self, name: str, version: str | None = None) -> None:
        """Remove a tool, or one version of it.

        Raises:
            KeyError: there is none; so with the other three.
        """
        self._registry.remove("tool", name, version)

    def remove_resource(self, uri: str, version: str | None = None) -> None:
        """Remove a resource, or one version of it."""
        self._registry.remove("resource", str(uri), version)

    def remove_template(self, uri_template: str, version: str | None = None) -> None:
        """Remove a resource template, or one version of it."""
        self._registry.remove("template", uri_template, version)

    def remove_prompt(self, name: str, version: str | None = None) -> None:
        """Remove a prompt, or one version of it."""
        self._registry.remove("prompt", name, version)

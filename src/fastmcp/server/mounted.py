"""The context of a server that another server asks in the middle of a call."""

from __future__ import annotations

from typing import Any, Final

from fastmcp.server.context import Context, Server
from fastmcp.server.registry import SessionVisibility

__all__ = ["MountedContext"]


class MountedContext(Context):
    """The call as a mounted server sees it.

    The lifespan, the state and the bus are the mounted server's; the client, and all that is agreed
    with it during the call, is that of the outer context. What a session sees is decided there too:
    its rules name components as they are named there.

    Args:
        fastmcp: the mounted server.
        outer: the context of the server that asks it.
    """

    __slots__ = ("outer",)

    def __init__(self, fastmcp: Server, outer: Context) -> None:
        self.outer = outer
        self._server = fastmcp
        self._tokens = None

    @property
    def visibility(self) -> SessionVisibility | None:
        return None


def _of_outer(name: str) -> property:
    """An attribute or method of the outer context, which a mounted one shares."""

    def get(self: MountedContext) -> Any:
        return getattr(self.outer, name)

    def set(self: MountedContext, value: Any) -> None:
        setattr(self.outer, name, value)

    return property(get, set)


_ITS_OWN: Final = ("_server", "_tokens", "_visibility")

for _name in (*Context.__slots__, "_change_visibility", "reset_visibility"):
    if _name not in _ITS_OWN:
        setattr(MountedContext, _name, _of_outer(_name))

"""What users write into the chain of calls: five that look and pass on."""

from __future__ import annotations

from typing import Any

from fastmcp.server.middleware import Middleware


class Message(Middleware):
    """Looks at every message."""

    async def on_message(self, context: Any, call_next: Any) -> Any:
        """Looks at the method."""
        assert context.method
        return await call_next(context)


class Call(Middleware):
    """Looks at every call of a tool."""

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        """Looks at the name."""
        assert context.message.name
        return await call_next(context)


def five() -> list[Middleware]:
    """Two of messages and three of calls, from the outermost on."""
    return [Message(), Message(), Call(), Call(), Call()]

"""Middleware: shipped ones, and one of our own. The first is the outermost.

fastmcp run examples/middleware.py --transport http
"""

from typing import Any

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.middleware.rate_limiting import RateLimitingMiddleware
from fastmcp.server.middleware.timing import TimingMiddleware


class NoDeletes(Middleware):
    """Refuses tools whose name says that they delete."""

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """Runs around every tools/call; the parameter must be named call_next."""
        if context.message.name.startswith("delete_"):
            raise ToolError(f"{context.message.name} is switched off on this server.")
        return await call_next(context)


mcp = FastMCP(
    "Middleware",
    middleware=[
        TimingMiddleware(),
        RateLimitingMiddleware(max_requests_per_second=50),
        NoDeletes(),
    ],
)


@mcp.tool
def read_file(name: str) -> str:
    """Pretend to read."""
    return f"contents of {name}"


@mcp.tool
def delete_file(name: str) -> str:
    """Never runs: the middleware refuses."""
    return f"deleted {name}"


if __name__ == "__main__":
    mcp.run(transport="http")

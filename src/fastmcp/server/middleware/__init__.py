"""Middleware: code around every message, or around the messages of one method.

The shipped ones live in the modules beside this one: `timing`, `logging`, `error_handling`,
`rate_limiting`.
"""

from fastmcp.server.middleware.middleware import CallNext, Middleware, MiddlewareContext

__all__ = ["CallNext", "Middleware", "MiddlewareContext"]

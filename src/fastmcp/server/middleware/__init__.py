"""Middleware: code around every message, or around the messages of one method.

The shipped ones live in the modules beside this one: `timing`, `logging`, `error_handling`,
`rate_limiting`, `authorization`.
"""

from fastmcp.server.middleware.authorization import AuthMiddleware
from fastmcp.server.middleware.middleware import CallNext, Middleware, MiddlewareContext

__all__ = ["AuthMiddleware", "CallNext", "Middleware", "MiddlewareContext"]

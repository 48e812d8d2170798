"""Error codes of the protocol, and the HTTP status each has in the stateless era.

One table, so that no handler and no transport invents a status of its own. In the handshake
era a JSON-RPC error of a request that reached its session travels with status 200.
Sources: JSON-RPC 2.0 section 5.1; specification 2026-07-28, basic/index, "Error Codes", and
basic/transports/streamable-http, "Server Validation".
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import ValidationError

from fastmcp.exceptions import McpError
from fastmcp.protocol.versions import STATELESS_VERSIONS

__all__ = [
    "HEADER_MISMATCH",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "MISSING_CLIENT_CAPABILITY",
    "PARSE_ERROR",
    "RESOURCE_NOT_FOUND_2025",
    "UNSUPPORTED_VERSION",
    "capability_names",
    "error_object",
    "header_mismatch",
    "http_status",
    "internal_error",
    "invalid_params",
    "is_modern_error",
    "method_not_found",
    "missing_capability",
    "unfit_params",
    "unsupported_version",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020
MISSING_CLIENT_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022
RESOURCE_NOT_FOUND_2025: Final = -32002
"""A missing resource, in the handshake era; the stateless era says -32602 (server/resources)."""

_HTTP_STATUS: Final[dict[int, int]] = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    METHOD_NOT_FOUND: 404,
    HEADER_MISMATCH: 400,
    MISSING_CLIENT_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
}


def http_status(code: int) -> int:
    """The HTTP status a JSON-RPC error has in the stateless era; 200 where none is named."""
    return _HTTP_STATUS.get(code, 200)


def is_modern_error(code: object) -> bool:
    """Whether a code proves that the peer speaks the stateless era (basic/versioning)."""
    return code in (HEADER_MISMATCH, MISSING_CLIENT_CAPABILITY, UNSUPPORTED_VERSION)


def error_object(error: McpError) -> dict[str, Any]:
    """The `error` member of a JSON-RPC response."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return body


def method_not_found(method: str) -> McpError:
    return McpError(METHOD_NOT_FOUND, f"Method not found: {method}", method)


def invalid_params(message: str, data: Any = None) -> McpError:
    return McpError(INVALID_PARAMS, message, data)


def unfit_params(error: ValidationError) -> McpError:
    """What a model says of params that do not fit it, in one line."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in found]
    return invalid_params(f"Invalid params: {'; '.join(said)}")


def internal_error() -> McpError:
    """What a client is told of a fault of the server's own."""
    return McpError(INTERNAL_ERROR, "Internal error: the server's log says more")


def header_mismatch(message: str) -> McpError:
    return McpError(HEADER_MISMATCH, f"Header mismatch: {message}")


def unsupported_version(requested: str) -> McpError:
    return McpError(
        UNSUPPORTED_VERSION,
        "Unsupported protocol version",
        {"supported": list(STATELESS_VERSIONS), "requested": requested},
    )


def capability_names(capabilities: dict[str, Any]) -> str:
    """A part of `ClientCapabilities` in words: `elicitation.url, sampling`."""
    return ", ".join(
        f"{name}.{part}" if part else name
        for name in sorted(capabilities)
        for part in sorted(capabilities[name]) or [""]
    )


def missing_capability(required: dict[str, Any]) -> McpError:
    """The client did not declare what this request needs (basic/index, "_meta").

    Args:
        required: the missing part of `ClientCapabilities`, such as `{"sampling": {}}`.
    """
    names = capability_names(required)
    return McpError(
        MISSING_CLIENT_CAPABILITY,
        f"Server requires the {names} capability for this request; the client did not declare it",
        {"requiredCapabilities": required},
    )

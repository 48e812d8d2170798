"""Every public error. Its type says whose fault it is; one place turns it into the wire.

`ToolError`, `ResourceError` and `PromptError` are what an author raises to speak to the
client on purpose: their text is never masked. `McpError` is a JSON-RPC error, sent or
received. Everything else an author's code raises is the server's own fault.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

__all__ = [
    "ArgumentError",
    "AuthorizationError",
    "ClientError",
    "DisabledError",
    "FastMCPDeprecationWarning",
    "FastMCPError",
    "InsufficientScopeError",
    "InvalidSignature",
    "MCPError",
    "McpError",
    "NotFoundError",
    "PromptError",
    "ResourceError",
    "ResourceSecurityError",
    "ToolError",
    "URLElicitationRequiredError",
    "UpstreamError",
    "ValidationError",
    "to_mcp_error",
]


class FastMCPDeprecationWarning(DeprecationWarning):
    """A spelling that still works and will not for ever; the text says what to write."""


class FastMCPError(Exception):
    """Base of the errors an author raises on purpose.

    Args:
        log_level: the level at which the server logs it when it ends a call.
    """

    def __init__(self, *args: object, log_level: int = logging.ERROR) -> None:
        super().__init__(*args)
        self.log_level = log_level


class ToolError(FastMCPError):
    """A tool says no. The text reaches the client as it is, never masked."""


class ResourceError(FastMCPError):
    """A resource could not be read. The text reaches the client, never masked."""


class PromptError(FastMCPError):
    """A prompt could not be rendered. The text reaches the client, never masked."""


class UpstreamError(FastMCPError):
    """The server behind this one cannot be reached, or went away before it answered. The text
    names it, and reaches the client.

    Args:
        message: what happened.
        passing: it may be otherwise in a moment: the server is away, and did not refuse.
    """

    def __init__(self, message: str, *, passing: bool = True) -> None:
        super().__init__(message, log_level=logging.WARNING)
        self.passing = passing


class ValidationError(FastMCPError):
    """Arguments do not fit the declared parameters."""


class AuthorizationError(FastMCPError):
    """The principal may not do this."""


class InsufficientScopeError(AuthorizationError):
    """The token lacks a scope that this component requires."""


class ResourceSecurityError(ResourceError):
    """A template parameter was refused: path traversal, absolute path or null byte."""


class NotFoundError(Exception):
    """No such component."""


class DisabledError(Exception):
    """The component exists and is disabled."""


class ArgumentError(ValueError):
    """What the client filled in does not fit; it is told so with the code of invalid params."""


class InvalidSignature(Exception):
    """The function cannot become a component."""


class ClientError(Exception):
    """The client was used in a way it cannot serve."""


class _ErrorFields:
    """What a JSON-RPC error object holds: code, message, data."""

    __slots__ = ("code", "data", "message")

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        self.code = code
        self.message = message
        self.data = data

    def __repr__(self) -> str:
        return f"ErrorData(code={self.code}, message={self.message!r}, data={self.data!r})"


class MCPError(Exception):
    """A JSON-RPC error object, sent by us or received from the peer.

    Both spellings users have are taken: `McpError(code=..., message=..., data=...)` and
    `McpError(ErrorData(...))`. Read it through `.error.code`, `.error.message`, `.error.data`.

    Args:
        code: the JSON-RPC error code, or an object with `code`, `message` and `data`.
        message: one sentence: what happened, whose fault, what to do.
        data: anything JSON can carry.
    """

    def __init__(self, code: Any, message: str | None = None, data: Any = None) -> None:
        if message is None:
            code, message, data = code.code, code.message, getattr(code, "data", None)
        self.error = _ErrorFields(int(code), str(message), data)
        super().__init__(self.error.message)

    @property
    def code(self) -> int:
        return self.error.code

    @property
    def message(self) -> str:
        return self.error.message

    @property
    def data(self) -> Any:
        return self.error.data


McpError = MCPError

_INVALID_PARAMS = -32602
_INTERNAL_ERROR = -32603


class URLElicitationRequiredError(MCPError):
    """A request cannot be served until the user has been to a page (2025-11-25,
    client/elicitation, "URL Elicitation Required Error").

    Raised in a tool, prompt or resource. Clients that do not know this error, or open no pages,
    are told the pages in a text.

    Args:
        elicitations: the pages: `mcp_types.ElicitRequestURLParams`, or dicts with `message`, `url`
            and `elicitationId`, which is made up where it is missing.
        message: one sentence: what the user has to do.

    Raises:
        ValueError: no pages, or one without message or URL.
    """

    CODE: Final = -32042

    def __init__(self, elicitations: Sequence[Any], message: str | None = None) -> None:
        if not elicitations:
            raise ValueError("Say which page the user has to open: elicitations is empty")
        pages = [_page(elicitation) for elicitation in elicitations]
        text = message or "This request needs the user to open a page first"
        super().__init__(self.CODE, text, {"elicitations": pages})

    @property
    def elicitations(self) -> list[dict[str, Any]]:
        """The pages, each with `mode`, `message`, `url` and `elicitationId`."""
        return self.error.data["elicitations"]


def _page(elicitation: Any) -> dict[str, Any]:
    if isinstance(elicitation, Mapping):
        given = cast("Mapping[str, Any]", elicitation)
    else:
        given = cast("Mapping[str, Any]", elicitation.model_dump(mode="json", by_alias=True))
    page = {"mode": "url", "message": given.get("message"), "url": given.get("url")}
    if not all(isinstance(value, str) for value in page.values()):
        raise ValueError(f"An elicitation by URL has a message and a url, which {given!r} lacks")
    id = given.get("elicitationId") or given.get("elicitation_id")
    return {**page, "elicitationId": str(id or uuid.uuid4().hex)}


def to_mcp_error(exc: Exception, *, default_code: int = _INTERNAL_ERROR) -> MCPError:
    """An exception as the JSON-RPC error that says the same.

    Args:
        exc: any exception; an `MCPError` is returned as it is.
        default_code: for exceptions that say nothing about the request.
    """
    if isinstance(exc, MCPError):
        return exc
    wrong = isinstance(exc, NotFoundError | DisabledError | ValidationError)
    return MCPError(_INVALID_PARAMS if wrong else default_code, str(exc))

"""What can go wrong between the client and its server, told apart by type.

All are `McpError`, so that code which catches that keeps working; the types say whether the
server refused, fell silent, or went away. Where a request had no answer, `reached` says whether
the server may have acted on it: what certainly did not reach it may be sent again, anything else
only if doing it twice does no harm.
"""

from __future__ import annotations

from typing import Any, Final, cast

from fastmcp.exceptions import McpError, URLElicitationRequiredError
from fastmcp.protocol.errors import INTERNAL_ERROR, INVALID_REQUEST
from fastmcp.utilities import mcp_types

__all__ = [
    "CONNECTION_CLOSED",
    "REQUEST_TIMEOUT",
    "AuthorizationFailedError",
    "ConnectFailedError",
    "ConnectionClosedError",
    "HttpStatusError",
    "InvalidResultError",
    "NotLetInYetError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "SessionLostError",
    "of_server",
    "refuses",
    "why_of",
]

CONNECTION_CLOSED: Final = -32000
"""The code implementations use for a connection that ended under a request; never on the wire."""
REQUEST_TIMEOUT: Final = -32001


class ConnectFailedError(RuntimeError):
    """Entering a client failed; what stood in the way is its cause, and in its text.

    Args:
        why: what stood in the way, in words; None where there only was no answer in time.
        in_time: False where the time for opening a session ran out.
    """

    def __init__(self, why: str | None, *, in_time: bool = True) -> None:
        text = "Client failed to connect" if in_time else "Failed to initialize server session"
        super().__init__(text if why is None else f"{text}: {why}")
        self.why = why


class ConnectionClosedError(McpError):
    """The server went away before it answered, or was not there.

    Args:
        message: what happened.
        data: more of it.
        reached: whether the server may have acted on the request; False where it certainly did
            not, because no connection came about.
    """

    retry_after: float | None = None

    def __init__(self, message: str, data: Any = None, *, reached: bool = True) -> None:
        super().__init__(CONNECTION_CLOSED, f"Connection closed: {message}", data)
        self.why = message
        self.reached = reached

    @property
    def passing(self) -> bool:
        """Whether it may be different in a moment."""
        return True


class RequestTimeoutError(McpError):
    """No answer within the time-out; the server was told that nobody waits any more.

    Args:
        method: of the request.
        seconds: that were waited.
    """

    def __init__(self, method: str, seconds: float) -> None:
        super().__init__(
            REQUEST_TIMEOUT,
            f"Request {method!r} timed out: no answer within {seconds:g} seconds. Give timeout= "
            "(of the call or of the Client) a larger value if the server needs longer.",
        )
        self.seconds = seconds


class HttpStatusError(McpError):
    """An HTTP status instead of an MCP message.

    Args:
        status: the HTTP status code.
        message: what was asked, and what the server says.
        code: of the JSON-RPC error in the body, where there is one.
        data: of the same.
        retry_after: the seconds after which the server wants to be asked again; None if it did
            not say.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: int = INTERNAL_ERROR,
        data: Any = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, data)
        self.status = status
        self.retry_after = retry_after
        # 429 (RFC 6585, 4) and 503 (RFC 9110, 15.6.4) refuse a request unread. A gateway's 502
        # may mean either, unless it asks for the request again.
        self.reached = status not in (429, 503) and not (status == 502 and retry_after is not None)

    @property
    def passing(self) -> bool:
        """Whether it may be different in a moment."""
        return self.status in (429, 502, 503, 504)


class AuthorizationFailedError(HttpStatusError):
    """The server wants authorization, and none came about; the text says where it stopped.

    Args:
        message: what happened, whose fault it is, and what to do. Never a secret.
        status: of the server's answer.
        error: the code of OAuth (RFC 6749, 4.1.2.1 and 5.2), where an authorization server gave
            one, such as "access_denied".
    """

    def __init__(self, message: str, status: int = 401, *, error: str | None = None) -> None:
        super().__init__(status, message)
        self.reached = False  # such a request is refused unread
        self.oauth_error = error


class NotLetInYetError(HttpStatusError):
    """The server refuses, for want of authorization, what nobody waits for: no person is asked for
    its sake, and it may be asked for again when one has been asked for a call's.

    Args:
        message: of the answer.
    """

    def __init__(self, message: str) -> None:
        super().__init__(401, message)


class SessionLostError(HttpStatusError):
    """The server does not know the session any more.

    A call that was refused so never reached it: the engine opens a new session and sends the call
    again (2025-11-25, basic/transports, "Session Management", point 4). Where the call had been
    accepted, and the session was lost while its answer was waited for, that is done only if the
    call may safely be made twice; otherwise users see this error.

    Args:
        status, message: of the answer.
        reached: whether the call had been accepted.
    """

    def __init__(self, status: int, message: str, *, reached: bool = False) -> None:
        super().__init__(status, message)
        self.reached = reached


class InvalidResultError(McpError, RuntimeError):
    """A tool's result does not fit the tool's own output schema: the tool ran, and it is the
    server that breaks its word.

    Args:
        tool: its name.
        complaint: what does not fit, a line each.
        result: as it came.
    """

    def __init__(self, tool: str, complaint: str, result: mcp_types.CallToolResult) -> None:
        super().__init__(
            INVALID_REQUEST,
            f"Invalid structured content returned by tool {tool!r}, by its own output schema:\n"
            f"{complaint}\nThe tool has run. call_tool_mcp() returns such results as they come.",
        )
        self.result = result


class ResponseTooLargeError(McpError):
    """The server's message is larger than the transport admits."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            INTERNAL_ERROR,
            f"The server's response is larger than the {limit} bytes this transport accepts; "
            "set max_message_bytes on the transport if that is intended.",
        )


def refuses(status: int) -> bool:
    """Whether an HTTP status would be the same again: all are but the server's errors (RFC 9110,
    15.6) and those of the client's that are a matter of time."""
    return status < 500 and status not in (408, 409, 425, 429)


def why_of(error: Exception) -> str:
    """What went wrong, for a sentence that says already of what it speaks."""
    known = isinstance(error, ConnectFailedError | ConnectionClosedError)
    return (error.why if known else None) or str(error)


def of_server(error: McpError) -> McpError:
    """The server's error, in the type that says what to do about it, where there is one."""
    data: object = error.data
    if error.code != URLElicitationRequiredError.CODE or not isinstance(data, dict):
        return error
    pages: object = cast("dict[str, Any]", data).get("elicitations")
    try:
        return URLElicitationRequiredError(cast("list[Any]", pages), error.message)
    except (ValueError, TypeError, AttributeError):  # no pages, or none that anyone can open
        return error

"""What a handler learns about the request it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastmcp.protocol.jsonrpc import RequestId

__all__ = ["RequestContext"]


@dataclass(slots=True)
class RequestContext:
    """The third (or fourth) argument of sampling, elicitation and roots handlers.

    Attributes:
        session: the client's session, through which the handler may call the server.
        request_id: of the server's request; None where it travelled inside a result
            (2026-07-28, basic/patterns/mrtr), which gives it no id.
        meta: `_meta` of the server's request.
        lifespan_context: always None; servers have one, clients do not.
    """

    session: Any
    request_id: RequestId | None = None
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    lifespan_context: Any = None

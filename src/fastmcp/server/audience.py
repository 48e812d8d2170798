"""Whose client a call is: what calls of one client have in common, and no other's.

A session of the handshake era says it itself. A pipe has one client. Over HTTP in the stateless
era there is the principal; where nobody was authenticated, the credentials that the request
brings along for somebody else tell people apart; without any, a client is anyone.
"""

from __future__ import annotations

import hashlib
from typing import Final

from fastmcp.server.access import owner_of
from fastmcp.server.context import Context

__all__ = ["ANYONE", "audience_of"]

ANYONE: Final = ""
"""Nobody in particular: two calls may be two clients'."""


def audience_of(context: Context) -> str:
    """The name of the client of a call; `ANYONE` where it cannot be told from others."""
    exchange = context.exchange
    if exchange.session is not None:
        return exchange.session.audience
    if exchange.connection:
        return f"pipe:{exchange.connection}"
    scope = exchange.scope
    if scope is None:
        return ANYONE
    owner = owner_of(scope)
    if owner:
        return f"owner:{owner}"
    # All of them: what goes on to the server behind is all of them as well.
    tokens = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
    if tokens:
        return f"token:{hashlib.sha256(b', '.join(tokens)).hexdigest()[:32]}"
    return ANYONE

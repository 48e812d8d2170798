"""Whose a request is: the principal that something in front of the endpoint has authenticated.

Authentication is not done here. Whatever does it puts a user into the ASGI scope, as Starlette's
`AuthenticationMiddleware` does; a session that began as one user's is nobody else's
(2025-11-25, basic/security_best_practices, "Session Hijacking").
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

__all__ = ["owner_of"]


def owner_of(scope: Mapping[str, Any]) -> str:
    """A hash of the principal that a session belongs to; "" where nobody was authenticated."""
    user = scope.get("user")
    if user is None or not getattr(user, "is_authenticated", False):
        return ""
    try:
        name = user.identity
    except (AttributeError, NotImplementedError):  # Starlette's SimpleUser has only a name
        name = user.display_name
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]

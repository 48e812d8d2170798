"""Who may see and use a component: checks that its author gives it.

A component with checks exists for those who pass them all; for anybody else it is in no list, and
unknown when it is called. Over stdio whoever started the server may use all of it (2025-11-25,
basic/authorization: such a transport has its credentials from the environment).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from fastmcp.server.access import AccessToken, token_of
from fastmcp.server.context import Context
from fastmcp.utilities.components import FastMCPComponent

__all__ = [
    "AuthCheck",
    "AuthChecks",
    "AuthContext",
    "Guard",
    "is_permitted",
    "is_seen",
    "require_roles",
    "require_scopes",
    "restrict_tag",
    "run_auth_checks",
]

_logger: Final = logging.getLogger("fastmcp.server.auth")


@dataclass(frozen=True)
class AuthContext:
    """What a check decides about.

    Attributes:
        token: the caller's; None where nobody was authenticated.
        component: that it wants to see or use.
    """

    token: AccessToken | None
    component: FastMCPComponent

    @property
    def tool(self) -> Any:
        """The component, where it is a tool."""
        return self.component if self.component.KEY_PREFIX == "tool" else None


AuthCheck: TypeAlias = Callable[[AuthContext], bool | Awaitable[bool]]
AuthChecks: TypeAlias = AuthCheck | Sequence[AuthCheck]
"""One, or several that must all say yes."""


def require_scopes(*scopes: str) -> AuthCheck:
    """The token must have all of these."""
    required = frozenset(scopes)

    def check(context: AuthContext) -> bool:
        return context.token is not None and required.issubset(context.token.scopes)

    return check


def require_roles(*roles: str, extract: Callable[[AccessToken], Iterable[str]]) -> AuthCheck:
    """The caller must have all of these roles.

    Args:
        roles: their names.
        extract: reads the caller's from the token; each issuer has a claim of its own for them.
    """
    required = frozenset(roles)

    def check(context: AuthContext) -> bool:
        return context.token is not None and required.issubset(extract(context.token))

    return check


def restrict_tag(tag: str, *, scopes: list[str]) -> AuthCheck:
    """What has this tag wants these scopes; for anything else it says yes."""
    passes = require_scopes(*scopes)

    def check(context: AuthContext) -> bool | Awaitable[bool]:
        return tag not in context.component.tags or passes(context)

    return check


async def run_auth_checks(checks: AuthChecks, context: AuthContext) -> bool:
    """Whether all checks say yes. One that fails says no, and its error is logged."""
    for check in cast("list[AuthCheck]", [checks] if callable(checks) else checks):
        try:
            passed = check(context)
            if inspect.isawaitable(passed):
                passed = await passed
        except Exception:
            _logger.exception("A check of %s failed; it counts as no", context.component.key)
            return False
        if not passed:
            return False
    return True


class Guard:
    """Middleware that puts checks on everything a server has (`AuthMiddleware`)."""

    auth: AuthChecks


async def is_permitted(
    context: Context, component: FastMCPComponent, checks: AuthChecks | None = None
) -> bool:
    """Whether the client of a call may see and use a component.

    Args:
        context: the call's.
        component: that it wants.
        checks: that decide; the component's own by default.
    """
    checks = component.auth if checks is None else checks
    if checks is None or context.exchange.transport == "stdio":
        return True
    return await run_auth_checks(checks, AuthContext(token_of(context.exchange.scope), component))


async def is_seen(
    context: Context, component: FastMCPComponent, middleware: Iterable[object]
) -> bool:
    """Whether the client of a call sees a component, for methods without a hook of middleware.

    Args:
        context: the call's.
        component: that it names.
        middleware: of the server, whose guards are asked too.
    """
    if not await is_permitted(context, component):
        return False
    for each in middleware:
        if isinstance(each, Guard) and not await is_permitted(context, component, each.auth):
            return False
    return True

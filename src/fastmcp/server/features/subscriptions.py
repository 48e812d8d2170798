"""subscriptions/listen: the request that stays open and hears what changes (stateless era).

The handler ends when the subscription does. How what changes reaches the client is its exchange's
business: a stream of its own over HTTP, one among others on a pipe.
"""

from __future__ import annotations

from typing import Any, Final

from fastmcp.protocol import subscriptions
from fastmcp.server.audience import audience_of
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.features.resources import is_hidden
from fastmcp.server.features.tasks import watch

__all__ = ["HANDLERS"]


async def _listen(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    subscription = subscriptions.read(context.call.id, params)
    if subscription.tasks:
        await watch(engine, context, subscription)
    subscription.audience = audience_of(context)
    for uri in subscription.uris:
        if await is_hidden(engine, context, uri):
            subscription.mute(uri)
    async with engine.behind.listening(subscription.uris):
        await context.exchange.listen(subscription)
    return subscription.result()


HANDLERS: Final[dict[str, Handler]] = {subscriptions.LISTEN: _listen}

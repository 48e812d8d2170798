"""An application of aiohttp in the test's own loop, on a free port of the loopback interface."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def served(
    app: web.Application, *, cancelling: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[str]:
    """Its origin, such as `http://127.0.0.1:8000`, until the block ends.

    Args:
        app: the application.
        cancelling: a handler is cancelled when its client has gone.
        tls: for https.
    """
    runner = web.AppRunner(app, handler_cancellation=cancelling, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        host, port = runner.addresses[0][:2]
        yield f"{'http' if tls is None else 'https'}://{host}:{port}"
    finally:
        await runner.cleanup()

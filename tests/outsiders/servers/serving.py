"""How the outsiders' servers are served: both HTTP transports by one process, which is cheaper."""

from __future__ import annotations

from typing import Any

import uvicorn


def serve(http: Any, sse: Any, port: int) -> None:
    """Serve the Starlette application `http` with the routes of `sse` beside its own."""
    http.router.routes.extend(sse.routes)
    # A stream that a client still listens to must not hold up the end.
    uvicorn.run(http, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)

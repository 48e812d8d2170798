"""The few lines a server prints on standard error when it starts."""

from __future__ import annotations

import sys

__all__ = ["print_banner"]


def print_banner(name: str, version: str, transport: str, url: str | None) -> None:
    """Say what was started and where.

    Args:
        name: the server's name.
        version: the server's version.
        transport: "stdio" or "http".
        url: the endpoint, for HTTP.
    """
    where = f" at {url}" if url is not None else ""
    print(f"{name} {version} serves MCP over {transport}{where}", file=sys.stderr, flush=True)  # noqa: T201

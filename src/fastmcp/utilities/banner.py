"""What a server says on stderr when it starts: name, transport, address, a line to try it with.

Plain lines on purpose: they end up in the logs of service managers and containers. On stdio
transports stdout is the wire, so nothing is ever written there.
"""

from __future__ import annotations

import sys

from fastmcp.utilities.logging import one_line

__all__ = ["print_banner"]


def print_banner(name: str, version: str, transport: str, url: str | None) -> None:
    """Write the start banner to stderr.

    Args:
        name: of the server.
        version: of the server; empty for none.
        transport: as given to `run()`.
        url: of the endpoint; None where there is no network.
    """
    lines = [f"FastMCP server {one_line(f'{name} {version}'.strip())}", f"  transport  {transport}"]
    if url is not None:
        lines.append(f"  url        {url}")
        lines.append(f"  try        fastmcp list {_reachable(url)}")
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _reachable(url: str) -> str:
    """An address a client on this machine can use: "every interface" is none."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

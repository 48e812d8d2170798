"""The listings of the guide as files, and how a test starts one.

A file under `listings/` is what the guide prints. A test runs a copy, in which only the address
differs: tests serve the loopback interface, on a free port.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.curl import Reply, curl

FOLDER = Path(__file__).parent / "listings"

INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "guide", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {"name": "hello", "arguments": {"name": "world"}},
}
JSON = {"Content-Type": "application/json"}


def copy(name: str, folder: Path, port: int = 8000) -> Path:
    """Puts a listing into `folder`, served on the loopback interface at `port`."""
    text = (FOLDER / name).read_text().replace("0.0.0.0", "127.0.0.1").replace("8000", str(port))
    path = folder / name
    path.write_text(text)
    return path


def open_session(url: str) -> dict[str, str]:
    """Initializes as the guide tells a client in any language; returns the headers to go on with.

    Only `Content-Type` is sent: `Accept` is whatever curl says by itself.
    """
    reply = curl(url, headers=JSON, body=INITIALIZE)
    assert reply.status == 200, reply
    version = reply.message["result"]["protocolVersion"]
    headers = JSON | {
        "mcp-protocol-version": version,
        "mcp-session-id": reply.headers["mcp-session-id"],
    }
    accepted = curl(url, headers=headers, body=INITIALIZED)
    assert accepted.status == 202, accepted
    return headers


def says_hello(reply: Reply) -> bool:
    """Whether an answer is what the guide's tool says."""
    assert reply.status == 200, reply
    return reply.message["result"]["content"][0]["text"] == "Hello, world!"

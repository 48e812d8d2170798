"""The floor: an ASGI function that reads the body, finds the id and sends a fixed answer.

No parsing, no routing, no session: what is left is the HTTP server and the network. Nothing that
answers a `tools/call` on this server can be faster.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

HEAD = b'{"jsonrpc":"2.0","id":'
TAIL = b',"result":{"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}}}'
CONTENT_TYPE = (b"content-type", b"application/json")
SESSION = (b"mcp-session-id", b"0" * 32)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers every POST alike."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    start = body.find(b'"id":') + 5
    answer = HEAD + body[start : body.find(b",", start)] + TAIL
    length = (b"content-length", b"%d" % len(answer))
    headers = [CONTENT_TYPE, length, SESSION]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )

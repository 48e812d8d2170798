"""The floor: an ASGI function that reads the body, finds the id and sends a fixed answer.

Who calls `steps` gets ten progress events before it, each sent as it comes, and who calls `give` 10
MiB of text. No parsing, no routing, no session, no log of events: what is left is the HTTP server
and the network. Nothing that answers a `tools/call` on this server can be faster.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

HEAD = b'{"jsonrpc":"2.0","id":'
TAIL = b',"result":{"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}}}'
LARGE = (b"x" * 63 + b"\\n") * (10 * 2**20 // 64)
"""10 MiB of lines, as JSON has them."""
LARGE_TAIL = b',"result":{"content":[{"type":"text","text":"' + LARGE + b'"}]}}'
CONTENT_TYPE = (b"content-type", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream")
SESSION = (b"mcp-session-id", b"0" * 32)
TOKEN = b'"progressToken":'
PROGRESS = (
    b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress"'
    b',"params":{"progressToken":%b,"progress":%d,"total":10}}\n\n'
)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers every POST alike."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    message = await receive()
    body = message["body"]
    if message["more_body"]:
        parts = [body]
        while message["more_body"]:
            message = await receive()
            parts.append(message["body"])
        body = b"".join(parts)
    start = body.find(b'"id":') + 5
    end = body.find(b",", start)
    tail = TAIL
    if body.startswith(b"s", named := body.find(b'"name":"', end) + 8):
        at = body.find(TOKEN) + len(TOKEN)
        answer = HEAD + body[start:end] + TAIL
        await stream(body[at : body.find(b"}", at)], answer, send)
        return
    if body.startswith(b"g", named):
        tail = LARGE_TAIL
    answer = HEAD + body[start:end] + tail
    length = (b"content-length", b"%d" % len(answer))
    headers = [CONTENT_TYPE, length, SESSION]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def stream(token: bytes, answer: bytes, send: Any) -> None:
    """Ten progress events and the answer, as server-sent events."""
    headers = [EVENT_STREAM, SESSION]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for step in range(1, 11):
        event = PROGRESS % (token, step)
        await send({"type": "http.response.body", "body": event, "more_body": True})
    event = b"event: message\ndata: " + answer + b"\n\n"
    await send({"type": "http.response.body", "body": event})


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

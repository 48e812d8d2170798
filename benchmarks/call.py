"""How a tool is called: what a request is made of, and what its answer must be.

Every call has a JSON-RPC id of its own, which is its progress token and its first argument too, and
every answer is decoded and checked: for its id, its value, and all the progress that was to come
before it, in order. Only then it counts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from benchmarks.tokens import token

LARGE = 10 * 2**20
"""Bytes of the text in a large argument or result."""

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class _Text(msgspec.Struct):
    text: str


class _Structured(msgspec.Struct):
    result: int


class _Result(msgspec.Struct):
    structuredContent: _Structured  # noqa: N815
    isError: bool = False  # noqa: N815


class _Response(msgspec.Struct):
    id: int
    result: _Result


class _LargeResult(msgspec.Struct):
    content: list[_Text]
    isError: bool = False  # noqa: N815


class _LargeResponse(msgspec.Struct):
    id: int
    result: _LargeResult


class _Report(msgspec.Struct):
    progressToken: int  # noqa: N815
    progress: float


class _Progress(msgspec.Struct):
    method: Literal["notifications/progress"]
    params: _Report


_decode = msgspec.json.Decoder(_Response).decode
_decode_large = msgspec.json.Decoder(_LargeResponse).decode
_decode_progress = msgspec.json.Decoder(_Progress).decode

_find_data = re.compile(rb"^data: ?([^\s].*)", re.MULTILINE).findall


class BadAnswer(Exception):
    """An answer that is not the one asked for; the measurement is void."""


@dataclass(frozen=True)
class Call:
    """How a call is made."""

    version: str = "2025-11-25"
    sessions: bool = True
    tool: str = "add"
    protected: bool = False
    """Whether a token is brought."""

    @property
    def progress(self) -> int:
        """How many progress notifications come with every answer."""
        return 10 if self.tool == "steps" else 0

    def head(self, port: int, session: str | None) -> bytes:
        """The request line and headers, up to the value of Content-Length."""
        lines = [
            "POST /mcp HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            f"MCP-Protocol-Version: {self.version}",
        ]
        if self.version >= "2026":
            lines += ["Mcp-Method: tools/call", f"Mcp-Name: {self.tool}"]
        if session is not None:
            lines.append(f"Mcp-Session-Id: {session}")
        if self.protected:
            lines.append(f"Authorization: Bearer {token()}")
        return ("\r\n".join(lines) + "\r\nContent-Length: ").encode()

    def body(self) -> bytes:
        """The body, with %d wherever the id goes."""
        text = ""
        if self.tool == "take":
            text = ',"text":"' + "x" * LARGE + '"'
        meta = ""
        if self.progress:
            meta = ',"_meta":{"progressToken":%d}'
        elif self.version >= "2026":
            meta = ',"_meta":' + json.dumps(META, separators=(",", ":"))
        arguments = '"arguments":{"a":%d,"b":1' + text + "}"
        params = f'"params":{{"name":"{self.tool}",{arguments}{meta}}}'
        return f'{{"jsonrpc":"2.0","id":%d,"method":"tools/call",{params}}}'.encode()

    def check(self, body: bytes, id: int, value: int | None) -> None:
        """That this is the whole answer to that call, and to no other.

        Args:
            body: of the answer.
            id: of the request.
            value: the tool's result, or None if it is not looked at.
        Raises:
            BadAnswer: it is not.
        """
        *reports, answer = _messages(body) or [b""]
        try:
            if self.tool == "give":
                large = _decode_large(answer)
                if large.id != id or len(large.result.content[0].text) != LARGE:
                    raise BadAnswer(f"asked {id}, got {answer[:300]!r}")
                return
            response = _decode(answer)
            reported = [_decode_progress(report).params for report in reports]
        except msgspec.MsgspecError as error:
            raise BadAnswer(f"{error} in {body[:3000]!r}") from None
        if response.id != id or (
            value is not None and response.result.structuredContent.result != value
        ):
            raise BadAnswer(f"asked {id}, got {answer[:300]!r}")
        if [(r.progressToken, r.progress) for r in reported] != [
            (id, step) for step in range(1, self.progress + 1)
        ]:
            raise BadAnswer(f"not the progress 1 to {self.progress} of {id}: {body[:3000]!r}")


def _messages(body: bytes) -> list[bytes]:
    """The JSON messages of an answer: the body, or the data of its events, but for empty ones."""
    if not body.startswith((b"event:", b"id:", b"data:", b":", b"retry:")):
        return [body]
    return _find_data(body)

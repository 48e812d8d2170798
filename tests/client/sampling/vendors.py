"""The APIs of three vendors as a small server speaks them: it keeps what it was sent, and says
what a test told it to say, in each vendor's own form."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.support.loopback import served

Said = tuple[str, dict[str, Any]] | str
"""A call of a tool, its name and arguments; or text."""


class Vendor:
    """What one vendor's API was sent, and what it answers next.

    Attributes:
        requests: the bodies, in order.
        next: what the model says; an HTTP status if it refuses.
        stop: why the model stopped, in the vendor's words; None for what fits `next`.
        url: where it is served.
        closing: to be called when the test is done.
    """

    path = ""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.next: list[Said] | int = ["ok"]
        self.stop: str | None = None
        self.url = ""
        self.closing: list[Any] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(self.read({**await request.json(), **request.match_info}))
        if isinstance(self.next, int):
            error = {"message": "secret words", "type": "e", "code": self.next, "status": "S"}
            return web.json_response({"type": "error", "error": error}, status=self.next)
        return web.json_response(self.body(self.requests[-1], self.next))

    def read(self, body: dict[str, Any]) -> dict[str, Any]:
        return body

    def body(self, request: dict[str, Any], said: list[Said]) -> dict[str, Any]:
        raise NotImplementedError


class OpenAI(Vendor):
    path = "/chat/completions"

    def body(self, request: dict[str, Any], said: list[Said]) -> dict[str, Any]:
        text = "".join(part for part in said if isinstance(part, str))
        calls = [
            {"id": f"call_{i}", "type": "function",
             "function": {"name": part[0], "arguments": web.json_response(part[1]).text}}
            for i, part in enumerate(said) if not isinstance(part, str)
        ]  # fmt: skip
        message = {"role": "assistant", "content": text or None}
        message |= {"tool_calls": calls} if calls else {}
        stop = self.stop or ("tool_calls" if calls else "stop")
        choice = {"index": 0, "message": message, "finish_reason": stop}
        return {"id": "c", "object": "chat.completion", "created": 1, "model": request["model"],
                "choices": [choice]}  # fmt: skip


class Anthropic(Vendor):
    path = "/v1/messages"

    def body(self, request: dict[str, Any], said: list[Said]) -> dict[str, Any]:
        content = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "tool_use", "id": f"toolu_{i}", "name": part[0], "input": part[1]}
            for i, part in enumerate(said)
        ]
        calls = any(block["type"] == "tool_use" for block in content)
        return {"id": "m", "type": "message", "role": "assistant", "model": request["model"],
                "content": content, "stop_sequence": None,
                "stop_reason": self.stop or ("tool_use" if calls else "end_turn"),
                "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip


class Google(Vendor):
    path = r"/{api:v1\w*}/models/{model}:generateContent"
    signature = base64.b64encode(b"thoughts").decode()

    def read(self, body: dict[str, Any]) -> dict[str, Any]:
        """The API takes names in either spelling (protobuf's JSON)."""
        return _camel(body)

    def body(self, request: dict[str, Any], said: list[Said]) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [{"text": "hmm", "thought": True}]
        for part in said:
            if isinstance(part, str):
                parts.append({"text": part})
            else:
                called = {"name": part[0], "args": part[1]}
                parts.append({"functionCall": called, "thoughtSignature": self.signature})
        content = {"role": "model", "parts": parts}
        candidate = {"content": content, "finishReason": self.stop or "STOP", "index": 0}
        return {"candidates": [candidate], "modelVersion": request["model"]}


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda match: match[1].upper(), key): _camel(item)
        for key, item in value.items()
    }


@asynccontextmanager
async def serving(vendor: Vendor) -> AsyncGenerator[Vendor]:
    """The vendor's API on the loopback interface, at `vendor.url`."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post(vendor.path, vendor.handle)
    async with served(app) as vendor.url:
        yield vendor

"""Who sits at a client in front of a proxy."""

from __future__ import annotations

from typing import Any

from fastmcp.client.elicitation import ElicitResult


class Person:
    """Whoever sits at the client: answers, and remembers what was said."""

    def __init__(self, name: str = "Ada") -> None:
        self.name = name
        self.heard: list[Any] = []
        self.asked: list[str] = []
        self.pages: list[str] = []

    def options(self) -> dict[str, Any]:
        return {
            "elicitation_handler": self.elicit,
            "sampling_handler": self.sample,
            "roots": [f"file:///home/{self.name}"],
            "log_handler": self.log,
            "progress_handler": self.progress,
        }

    async def elicit(self, message: str, kind: Any, params: Any, context: Any) -> Any:
        self.asked.append(message)
        if params.mode == "url":
            self.pages.append(str(params.url))
            return ElicitResult(action="accept")
        return {"value": self.name}

    async def sample(self, messages: Any, params: Any, context: Any) -> str:
        return f"{self.name} thinks: {messages[0].content.text}"

    async def log(self, message: Any) -> None:
        self.heard.append((message.level, message.logger, message.data))

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.heard.append((progress, total, message))

"""The user's handlers, the capabilities they add up to, and who answers what.

One bundle per client, shared by its sessions. The server's questions reach it by either road: as
JSON-RPC requests (handshake era) or inside an `input_required` result (stateless era).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import mcp_types
import pydantic

from fastmcp.client.context import RequestContext
from fastmcp.client.elicitation import ElicitationHandler, elicit
from fastmcp.client.logging import LogHandler, LogMessage, default_log_handler
from fastmcp.client.messages import MessageHandlerT, notification_of
from fastmcp.client.progress import ProgressHandler, default_progress_handler
from fastmcp.client.roots import RootsHandler, RootsList, list_roots
from fastmcp.client.sampling import SamplingHandler, create_message
from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR, invalid_params, method_not_found

__all__ = ["Handlers"]

logger = logging.getLogger("fastmcp.client")

T = TypeVar("T")


async def _of_user(work: Awaitable[T]) -> T:
    """What a handler returns. One that was cancelled from inside has failed like any other:
    its `CancelledError` must not end the task that hears the server, nor the caller's.

    Raises:
        RuntimeError: the handler was cancelled, and the task it runs in was not.
    """
    try:
        return await work
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RuntimeError("the handler was cancelled") from exc


@dataclass
class Handlers:
    """What the user gave to the client; None where nothing was."""

    sampling: SamplingHandler | None = None
    sampling_capabilities: mcp_types.SamplingCapability | None = None
    elicitation: ElicitationHandler | None = None
    roots: RootsList | RootsHandler | None = None
    log: LogHandler = default_log_handler
    progress: ProgressHandler = default_progress_handler
    message: MessageHandlerT | None = None

    def capabilities(self) -> dict[str, Any]:
        """`ClientCapabilities`: exactly what there is a handler for."""
        declared: dict[str, Any] = {}
        if self.sampling is not None:
            given = self._sampling_can()
            declared["sampling"] = (
                {} if given is None else given.model_dump(by_alias=True, exclude_none=True)
            )
        if self.elicitation is not None:
            declared["elicitation"] = {"form": {}, "url": {}}
        if self.roots is not None:
            declared["roots"] = {"listChanged": True}
        return declared

    def _sampling_can(self) -> mcp_types.SamplingCapability | None:
        """What the sampling handler can do beyond text: what the user said, or it says itself."""
        said = self.sampling_capabilities
        return getattr(self.sampling, "sampling_capabilities", None) if said is None else said

    async def answer(
        self, method: str, params: dict[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        """The result of one of the server's requests.

        Raises:
            McpError: no handler for it, params that do not fit, or a handler that failed; its
                text goes to the server.
        """
        try:
            if method == "ping":
                return {}
            if method == "sampling/createMessage" and self.sampling is not None:
                self._check_sampling(params)
                return await _of_user(create_message(self.sampling, params, context))
            if method == "elicitation/create" and self.elicitation is not None:
                return await _of_user(elicit(self.elicitation, params, context))
            if method == "roots/list" and self.roots is not None:
                return await _of_user(list_roots(self.roots, context))
        except McpError:
            raise
        except pydantic.ValidationError as exc:
            raise invalid_params(f"Invalid params: {exc}") from exc
        except Exception as exc:
            logger.debug("The client's handler of %s failed", method, exc_info=True)
            raise McpError(INTERNAL_ERROR, str(exc) or type(exc).__name__) from exc
        raise method_not_found(method)

    def _check_sampling(self, params: dict[str, Any]) -> None:
        """Tools only where they were declared (schema, `CreateMessageRequestParams`)."""
        declared = self._sampling_can()
        if declared is not None and declared.tools is not None:
            return
        for field in ("tools", "toolChoice"):
            if params.get(field) is not None:
                raise invalid_params(
                    f"Invalid params: {field} needs the capability sampling.tools, which this "
                    "client did not declare"
                )

    async def hear(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None
    ) -> None:
        """Hands one notification to the handlers it concerns. Their failures are logged."""
        try:
            heard = self._read(method, params, progress)
        except (KeyError, pydantic.ValidationError) as exc:
            logger.warning("The server's %s does not fit the protocol: %r", method, exc)
            return
        try:
            if heard is not None:
                await _of_user(heard())
        except Exception:
            logger.exception("The client's handler of %s failed", method)
        if self.message is None:
            return
        notification = notification_of(method, params)
        if notification is None:
            logger.debug("Not a notification of this protocol: %s", method)
            return
        await self.tell(notification)

    def _read(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None
    ) -> Callable[[], Awaitable[Any]] | None:
        """The call of the handler that a kind of notification has of its own, ready to be made."""
        if method == "notifications/message":
            return partial(self.log, LogMessage.model_validate(params))
        if method == "notifications/progress" and progress is not None:
            return partial(progress, params["progress"], params.get("total"), params.get("message"))
        return None

    async def tell(self, message: Any) -> None:
        """Hands a message or an exception to the message handler."""
        if self.message is None:
            return
        try:
            returned = self.message(message)
            if inspect.isawaitable(returned):
                await _of_user(returned)
        except Exception:
            logger.exception("The client's message handler failed")

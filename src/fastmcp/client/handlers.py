"""The user's handlers, the capabilities they add up to, and who answers what.

One bundle per client, shared by its sessions. The server's questions reach it by either road: as
JSON-RPC requests (handshake era) or inside an `input_required` result (stateless era).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import pydantic

from fastmcp.client.context import RequestContext
from fastmcp.client.elicitation import ElicitationHandler, elicit
from fastmcp.client.extensions import Extensions
from fastmcp.client.logging import LogHandler, LogMessage, default_log_handler
from fastmcp.client.messages import MessageHandlerT, notification_of
from fastmcp.client.progress import ProgressHandler, default_progress_handler
from fastmcp.client.roots import RootsHandler, RootsList, list_roots
from fastmcp.client.sampling import SamplingHandler, create_message
from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR, invalid_params, method_not_found
from fastmcp.utilities import mcp_types
from fastmcp.utilities.spawning import is_cancelled

__all__ = ["Handlers"]

logger = logging.getLogger("fastmcp.client")

T = TypeVar("T")

_PATIENCE: Final = 5.0
"""Seconds that what comes after a notification waits for its handler."""
_MOST_LATE: Final = 1000
"""Calls of handlers that hang; what comes then is not heard."""


async def _of_user(work: Awaitable[T]) -> T:
    """What a handler returns. One that was cancelled from inside has failed like any other:
    its `CancelledError` must not end the task that hears the server, nor the caller's.

    Raises:
        RuntimeError: the handler was cancelled, and the task it runs in was not.
    """
    try:
        return await work
    except asyncio.CancelledError as exc:
        if is_cancelled(exc):
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
    log_level: mcp_types.LoggingLevel | None = None
    extensions: Extensions = field(default_factory=Extensions)
    _late: set[asyncio.Future[Any]] = field(default_factory=set["asyncio.Future[Any]"], init=False)

    def capabilities(self, version: str) -> dict[str, Any]:
        """`ClientCapabilities` in a version of the protocol: exactly what there is a handler
        for."""
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
        extensions = self.extensions.declared(version)
        return declared | ({"extensions": extensions} if extensions else {})

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
        for name in ("tools", "toolChoice"):
            if params.get(name) is not None:
                raise invalid_params(
                    f"Invalid params: {name} needs the capability sampling.tools, which this "
                    "client did not declare"
                )

    async def hear(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None
    ) -> None:
        """Hands one notification to the handlers it concerns. Their failures are logged, and so
        are those of an extension's model, whose validators may raise anything."""
        try:
            heard = self._read(method, params, progress)
        except (KeyError, pydantic.ValidationError) as exc:
            logger.warning(
                "The server's %s does not fit the protocol, and is not heard: %r", method, exc
            )
            return
        except Exception:
            logger.exception("The model of the server's %s failed", method)
            return
        if heard is not None:
            await self._run(heard, f"handler of {method}")
        if self.message is None:
            return
        notification = notification_of(method, params)
        if notification is None:
            logger.debug("Not a notification of this protocol: %s", method)
            return
        await self.tell(notification)

    def _read(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None
    ) -> partial[Any] | None:
        """The call of the handler that a kind of notification has of its own, ready to be made."""
        if method == "notifications/message":
            return partial(self.log, LogMessage.model_validate(params))
        if method == "notifications/progress" and progress is not None:
            return partial(progress, params["progress"], params.get("total"), params.get("message"))
        binding = self.extensions.bindings.get(method)
        if binding is not None:
            return partial(binding.handler, binding.params_type.model_validate(params))
        return None

    async def tell(self, message: Any) -> None:
        """Hands a message or an exception to the message handler."""
        if self.message is not None:
            await self._run(partial(self.message, message), "message handler")

    async def _run(self, call: partial[Any], what: str) -> None:
        """Lets a handler hear, plain or async, and logs that it failed.

        One that hangs or is slow must stop nothing else: after a while it is not waited for any
        more, and while it goes on nor are others.
        """
        if len(self._late) >= _MOST_LATE:
            logger.warning(
                "The client's %s hears no more: %d of its calls hang; let it return",
                what,
                _MOST_LATE,
            )
            return
        try:
            returned = call()
            if not inspect.isawaitable(returned):
                return
            if call.func in _OWN:
                await returned
                return
            task = asyncio.ensure_future(returned)
        except Exception:
            logger.exception("The client's %s failed", what)
            return
        task.add_done_callback(partial(_told_of_failure, what))
        patience = 0 if self._late else _PATIENCE
        try:
            _, late = await asyncio.wait([task], timeout=patience)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not late:
            return
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        if patience:
            logger.warning(
                "The client's %s takes longer than %g s, and is not waited for any more; let it "
                "return at once, and what is slow go on in a task",
                what,
                _PATIENCE,
            )

    def missed(self) -> None:
        """Nobody told what changed at the server. Of no concern to handlers: they hear what may
        have changed when the server tells of changes again."""

    async def leave(self) -> None:
        """End the handlers that hang."""
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(list(self._late), timeout=1.0)


_OWN: Final = (default_log_handler, default_progress_handler)


def _told_of_failure(what: str, task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        if (error := task.exception()) is not None:
            logger.error("The client's %s failed", what, exc_info=error)
    elif isinstance(task, asyncio.Task) and not task.cancelling():
        logger.error("The client's %s failed: it was cancelled", what)

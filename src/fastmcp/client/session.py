"""The engine of the client: one session with one server, in either era, over any channel.

It numbers requests, says in each what its era demands, finds out which era that is, answers the
server's questions through the user's handlers, cancels what nobody waits for any more, and opens
a new session when the server lost the old one. Rules are in `protocol/negotiation.py`, bytes and
sockets in `transports/`.

A request runs in its caller's task from end to end. Tasks of its own the session has only for
what nobody awaits: answers to the server's requests, and cancellations.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Any, Final, cast

from fastmcp.client.caching import CacheMode, ResponseCache
from fastmcp.client.channel import Channel, Outgoing
from fastmcp.client.context import RequestContext
from fastmcp.client.errors import (
    ConnectionClosedError,
    HttpStatusError,
    RequestTimeoutError,
    SessionLostError,
    of_server,
)
from fastmcp.client.extensions import UnexpectedClaimedResult
from fastmcp.client.handlers import Handlers
from fastmcp.client.messages import heard_by
from fastmcp.client.opening import Opening
from fastmcp.client.patience import Patience, Term
from fastmcp.client.progress import ProgressHandler
from fastmcp.client.results import OutputSchema
from fastmcp.client.subscriptions import Subscriptions
from fastmcp.exceptions import McpError
from fastmcp.protocol import caching, meta
from fastmcp.protocol.era2026 import COMPLETE
from fastmcp.protocol.errors import INVALID_REQUEST, method_not_found
from fastmcp.protocol.jsonrpc import (
    Notification,
    Request,
    RequestId,
    as_object,
    encode_error,
    encode_notification,
    encode_request,
    encode_result,
)
from fastmcp.protocol.methods import METHODS
from fastmcp.protocol.negotiation import (
    InputRequired,
    input_required,
    retry_params,
)
from fastmcp.protocol.param_headers import ParamHeader, param_headers
from fastmcp.protocol.subscriptions import ACKNOWLEDGED, TOOLS_CHANGED
from fastmcp.protocol.versions import Era
from fastmcp.utilities import mcp_types
from fastmcp.utilities.mcp_types import Implementation
from fastmcp.utilities.spawning import is_cancelled, spawn
from fastmcp.utilities.tracing import Telemetry, Tracing
from fastmcp.utilities.waiting import is_set_within

__all__ = ["ClientSession"]

logger = logging.getLogger("fastmcp.client")

_RENEWALS: Final = 5
"""How often a lost session is opened anew at an address that says 404: a proxy that does not see
the restarted server yet does so within a second or two."""
_RENEWAL_PAUSE: Final = 0.1
"""Seconds before the second attempt; doubled with each further one."""
_QUIET_SECONDS: Final = 5.0
"""How long a notification that nobody waits for may take."""


class ClientSession(Opening):
    """One session with a server.

    Args:
        channel: an open connection.
        handlers: of the user; read at every use, so that they may be changed.
        client_info: name and version the server gets to see.
        timeout: seconds every request may take, None for no limit.
        init_timeout: seconds that opening a session may take, None for no limit.
        max_rounds: how many `input_required` results one call may give before it fails.
        retry_seconds: for how long a server that is away for a moment is asked again.
        progress_extends: whether progress sets the time-out of its request anew.
        telemetry: says whether a request is traced; None if none ever is.
        cache: keeps answers, None where nothing is kept.
    """

    def __init__(
        self,
        channel: Channel,
        handlers: Handlers,
        client_info: Implementation,
        *,
        timeout: float | None = None,
        init_timeout: float | None = None,
        max_rounds: int = 10,
        retry_seconds: float = 0.0,
        progress_extends: bool = False,
        telemetry: Telemetry | None = None,
        cache: ResponseCache | None = None,
    ) -> None:
        super().__init__(channel, handlers, client_info, timeout)
        self.init_timeout = init_timeout
        self.max_rounds = max_rounds
        self.retry_seconds = retry_seconds
        self.progress_extends = progress_extends
        self.telemetry = telemetry
        self.output_schemas: dict[str, OutputSchema | None] = {}
        """Output schemas by tool, filled by every listing, emptied when the list changed."""
        self.repeatable_tools: set[str] = set()
        """Those the server marks as read-only or idempotent; known from the same listings."""
        self.param_headers: dict[str, tuple[ParamHeader, ...]] = {}
        """Which arguments of a tool travel as headers too; only tools that have such."""
        self._progress: dict[RequestId, ProgressHandler] = {}
        self._terms: dict[RequestId, Term] = {}
        """Of the requests whose time-out their progress sets anew."""
        self._answering: dict[RequestId, asyncio.Task[None]] = {}
        self._giving: set[asyncio.Task[dict[str, Any]]] = set()
        self._background: set[asyncio.Task[None]] = set()
        self.put_off: McpError | None = None
        """Why a request was last sent again."""
        self._left = asyncio.Event()
        self._met = False
        """Whether the server ever answered."""
        self._epoch = 0
        self._renewal: asyncio.Task[None] | None = None
        self._level_set: str | None = None
        self.cache = cache
        self.subscriptions = Subscriptions(self, self._told, self._missed)
        channel.attach(self)

    async def negotiate(
        self,
        mode: str,
        *,
        remembered: Era | None = None,
        prior: mcp_types.DiscoverResult | None = None,
    ) -> Era:
        """Open the session, and listen to what the user's handlers hear of."""
        era = await super().negotiate(mode, remembered=remembered, prior=prior)
        level, capabilities = self.handlers.log_level, self.server_capabilities
        if era is Era.HANDSHAKE and level and capabilities and capabilities.logging is not None:
            try:
                await self.set_logging_level(level)
            except McpError as exc:  # a courtesy: nothing that was asked for depends on it
                logger.warning("The server does not take the log level %r: %s", level, exc)
        await self.subscriptions.open(heard_by(self.handlers.message))
        return era

    # --- requests ------------------------------------------------------------------------------

    @property
    def mirrors_headers(self) -> bool:
        """Whether requests say in HTTP headers what their body says."""
        return self.era is Era.STATELESS and not self.channel.is_pipe

    @property
    def epoch(self) -> int:
        """How often it was opened anew: what the server knew of it before, it does not know."""
        return self._epoch

    @property
    def closed(self) -> Exception | None:
        """Why the connection ended; None while it is usable."""
        return self.channel.closed

    async def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
        progress: ProgressHandler | None = None,
        headers: dict[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> dict[str, Any]:
        """Send a request and return its result.

        Questions in the result (`input_required`) are answered by the handlers and the request is
        sent again. So is one that a server which is away for a moment did not take, or whose
        session the server lost; one that it may have acted on only if it may be made twice.

        Args:
            method: of the protocol.
            params: JSON-ready, or anything pydantic can make JSON of.
            timeout: seconds, None for the session's own, 0 for no limit. Each round has its own.
            progress: hears how far the server is.
            headers: further HTTP headers of this request.
            repeatable: whether it may be made twice; None for what its method says.
        Raises:
            McpError: the server's error, or one of `fastmcp.client.errors`.
        """
        if self.era is None:
            raise RuntimeError(
                "The session is not initialized. Call `await client.initialize()` first."
            )
        params = params or {}
        seconds = self.timeout if timeout is None else timeout or None
        result = await self.exchange(method, params, seconds, progress, headers, repeatable)
        row = METHODS.get(method)
        if row is None:
            return result
        rounds = 0
        while row.may_ask and (asked := input_required(result)) is not None:
            rounds += 1
            if rounds > self.max_rounds:
                raise McpError(
                    INVALID_REQUEST,
                    f"The server asked for input {rounds} times without completing {method}; the "
                    f"limit is input_required_max_rounds={self.max_rounds}.",
                )
            params = retry_params(params, asked, await self._give(asked))
            result = await self.exchange(method, params, seconds, progress, headers, repeatable)
        if (
            self.era is Era.STATELESS
            and result.get("resultType", COMPLETE) != COMPLETE
            and method != "tools/call"  # which extensions may answer
        ):
            # Whatever is not known is invalid (basic/index, "ResultType").
            raise UnexpectedClaimedResult(method, result)
        # What was answered on the way is no part of a cache's key (caching, "Cache Key").
        return {**result, "ttlMs": 0} if rounds and row.cacheable else result

    async def fetch(
        self,
        method: str,
        params: dict[str, Any],
        mode: CacheMode = "use",
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """The result of a request that may be cached: one that is kept, or the server's. What is
        kept is listened to."""

        async def send() -> dict[str, Any]:
            return await self.request(method, params, timeout=timeout)

        if self.cache is None:
            return await send()
        result, kept = await self.cache.fetch(self.protocol_version, method, params, mode, send)
        if kept:
            self.subscriptions.want(caching.told_by(method))
        return result

    async def exchange(
        self,
        method: str,
        params: dict[str, Any],
        seconds: float | None,
        progress: ProgressHandler | None = None,
        headers: dict[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> dict[str, Any]:
        """One request, sent until the server has taken it, and its result."""
        term = None if seconds is None else Term(seconds, self.opening)
        epoch = self._epoch
        patience: Patience | None = None
        renewed = False
        while True:
            try:
                result = await self._once(method, params, term, progress, headers)
                self._met = True
                return result
            except SessionLostError as exc:
                if renewed or (exc.reached and not _may_be_repeated(method, repeatable)):
                    raise
                renewed = True
                await self._renewed(epoch, term, method)
            except (ConnectionClosedError, HttpStatusError) as exc:
                may = not exc.reached or _may_be_repeated(method, repeatable)
                if not may or not self._worth_repeating(exc):
                    raise
                patience = patience or Patience(term, self.retry_seconds)
                pause = patience.pause(exc.retry_after)
                if pause is None:
                    raise
                logger.debug("%s is sent again in %.1f s: %s", method, pause, exc)
                self.put_off = exc
                if await is_set_within(self._left, pause):
                    raise

    def _worth_repeating(self, exc: ConnectionClosedError | HttpStatusError) -> bool:
        """Whether a request that failed so may find the server the next time."""
        if self.closed is not None or not exc.passing:
            return False
        # Where nobody was ever there, a wrong address is likelier than a restart.
        return self._met or isinstance(exc, HttpStatusError)

    def _once(
        self,
        method: str,
        params: dict[str, Any],
        term: Term | None,
        progress: ProgressHandler | None,
        headers: dict[str, str] | None,
    ) -> Awaitable[dict[str, Any]]:
        """One request, one response; where it is traced, one span."""
        channel = self.channel
        channel.last_id = id = channel.last_id + 1
        tracing = None if self.telemetry is None else self.telemetry.tracing()
        if tracing is None:
            return self._exchange(id, method, params, term, progress, headers)
        return self._traced(tracing, id, method, params, term, progress, headers)

    async def _traced(
        self,
        tracing: Tracing,
        id: RequestId,
        method: str,
        params: dict[str, Any],
        term: Term | None,
        progress: ProgressHandler | None,
        headers: dict[str, str] | None,
    ) -> dict[str, Any]:
        with tracing.outgoing(method, params, self._attributes(id)) as (span, params):
            result = await self._exchange(id, method, params, term, progress, headers)
            span.answered(method, result)
            return result

    async def _exchange(
        self,
        id: RequestId,
        method: str,
        params: dict[str, Any],
        term: Term | None,
        progress: ProgressHandler | None,
        headers: dict[str, str] | None,
    ) -> dict[str, Any]:
        channel = self.channel
        base = self.base_meta
        if base is not None or progress is not None:
            given: dict[str, Any] = params.get("_meta") or {}
            params_meta = given.copy() if base is None else given | base
            if base is not None and meta.LOG_LEVEL in given:
                params_meta[meta.LOG_LEVEL] = given[meta.LOG_LEVEL]  # of this request
            if progress is not None:
                params_meta[meta.PROGRESS_TOKEN] = id
                self._progress[id] = progress
                if term is not None and self.progress_extends:
                    self._terms[id] = term
            params = {**params, "_meta": params_meta}
        row = METHODS.get(method)
        outgoing = Outgoing(
            id,
            method,
            encode_request(id, method, params or None),
            None if method == "initialize" else self.protocol_version,
            base is not None,
            None if row is None or row.name_field is None else params.get(row.name_field),
            headers,
            term or self.opening,
        )
        try:
            if term is None:
                response = await channel.request(outgoing)
            else:
                deadline = term.start()
                try:
                    async with deadline:
                        response = await channel.request(outgoing)
                except TimeoutError as exc:
                    if not deadline.expired():
                        raise
                    self._cancel_request(outgoing, f"no answer within {term.seconds:g} seconds")
                    raise RequestTimeoutError(method, term.seconds) from exc
        except asyncio.CancelledError:
            self._cancel_request(outgoing, "the caller was cancelled")
            raise
        finally:
            if progress is not None:
                self._progress.pop(id, None)
                self._terms.pop(id, None)
        if response.error is not None:
            raise of_server(response.error)
        result: object = response.result
        if not isinstance(result, dict):
            raise McpError(
                INVALID_REQUEST,
                f"The server answered {method} with {type(result).__name__} instead of an object "
                "as result.",
            )
        return cast("dict[str, Any]", result)

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a notification."""
        await self.channel.send(encode_notification(method, params), self.protocol_version)

    async def set_logging_level(self, level: str) -> None:
        """Ask for log messages from this level up; kept when the session is opened anew."""
        if self.base_meta is not None:
            self.base_meta[meta.LOG_LEVEL] = level  # of every request from now on
            return
        await self.request("logging/setLevel", {"level": level})
        self._level_set = level

    def _cancel_request(self, outgoing: Outgoing, reason: str) -> None:
        """Tell the server that nobody waits.

        Over HTTP in the stateless era the closed response says it (basic/patterns/cancellation);
        `initialize` must not be cancelled, and a probe may have met a server that knows neither.
        """
        if outgoing.method in ("initialize", "server/discover") or self._left.is_set():
            return
        if outgoing.stateless and not self.channel.is_pipe:
            return
        spawn(
            self.send_quietly(
                encode_notification(
                    "notifications/cancelled", {"requestId": outgoing.id, "reason": reason}
                )
            ),
            self._background,
        )

    # --- what listings teach -------------------------------------------------------------------

    def learn_tool(self, name: str, input_schema: dict[str, Any], *, repeatable: bool) -> bool:
        """Remember what calling a listed tool takes. False for a tool that must be dropped, because
        its schema says in a wrong way which arguments become headers.

        Args:
            name: of the tool.
            input_schema: of the tool.
            repeatable: whether it is marked as read-only or idempotent.
        """
        if self.mirrors_headers:
            try:
                annotated = param_headers(input_schema)
            except (ValueError, RecursionError) as exc:
                logger.warning("The server's tool %r is left out: %s", name, exc)
                return False
            if annotated:
                self.param_headers[name] = annotated
            else:
                self.param_headers.pop(name, None)
        if repeatable:
            self.repeatable_tools.add(name)
        else:
            self.repeatable_tools.discard(name)
        return True

    def _forget_tools(self) -> None:
        """They may be others now."""
        self.output_schemas.clear()
        self.repeatable_tools.clear()

    # --- what the server says ------------------------------------------------------------------

    def on_request(self, request: Request) -> None:
        """Answer one of the server's requests in a task of its own."""
        task = spawn(self._answer(request), self._background)
        self._answering[request.id] = task
        task.add_done_callback(partial(self._answered, request.id))

    def _answered(self, id: RequestId, task: asyncio.Task[None]) -> None:
        if self._answering.get(id) is task:  # and not of a second request with this id
            del self._answering[id]

    def on_notification(self, notification: Notification) -> Awaitable[None] | None:
        """Route a notification; what comes back is awaited before the next message."""
        method, params = notification.method, notification.params
        progress: ProgressHandler | None = None
        if method == "notifications/progress":
            token = params.get(meta.PROGRESS_TOKEN)
            if isinstance(token, (int, str)):
                progress = self._progress.get(token)
                if (term := self._terms.get(token)) is not None:
                    term.begin_anew()
            if progress is None and self.handlers.message is None:
                return None
        elif method == "notifications/cancelled":
            asked = params.get("requestId")
            task = self._answering.get(asked) if isinstance(asked, (int, str)) else None
            if task is not None:
                task.cancel()
        elif method == TOOLS_CHANGED:
            self._forget_tools()
        elif method == ACKNOWLEDGED:
            self.subscriptions.acknowledged(params)
            return None
        if self.cache is not None and caching.made_stale(method, params):
            return self._told(method, params)
        return self.handlers.hear(method, params, progress)

    async def on_lost(self) -> None:
        """Open a new session, though no call waits for one: the server may have much to tell."""
        try:
            await self._renewed(self._epoch, None, "initialize")
        except McpError as exc:
            logger.debug("No new session yet: %s", exc)
        except Exception:  # the user's function of headers, which may do better next time
            logger.exception("A new session could not be asked for")

    def on_missed(self) -> None:
        """The stream of changes was interrupted."""
        spawn(self._missed(), self._background)

    def on_exception(self, exc: Exception) -> None:
        """Something went wrong that is no call's."""
        if self.handlers.message is not None:
            spawn(self.handlers.tell(exc), self._background)

    async def _told(self, method: str, params: dict[str, Any]) -> None:
        """Something changed: forget it first, so that whoever hears of it finds the new."""
        if self.cache is not None:
            await self.cache.changed(self.protocol_version, method, params)
        await self.handlers.hear(method, params, None)

    async def _missed(self) -> None:
        """Changes were missed: what is known may be old."""
        self._forget_tools()
        self.handlers.missed()
        if self.cache is not None:
            await self.cache.lost()

    async def _answer(self, request: Request) -> None:
        if self.era is Era.STATELESS:
            # There the server asks inside results; a client sends no responses (streamable-http,
            # "Sending Messages", point 4).
            logger.warning(
                "The server sent the request %.200r, which its protocol version forbids; it is not "
                "answered",
                request.method,
            )
            return
        try:
            result = await self._answer_of(request.method, request.params, request.id)
            body = encode_result(request.id, result)
        except McpError as exc:
            body = encode_error(request.id, exc)
        await self.send_quietly(body)

    async def _answer_of(
        self, method: str, params: dict[str, Any], id: RequestId | None
    ) -> dict[str, Any]:
        """What the handlers say to one question; where it is traced, one span."""
        context = RequestContext(self, id, params.get("_meta") or {})
        tracing = None if self.telemetry is None else self.telemetry.tracing()
        if tracing is None:
            return await self.handlers.answer(method, params, context)
        with tracing.incoming(method, params, self._attributes(id)):
            return await self.handlers.answer(method, params, context)

    def _attributes(self, id: RequestId | None) -> dict[str, str | int]:
        """What a span says of this session. Not its id, which gives access to it."""
        address = self.channel.address
        attributes: dict[str, str | int] = {"network.transport": "tcp" if address else "pipe"}
        if address is not None:
            attributes["server.address"], attributes["server.port"] = address
        if id is not None:
            attributes["jsonrpc.request.id"] = str(id)
        if self.protocol_version is not None:
            attributes["mcp.protocol.version"] = self.protocol_version
        return attributes

    async def _give(self, asked: InputRequired) -> dict[str, Any]:
        """The answers to what a result asks, by the server's keys, all at once."""
        if self._left.is_set():
            raise ConnectionClosedError("the client left")

        async def one(question: object) -> dict[str, Any]:
            request = as_object(question) or {}
            method, params = str(request.get("method")), as_object(request.get("params")) or {}
            if method == "ping":
                raise method_not_found(method)
            return await self._answer_of(method, params, None)

        tasks = [asyncio.create_task(one(question)) for question in asked.requests.values()]
        self._giving.update(tasks)
        try:
            answers = await asyncio.gather(*tasks)
        except asyncio.CancelledError as exc:
            if self._left.is_set() and not is_cancelled(exc):
                raise ConnectionClosedError("the client left") from None
            raise
        finally:
            self._giving.difference_update(tasks)
            for task in tasks:  # one that failed ends the call: nobody waits for the others
                task.cancel()
        return dict(zip(asked.requests, answers, strict=True))

    # --- a session that was lost ---------------------------------------------------------------

    async def _renewed(self, epoch: int, term: Term | None, method: str) -> None:
        """Return when the session that was current at `epoch` has been replaced; once for all
        the calls that found it lost."""
        if self._epoch != epoch:
            return
        if self._renewal is None:
            self._renewal = spawn(self._renew(), self._background)
            self._renewal.add_done_callback(self._renewal_done)
        renewal = self._renewal
        now = asyncio.get_running_loop().time()
        # `wait` leaves the renewal to the others when the caller of this one is cancelled.
        await asyncio.wait([renewal], timeout=None if term is None else max(0, term.until - now))
        if not renewal.done():
            assert term is not None
            raise RequestTimeoutError(method, term.seconds)
        if renewal.cancelled():
            raise ConnectionClosedError("the client left", reached=False)
        renewal.result()

    def _renewal_done(self, task: asyncio.Task[None]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # those who wait raise it

    async def _renew(self) -> None:
        logger.info("The server does not know the session any more; opening a new one")
        deadline = asyncio.timeout(self.init_timeout)
        try:
            async with deadline:
                await self._initialize_patiently()
                if self._level_set is not None:
                    # Not `exchange`, which would wait for this very renewal if it failed.
                    level = {"level": self._level_set}
                    await self._once("logging/setLevel", level, None, None, None)
                await self.subscriptions.renew()
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            raise RequestTimeoutError("initialize", self.init_timeout or 0) from exc
        self._epoch += 1
        await self._missed()  # the server may be another version of itself

    async def _initialize_patiently(self) -> None:
        self.channel.handshaken = None
        for attempt in range(_RENEWALS):
            try:
                await self.initialize()
                return
            except HttpStatusError as exc:
                if exc.status != 404 or attempt + 1 == _RENEWALS:
                    raise
            await asyncio.sleep(_RENEWAL_PAUSE * 2**attempt)

    # --- closing -------------------------------------------------------------------------------

    async def close(self, seconds: float) -> None:
        """Stop answering, and let what was said last go out.

        Args:
            seconds: that this may take.
        """
        self._left.set()
        if self._renewal is not None:
            self._renewal.cancel()
        await self.subscriptions.stop()
        for task in (*self._answering.values(), *self._giving):
            task.cancel()
        if self._background:
            await asyncio.wait(self._background, timeout=min(seconds, 1.0))
        for task in list(self._background):
            task.cancel()
        if self._background:
            await asyncio.wait(self._background, timeout=1.0)
        self.channel.attach(None)
        await self.handlers.leave()

    async def send_quietly(self, body: bytes, seconds: float = _QUIET_SECONDS) -> None:
        """Send what nobody waits for.

        Args:
            body: a notification or a response.
            seconds: that it may take.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.channel.send(body, self.protocol_version)
        except (McpError, TimeoutError) as exc:
            logger.debug("Could not be sent to the server: %s", exc)


def _may_be_repeated(method: str, repeatable: bool | None) -> bool:
    """Whether a request that the server may have acted on does no harm when it is made twice."""
    if repeatable is not None:
        return repeatable
    row = METHODS.get(method)
    return row is not None and row.repeatable

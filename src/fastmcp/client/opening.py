"""How a session is opened: which era the server speaks, and what both sides agreed on.

The rules are in `protocol/negotiation.py`; here they are walked through, one request at a time,
and their outcome is kept: version, capabilities, who the server is, and what every stateless
request has to say of the client.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any

import pydantic

from fastmcp.client.channel import Channel, Handshaken
from fastmcp.client.errors import ConnectionClosedError, HttpStatusError, RequestTimeoutError
from fastmcp.client.handlers import Handlers
from fastmcp.client.patience import Term
from fastmcp.exceptions import McpError
from fastmcp.protocol import meta
from fastmcp.protocol.negotiation import (
    AUTO,
    LEGACY,
    PROBE_SECONDS,
    Again,
    Handshake,
    Refuse,
    Stateless,
    Verdict,
    judge_error,
    judge_initialize,
    judge_result,
)
from fastmcp.protocol.versions import LATEST_HANDSHAKE, LATEST_STATELESS, Era
from fastmcp.utilities import mcp_types
from fastmcp.utilities.mcp_types import Implementation

__all__ = ["Opening"]

logger = logging.getLogger("fastmcp.client")


class Opening(ABC):
    """What is agreed with the server, and how it comes about.

    Args:
        channel: an open connection.
        handlers: of the user; what they can do is declared.
        client_info: name and version the server gets to see.
        timeout: seconds every request may take, None for no limit.
    """

    def __init__(
        self,
        channel: Channel,
        handlers: Handlers,
        client_info: Implementation,
        timeout: float | None,
    ) -> None:
        self.channel = channel
        self.handlers = handlers
        self.timeout = timeout
        self.client_info = client_info.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.era: Era | None = None
        self.protocol_version: str | None = None
        self.server_capabilities: mcp_types.ServerCapabilities | None = None
        self.server_info: Implementation | None = None
        self.instructions: str | None = None
        self.initialize_result: mcp_types.InitializeResult | None = None
        self.discover_result: mcp_types.DiscoverResult | None = None
        self.base_meta: dict[str, Any] | None = None
        """What `_meta` of every request says in the stateless era; None in the other."""
        self.opening: Term | None = None
        """The time-out of all that opens the session, while it is being opened."""
        self._silent = False
        """Whether the last probe met silence."""

    @abstractmethod
    async def exchange(
        self, method: str, params: dict[str, Any], seconds: float | None
    ) -> dict[str, Any]:
        """One request, one result."""

    @abstractmethod
    async def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a notification."""

    async def negotiate(
        self,
        mode: str,
        *,
        remembered: Era | None = None,
        prior: mcp_types.DiscoverResult | None = None,
    ) -> Era:
        """Find out which era the server speaks, and open the session in it.

        Args:
            mode: "auto", "legacy" or a stateless revision, which is taken without asking.
            remembered: what the server of this transport spoke last time; saves the probe.
            prior: a discover result to take over where `mode` names a revision.
        Returns:
            the era.
        """
        if mode == LEGACY:
            await self.initialize()
        elif mode != AUTO:
            self._speak_stateless(mode)
            self.server_info = None  # nobody was asked
            self.server_capabilities = mcp_types.ServerCapabilities()
            if prior is not None:
                self._adopt(prior.model_dump(mode="json", by_alias=True, exclude_none=True))
        elif remembered is Era.HANDSHAKE:
            try:
                await self.initialize()
            except ConnectionClosedError:
                raise
            except McpError:
                await self._discover()  # the server is another one by now
        else:
            await self._discover()
        assert self.era is not None
        return self.era

    def announces(self, method: str) -> bool:
        """Whether the server says that it tells of these changes; also where nobody asked it."""
        if self.discover_result is None and self.initialize_result is None:
            return True
        capabilities = self.server_capabilities or mcp_types.ServerCapabilities()
        kind = method.split("/")[1]
        return bool(getattr(getattr(capabilities, kind, None), "list_changed", None))

    def refresh_capabilities(self) -> None:
        """Declare what the handlers can do now; a handshake was made once and stays."""
        if self.base_meta is not None:
            declared = self.handlers.capabilities(self.base_meta[meta.PROTOCOL_VERSION])
            self.base_meta[meta.CLIENT_CAPABILITIES] = declared

    # --- the stateless era ---------------------------------------------------------------------

    def _speak_stateless(self, version: str) -> None:
        self.era, self.protocol_version = Era.STATELESS, version
        self.base_meta = {
            meta.PROTOCOL_VERSION: version,
            meta.CLIENT_INFO: self.client_info,
            meta.CLIENT_CAPABILITIES: self.handlers.capabilities(version),
            # Without a level a server sends no log messages; all are wanted, as in the other era.
            meta.LOG_LEVEL: self.handlers.log_level or "debug",
        }

    def _unlearn(self) -> None:
        self.era = self.protocol_version = self.base_meta = None

    async def _discover(self) -> None:
        try:
            verdict = await self._probe(LATEST_STATELESS, retried=False)
            if isinstance(verdict, Again):
                verdict = await self._probe(verdict.version, retried=True)
        except BaseException:
            self._unlearn()  # nothing was learnt: the next attempt begins anew
            raise
        if isinstance(verdict, Stateless):
            self._speak_stateless(verdict.version)
        elif isinstance(verdict, Handshake):
            self._unlearn()
            await self._initialize_or_ask_again()
        else:
            self._unlearn()
            assert isinstance(verdict, Refuse)
            raise verdict.error

    async def _initialize_or_ask_again(self) -> None:
        """Open a session of the handshake era; where the probe met silence, and the server then
        refuses the handshake, it was only slow to start, and has taken the probe meanwhile."""
        silent = self._silent
        try:
            await self.initialize()
        except ConnectionClosedError:
            raise
        except McpError as refusal:
            verdict = await self._probe(LATEST_STATELESS, retried=True) if silent else None
            if not isinstance(verdict, Stateless):
                self._unlearn()
                raise refusal
            self._speak_stateless(verdict.version)

    async def _probe(self, version: str, *, retried: bool) -> Verdict:
        self._speak_stateless(version)
        on_pipe = self.channel.is_pipe
        self._silent = False
        silence = min(PROBE_SECONDS, self.timeout or PROBE_SECONDS)
        try:
            result = await self.exchange(
                "server/discover", {}, silence if on_pipe else self.timeout
            )
        except RequestTimeoutError:
            if not on_pipe:
                raise
            self._silent = True
            return Handshake()
        except ConnectionClosedError:
            raise
        except HttpStatusError as exc:
            return judge_error(exc, status=exc.status, retried=retried)
        except McpError as exc:
            return judge_error(exc, retried=retried)
        verdict = judge_result(result)
        if isinstance(verdict, Stateless):
            try:
                self._adopt(result)
            except pydantic.ValidationError as exc:
                logger.info("The server's discover result does not fit the protocol: %s", exc)
                return Handshake()
        return verdict

    def _adopt(self, result: dict[str, Any]) -> None:
        """Take over what a discover result says."""
        said = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete", **result}
        discovered = mcp_types.DiscoverResult.model_validate(said)
        self.discover_result = discovered
        self.server_capabilities = discovered.capabilities
        self.instructions = discovered.instructions
        info = (discovered.meta or {}).get(meta.SERVER_INFO)
        self.server_info = (
            Implementation.model_validate(info) if info else Implementation(name="", version="")
        )

    # --- the handshake era ---------------------------------------------------------------------

    async def initialize(self) -> None:
        """Make the handshake, or take over the one that a kept connection already made."""
        channel = self.channel
        capabilities = self.handlers.capabilities(LATEST_HANDSHAKE)
        kept = channel.handshaken
        if kept is not None and kept.capabilities == capabilities:
            self._handshaken(kept.result)
            return
        result = await self.exchange(
            "initialize",
            {
                "protocolVersion": LATEST_HANDSHAKE,
                "capabilities": capabilities,
                "clientInfo": self.client_info,
            },
            self.timeout,
        )
        self._handshaken(result)
        channel.handshaken = Handshaken(capabilities, result)
        assert self.protocol_version is not None
        await self.notify("notifications/initialized")
        await channel.opened(self.protocol_version)

    def _handshaken(self, result: dict[str, Any]) -> None:
        self.protocol_version = judge_initialize(result)
        self.era, self.base_meta = Era.HANDSHAKE, None
        initialized = mcp_types.InitializeResult.model_validate(result)
        self.initialize_result = initialized
        self.server_capabilities = initialized.capabilities
        self.server_info = initialized.server_info
        self.instructions = initialized.instructions

"""Servers out of an MCP configuration: one is connected to directly, several become one client."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from pydantic import ValidationError

from fastmcp import mcp_config  # a module: it is being imported where it was asked for first
from fastmcp.client.channel import Channel
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.composite import CompositeTransport, Member
from fastmcp.protocol.versions import Era

__all__ = ["MCPConfigTransport"]

logger = logging.getLogger("fastmcp.client")

_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}")


class MCPConfigTransport(ClientTransport):
    """Connects to the servers of a configuration.

    One server is connected to directly. Several are one for the client: tools and prompts are
    called `server_tool`, resources `scheme://server/path`. A server that is away is missing until
    it is back; an entry with `"disabled": true` is left out.

    Args:
        config: the configuration, or the data of one.
        name_as_prefix: whether the names of several servers' components begin with the server's.
    Raises:
        ValueError: there is no server in it, or an entry is not right; says which, and which key.
    """

    def __init__(
        self, config: mcp_config.MCPConfig | Mapping[str, Any], name_as_prefix: bool = True
    ) -> None:
        if not isinstance(config, mcp_config.MCPConfig):
            try:
                config = mcp_config.MCPConfig.model_validate(config)
            except ValidationError as exc:
                raise mcp_config.explain(exc) from exc
        self.config = config
        self.name_as_prefix = name_as_prefix
        servers = config.enabled
        if not servers:
            raise ValueError(
                "No MCP servers defined in the config; add one under mcpServers that is not "
                "disabled"
            )
        for name, server in servers.items():
            _warn_of_placeholders(name, server)
        if len(servers) == 1:
            [(name, server)] = servers.items()
            self.transport = _made(name, server.to_transport)
        else:
            self.transport = CompositeTransport(
                {
                    name: Member(_made(name, server.direct), server.reshaping())
                    for name, server in servers.items()
                },
                name_as_prefix,
            )
        self.legacy_only = self.transport.legacy_only
        self.starts_server = self.transport.starts_server

    @property
    def remembered_era(self) -> Era | None:
        """What the transport in use remembers."""
        return self.transport.remembered_era

    @remembered_era.setter
    def remembered_era(self, era: Era | None) -> None:
        self.transport.remembered_era = era

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[Channel]:
        """Open a connection to the server, or to all of them."""
        async with self.transport.open_channel() as channel:
            yield channel

    def describe(self) -> str:
        """The servers."""
        return self.transport.describe()

    def forwarding(self, headers: Callable[[], Mapping[str, str]]) -> Self:
        """The same servers, by transports that share nothing with anybody else's."""
        other = super().forwarding(headers)
        other.transport = self.transport.forwarding(headers)
        return other

    async def close(self) -> None:
        """End what the transports keep alive."""
        await self.transport.close()

    def server_url(self) -> str | None:
        """What the one server is called, or all of them together."""
        return self.transport.server_url()

    def principal(self) -> str | None:
        """Who the client is for the one server, or for all of them."""
        return self.transport.principal()

    def extensions(self) -> frozenset[str]:
        """By which the client is let in at the one server, or at any of them."""
        return self.transport.extensions()

    def get_session_id(self) -> str | None:
        """The session id of the one server; several have one each."""
        return self.transport.get_session_id()

    def set_auth(self, auth: Any) -> None:
        """Take the client's `auth` argument, where there is one server."""
        self.transport.set_auth(auth)

    def set_verify(self, verify: Any) -> None:
        """Take the client's `verify` argument, where there is one server."""
        self.transport.set_verify(verify)

    def set_sse_read_timeout(self, seconds: Any) -> None:
        """Take the client's `sse_read_timeout` argument, where there is one server."""
        self.transport.set_sse_read_timeout(seconds)

    def set_order(self, order: str) -> None:
        """Take the client's `transport_order` argument, where there is one server."""
        self.transport.set_order(order)
        self.legacy_only = self.transport.legacy_only

    def __repr__(self) -> str:
        return f"<MCPConfigTransport({', '.join(map(repr, self.config.mcpServers))})>"


def _made(name: str, make: Any) -> ClientTransport:
    try:
        return make()
    except ValueError as exc:
        raise ValueError(f"server {name!r}: {exc}") from exc


def _warn_of_placeholders(name: str, server: mcp_config.MCPServerTypes) -> None:
    """Hosts fill in `${...}`, each in its own way; here it stays, which is seldom meant."""
    for key in ("command", "args", "env", "url", "headers"):
        found = _PLACEHOLDER.search(str(getattr(server, key, "")))
        if found is not None:
            logger.warning(
                "The configuration of the server %r has %s in %r, which is not filled in here",
                name,
                found.group(),
                key,
            )

"""Several clients side by side: one list of their tools, each call to the client it belongs to.

Every client keeps its own connection, era and handlers. For one client in front of several
servers, resources and prompts included, give `Client` a configuration instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from fastmcp.client.client import CacheMode, CallToolResult, Client, Seconds
from fastmcp.client.progress import ProgressHandler
from fastmcp.mcp_config import MCPConfig
from fastmcp.utilities import mcp_types

__all__ = ["ClientGroup", "ToolRoute"]


@dataclass(frozen=True)
class ToolRoute:
    """Where a tool of the group is.

    Attributes:
        server_name: the client's name in the group.
        client: which has it.
        upstream_name: what it is called there.
    """

    server_name: str
    client: Client[Any]
    upstream_name: str


class ClientGroup:
    """Clients by name; their tools are called `name_tool`.

    Entered, it connects all of them at once; it may be entered again, and the last to leave
    disconnects. The clients may as well be connected by others.

    Args:
        clients: by name; which there are does not change.
    Raises:
        ValueError: there is none.
    """

    def __init__(self, clients: Mapping[str, Client[Any]]) -> None:
        if not clients:
            raise ValueError("ClientGroup needs at least one client")
        self._clients = dict(clients)
        self._routes: dict[str, ToolRoute] | None = None
        self._entered = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    @classmethod
    def from_config(
        cls, config: MCPConfig | dict[str, Any], *, default_mode: str = "auto"
    ) -> ClientGroup:
        """A client for each server of a configuration that is not disabled.

        Args:
            config: the configuration; an entry may have a `mode` of its own.
            default_mode: of the others, as of `Client`.
        Raises:
            TypeError: a `mode` that is no string.
            ValueError: the configuration, or a mode, is not right.
        """
        parsed = config if isinstance(config, MCPConfig) else MCPConfig.from_dict(config)
        clients: dict[str, Client[Any]] = {}
        for name, server in parsed.enabled.items():
            mode: object = (server.model_extra or {}).get("mode", default_mode)
            if not isinstance(mode, str):
                raise TypeError(f"The mode of the server {name!r} is a string, not {mode!r}")
            clients[name] = Client(server.to_transport(), mode=mode)
        return cls(clients)

    @property
    def clients(self) -> Mapping[str, Client[Any]]:
        """The clients by name; cannot be changed."""
        return MappingProxyType(self._clients)

    @property
    def protocol_versions(self) -> dict[str, str | None]:
        """The protocol version each speaks, None while it is disconnected."""
        return {name: client.protocol_version for name, client in self._clients.items()}

    async def __aenter__(self) -> Self:
        """Connect every client.

        Raises:
            Exception: that of the first one which could not; the others are disconnected again.
        """
        async with self._here():
            if self._entered == 0:
                await self._connect()
            self._entered += 1
        return self

    def _here(self) -> asyncio.Lock:
        """The lock of the running loop. Those who were in when another one ended never leave."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._lock, self._entered, self._routes = loop, asyncio.Lock(), 0, None
        return self._lock

    async def _connect(self) -> None:
        entering = [asyncio.create_task(client.__aenter__()) for client in self._clients.values()]
        try:
            await asyncio.wait(entering)
        except asyncio.CancelledError:
            for task in entering:
                task.cancel()
            await asyncio.wait(entering)
            await self._leave(entering)
            raise
        failed = [task for task in entering if task.cancelled() or task.exception() is not None]
        if failed:
            await self._leave(entering)
            await failed[0]

    async def _leave(self, entered: list[asyncio.Task[Any]] | None = None) -> None:
        """Disconnect the clients; of those that were entering, the ones that got in."""
        tasks = entered or [None] * len(self._clients)
        leaving = [
            client.__aexit__(None, None, None)
            for client, task in zip(self._clients.values(), tasks, strict=True)
            if task is None or (not task.cancelled() and task.exception() is None)
        ]
        await asyncio.gather(*leaving, return_exceptions=True)

    async def __aexit__(self, *_: object) -> None:
        """Leave; the last to leave disconnects every client."""
        async with self._here():
            self._entered = max(0, self._entered - 1)
            if self._entered == 0:
                self._routes = None
                await self._leave()

    async def list_tools(self, *, cache_mode: CacheMode = "refresh") -> list[mcp_types.Tool]:
        """The tools of all clients under their names in the group.

        Args:
            cache_mode: as of `Client.list_tools`.
        Raises:
            RuntimeError: a client is not connected.
            ValueError: two tools would have the same name.
        """
        away = [name for name, client in self._clients.items() if not client.is_connected()]
        if away:
            raise RuntimeError(f"Clients of the group are not connected: {', '.join(away)}")
        lists = await asyncio.gather(
            *(client.list_tools(cache_mode=cache_mode) for client in self._clients.values())
        )
        routes: dict[str, ToolRoute] = {}
        tools: list[mcp_types.Tool] = []
        for (name, client), listed in zip(self._clients.items(), lists, strict=True):
            for tool in listed:
                public = f"{name}_{tool.name}"
                if public in routes:
                    raise ValueError(
                        f"Tool name collision: {public!r} of {routes[public].server_name!r} and "
                        f"of {name!r}. Give one of the clients another name."
                    )
                routes[public] = ToolRoute(name, client, tool.name)
                tools.append(tool.model_copy(update={"name": public}))
        self._routes = routes
        return tools

    async def resolve_tool(self, name: str) -> ToolRoute:
        """Where a tool is. The tools are listed once if they never were.

        Args:
            name: in the group.
        Raises:
            KeyError: there is no such tool.
            RuntimeError: its client is not connected.
        """
        if self._routes is None:
            await self.list_tools(cache_mode="use")
        route = (self._routes or {}).get(name)
        if route is None:
            raise KeyError(f"Unknown tool: {name!r}. list_tools() asks the servers again.")
        if not route.client.is_connected():
            raise RuntimeError(f"The client {route.server_name!r} of the group is not connected")
        return route

    async def call_tool_mcp(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        timeout: Seconds = None,
        progress_handler: ProgressHandler | None = None,
        meta: dict[str, Any] | None = None,
    ) -> mcp_types.CallToolResult:
        """Call a tool by its name in the group, and return the result as it came.

        Args and errors: as of `Client.call_tool_mcp` and `resolve_tool`.
        """
        route = await self.resolve_tool(name)
        return await route.client.call_tool_mcp(
            route.upstream_name,
            arguments or {},
            timeout=timeout,
            progress_handler=progress_handler,
            meta=meta,
        )

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        version: str | None = None,
        timeout: Seconds = None,
        progress_handler: ProgressHandler | None = None,
        raise_on_error: bool = True,
        meta: dict[str, Any] | None = None,
    ) -> CallToolResult:
        """Call a tool by its name in the group.

        Args and errors: as of `Client.call_tool` and `resolve_tool`.
        """
        route = await self.resolve_tool(name)
        return await route.client.call_tool(
            route.upstream_name,
            arguments,
            version=version,
            timeout=timeout,
            progress_handler=progress_handler,
            raise_on_error=raise_on_error,
            meta=meta,
        )

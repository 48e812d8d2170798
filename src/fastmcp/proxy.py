"""Proxies: a server in front of another one, made of this package's two sides.

It stands above both, for it knows both: a `FastMCP` whose components come from a `Client`. What
goes through, and whose the connections are, is said in `server/forwarding`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, TypeAlias, cast

from fastmcp.client.client import Client
from fastmcp.client.forwarding import Forwarding
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.composite import CompositeTransport
from fastmcp.client.transports.config import MCPConfigTransport
from fastmcp.client.transports.inference import infer_transport
from fastmcp.protocol.link import Downstream, ForwardingClient
from fastmcp.protocol.negotiation import AUTO
from fastmcp.server.forwarding.provider import ProxyProvider
from fastmcp.server.forwarding.relays import ClientFactory
from fastmcp.server.providers.aggregate import ErrorStrategy
from fastmcp.server.server import FastMCP

__all__ = [
    "FastMCPProxy",
    "ProxyClient",
    "ProxyIdentity",
    "StatefulProxyClient",
    "create_proxy",
]

ProxyIdentity: TypeAlias = Literal["proxy", "upstream"]

_FEATURES: Mapping[str, str] = {
    "sampling_handler": "sampling",
    "elicitation_handler": "elicitation",
    "roots": "roots",
}


class ProxyClient(Client[ClientTransport]):
    """The client of a proxy: says where the server behind is, and how to be let in.

    Each client of the proxy gets a connection of its own. What the server behind asks or tells goes
    on to that client; a handler that is given here answers in its place, and one that is given as
    None withholds it.

    Args:
        transport: as for `Client`, and so are all others.
        forward_incoming_headers: let the headers of the client's HTTP requests go on. What belongs
            to one connection stays, and so does `Authorization` where the proxy itself has
            authenticated the request by it; what `transport` says itself goes before.
        title: what the server behind is called in errors, beside its address.
        retry_seconds: for how long that server is asked again when it was there and is away; 3 by
            default.
    """

    def __init__(
        self,
        transport: Any,
        *,
        forward_incoming_headers: bool = True,
        title: str | None = None,
        retry_seconds: float | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(transport, **settings)
        if retry_seconds is not None:
            self._forward_retry_seconds = retry_seconds
        self._forwards_headers = forward_incoming_headers
        self._title = title
        self._withheld = frozenset(
            feature
            for argument, feature in _FEATURES.items()
            if argument in settings and settings[argument] is None
        )


class StatefulProxyClient(ProxyClient):
    """The same: a session of the proxy keeps its session of the server behind."""

    def new_stateful(self) -> Self:
        """For `client_factory`."""
        return self


class _Connected:
    """A client that somebody has connected, and lends: what it is connected to is one session, for
    all clients of the proxy, and its own handlers answer."""

    def __init__(self, client: Client[Any]) -> None:
        self._client = client

    def forward(self, downstream: Downstream, *, handshake_first: bool) -> Forwarding:
        return Forwarding(self._client, downstream, borrowed=True)


class FastMCPProxy(FastMCP):
    """A server that offers what another one offers.

    Args:
        client_factory: makes the client that says where the other one is; sync or async.
        provider_error_strategy: "raise" (the default) fails a list when the other server cannot be
            reached; "warn" leaves out what it offers.
        identity: whether clients are told this server's name and version, "proxy", or those of the
            other one as soon as they are known, "upstream".
        cache_ttl: see `ProxyProvider`, and so is `patience`.
        settings: as for `FastMCP`.
    """

    def __init__(
        self,
        *,
        client_factory: ClientFactory,
        provider_error_strategy: ErrorStrategy = "raise",
        identity: ProxyIdentity = "proxy",
        cache_ttl: float | None = None,
        patience: float | None = None,
        **settings: Any,
    ) -> None:
        if identity not in ("proxy", "upstream"):
            raise ValueError("identity must be 'proxy' or 'upstream'")
        super().__init__(**settings)
        self.client_factory = client_factory
        provider = ProxyProvider(
            client_factory,
            cache_ttl,
            alone=True,
            unlisted=self._hands_on_anything,
            patience=patience,
        )
        if identity == "upstream":
            provider.on_introduction = self._take_identity
        self.add_provider(provider)
        self.engine.behind.error_strategy = provider_error_strategy

    def _hands_on_anything(self) -> bool:
        """Whether a name can only be the other server's, and nobody here looks at what has it.

        Parts and guards may be added at any time.
        """
        engine = self.engine
        return not (
            len(engine.behind.providers) > 1
            or engine.middleware
            or engine.registry.has_rules
            or engine.registry.view.templates.current
        )

    def _take_identity(self, said: Mapping[str, Any]) -> None:
        info = said.get("serverInfo")
        if info:
            self.engine.server_info.clear()
            self.engine.server_info.update(info)


def create_proxy(target: Any, *, mode: str | None = None, **settings: Any) -> FastMCP:
    """A server in front of another one, or of several.

    Args:
        target: a `Client`, a transport, a server object, a URL, the path of a script, or an MCP
            configuration, a dict or an `MCPConfig`; of several servers each has its name as
            namespace, and one that is away keeps nobody from the others. A client that is
            connected already is used as it is, by all clients of the proxy; any other target is
            connected to anew for each.
        mode: the era to speak with it, as for `Client`; by default that of the client in front
            where the server behind has both.
        settings: as for `FastMCPProxy`, where there is one server behind, and `FastMCP`.
    Raises:
        ValueError: no such target, or the configuration is not right.
    """
    if isinstance(target, Client):
        found = cast("Client[Any]", target)
        lent = found.is_connected() and not isinstance(found, ProxyClient)
        client: ForwardingClient = _Connected(found) if lent else found
        return FastMCPProxy(client_factory=lambda: client, **settings)
    transport = infer_transport(target)
    if isinstance(transport, MCPConfigTransport) and isinstance(
        transport.transport, CompositeTransport
    ):
        return _front_of_many(transport.transport, mode, settings)
    client = ProxyClient(transport, mode=mode or AUTO)
    return FastMCPProxy(client_factory=lambda: client, **settings)


def _front_of_many(
    transport: CompositeTransport, mode: str | None, settings: dict[str, Any]
) -> FastMCP:
    front = FastMCP(**settings)
    for name, member in transport.members.items():
        own = CompositeTransport({name: member}, prefixed=False)
        direct = own if member.reshaping else member.transport
        client = ProxyClient(direct, title=name, mode=mode or AUTO)
        front.add_provider(
            ProxyProvider(_always(client)), namespace=name if transport.prefixed else ""
        )
    return front


def _always(client: ForwardingClient) -> Callable[[], ForwardingClient]:
    return lambda: client

"""Where FastMCP's users find proxies; the modules behind it say what they are."""

from fastmcp.proxy import (
    FastMCPProxy,
    ProxyClient,
    ProxyIdentity,
    StatefulProxyClient,
    create_proxy,
)
from fastmcp.server.forwarding.entries import ProxyPrompt, ProxyResource, ProxyTemplate, ProxyTool
from fastmcp.server.forwarding.provider import ProxyProvider

__all__ = [
    "FastMCPProxy",
    "ProxyClient",
    "ProxyIdentity",
    "ProxyPrompt",
    "ProxyProvider",
    "ProxyResource",
    "ProxyTemplate",
    "ProxyTool",
    "StatefulProxyClient",
    "create_proxy",
]

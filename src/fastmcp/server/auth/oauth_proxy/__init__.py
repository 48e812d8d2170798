"""Authorization by a provider that knows its clients beforehand."""

from fastmcp.server.auth.oauth_proxy.proxy import OAuthProxy, ProxyOptions

__all__ = ["OAuthProxy", "ProxyOptions"]

"""The HTTP proxy that the environment names for an address."""

from __future__ import annotations

import urllib.request

__all__ = ["proxy_for"]


def proxy_for(scheme: str, host: str | None) -> str | None:
    """The URL of the proxy to go through, None for none.

    Args:
        scheme: of the address, http or https.
        host: of the address.
    """
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if proxy is None or not proxy.startswith("http"):
        return None
    return None if host and urllib.request.proxy_bypass(host) else proxy

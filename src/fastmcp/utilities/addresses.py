"""Addresses that a stranger names: which of them a server may be sent to.

A server that fetches what it is told to can be made to ask what only it can reach: the metadata
service of its cloud, a database's port, its neighbours (server-side request forgery). So a URL is
held against RFC 3986 letter by letter, since two parsers that differ are the usual hole, and an
address against the registries of what is not the public Internet.

Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890); RFC 6052 (NAT64);
2026-07-28, basic/authorization/security-considerations, "Server-Side Request Forgery".
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from yarl import URL

__all__ = [
    "MALFORMED",
    "is_ip",
    "is_loopback",
    "is_numeric",
    "is_own",
    "is_public",
    "parse_url",
    "shown",
]

_LENGTH: Final = 2048
_LETTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""All that a URI may hold (RFC 3986, 2), but for the mark of a fragment."""
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
MALFORMED: Final = "is no http or https URL of at most 2048 ASCII characters without a fragment"

_NOT_PUBLIC_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",  # the platform's own service on every machine of Azure
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo among them: an IPv4 address in disguise
            "2001:db8::/32",
            "2002::/16",  # 6to4, the same; given up by RFC 7526
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


def parse_url(text: str) -> URL | None:
    """A URL that every parser reads alike; None for anything else, a fragment included.

    Args:
        text: http or https, at most 2048 characters.
    """
    if len(text) > _LENGTH or not _LETTERS.fullmatch(text):
        return None
    try:
        url = URL(text, encoded=True)
        host, port = url.host, url.port
    except (ValueError, IndexError):  # yarl has the second for some brackets
        return None
    if url.scheme not in ("http", "https") or not host or port is None:
        return None
    literal = "[" in url.raw_authority  # of IPv6, and of nothing that is yet to come
    return url if _HOST.fullmatch(host) and literal == (":" in host) else None


def is_numeric(host: str) -> bool:
    """Whether a host is an address that only some parsers take for one, such as `127.1`,
    `0x7f.0.0.1` or `2130706433`."""
    if ":" in host or not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return False
    try:
        return str(IPv4Address(host)) != host
    except ValueError:
        return True


def is_ip(host: str) -> bool:
    """Whether a host is an IP address already."""
    return _parsed(host) is not None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, reached as what it looks like."""
    ip = _parsed(address)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    if ip is None or ip.scope_id is not None or ip not in _UNICAST_6:
        return False
    return not any(ip in network for network in _NOT_PUBLIC_6)


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    ip = _parsed(address)
    return ip is not None and ip.is_loopback


def is_own(host: str) -> bool:
    """Whether a host is this machine, without asking anybody (RFC 6761, 6.3)."""
    name = host.rstrip(".")
    return name == "localhost" or name.endswith(".localhost") or is_loopback(host)


def shown(url: URL | str) -> str:
    """A URL without what may be secret in it: user, password and query."""
    return str(URL(url).with_user(None).with_query(None).with_fragment(None))


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """An address, as IPv4 where that is what a packet to it ends at."""
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64 and ip.scope_id is None:
            return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip

"""What stands between client and server, by the headers it leaves, and where it is told to let
streams pass.

A table: who, by which header, and the line to change for each of three faults. A proxy that hides
itself is not found, so every advice ends with what the server itself can do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from multidict import CIMultiDict

__all__ = ["KNOWN", "Intermediary", "advice", "recognize"]


class Intermediary(NamedTuple):
    """A proxy, or a cloud's front door.

    Attributes:
        name: as people call it.
        signs: headers, each with a text its value contains; empty for any value.
        buffering: the line that has it pass streams on as they come.
        silence: the line that has it wait longer.
        compression: the line that has it leave streams as they are.
    """

    name: str
    signs: tuple[tuple[str, str], ...]
    buffering: str
    silence: str
    compression: str


KNOWN: Final = (
    Intermediary(
        "Cloudflare",
        (("CF-RAY", ""), ("Server", "cloudflare")),
        "Cloudflare: a configuration rule for this path that disables caching, Rocket Loader and "
        "response buffering",
        "Cloudflare ends what is silent for 100 s and cannot be told otherwise below Enterprise: "
        "let the server send keep-alives",
        "Cloudflare: a compression rule for this path: no compression",
    ),
    Intermediary(
        "Amazon CloudFront",
        (("X-Amz-Cf-Id", ""), ("Via", "CloudFront")),
        "CloudFront: cache policy CachingDisabled for this path",
        "CloudFront: origin response timeout (30 s by default, up to 180 s)",
        "CloudFront: compress objects automatically: no",
    ),
    Intermediary(
        "an AWS load balancer",
        (("Server", "awselb"), ("X-Amzn-Trace-Id", "")),
        "an AWS load balancer does not buffer; look at what stands behind it",
        "AWS: aws elbv2 modify-load-balancer-attributes --attributes "
        "Key=idle_timeout.timeout_seconds,Value=3600",
        "an AWS load balancer does not compress; look at what stands behind it",
    ),
    Intermediary(
        "Fastly",
        (("X-Served-By", "cache-"), ("Via", "varnish")),
        "Fastly or Varnish: set beresp.do_stream = true; for this path",
        "Fastly or Varnish: set bereq.between_bytes_timeout = 3600s;",
        "Fastly or Varnish: set beresp.gzip = false;",
    ),
    Intermediary(
        "Vercel",
        (("X-Vercel-Id", ""), ("Server", "vercel")),
        "Vercel: return the stream itself from the function",
        "Vercel: raise maxDuration of the function, and let the server send keep-alives",
        "Vercel: send Cache-Control: no-transform",
    ),
    Intermediary(
        "Fly.io",
        (("Fly-Request-Id", ""), ("Via", "fly.io")),
        "Fly.io does not buffer; look at what stands behind it",
        "Fly.io ends what is silent for 60 s: let the server send keep-alives",
        "Fly.io: send Cache-Control: no-transform",
    ),
    Intermediary(
        "Envoy",
        (("Server", "envoy"), ("X-Envoy-Upstream-Service-Time", "")),
        "Envoy: take the buffer filter off this route",
        "Envoy: on the route timeout: 0s and idle_timeout: 3600s (15 s by default); Istio: a "
        "VirtualService with timeout: 0s",
        "Envoy: take text/event-stream out of the compressor's content_type",
    ),
    Intermediary(
        "Google's front end",
        (("Via", "google"), ("Server", "Google Frontend"), ("X-Cloud-Trace-Context", "")),
        "Google Cloud Run streams as it is; look at the load balancer's CDN",
        "Google Cloud: raise the backend service's timeoutSec, and Cloud Run's --timeout 3600",
        "Google Cloud CDN: compressionMode: DISABLED",
    ),
    Intermediary(
        "Caddy",
        (("Server", "Caddy"), ("Via", "Caddy")),
        "Caddy: reverse_proxy ... { flush_interval -1 }",
        "Caddy: look for read_timeout in the transport of reverse_proxy",
        "Caddy: take text/event-stream out of encode",
    ),
    Intermediary(
        "Apache",
        (("Server", "Apache"),),
        "Apache: ProxyPass ... flushpackets=on",
        "Apache: ProxyTimeout 3600",
        "Apache: SetEnvIf Request_URI ^/mcp no-gzip",
    ),
    Intermediary(
        "IIS",
        (("Server", "Microsoft-IIS"), ("X-Powered-By", "ARR")),
        'IIS: <handlers> with responseBufferLimit="0"; ARR: response buffer threshold 0',
        "IIS, ARR: proxy time-out 3600 s",
        'IIS: <urlCompression doDynamicCompression="false" />',
    ),
    Intermediary(
        "nginx",
        (("Server", "nginx"), ("Server", "openresty"), ("Via", "nginx")),
        "nginx: proxy_buffering off; proxy_http_version 1.1; (fastmcp nginx prints the block)",
        "nginx: proxy_read_timeout 1h; (60 s by default; fastmcp nginx prints the block)",
        "nginx: gzip off; in the location",
    ),
)
"""The outermost first: whoever is named by a header may still stand behind another."""


def recognize(heads: Iterable[CIMultiDict[str]]) -> list[Intermediary]:
    """Who is named by these headers."""
    heads = list(heads)
    return [
        known
        for known in KNOWN
        if any(
            text.lower() in value.lower()
            for head in heads
            for name, text in known.signs
            for value in head.getall(name, [])
        )
    ]


def advice(known: Iterable[Intermediary], fault: str, server: str) -> str:
    """The lines to change, one below the other.

    Args:
        known: who is there; nobody, where it is not known.
        fault: the attribute with the line: `buffering`, `silence` or `compression`.
        server: what the server itself can do.
    """
    lines = [getattr(each, fault) for each in known]
    if not lines:
        lines = [getattr(each, fault) for each in KNOWN if each.name == "nginx"]
    return "\n".join([*lines, server])

"""What a protected server says of itself: whose tokens it takes (RFC 9728).

The document names the server by the URL that a client uses, and a client that finds another one in
it goes no further (RFC 9728, 3.3); so each spelling of the path has its own.

Its place is `/.well-known/oauth-protected-resource` with the path of the endpoint behind it. By
RFC 9728, 3.1 that is at the root of the host. A server that is mounted below a path, by an
application or a proxy, sees nothing of the root: so the challenge names the place below that path
(5.1 asks for no other), and the root's routes are there for whoever has the root
(`AuthProvider.get_well_known_routes`).
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["WELL_KNOWN", "metadata_routes", "metadata_url", "resource_url"]

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",  # it is public, and clients in browsers need it
    "Cache-Control": "public, max-age=3600",
}
_PREFLIGHT: Final = {
    **_HEADERS,
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, mcp-protocol-version",
    "Access-Control-Max-Age": "7200",
}


def resource_url(base_url: str, path: str) -> str:
    """What the server is called: the URL of its endpoint.

    Args:
        base_url: where the application is.
        path: of the endpoint in it, as the client wrote it.
    """
    base = base_url.rstrip("/")
    return base + path if path.strip("/") else base


def metadata_url(base_url: str, path: str) -> str:
    """Where a client finds the document."""
    return base_url.rstrip("/") + WELL_KNOWN + (path if path.strip("/") else "")


def metadata_routes(
    base_url: str, resource_base_url: str, path: str, document: dict[str, Any]
) -> list[Route]:
    """The routes of the document.

    Args:
        base_url: where the application is.
        resource_base_url: where clients say it is.
        path: of the endpoint in it.
        document: without the name of the resource.
    """
    paths = dict.fromkeys([path.rstrip("/"), path.rstrip("/") + "/"] if path.strip("/") else [""])
    prefix = "/" + base_url.split("://", 1)[-1].partition("/")[2].strip("/")
    return [
        route
        for spelling in paths
        for route in _routes(
            # The second: the place by RFC 9728, 3.1, for an application that has the whole host.
            dict.fromkeys([WELL_KNOWN + spelling, WELL_KNOWN + prefix.rstrip("/") + spelling]),
            {"resource": resource_url(resource_base_url, spelling), **document},
        )
    ]


def _routes(places: dict[str, None], document: dict[str, Any]) -> list[Route]:
    async def serve(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        return JSONResponse(document, headers=_HEADERS)

    return [Route(place, serve, methods=["GET", "OPTIONS"]) for place in places]

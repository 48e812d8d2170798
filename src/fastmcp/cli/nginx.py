"""`fastmcp nginx`: the part of an nginx configuration that Streamable HTTP needs.

nginx as it comes speaks HTTP/1.0 to what stands behind it, collects answers before it passes them
on, and gives up after a minute; each of these breaks a stream. What stands here undoes that, keeps
its limits equal to the server's, and sends nothing twice: a tool that has run must not run again.
The two paths of HTTP+SSE need the same, where they are served.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from cyclopts import Parameter

from fastmcp.cli.errors import CliError
from fastmcp.settings import get_settings

__all__ = ["nginx"]

_UPSTREAM: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")
_PATH: Final = re.compile(r"/[A-Za-z0-9_.~%/-]*")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:*\[\]-]+")
_NAME: Final = "fastmcp"

_LOCATION: Final = """\
location {path} {{
    proxy_pass http://{target};

    # Streams: no collecting, no storing, and patience while a tool says nothing.
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_buffering off;
    proxy_cache off;
    proxy_read_timeout 1h;
    proxy_send_timeout 1h;

    # Who called, and by which address.
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;

    # Another server is tried where the first was not reached; a POST that reached one is not
    # sent again.
    proxy_next_upstream error timeout;
    proxy_connect_timeout 5s;

    # The server's own limits: FASTMCP_HTTP_MAX_BODY_BYTES, and session ids of up to 6 kB.
    client_max_body_size {body};
    proxy_buffer_size 8k;
}}
"""

_LEGACY: Final = """\
# HTTP+SSE of 2024-11-05 needs the same, at the path of its streams and at that of its messages. A
# message may reach another server than its stream: on several machines they need FASTMCP_REDIS_URL.
"""
_REMARKS: Final = re.compile(r"^ *#.*\n|^\n", re.MULTILINE)

_UPSTREAM_BLOCK: Final = """\
upstream {name} {{
    # Any of them serves any session if FASTMCP_SESSION_KEY is the same on all. max_fails=0: an
    # answer that breaks off says nothing against its server, and nginx would else pass that
    # server over for 10 seconds, and answer 502 where there is no other.
{servers}
    # Connections are kept, for less than the 5 seconds after which uvicorn closes idle ones, so
    # that no request meets one that is being closed.
    keepalive 64;
    keepalive_timeout 4s;
}}
"""

_SERVER: Final = """\
server {{
    listen {listen};
    server_name {server_name};

{location}}}
"""


def nginx(
    *upstream: str,
    path: str | None = None,
    legacy_sse: bool | None = None,
    full: Annotated[bool, Parameter(negative="")] = False,
    listen: str = "80",
    server_name: str = "_",
) -> int:
    """Print an nginx configuration for a server.

    Args:
        upstream: host:port of the server, or of several; default 127.0.0.1 and FASTMCP_PORT.
        path: of the endpoint; default FASTMCP_STREAMABLE_HTTP_PATH, else /mcp.
        legacy_sse: print the locations of HTTP+SSE as well, at FASTMCP_SSE_PATH, else /sse, and at
            FASTMCP_MESSAGE_PATH, else /messages/; default FASTMCP_LEGACY_SSE.
        full: print the upstream and server blocks as well: a whole file for conf.d.
        listen: with --full, the address or port to listen on.
        server_name: with --full, the names served.
    """
    settings = get_settings()
    upstreams = list(upstream) or [f"127.0.0.1:{settings.port}"]
    if legacy_sse is None:
        legacy_sse = settings.legacy_sse
    # Without a slash at the end, for which nginx would redirect who leaves it out.
    path, *legacy = [
        "/" + one.strip("/")
        for one in (
            path or settings.streamable_http_path,
            *((settings.sse_path, settings.message_path) if legacy_sse else ()),
        )
    ]
    for text, pattern, what in [
        *((one, _UPSTREAM, "an upstream: write host:port") for one in upstreams),
        *(
            (one, _PATH, "a path that nginx can be told as it is: write one such as /mcp")
            for one in (path, *legacy)
        ),
        (listen, _WORD, "an address to listen on: write a port or address:port"),
        (server_name, _WORD, "a server name: write a host name"),
    ]:
        if not pattern.fullmatch(text):
            raise CliError(f"{text!r} is not {what}.", 2)
    if len(upstreams) > 1 and not full:
        raise CliError(
            "Several servers stand in an upstream block, outside of the location: add --full.", 2
        )
    target = _NAME if full else upstreams[0]
    location, *others = [
        _LOCATION.format(path=one, target=target, body=settings.http_max_body_bytes)
        for one in (path, *legacy)
    ]
    if others:
        location += "\n" + _LEGACY + "".join(_REMARKS.sub("", one) for one in others)
    if not full:
        print(location, end="")
        return 0
    servers = "".join(f"    server {one} max_fails=0;\n" for one in upstreams)
    indented = "".join(
        f"    {line}" if line.strip() else line for line in location.splitlines(True)
    )
    print(_UPSTREAM_BLOCK.format(name=_NAME, servers=servers))
    print(_SERVER.format(listen=listen, server_name=server_name, location=indented), end="")
    return 0

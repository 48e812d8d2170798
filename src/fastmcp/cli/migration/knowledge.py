"""What all files together say: which servers there are and where, and what moves with them.

A client's URL moves only with its server. A server is known by its port on this machine, or by
the name of its service in a compose file; what it is after the migration is what counts, so that
files which were migrated earlier say the same as files that are being migrated.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final, Literal, TypeAlias

from fastmcp.cli.migration.endpoints import Endpoints, Url

__all__ = [
    "DEFAULT_PORT",
    "HTTP_PATH",
    "SSE_PATH",
    "Knowledge",
    "Served",
    "ServerKind",
    "Verdict",
    "module_of",
]

SSE_PATH: Final = "/sse"
HTTP_PATH: Final = "/mcp"
DEFAULT_PORT: Final = 8000
_THIS_MACHINE: Final = frozenset(("localhost", "host.docker.internal", "0.0.0.0"))  # noqa: S104

ServerKind: TypeAlias = Literal["fastmcp", "sdk"]
_Home: TypeAlias = Literal["here", "elsewhere"]
"""Where a service's program comes from: it is built of these files, or it is someone's image."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that speaks Streamable HTTP once the files are migrated."""

    where: str
    """The file that says so."""
    port: int | None
    """None: what says it is not in the files."""
    was: str | None = SSE_PATH
    """The path that clients know it by; None: unknown."""
    path: str | None = HTTP_PATH
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a client can be migrated."""

    sure: bool
    url: str = ""
    """What to write, where it is sure; often the same as before."""
    reason: str = ""
    advice: str = ""


@dataclass
class Knowledge:
    """Filled while files are read, then asked while they are rewritten."""

    endpoints: Endpoints = field(default_factory=Endpoints)
    served: set[Served] = field(default_factory=set[Served])
    old: set[tuple[str, int | None]] = field(default_factory=set[tuple[str, int | None]])
    """Servers that stay with HTTP+SSE: file and line, and port."""
    published: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Ports of this machine that are ports of a container."""
    services: dict[str, _Home] = field(default_factory=dict[str, _Home])
    applications: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    """Modules that `uvicorn` serves, and the ports."""
    sdk: set[int] = field(default_factory=set[int])
    """Major versions of the official SDK that something asks for."""
    servers: dict[tuple[str, str], ServerKind] = field(
        default_factory=dict[tuple[str, str], ServerKind]
    )
    """Of servers that other files import: file, and name in it."""

    wanted: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """What Python files take from others: module, without its package, and name or `*`."""

    def is_wanted(self, where: str, name: str) -> bool:
        """Whether another file uses a name of the module in the file `where`."""
        module = module_of(where)
        return (module, name) in self.wanted or (module, "*") in self.wanted

    def judge(self, text: str) -> Verdict:
        """What becomes of a client that is told to use the URL `text`."""
        url = Url.parse(text)
        if url is None:
            return Verdict(
                False,
                reason=f"{text or 'an empty text'} is no URL that could be followed.",
                advice="See which server it leads to, and migrate both together.",
            )
        found = self.endpoints.find(url)
        if found is not None:
            entry, moved = found
            if moved:
                return Verdict(True, moved)
            return Verdict(
                False,
                reason=f"{text} has ended, and no other endpoint simply takes its place.",
                advice=" ".join(part for part in (entry.note, f"See {entry.source}.") if part),
            )
        if _is_near(url.host):
            return self._judge_near(url, text)
        return Verdict(
            False,
            reason=f"nothing here says whether the server at {text} speaks Streamable HTTP.",
            advice=_ask(url, text),
        )

    def _judge_near(self, url: Url, text: str) -> Verdict:
        candidates, old = self._at(url)
        fitting = {one for one in candidates if one.was is not None and _same(one.was, url.path)}
        if not fitting or old:
            where = ", ".join(sorted(old)) or ", ".join(sorted({one.where for one in candidates}))
            reason = (
                f"the server at {text} stays with HTTP+SSE ({where})."
                if old
                else f"no server in these files is known to be at {text}"
                + (f"; {where} serves that port on another path." if where else ".")
            )
            return Verdict(False, reason=reason, advice=_ask(url, text))
        paths = {one.path for one in fitting if one.path is not None}
        if len(paths) != 1:
            return Verdict(
                False,
                reason=f"several servers in these files could be the one at {text}.",
                advice=_ask(url, text),
            )
        (path,) = paths
        return Verdict(True, text if _same(path, url.path) else url.at(path))

    def _at(self, url: Url) -> tuple[set[Served], set[str]]:
        """The servers at a port of this machine or of a service, and those that do not move."""
        ports = {url.port} | {inner for outer, inner in self.published if outer == url.port}
        service = self.services.get(url.host)
        if "." not in url.host and url.host not in _THIS_MACHINE and ":" not in url.host:
            own = {one for one in self.served if one.service == url.host and one.port in ports}
            if own or service != "here":
                return own, set()
        served = {one for one in self.served if one.port in ports}
        return served, {where for where, port in self.old if port in ports}


def module_of(where: str) -> str:
    """The name of a Python file's module, without its package."""
    path = PurePath(where)
    return path.parent.name if path.stem == "__init__" else path.stem


def _same(one: str, other: str) -> bool:
    return one.strip("/") == other.strip("/")


def _is_near(host: str) -> bool:
    if host in _THIS_MACHINE or ("." not in host and ":" not in host):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ask(url: Url, text: str) -> str:
    path = url.path.rstrip("/")
    new = path[: -len(SSE_PATH)] + HTTP_PATH if path.endswith(SSE_PATH) else path
    return (
        "If it speaks Streamable HTTP, say so: fastmcp migrate --sse-url-to "
        f"{text.partition('?')[0]}={url.at(new).partition('?')[0]}"
    )

"""One server in a client's configuration: an address, how it is spoken to, or a bridge to it.

Clients agree on little. What differs is in one table: how Streamable HTTP is called, and what an
address without a word for its transport means.

    Claude Code, VS Code, Cursor, Claude Desktop, FastMCP    "type" or "transport": "http"
    Cline                       "type": "streamableHttp"; without type it is HTTP+SSE
    Roo Code, LibreChat, Continue, the MCP registry    "streamable-http"
    langchain-mcp-adapters, Goose                      "streamable_http"
    Gemini CLI                  "url" is HTTP+SSE, "httpUrl" is Streamable HTTP
    Windsurf, Zed, Codex        an address alone: "serverUrl" or "url"
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from fastmcp.cli.migration.edits import Word
from fastmcp.cli.migration.endpoints import Url
from fastmcp.cli.migration.programs import Place
from fastmcp.cli.migration.tree import Other, Table, insert_member

__all__ = ["FASTMCP", "LANGCHAIN", "REGISTRY", "ClientKind", "client_of", "read_server"]

_URLS: Final = ("url", "serverUrl", "httpUrl", "uri")
_TRANSPORTS: Final = ("type", "transport", "transportType")
_NO_WORD: Final = ("remote",)
"""Values of `type` that do not say which transport."""


@dataclass(frozen=True, slots=True)
class ClientKind:
    """How a client's configuration is written."""

    http: str = "http"
    """What it calls Streamable HTTP."""
    bare_is_sse: bool = False
    """An address without a word for the transport means HTTP+SSE, whatever its path."""
    key: str = ""
    """The key of an address of Streamable HTTP, where there is one of its own."""
    infers: bool = False
    """The path /sse means HTTP+SSE."""


FASTMCP: Final = ClientKind(infers=True)
LANGCHAIN: Final = ClientKind("streamable_http")
REGISTRY: Final = ClientKind("streamable-http")
_CLINE: Final = ClientKind("streamableHttp", bare_is_sse=True)
_GEMINI: Final = ClientKind(bare_is_sse=True, key="httpUrl")


def client_of(path: str) -> ClientKind:
    """Whose configuration a file is, by its name."""
    file = PurePath(path)
    name, folder = file.name.lower(), file.parent.name.lower()
    if name.startswith("cline_mcp_settings"):
        return _CLINE
    if (folder == ".gemini" and name == "settings.json") or name == "gemini-extension.json":
        return _GEMINI
    if name == "mcp_settings.json" or folder in (".roo", ".continue", "mcpservers"):
        return REGISTRY
    if name.startswith("librechat") or name == "server.json":
        return REGISTRY
    if folder == "goose":
        return LANGCHAIN
    if name in ("mcp.json", "fastmcp.json") and not folder.startswith("."):
        return FASTMCP
    return ClientKind()


def read_server(place: Place, entry: Table, client: ClientKind) -> None:
    """Rewrite or list what one entry says of HTTP+SSE.

    Its command, if it has one, is read like any other.
    """
    address, kind = entry.text(*_URLS), entry.text(*_TRANSPORTS)
    named = kind is not None and kind.value.lower() == "sse"
    if address is None:
        if kind is not None and named:
            place.say(kind, "HTTP+SSE, and no address beside it.", "See what it connects to.")
        return
    key = next(key for key, value in entry.entries if value is address)
    bare = kind is None or kind.value in _NO_WORD
    url = Url.parse(address.value)
    listed = url is not None and place.known.endpoints.find(url) is not None
    bare_sse = (
        bare and key.value != "httpUrl" and (client.bare_is_sse or (url is not None and url.is_sse))
    )
    if not (named or listed or bare_sse):
        return
    verdict = place.known.judge(address.value)
    if not verdict.sure:
        place.say(address, f"A client of HTTP+SSE: {verdict.reason}", verdict.advice)
        return
    if verdict.url != address.value and not place.found.replace_in(
        address, address.value, verdict.url
    ):
        return
    if kind is not None and named:
        place.found.replace_in(kind, kind.value, client.http)
    elif bare_sse:
        _say_how(place, key, address, client, moved=verdict.url != address.value)
    if client is LANGCHAIN:
        _list_timeouts(place, entry)


def _say_how(place: Place, key: Word, address: Word, client: ClientKind, moved: bool) -> None:
    """An address alone meant HTTP+SSE: say that it does not any more."""
    if client.key:
        place.found.replace_in(key, key.value, client.key)
    elif client.bare_is_sse:
        insert_member(place.found, key, "type", client.http)
    elif client.infers and not moved:
        place.say(
            address,
            "The server keeps its path /sse, which clients take for HTTP+SSE.",
            f'Add "transport": "{client.http}", or give the server the path /mcp.',
        )


def _list_timeouts(place: Place, entry: Table) -> None:
    for key, value in entry.entries:
        if key.value in ("timeout", "sse_read_timeout") and isinstance(value, Other):
            place.say(
                key,
                f"{key.value} is a number of seconds for HTTP+SSE.",
                "For Streamable HTTP, older versions of langchain-mcp-adapters want a timedelta.",
            )

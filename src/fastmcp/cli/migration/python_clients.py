"""Clients in Python: transports, addresses, and the configurations that are written as dicts.

fastmcp                   SSETransport -> StreamableHttpTransport; Client("http://.../sse")
the official SDK          sse_client -> streamablehttp_client, which gives three things, not two
openai-agents             MCPServerSse -> MCPServerStreamableHttp
pydantic-ai               MCPServerSSE -> MCPServerStreamableHTTP
langchain-mcp-adapters    {"transport": "sse"} -> "streamable_http"
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import libcst as cst
from libcst.helpers import get_full_name_for_node

from fastmcp.cli.migration.configs import FASTMCP, LANGCHAIN, read_server
from fastmcp.cli.migration.edits import Word
from fastmcp.cli.migration.endpoints import Url
from fastmcp.cli.migration.knowledge import Verdict
from fastmcp.cli.migration.programs import Place
from fastmcp.cli.migration.python_names import Renames
from fastmcp.cli.migration.python_source import Source, arguments_of, tree_of
from fastmcp.cli.migration.structured import read_tree
from fastmcp.cli.migration.tree import Table

__all__ = ["read_clients"]

_TRANSPORTS: Final = {
    "fastmcp.client.SSETransport": "fastmcp.client.StreamableHttpTransport",
    "fastmcp.client.transports.SSETransport": "fastmcp.client.transports.StreamableHttpTransport",
    "fastmcp.client.transports.sse.SSETransport": (
        "fastmcp.client.transports.http.StreamableHttpTransport"
    ),
}
_PYDANTIC: Final = dict.fromkeys(
    ("pydantic_ai.mcp.MCPServerSSE", "pydantic_ai.mcp.MCPServerHTTP"),
    "pydantic_ai.mcp.MCPServerStreamableHTTP",
)
_AGENTS: Final = {
    "agents.mcp.MCPServerSse": "agents.mcp.MCPServerStreamableHttp",
    "agents.mcp.MCPServerSseParams": "agents.mcp.MCPServerStreamableHttpParams",
    "agents.mcp.server.MCPServerSse": "agents.mcp.server.MCPServerStreamableHttp",
    "agents.mcp.server.MCPServerSseParams": "agents.mcp.server.MCPServerStreamableHttpParams",
}
_SDK: Final = "mcp.client.sse.sse_client"
_SDK_MODULE: Final = "mcp.client.streamable_http"
_SDK_1_ARGUMENTS: Final = frozenset(
    ("url", "headers", "timeout", "sse_read_timeout", "httpx_client_factory", "auth")
)
_PLAIN: Final = frozenset(
    (
        "fastmcp.Client",
        "fastmcp.client.Client",
        "fastmcp.client.client.Client",
        "fastmcp.server.create_proxy",
        "fastmcp.server.providers.proxy.create_proxy",
        "fastmcp.server.providers.proxy.ProxyClient",
        "fastmcp.server.proxy.ProxyClient",
        "fastmcp.FastMCP.as_proxy",
    )
)
_LANGCHAIN: Final = "langchain_mcp_adapters.client.MultiServerMCPClient"


def read_clients(source: Source, place: Place) -> None:
    """Rewrite or list the clients of a file."""
    _Clients(source, place).read()


@dataclass(frozen=True)
class _Address:
    """An address that a call is given."""

    value: str
    piece: Word
    """What is written of it: all of it, or the end of an f-string."""
    names: tuple[cst.Name, ...] = ()
    """The names it was followed through."""
    changeable: bool = False
    """It is a default: a variable of the environment may say another."""


class _Clients:
    def __init__(self, source: Source, place: Place) -> None:
        self.source = source
        self.place = place
        self.renames = Renames(source)
        self.moves: list[tuple[_Address, str]] = []

    def read(self) -> None:
        agents = True
        for call in self.source.calls:
            name = self.source.qualified(call.func)
            if name in _TRANSPORTS:
                self._transport(call, _TRANSPORTS[name])
            elif name in _PYDANTIC:
                self._class(call, _PYDANTIC[name], self._argument(call, "url"))
            elif name in _AGENTS:
                agents &= self._class(call, _AGENTS[name], self._params(call))
            elif name == _SDK:
                self._sdk_client(call)
            elif name in _PLAIN:
                self._plain(call)
            elif name == _LANGCHAIN:
                self._langchain(call)
        for node in self.source.dicts:
            tree = tree_of(self.source, node)
            servers = tree.get("mcpServers") if isinstance(tree, Table) else None
            if isinstance(servers, Table) and isinstance(tree, Table):
                read_tree(self.place, tree, FASTMCP)
        if agents:
            self._parameters()
        self._settle()
        self.renames.settle()

    def _parameters(self) -> None:
        """The type of the parameters of openai-agents, where every client that has them moves."""
        for local, imported in self.source.imports.items():
            if imported.qualified.endswith("Params") and imported.qualified in _AGENTS:
                for load in self.source.loads.get(local, []):
                    self.renames.use(load, _AGENTS[imported.qualified])

    # --- addresses ---------------------------------------------------------------------------

    def _argument(self, call: cst.Call, *names: str) -> cst.BaseExpression | None:
        """The first argument, or one of these names."""
        plain, named = arguments_of(call)
        if plain:
            return plain[0].value
        return next((named[name].value for name in names if name in named), None)

    def _address(self, node: cst.BaseExpression | None, depth: int = 0) -> _Address | None:
        source = self.source
        word = source.word(node)
        if word is not None:
            return _Address(word.value, word)
        if isinstance(node, cst.FormattedString):
            return self._formatted(node)
        if isinstance(node, cst.Name) and depth < 4:
            found = source.bound(node)
            if len(found) == 1 and found[0].how == "assigned":
                inner = self._address(found[0].value, depth + 1)
                if inner is not None:
                    names = (node, *inner.names)
                    return _Address(inner.value, inner.piece, names, inner.changeable)
        default = source.default(node)
        inner = self._address(default, depth + 1) if default is not None else None
        if inner is not None:
            return _Address(inner.value, inner.piece, inner.names, True)
        return None

    def _formatted(self, node: cst.FormattedString) -> _Address | None:
        """An f-string of constants, that ends in text."""
        parts: list[str] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(part.value)
                continue
            if not isinstance(part, cst.FormattedStringExpression):
                return None
            value = self.source.constant(part.expression)
            word = self.source.word(value)
            number = self.source.number(value)
            if part.format_spec is not None or part.conversion is not None:
                return None
            if word is None and number is None:
                return None
            parts.append(word.value if word is not None else str(number))
        last = node.parts[-1] if node.parts else None
        if not isinstance(last, cst.FormattedStringText):
            return None
        piece = Word(last.value, *self.source.span(last))
        return _Address("".join(parts), piece)

    def _judge(self, node: cst.CSTNode, address: _Address | None) -> Verdict | None:
        """What becomes of a client with this address; None if it is listed instead."""
        if address is None:
            self.source.note(
                node,
                "A client of HTTP+SSE: its address is not written here.",
                "See which server it leads to, and migrate both together.",
            )
            return None
        if address.changeable:
            self.place.say(
                address.piece,
                "A client of HTTP+SSE: a variable of the environment may say another address.",
                "Migrate it when every server it is used with has moved.",
            )
            return None
        verdict = self.place.known.judge(address.value)
        if not verdict.sure:
            self.place.say(address.piece, f"A client of HTTP+SSE: {verdict.reason}", verdict.advice)
            return None
        return verdict if self._can_write(address, verdict.url) else None

    @cached_property
    def _used(self) -> set[cst.Name]:
        """Where names are used as the address of a client that can move."""
        used: set[cst.Name] = set()
        for call in self.source.calls:
            address = self._address(self._address_of(call))
            used |= set(() if address is None else address.names)
        return used

    def _address_of(self, call: cst.Call) -> cst.BaseExpression | None:
        """What says the address of a client that can move; None if it is no such client."""
        name = self.source.qualified(call.func)
        plain, _ = arguments_of(call)
        if name in _PYDANTIC or (name in _TRANSPORTS and len(plain) <= 3):
            return self._argument(call, "url")
        if name in _AGENTS:
            return self._params(call)
        if name in _PLAIN:
            return self._argument(call, "transport", "target", "backend")
        if name == _SDK:
            version = self._sdk_version()
            followed = self._streams(call, version) is not None
            if followed and not self._sdk_cannot(call, version):
                return self._argument(call, "url")
        return None

    def _is_shared(self, address: _Address, url: str) -> bool:
        """Whether something else uses the name of an address too, which is listed then."""
        for name in dict.fromkeys(one.value for one in address.names):
            strange = self.source.strange(name, self._used)
            if strange or self.place.known.is_wanted(self.place.where, name):
                self.source.note(
                    strange[0] if strange else address.names[0],
                    f"{name} is the address of a client that could move to {url}, and is used "
                    "elsewhere too.",
                    "See whether those uses are meant to move as well, and migrate all together.",
                )
                return True
        return False

    def _can_write(self, address: _Address, url: str) -> bool:
        """Whether the new address can be written; what cannot is listed."""
        if address.value == url:
            return True
        if self._is_shared(address, url):
            return False
        change = _change(address, url)
        if change is not None and self.place.found.raw(address.piece).count(change[0]) == 1:
            return True
        self.place.say(
            address.piece,
            f"The address {address.value} is written in a way that cannot be edited safely.",
            f"Write {url} instead, by hand.",
        )
        return False

    def _settle(self) -> None:
        """Write the new addresses."""
        for address, url in self.moves:
            change = _change(address, url)
            if change is not None:
                self.place.found.replace_in(address.piece, *change)

    # --- the kinds of clients ----------------------------------------------------------------

    def _transport(self, call: cst.Call, new: str) -> None:
        plain, _ = arguments_of(call)
        if len(plain) > 3:
            self.source.note(
                call,
                "A client of HTTP+SSE with arguments that StreamableHttpTransport takes by their "
                "names alone.",
                "Write sse_read_timeout= and the names of those after it.",
            )
            return
        self._class(call, new, self._argument(call, "url"))

    def _class(self, call: cst.Call, new: str, node: cst.BaseExpression | None) -> bool:
        """A client whose class has another name; whether it moves."""
        address = self._address(node)
        verdict = self._judge(call, address)
        if verdict is not None and address is not None:
            self.moves.append((address, verdict.url))
            self.renames.use(call.func, new)
            return True
        return False

    def _params(self, call: cst.Call) -> cst.BaseExpression | None:
        """The address in `MCPServerSse(params={"url": ...})`."""
        _, named = arguments_of(call)
        if "url" in named:
            return named["url"].value
        value = self.source.constant(self._argument(call, "params"))
        if isinstance(value, cst.Call):
            return self._params(value)
        if isinstance(value, cst.Dict):
            entries = self.source.entries(value)
            return next((address for key, address in entries if key.value == "url"), None)
        return None

    def _plain(self, call: cst.Call) -> None:
        """An address alone: its path says which transport."""
        address = self._address(self._argument(call, "transport", "target", "backend"))
        url = None if address is None else Url.parse(address.value)
        if address is None or url is None:
            return
        if not url.is_sse and self.place.known.endpoints.find(url) is None:
            return
        verdict = self.place.known.judge(address.value)
        if not verdict.sure:
            self.place.say(address.piece, f"A client of HTTP+SSE: {verdict.reason}", verdict.advice)
        elif verdict.url == address.value:
            self.place.say(
                address.piece,
                "The server keeps its path /sse, which a client takes for HTTP+SSE.",
                "Write Client(StreamableHttpTransport(url)), or give the server the path /mcp.",
            )
        elif self._can_write(address, verdict.url):
            self.moves.append((address, verdict.url))

    def _langchain(self, call: cst.Call) -> None:
        value = self.source.constant(self._argument(call, "connections"))
        tree = None if value is None else tree_of(self.source, value)
        if not isinstance(tree, Table):
            return
        for _, entry in tree.entries:
            if isinstance(entry, Table):
                read_server(self.place, entry, LANGCHAIN)
                read_tree(self.place, entry, LANGCHAIN)

    # --- the official SDK --------------------------------------------------------------------

    def _sdk_client(self, call: cst.Call) -> None:
        version = self._sdk_version()
        why_not = self._sdk_cannot(call, version)
        streams = self._streams(call, version)
        if streams is None and not why_not:
            why_not = (
                "Streamable HTTP gives three things here and not two, and what is done with them "
                "cannot be followed"
            )
        if why_not:
            self.source.note(
                call,
                f"A client of HTTP+SSE: {why_not}.",
                f"Use {_SDK_MODULE}: the client there takes the address, and gives the streams to "
                "read and to write first.",
            )
            return
        name = "streamablehttp_client" if version == 1 else "streamable_http_client"
        if not self._class(call, f"{_SDK_MODULE}.{name}", self._argument(call, "url")):
            return
        for at, text in streams or ():
            self.place.found.replace(at, at, text)
        if version is None:
            self.source.note(
                call,
                "streamable_http_client is in versions 1.24 and later of the package mcp.",
                "Ask for mcp>=1.24 where the project says what it needs.",
            )

    def _sdk_version(self) -> int | None:
        """The major version of the SDK, as this file or the project tells it."""
        names = {one.qualified for one in self.source.imports.values()}
        if any(name.startswith(("mcp.server.mcpserver", "mcp.server.MCPServer")) for name in names):
            return 2
        if any(
            name.startswith("mcp.server.fastmcp") or name.endswith(".streamablehttp_client")
            for name in names
        ):
            return 1
        versions = self.place.known.sdk
        return next(iter(versions)) if len(versions) == 1 else None

    def _sdk_cannot(self, call: cst.Call, version: int | None) -> str:
        plain, named = arguments_of(call)
        if len(plain) + len(named) != len(call.args):
            return "its arguments are not written here"
        if version == 1:
            if len(plain) > 4 or set(named) - _SDK_1_ARGUMENTS:
                return "it has arguments that streamablehttp_client has not"
        elif len(call.args) != 1:
            return (
                "its headers and time limits belong to an HTTP client of its own in later versions "
                "of the package mcp, and which one is used is not said"
                if version is None
                else "its headers and time limits belong to an HTTP client of its own now"
            )
        return ""

    def _streams(self, call: cst.Call, version: int | None) -> list[tuple[int, str]] | None:
        """What has to be put where, so that two streams are taken of what is given."""
        third = "_" if "_" not in self.source.loads else "_get_session_id"
        if third != "_" and third in self.source.bindings:
            return None
        rest = {1: f", {third}", 2: ""}.get(version or 0, f", *{third}")
        parent = self.source.parents[call]
        target: cst.CSTNode | None = None
        if isinstance(parent, cst.WithItem):
            target = None if parent.asname is None else parent.asname.name
        elif isinstance(parent, cst.Arg):
            outer = self.source.parents[parent]
            waits = self.source.parents.get(outer)
            func = get_full_name_for_node(outer) or ""
            assign = self.source.parents.get(waits) if isinstance(waits, cst.Await) else None
            if func.endswith("enter_async_context") and isinstance(assign, cst.Assign):
                target = assign.targets[0].target if len(assign.targets) == 1 else None
        if isinstance(target, cst.Tuple):
            return self._pair(target, rest)
        if isinstance(target, cst.Name):
            return self._whole(target, rest)
        return None

    def _pair(self, target: cst.Tuple, rest: str) -> list[tuple[int, str]] | None:
        elements = target.elements
        if len(elements) != 2 or any(isinstance(one, cst.StarredElement) for one in elements):
            return None
        return [(self.source.span(elements[1].value)[1], rest)] if rest else []

    def _whole(self, target: cst.Name, rest: str) -> list[tuple[int, str]] | None:
        """The streams have one name: every use of it must be of the first two."""
        changes: list[tuple[int, str]] = []
        scope = self.source.scope(target)
        for load in self.source.loads.get(target.value, []):
            if not any(one.scope is scope for one in self.source.bound(load)):
                continue
            parent = self.source.parents[load]
            if isinstance(parent, cst.Arg) and parent.star == "*":
                changes.append((self.source.span(load)[1], "[:2]"))
            elif isinstance(parent, cst.Subscript) and _is_one_of_two(parent, load):
                continue
            elif isinstance(parent, cst.Assign) and len(parent.targets) == 1:
                place = parent.targets[0].target
                pair = self._pair(place, rest) if isinstance(place, cst.Tuple) else None
                if pair is None:
                    return None
                changes += pair
            else:
                return None
        return changes


def _is_one_of_two(node: cst.Subscript, name: cst.Name) -> bool:
    """`streams[0]` and `streams[1]`, which stay what they are where there are three."""
    index = node.slice[0].slice
    return (
        node.value is name
        and len(node.slice) == 1
        and isinstance(index, cst.Index)
        and isinstance(index.value, cst.Integer)
        and index.value.evaluated_value in (0, 1)
    )


def _change(address: _Address, url: str) -> tuple[str, str] | None:
    """What to write for what in the piece of an address; None if it stays, or cannot be said."""
    if address.value == url:
        return None
    if address.piece.value == address.value:
        return address.value, url
    head = address.value[: len(address.value) - len(address.piece.value)]
    if not url.startswith(head) or not address.piece.value:
        return None
    return address.piece.value, url[len(head) :]

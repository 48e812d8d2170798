"""Servers in Python: how they are run, and the settings that say it.

FastMCP calls Streamable HTTP `http`; the official SDK calls it `streamable-http`, in `run` alone.
Whose server it is decides, so a receiver that cannot be told is listed. A path that a server was
given is kept, and with it the addresses of its clients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Final

import libcst as cst
from libcst.helpers import get_full_name_for_node

from fastmcp.cli.migration.edits import Word
from fastmcp.cli.migration.knowledge import (
    DEFAULT_PORT,
    HTTP_PATH,
    SSE_PATH,
    Knowledge,
    Served,
    ServerKind,
)
from fastmcp.cli.migration.programs import Place, read_setting, serve_settings
from fastmcp.cli.migration.python_kinds import Kinds
from fastmcp.cli.migration.python_names import drop_argument, drop_import
from fastmcp.cli.migration.python_source import Source, arguments_of, inside

__all__ = ["read_servers"]

_NEW: Final[dict[ServerKind, str]] = {"fastmcp": "http", "sdk": "streamable-http"}
_RUNS: Final = {"run": 0, "run_async": 0, "run_http_async": 1, "http_app": 4}
"""Methods that are told the transport, and where it stands without its name."""
_OLD: Final[dict[ServerKind, dict[str, str]]] = {
    "fastmcp": {"sse_app": "http_app", "run_sse_async": "run_http_async"},
    "sdk": {"sse_app": "streamable_http_app", "run_sse_async": "run_streamable_http_async"},
}
"""Methods that are the old transport, and what does the same with the new one."""
_OLD_METHODS: Final = frozenset(("sse_app", "run_sse_async"))
_APPS: Final = frozenset(("http_app", "sse_app", "streamable_http_app"))
_HTTP: Final = frozenset(("http", "streamable-http"))
_LOW_LEVEL: Final = frozenset(("mcp.server.sse.SseServerTransport",))
_CREATE: Final = frozenset(("fastmcp.server.http.create_sse_app",))
_WHOSE: Final = "whose server this is cannot be told from the files."
_MOUNTS: Final = "an application of Streamable HTTP has a lifespan, and its parent must run it: "


def read_servers(source: Source, place: Place) -> None:
    """Rewrite or list the servers of a file, and remember where they are."""
    reader = _Servers(source, place)
    reader.read()


@dataclass
class _Choice:
    """The texts that an expression can be."""

    words: list[Word]
    names: list[cst.Name]
    why_not: str = ""
    """Why nothing may be rewritten, if so."""


@dataclass(frozen=True)
class _Use:
    """A name that is the transport of a server."""

    name: cst.Name
    words: list[Word]
    call: cst.Call
    kind: ServerKind


class _Servers:
    def __init__(self, source: Source, place: Place) -> None:
        self.source = source
        self.place = place
        self.known: Knowledge = place.known
        self.kinds = Kinds(source, place.known, place.where)
        self.uses: list[_Use] = []
        self.moving: list[tuple[cst.Call, ServerKind]] = []
        """Calls that were rewritten."""
        self.there: list[tuple[cst.Call, ServerKind]] = []
        """Calls that serve Streamable HTTP already."""
        self.left: set[str] = set()
        """Receivers that may go on with HTTP+SSE."""

    @cached_property
    def _mounts(self) -> list[cst.Call]:
        return [call for call in self.source.calls if _is_mount(self.source, call)]

    @cached_property
    def _port_setting(self) -> cst.Assign | None:
        settings = (node for node in self.source.assignments if _is_setting(node, "port"))
        return next(settings, None)

    @cached_property
    def _uvicorns(self) -> list[cst.Call]:
        names = ("uvicorn.run", "uvicorn.Config")
        return [call for call in self.source.calls if self.source.qualified(call.func) in names]

    def read(self) -> None:
        self.kinds.export()
        for call in self.source.calls:
            func = call.func
            if isinstance(func, cst.Attribute):
                self._method(call, func)
            name = self.source.qualified(func)
            if name in _CREATE:
                self._create(call, func)
            elif name in _LOW_LEVEL:
                self.source.note(
                    call,
                    "A server that speaks HTTP+SSE through the SDK's own parts.",
                    "Use StreamableHTTPSessionManager of mcp.server.streamable_http_manager, and "
                    "one route, /mcp, instead of two.",
                )
            self._environment_call(call)
        for node in self.source.assignments:
            self._assignment(node)
        for node in self.source.dicts:
            self._environment_dict(node)
        self._settle()

    # --- how it is run -----------------------------------------------------------------------

    def _method(self, call: cst.Call, func: cst.Attribute) -> None:
        name = func.attr.value
        old = name in _OLD_METHODS
        if name not in _RUNS and not old and name != "streamable_http_app":
            return
        kind = self.kinds.of(func.value)
        if kind is None and self.kinds.is_given(func.value):
            kind = self.kinds.only()
        if self.source.qualified(func) in ("asyncio.run", "anyio.run", "uvicorn.run"):
            return
        if old:
            self._old_method(call, func, kind)
            return
        choice = self._transport(call, name)
        if choice is None:
            if kind is not None and name in ("http_app", "streamable_http_app", "run_http_async"):
                self.there.append((call, kind))
            return
        values = {word.value for word in choice.words}
        if "sse" not in values and not choice.why_not:
            if kind is not None and values & _HTTP:
                self.there.append((call, kind))
            return
        if kind is None:
            if "sse" in values:
                self._undecided(call, None, _WHOSE)
            return
        why_not = choice.why_not or self._cannot(call, kind, name)
        if why_not:
            if "sse" in values or choice.words or choice.why_not:
                self._undecided(call, kind, why_not)
            return
        old_words = [word for word in choice.words if word.value == "sse"]
        if choice.names:
            self.uses += [_Use(used, old_words, call, kind) for used in choice.names]
            return
        for word in old_words:
            self.place.found.replace_in(word, "sse", _NEW[kind])
        self._move(call, kind)

    def _old_method(self, call: cst.Call, func: cst.Attribute, kind: ServerKind | None) -> None:
        name = func.attr.value
        if kind is None:
            self._undecided(call, None, _WHOSE)
            return
        why_not = self._cannot(call, kind, name)
        if why_not:
            self._undecided(call, kind, why_not)
            return
        self.source.replace(func.attr, _OLD[kind][name])
        self._move(call, kind)

    def _transport(self, call: cst.Call, name: str) -> _Choice | None:
        """What a call says of the transport; None if it says nothing."""
        plain, named = arguments_of(call)
        if "transport" in named:
            return self._choice(named["transport"].value)
        index = _RUNS.get(name, 99)
        if len(plain) > index:
            return self._choice(plain[index].value)
        for arg in call.args:
            if arg.star == "**":
                found = self._spread(arg.value)
                if found is not None:
                    return found
        return None

    def _named(self, call: cst.Call) -> dict[str, cst.BaseExpression]:
        """The arguments that have a name, those of `**options` among them."""
        named: dict[str, cst.BaseExpression] = {}
        for arg in call.args:
            if arg.star == "**":
                named |= dict(self._entries(arg.value))
            elif arg.keyword is not None:
                named[arg.keyword.value] = arg.value
        return named

    def _spread(self, node: cst.BaseExpression) -> _Choice | None:
        """The transport in `**options`."""
        entries = self._entries(node)
        choices = [self._choice(text) for name, text in entries if name == "transport"]
        if not choices:
            return None
        why_not = next((one.why_not for one in choices if one.why_not), "")
        return _Choice(
            [word for one in choices for word in one.words],
            [name for one in choices for name in one.names],
            why_not,
        )

    def _entries(self, node: cst.BaseExpression) -> list[tuple[str, cst.BaseExpression]]:
        """What is in a dict that is given as `**options`."""
        value = self.source.constant(node)
        entries: list[tuple[str, cst.BaseExpression]] = []
        if isinstance(value, cst.Dict):
            entries = [(key.value, given) for key, given in self.source.entries(value)]
        elif isinstance(value, cst.Call) and get_full_name_for_node(value) == "dict":
            _, named = arguments_of(value)
            entries = [(name, arg.value) for name, arg in named.items()]
        if isinstance(node, cst.Name):
            entries += list(self._items_set(node.value))
        return entries

    def _items_set(self, name: str) -> Iterator[tuple[str, cst.BaseExpression]]:
        """`options["transport"] = "sse"`."""
        for node in self.source.assignments:
            for target in node.targets:
                key = _subscript(self.source, target.target, name)
                if key is not None:
                    yield key, node.value

    def _choice(self, node: cst.BaseExpression) -> _Choice:
        source = self.source
        word = source.word(node)
        if word is not None:
            return _Choice([word], [])
        if isinstance(node, cst.IfExp):
            one, other = self._choice(node.body), self._choice(node.orelse)
            return _Choice(
                one.words + other.words,
                one.names + other.names,
                one.why_not or other.why_not,
            )
        if isinstance(node, cst.Name):
            found = source.bound(node)
            if len(found) == 1 and found[0].how == "assigned" and found[0].value is not None:
                inner = self._choice(found[0].value)
                return _Choice(inner.words, [node, *inner.names], inner.why_not)
            if found and found[0].how == "parameter":
                default = source.word(found[0].value)
                words = [default] if default is not None else []
                return _Choice(words, [node], "whoever calls this function says the transport.")
            return _Choice([], [], "the transport is set in several places, or elsewhere.")
        default = source.word(source.default(node))
        if default is not None:
            return _Choice([default], [], "a variable of the environment says the transport.")
        if isinstance(node, cst.Call) and len(node.args) == 2:
            # cast(Transport, "sse")
            cast_to = source.qualified(node.func)
            if cast_to == "typing.cast":
                return self._choice(node.args[1].value)
        return _Choice([], [], "the transport is not written here.")

    def _cannot(self, call: cst.Call, kind: ServerKind, name: str) -> str:
        """Why a call of the new transport cannot take the arguments of this one."""
        plain, named = arguments_of(call)
        if chosen := self._chosen(call):
            return chosen
        unnamed = (name in _OLD_METHODS and plain) or (name == "run" and len(plain) > 1)
        if "mount_path" in named or (kind == "sdk" and unnamed):
            return "mount_path moves the endpoint, and exists for HTTP+SSE alone."
        if name in _APPS and (where := self._mounted(call)):
            return where
        return ""

    def _chosen(self, call: cst.Call) -> str:
        """Why what runs only where someone says sse cannot be another transport."""
        for outer in self.source.above(call):
            if isinstance(outer, cst.If | cst.IfExp | cst.While):
                said: cst.CSTNode | None = outer.test
            elif isinstance(outer, cst.MatchCase):
                said = outer.pattern
            else:
                said = outer.key if isinstance(outer, cst.DictElement) else None
            if said is not None and self._says_sse(said):
                return "the word sse chooses this branch, and would now lead to another transport."
        return ""

    def _says_sse(self, node: cst.CSTNode) -> bool:
        words = (self.source.word(self.source.constant(here)) for here in inside(node))
        return any(word is not None and word.value == "sse" for word in words)

    def _mounted(self, call: cst.Call) -> str:
        """Why an application that another one mounts cannot simply be another."""
        for outer in self.source.above(call):
            if isinstance(outer, cst.Call) and _is_mount(self.source, outer):
                return f"{_MOUNTS}give it a name, mount that, and pass its lifespan to the parent."
            if isinstance(outer, cst.BaseSmallStatement | cst.BaseCompoundStatement):
                break
        name = self._assigned_to(call)
        if name is None or not self._mounts_of(name):
            return ""
        for load in self.source.loads.get(name, []):
            parent = self.source.parents[load]
            if isinstance(parent, cst.Attribute) and parent.attr.value in ("lifespan", "router"):
                return ""
        return f"{_MOUNTS}pass lifespan={name}.lifespan to it."

    def _mounts_of(self, name: str) -> list[cst.Call]:
        """The calls that mount the application of this name."""
        return [
            one
            for one in self._mounts
            if any(isinstance(a.value, cst.Name) and a.value.value == name for a in one.args)
        ]

    def _assigned_to(self, call: cst.Call) -> str | None:
        parent = self.source.parents[call]
        if isinstance(parent, cst.Assign) and len(parent.targets) == 1:
            target = parent.targets[0].target
            return target.value if isinstance(target, cst.Name) else None
        return None

    def _arguments(self, call: cst.Call, kind: ServerKind) -> None:
        """Rename what a call names otherwise for the new transport, and drop what it has not."""
        _, named = arguments_of(call)
        path, right = named.get("sse_path"), "streamable_http_path" if kind == "sdk" else "path"
        if path is not None and path.keyword is not None and right not in named:
            self.source.replace(path.keyword, right)
        if "message_path" in named:
            drop_argument(self.source, call, named["message_path"])

    def _undecided(self, call: cst.Call, kind: ServerKind | None, why: str) -> None:
        new = "http (FastMCP) or streamable-http (the official SDK)" if kind is None else _NEW[kind]
        self.source.note(
            call,
            f"A server of HTTP+SSE, left as it is: {why}",
            f"Where sse is meant, write {new}.",
        )
        for port in self._ports(call):
            self.known.old.add((f"{self.place.where}:{self.source.line(call)}", port))
        self.left.add(_receiver_of(call))

    # --- where it is -------------------------------------------------------------------------

    def _move(self, call: cst.Call, kind: ServerKind) -> None:
        """Rewrite what is around the word for the transport, and remember the server."""
        self._arguments(call, kind)
        self.moving.append((call, kind))

    def _serve(self) -> None:
        """Remember where servers are, and rename the paths of those that move.

        A server that is at Streamable HTTP already has its path there: what it was given for
        HTTP+SSE would move it, so that stays.
        """
        made = [self._made(call) for call, _ in self.there]
        for call, kind in self.moving:
            self._add(call, *self._paths(call, kind, self._made(call) not in made))
        for call, kind in self.there:
            self._add(call, *self._paths(call, kind, False))
        there = {_receiver_of(call) for call, _ in self.there}
        moved = {_receiver_of(call) for call, _ in self.moving}
        for node in self.source.assignments:
            if _is_setting(node, "sse_path"):
                self._path_setting(node, moved - there, there - self.left)

    def _add(self, call: cst.Call, was: str | None, new: str | None) -> None:
        prefix = self._prefix(call)
        for port in self._ports(call):
            self.known.served.add(
                Served(
                    self.place.where,
                    port,
                    None if was is None else prefix + was,
                    None if new is None else prefix + new,
                )
            )

    def _paths(
        self, call: cst.Call, kind: ServerKind, renamed: bool
    ) -> tuple[str | None, str | None]:
        """Where clients know a server, and where it is.

        Args:
            renamed: the path that its maker was given for HTTP+SSE becomes that of the new
                transport.
        """
        plain, _ = arguments_of(call)
        named = self._named(call)
        given = named.get("path") or named.get("sse_path") or named.get("streamable_http_path")
        name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        if given is None and plain and kind == "fastmcp" and name in ("http_app", "sse_app"):
            given = plain[0].value
        was = now = given
        made = self._made(call) if given is None else None
        if made is not None:
            _, options = arguments_of(made)
            old, new = options.get("sse_path"), options.get("streamable_http_path")
            if renamed and new is None and old is not None and old.keyword is not None:
                self.source.replace(old.keyword, "streamable_http_path")
                new = old
            was = _value(old or new)
            now = _value(new)
        return self._path(was, SSE_PATH), self._path(now, HTTP_PATH)

    def _path(self, node: cst.BaseExpression | None, default: str) -> str | None:
        word = self.source.word(self.source.constant(node))
        return default if node is None else None if word is None else word.value

    def _made(self, call: cst.Call) -> cst.Call | None:
        """The call that made the server which `call` runs."""
        func = call.func
        receiver = func.value if isinstance(func, cst.Attribute) else None
        if isinstance(receiver, cst.Attribute):
            values = list(self.kinds.attribute(receiver.attr.value))
            value = values[0] if len(values) == 1 else None
        else:
            value = self.source.constant(receiver)
        return value if isinstance(value, cst.Call) else None

    def _port(self, call: cst.Call) -> int | None:
        """The port of a server that runs itself."""
        named = self._named(call)
        if "port" in named:
            return self.source.number(named["port"])
        made = self._made(call)
        if made is not None:
            _, options = arguments_of(made)
            if "port" in options:
                return self.source.number(options["port"].value)
        setting = self._port_setting
        return DEFAULT_PORT if setting is None else self.source.number(setting.value)

    def _ports(self, call: cst.Call) -> set[int | None]:
        func = call.func
        runs = isinstance(func, cst.Attribute) and func.attr.value not in _APPS
        if runs:
            return {self._port(call)}
        ports: set[int | None] = set()
        for one in self._uvicorns:
            _, named = arguments_of(one)
            given = named.get("port")
            ports.add(DEFAULT_PORT if given is None else self.source.number(given.value))
        stem = PurePath(self.place.where).stem
        ports |= {port for module, port in self.known.applications if module == stem}
        return ports or {None}

    def _prefix(self, call: cst.Call) -> str:
        """Where the application is mounted, if it is."""
        name = self._assigned_to(call)
        mounts = [] if name is None else self._mounts_of(name)
        word = self.source.word(mounts[0].args[0].value) if mounts else None
        return "" if word is None else word.value.rstrip("/")

    # --- other ways to say it ----------------------------------------------------------------

    def _create(self, call: cst.Call, func: cst.BaseExpression) -> None:
        """`create_sse_app(server, message_path, sse_path)`."""
        plain, named = arguments_of(call)
        order = ("server", "message_path", "sse_path")
        given = {**dict(zip(order, plain, strict=False)), **named}
        server, path = given.get("server"), given.get("sse_path")
        word = None if path is None else self.source.word(self.source.constant(path.value))
        more = set(given) - {*order, "middleware"}
        receiver = "" if server is None else self._receiver(server.value)
        if server is None or word is None or more or len(plain) > len(order):
            why_not = "it has arguments that http_app takes in another way, or not at all."
        elif not receiver:
            why_not = _WHOSE
        else:
            why_not = self._chosen(call) or self._mounted(call)
        if why_not or server is None or word is None:
            self.source.note(
                call,
                f"An application of HTTP+SSE: {why_not}",
                "Make it with server.http_app(path=..., middleware=...).",
            )
            return
        text = self.source.found.text
        options: list[str] = []
        if word.value.strip("/") != SSE_PATH.strip("/"):
            options.append(f"path={self.source.found.raw(word)}")
        if "middleware" in given:
            start, end = self.source.span(given["middleware"].value)
            options.append(f"middleware={text[start:end]}")
        self.source.replace(call, f"{receiver}.http_app({', '.join(options)})")
        kept = bool(options) and options[0].startswith("path")
        self._add(call, word.value, word.value if kept else HTTP_PATH)
        drop_import(self.source, func)

    def _receiver(self, node: cst.BaseExpression) -> str:
        """A server as a method is called on it; empty, if it can be none."""
        start, end = self.source.span(node)
        text = self.source.found.text[start:end]
        if isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript):
            return text
        weak = cst.Await | cst.IfExp | cst.BooleanOperation | cst.NamedExpr
        return f"({text})" if isinstance(node, weak) else ""

    def _assignment(self, node: cst.Assign) -> None:
        word = self.source.word(node.value)
        for target in node.targets:
            place = target.target
            if isinstance(place, cst.Attribute):
                setting = self.source.qualified(place) == "fastmcp.settings.transport"
                if word is not None and word.value == "sse" and setting:
                    self.place.found.replace_in(word, "sse", "http")
            elif word is not None and isinstance(place, cst.Subscript):
                key = _subscript(self.source, place, None)
                environment = self.source.qualified(place.value) == "os.environ"
                if key is not None and key.startswith("FASTMCP_") and environment:
                    self._setting(key, word)

    def _environment_call(self, call: cst.Call) -> None:
        """`os.environ.setdefault(NAME, value)`, `monkeypatch.setenv(NAME, value)`."""
        name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        if name in ("setdefault", "setenv") and len(call.args) == 2:
            key, value = (self.source.word(arg.value) for arg in call.args)
            if key is not None and value is not None and key.value.startswith("FASTMCP_"):
                self._setting(key.value, value)

    def _environment_dict(self, node: cst.Dict) -> None:
        """`env={"FASTMCP_TRANSPORT": "sse"}`."""
        entries = [(key, self.source.word(value)) for key, value in self.source.entries(node)]
        given = [(key, word) for key, word in entries if word is not None]
        settings = {
            key.value: word.value for key, word in given if key.value.startswith("FASTMCP_")
        }
        for key, word in given:
            read_setting(self.place, key.value, word.value, word, settings, key)
        serve_settings(self.place, settings)

    def _setting(self, name: str, word: Word) -> None:
        read_setting(self.place, name, word.value, word, {name: word.value})
        serve_settings(self.place, {name: word.value})

    def _settle(self) -> None:
        """Rewrite the names that are the transport of servers and nothing else."""
        used = {use.name for use in self.uses}
        mixed: set[str] = set()
        kinds: dict[str, ServerKind] = {}
        for use in self.uses:
            if kinds.setdefault(use.name.value, use.kind) != use.kind:
                mixed.add(use.name.value)
        for name in kinds:
            if self.source.strange(name, used) or self.known.is_wanted(self.place.where, name):
                mixed.add(name)
        for use in self.uses:
            if use.name.value in mixed:
                self._undecided(
                    use.call, use.kind, f"{use.name.value} says it, and is used elsewhere too."
                )
                continue
            for word in use.words:
                self.place.found.replace_in(word, "sse", _NEW[use.kind])
            self._move(use.call, use.kind)
        self._serve()

    def _path_setting(self, node: cst.Assign, moved: set[str], there: set[str]) -> None:
        """`mcp.settings.sse_path = ...`, which has another name where that server moves.

        Args:
            moved: receivers that move.
            there: receivers that are at Streamable HTTP, and have no use for it.
        """
        place = node.targets[0].target
        assert isinstance(place, cst.Attribute)
        assert isinstance(place.value, cst.Attribute)
        server = place.value.value
        if self.kinds.of(server) != "sdk":
            return
        name = get_full_name_for_node(server)
        if name in moved:
            self.source.replace(place.attr, "streamable_http_path")
        elif name not in there:
            self.source.note(
                node,
                "The path of a server of HTTP+SSE, and where that is run is not known here.",
                "Where it moves, write streamable_http_path.",
            )


def _receiver_of(call: cst.Call) -> str:
    """The name of the server whose method is called; empty, if it has none."""
    func = call.func
    return (get_full_name_for_node(func.value) or "") if isinstance(func, cst.Attribute) else ""


def _value(arg: cst.Arg | None) -> cst.BaseExpression | None:
    return None if arg is None else arg.value


def _is_mount(source: Source, call: cst.Call) -> bool:
    func = call.func
    if source.qualified(func) in ("starlette.routing.Mount", "starlette.routing.Host"):
        return True
    return isinstance(func, cst.Attribute) and func.attr.value == "mount"


def _is_setting(node: cst.Assign, name: str) -> bool:
    """`mcp.settings.NAME = ...`, of the official SDK 1."""
    target = node.targets[0].target
    return (
        isinstance(target, cst.Attribute)
        and target.attr.value == name
        and isinstance(target.value, cst.Attribute)
        and target.value.attr.value == "settings"
    )


def _subscript(source: Source, node: cst.CSTNode, name: str | None) -> str | None:
    """The key of `NAME["key"]`."""
    if not isinstance(node, cst.Subscript) or len(node.slice) != 1:
        return None
    if name is not None and not (isinstance(node.value, cst.Name) and node.value.value == name):
        return None
    index = node.slice[0].slice
    word = source.word(index.value) if isinstance(index, cst.Index) else None
    return None if word is None else word.value

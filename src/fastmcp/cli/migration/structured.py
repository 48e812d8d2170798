"""JSON, TOML and YAML: the commands, environments, ports and client configurations in them.

What a key means is decided by its name and the shape of its value, wherever it stands, because
compose files, workflows, manifests, package files and clients' configurations nest in many ways.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Final

from fastmcp.cli.migration.configs import REGISTRY, ClientKind, client_of, read_server
from fastmcp.cli.migration.edits import Findings, Word
from fastmcp.cli.migration.endpoints import Url, port_of
from fastmcp.cli.migration.json_tree import read_json
from fastmcp.cli.migration.knowledge import DEFAULT_PORT, HTTP_PATH, SSE_PATH, Knowledge, Served
from fastmcp.cli.migration.programs import (
    Place,
    asks_for_sse,
    publish,
    read_command,
    read_inner,
    read_setting,
    serve_settings,
)
from fastmcp.cli.migration.shell import commands_in
from fastmcp.cli.migration.toml_tree import read_toml
from fastmcp.cli.migration.tree import Items, Node, Table, insert_before, walk, words_of
from fastmcp.cli.migration.yaml_tree import read_yaml

__all__ = ["read_structured", "read_tree"]

_SERVERS: Final = frozenset(
    (
        "mcpServers",
        "mcp_servers",
        "context_servers",
        "servers",
        "extensions",
        "mcp",
        "amp.mcpServers",
    )
)
_PLAIN_NAMES: Final = frozenset(("servers", "extensions", "mcp"))
"""Those of them that mean something else in other files."""
_ENVIRONMENTS: Final = frozenset(("env", "environment", "variables", "envVars"))
_COMMANDS: Final = ("entrypoint", "command", "args", "cmd")
_SCRIPTS: Final = frozenset(("run", "script", "startCommand", "start_command", "shell", "exec"))
_SCRIPT_TABLES: Final = frozenset(("scripts", "processes", "tasks"))


def read_structured(found: Findings, known: Knowledge, where: str) -> None:
    """A file of one of these kinds, by the end of its name.

    Raises:
        Broken: it cannot be read as what it is.
    """
    name = PurePath(where).name.lower()
    if name.endswith((".yml", ".yaml")):
        trees = read_yaml(found.text)
    elif name.endswith(".toml"):
        trees = [read_toml(found.text)]
    else:
        trees = [read_json(found.text)]
    place = Place(found, known, where)
    trees = [tree for tree in trees if not _describes_an_api(tree)]
    for tree in trees:
        read_tree(place, tree, client_of(where))
    if "mcp" in found.text.lower():
        for tree in trees:
            _list_the_rest(place, tree)


def read_tree(place: Place, tree: Node, client: ClientKind) -> None:
    """What a tree says, wherever in it."""
    waiting: list[tuple[Node, Place]] = [(tree, place)]
    seen: set[int] = set()
    while waiting:
        node, here = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Items):
            waiting.extend((item, here) for item in node.items)
        elif isinstance(node, Table):
            here = _read_table(here, node, client)
            for key, value in node.entries:
                if key.value == "services" and isinstance(value, Table):
                    waiting.extend(_services(here, value))
                else:
                    waiting.append((value, here))


def _services(place: Place, services: Table) -> Iterator[tuple[Node, Place]]:
    """The services of a compose file: what each runs, it serves under its name."""
    for name, service in services.entries:
        if isinstance(service, Table):
            home = "here" if service.get("build") is not None else "elsewhere"
            place.known.services.setdefault(name.value, home)
            yield service, dataclasses.replace(place, service=name.value)


def _read_table(place: Place, table: Table, client: ClientKind) -> Place:
    for key, value in table.entries:
        if key.value in _ENVIRONMENTS:
            place = dataclasses.replace(place, settings=_read_environment(place, value))
    _read_commands(place, table)
    for key, value in table.entries:
        name = key.value
        plain = name in _PLAIN_NAMES and not _is_about_mcp(place)
        if name in _SERVERS and not plain and _are_servers(value):
            for entry in _tables(value):
                read_server(place, entry, client)
        elif name == "remotes":
            for entry in _tables(value):
                read_server(place, entry, REGISTRY)
        elif name == "deployment" and isinstance(value, Table):
            _read_deployment(place, value)
        elif name in _SCRIPTS and isinstance(value, Word):
            _read_script(place, value)
        elif name in _SCRIPT_TABLES and isinstance(value, Table):
            for _, script in value.entries:
                if isinstance(script, Word):
                    _read_script(place, script)
        elif name == "test":
            _read_test(place, value)
        elif name == "ports" and isinstance(value, Items):
            for port in value.items:
                _read_port(place.known, port)
    return place


def _describes_an_api(tree: Node) -> bool:
    """An OpenAPI or AsyncAPI document, whose `servers` are no MCP servers."""
    return isinstance(tree, Table) and tree.get("openapi", "swagger", "asyncapi") is not None


def _is_about_mcp(place: Place) -> bool:
    """Whether the file is a known one, or speaks of MCP."""
    parts = PurePath(place.where.lower()).parts
    known = "goose" in parts or any("mcp" in part for part in parts[-1:])
    return known or "mcp" in place.found.text.lower()


def _tables(node: Node) -> list[Table]:
    if isinstance(node, Table):
        return [value for _, value in node.entries if isinstance(value, Table)]
    items = node.items if isinstance(node, Items) else []
    return [item for item in items if isinstance(item, Table)]


def _are_servers(node: Node) -> bool:
    keys = {key.value for table in _tables(node) for key, _ in table.entries}
    return bool(keys & {"url", "serverUrl", "httpUrl", "uri", "command", "type", "transport"})


def _read_environment(place: Place, node: Node) -> Mapping[str, str]:
    """`KEY: value`, `- KEY=value` or `- name: KEY`, `value: value`."""
    pairs: list[tuple[str, str, Word, Word]] = []
    if isinstance(node, Table):
        pairs = [
            (key.value, value.value, value, key)
            for key, value in node.entries
            if isinstance(value, Word)
        ]
    elif isinstance(node, Items):
        for item in node.items:
            if isinstance(item, Word):
                name, sign, text = item.value.partition("=")
                pairs += [(name, text, item, item)] if sign else []
            elif isinstance(item, Table):
                key, value = item.text("name"), item.text("value")
                pairs += [(key.value, value.value, value, key)] if key and value else []
    own = {name: text for name, text, _, _ in pairs}
    settings = {**place.settings, **own}
    for name, text, word, key in pairs:
        if name.startswith("FASTMCP_"):
            read_setting(place, name, text, word, settings, key)
    serve_settings(dataclasses.replace(place, settings={}), own)
    return settings


def _read_commands(place: Place, table: Table) -> None:
    """`entrypoint` and `command`, or `command` and `args`, are one command in two parts."""
    parts = [(name, table.get(name)) for name in _COMMANDS]
    listed = dataclasses.replace(place, insert=insert_before)
    words: list[Word] = []
    for name, part in parts:
        if isinstance(part, Items):
            words += words_of(part)
        elif isinstance(part, Word) and name != "cmd":
            if table.get("args") is not None and name == "command":
                words.append(part)
                continue
            for command in _words(place.found, part):
                read_command(place, [*words, *command])
            words = []
    if words:
        read_command(listed, words)


def _words(found: Findings, word: Word) -> Iterator[list[Word]]:
    """The commands in a text, whatever its quotes."""
    raw = found.raw(word)
    quoted = raw[:1] == '"'
    start, end, folded = word.start, word.end, False
    if raw[:1] in ("|", ">"):
        folded = raw[0] == ">"
        start += len(re.split(r"[\r\n]", raw, maxsplit=1)[0])
    elif raw[:3] in ('"""', "'''") and len(raw) > 5:
        start, end = start + 3, end - 3
    elif raw[:1] in ('"', "'") and len(raw) > 1:
        start, end = start + 1, end - 1
    text = found.text[start:end]
    if quoted:
        text = text.replace('\\"', '\0"')  # a quote in quotes; \0 keeps the places
    for words in commands_in(text, 0, len(text), folded=folded):
        yield [
            Word(one.value.replace("\0", ""), one.start + start, one.end + start) for one in words
        ]


def _read_script(place: Place, word: Word) -> None:
    commands = list(_words(place.found, word))
    inner = dataclasses.replace(place, chosen=asks_for_sse(commands))
    for words in commands:
        read_command(inner, words)


def _read_test(place: Place, node: Node) -> None:
    """A health check: a shell's text, or a list that begins with CMD or CMD-SHELL."""
    words = words_of(node)
    if isinstance(node, Word):
        _read_script(place, node)
    elif len(words) > 1 and words[0].value == "CMD-SHELL":
        read_inner(place, words[1])
    elif words:
        read_command(dataclasses.replace(place, insert=insert_before), words[1:])


def _read_port(known: Knowledge, node: Node) -> None:
    if isinstance(node, Word):
        publish(known, node.value)
    elif isinstance(node, Table):
        outer, inner = node.text("published"), node.text("target")
        if outer and inner:
            publish(known, f"{outer.value}:{inner.value}")


def _read_deployment(place: Place, table: Table) -> None:
    """How `fastmcp.json` serves."""
    transport = table.text("transport")
    if transport is None or transport.value not in ("sse", "http", "streamable-http"):
        return
    if transport.value == "sse":
        place.found.replace_in(transport, "sse", "http")
    path, port = table.text("path"), table.get("port")
    written = "" if port is None else place.found.text[port.start : port.end].strip("\"'")
    number = port_of(written)
    kept = None if path is None else path.value
    place.known.served.add(
        Served(
            place.where,
            DEFAULT_PORT if number is None else number,
            kept or SSE_PATH,
            kept or HTTP_PATH,
            place.service,
        )
    )


def _list_the_rest(place: Place, tree: Node) -> None:
    """Texts that no rule touched and still speak of the old transport."""
    for node in walk(tree):
        if not isinstance(node, Table):
            texts = words_of(node) if isinstance(node, Items) else []
            pairs = [("", word) for word in texts]
        else:
            pairs = [(key.value, value) for key, value in node.entries if isinstance(value, Word)]
        for name, word in pairs:
            if place.found.touches(word.start, word.end):
                continue
            url = Url.parse(word.value)
            if word.value == "sse" and name.lower() in ("transport", "transporttype"):
                place.say(
                    word,
                    f"{name} is sse here, and what reads it is not known.",
                    "If it is the transport of an MCP server or client, write what that calls "
                    "Streamable HTTP.",
                )
            elif url is not None and url.is_sse:
                verdict = place.known.judge(word.value)
                place.say(
                    word,
                    "A URL of HTTP+SSE, and what reads it is not known here.",
                    f"If it is an MCP client: {verdict.url}" if verdict.sure else verdict.advice,
                )

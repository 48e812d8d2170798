"""Command lines where they stand as text: scripts, Dockerfiles, unit files, Makefiles, env files.

Each reader finds the commands of its kind of file and hands their words to `programs`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final

from fastmcp.cli.migration.edits import Findings, Word
from fastmcp.cli.migration.json_tree import read_json
from fastmcp.cli.migration.knowledge import Knowledge
from fastmcp.cli.migration.programs import (
    LONGEST,
    Place,
    Variables,
    apply_rules,
    asks_for_sse,
    list_the_rest,
    read_command,
    read_setting,
    serve_settings,
)
from fastmcp.cli.migration.shell import commands_in
from fastmcp.cli.migration.tree import Broken, insert_before, skip, words_of

__all__ = ["read_dockerfile", "read_env", "read_nginx", "read_script", "read_unit"]

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_LINE: Final = re.compile(r"[^\r\n]+")
_MAKE_NAME: Final = re.compile(r"(?:export[ ]+)?([A-Za-z_]\w*)[ \t]*(?:::|[:?+])?=[ \t]*")
_ENV_NAME: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*")
_DECLARES: Final = frozenset(("export", "readonly", "local", "declare", "set"))
_INSTRUCTION: Final = re.compile(r"[ \t]*([A-Za-z]+)[ \t]+")
_UNIT_LINE: Final = re.compile(r"[ \t]*([A-Za-z]+)[ \t]*=[ \t]*")
_OPTIONS: Final = re.compile(r"(?:--[a-z-]+(?:=\S+)?[ \t]+)*")
_HERE: Final = re.compile(r"(?<!<)<<(?!<)-?[ \t]*['\"]?([A-Za-z_]\w*)")
_NGINX_SSE: Final = re.compile(r"[ \t]*+(location\b[^{]*/(?:sse|messages)\b.*)")


def read_script(found: Findings, known: Knowledge, where: str) -> None:
    """A shell script, a Makefile, a Procfile, a batch file."""
    name = PurePath(where).name.lower()
    escape = {"bat": "^", "cmd": "^", "ps1": "`"}.get(name.rpartition(".")[2], "\\")
    text = found.text
    commands = [words[:LONGEST] for words in commands_in(text, 0, len(text), escape) if words]
    variables = Variables(text)
    exported: set[str] = set()
    for words in commands:
        names: list[str] = []
        for word in words:
            assigned = _ASSIGNMENT.fullmatch(word.value)
            if assigned is None and word.value not in _DECLARES:
                break
            if assigned is not None:
                value = Word(assigned[2], word.start, word.end)
                variables.values.setdefault(assigned[1], []).append(value)
                names.append(assigned[1])
        else:
            exported.update(names)  # no command follows, so it is said to all of them
    settings = {
        name: values[0].value
        for name, values in variables.values.items()
        if name in exported and name.startswith("FASTMCP_") and len(values) == 1
    }
    if "makefile" in name or name.endswith(".mk") or name == "justfile":
        for key, _, value in _assignments(text, _MAKE_NAME):
            variables.values.setdefault(key, []).append(value)
    chosen = asks_for_sse(commands)
    place = Place(
        found,
        known,
        where,
        variables=variables,
        settings=settings,
        escape=escape,
        chosen=chosen,
    )
    for words in commands:
        apply_rules(place, words)
    variables.settle(found)
    for words in commands:
        list_the_rest(place, words)


def read_env(found: Findings, known: Knowledge, where: str) -> None:
    """An env file: one variable a line."""
    lines = list(_assignments(found.text, _ENV_NAME))
    settings = {name: value.value for name, _, value in lines}
    place = Place(found, known, where)
    for name, start, value in lines:
        word = Word(f"{name}={value.value}", start, value.end)
        if name.startswith("FASTMCP_"):
            read_setting(place, name, value.value, word, settings)
        else:
            read_command(place, [word])
    serve_settings(place, settings)


def _assignments(text: str, name: re.Pattern[str]) -> Iterator[tuple[str, int, Word]]:
    """Lines that set a name: the name, its place, and the value without quotes and comments."""
    for line in _LINE.finditer(text):
        key = name.match(text, line.start(), line.end())
        if key is None:
            continue
        value = text[key.end() : line.end()]
        if value[:1] in ("'", '"') and value[:1] in value[1:]:
            inner = value[1 : value.index(value[0], 1)]
            raw = len(inner) + 2
        else:
            inner = re.split(r"[ \t]#", value, maxsplit=1)[0].rstrip()
            raw = len(inner)
        yield key[1], key.start(1), Word(inner, key.end(), key.end() + raw)


def read_unit(found: Findings, known: Knowledge, where: str) -> None:
    """A systemd unit: `ExecStart=` and `Environment=`."""
    lines = _logical_lines(found.text, "\\")
    settings: dict[str, str] = {}
    execs: list[list[Word]] = []
    for start, end in lines:
        key = _UNIT_LINE.match(found.text, start, end)
        if key is None:
            continue
        words = next(commands_in(found.text, key.end(), end, folded=True))
        if key[1] == "Environment":
            pairs = (word.value.partition("=") for word in words)
            settings |= {name: value for name, _, value in pairs}
            execs.append(words)
        elif key[1].startswith("Exec"):
            execs.append(words)
    place = Place(found, known, where, settings=settings)
    serve_settings(place, settings)
    for words in execs:
        read_command(place, words)


def read_dockerfile(found: Findings, known: Knowledge, where: str) -> None:
    """A Dockerfile: ENV, RUN, HEALTHCHECK, and ENTRYPOINT with CMD, in both their forms."""
    directive = re.match(r"#[ \t]*escape[ \t]*=[ \t]*([\\`])", found.text)
    escape = directive[1] if directive else "\\"
    lines = [
        (line[1].upper(), line.end(), end)
        for start, end in _logical_lines(found.text, escape, here_documents=True)
        if (line := _INSTRUCTION.match(found.text, start, end)) is not None
    ]
    variables = [
        variable
        for name, at, end in lines
        if name in ("ENV", "ARG")
        for variable in _variables(found.text, at, end, escape)
    ]
    settings = {name: value for name, value, _ in variables}
    place = Place(found, known, where, settings=settings, escape=escape)
    for name, value, word in variables:
        if name.startswith("FASTMCP_"):
            read_setting(place, name, value, word, settings)
        else:
            read_command(place, [word])
    listed = dataclasses.replace(place, insert=insert_before)
    entry: list[Word] = []
    for name, at, end in lines:
        if name == "FROM":
            entry = []
        elif name in ("RUN", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
            at = skip(_OPTIONS, found.text, at, end)
            if name == "HEALTHCHECK":
                at = skip(_INSTRUCTION, found.text, at, end)
            words = _exec_form(found, at, end, escape)
            if words is None:
                script = _HERE.search(found.text, at, end) and found.text.find("\n", at, end)
                for command in commands_in(found.text, max(at, (script or 0) + 1), end, escape):
                    read_command(place, command)
                continue
            if name == "ENTRYPOINT":
                entry = words
            read_command(listed, [*entry, *words] if name == "CMD" else words)
    serve_settings(place, settings)


def _exec_form(found: Findings, at: int, end: int, escape: str) -> list[Word] | None:
    """The words of `["a", "b"]`; None if it is not of that form."""
    if found.text[at : at + 1] != "[":
        return None
    joined = re.sub(re.escape(escape) + r"(?=[ \t]*(?:\r|\n))", " ", found.text[at:end].rstrip())
    try:
        node = read_json(joined)
    except Broken:
        return None
    return [Word(word.value, word.start + at, word.end + at) for word in words_of(node)] or None


def _variables(text: str, at: int, end: int, escape: str) -> Sequence[tuple[str, str, Word]]:
    """What an ENV or an ARG sets: names, values, and the words that hold them."""
    words = next(commands_in(text, at, end, escape, folded=True))
    if len(words) == 2 and "=" not in words[0].value:  # ENV NAME value
        return [(words[0].value, words[1].value, words[1])]
    return [
        (name, value, word)
        for word in words
        for name, sign, value in [word.value.partition("=")]
        if sign
    ]


def read_nginx(found: Findings, known: Knowledge, where: str) -> None:
    """An nginx configuration: nothing is rewritten, because the whole block has to change."""
    for line in _LINE.finditer(found.text):
        location = _NGINX_SSE.fullmatch(line[0])
        if location is None:
            continue
        found.note(
            line.start(),
            f"nginx passes a path of HTTP+SSE on: {location[1].strip()}",
            "Write the location that `fastmcp nginx` prints beside it, and remove this one when "
            "no client uses it any more.",
        )


def _logical_lines(text: str, escape: str, here_documents: bool = False) -> list[tuple[int, int]]:
    """Where the lines of a text are, each with those that continue it and without its end.

    Comments and, in a Dockerfile, here-documents that stand between belong to it.
    """
    lines: list[tuple[int, int]] = []
    start: int | None = None
    waiting: list[str] = []
    for line in re.finditer(r"([^\r\n]*)(\r\n?|\n|\Z)", text):
        content = line[1]
        if waiting:
            if content.strip() == waiting[0]:
                waiting.pop(0)
                if not waiting and start is not None:
                    lines.append((start, line.end(1)))
                    start = None
            continue
        if content.lstrip().startswith(("#", ";")) or (start is None and not content.strip()):
            continue
        begin = line.start() if start is None else start
        if content.rstrip(" \t").endswith(escape):
            start = begin
            continue
        if here_documents:
            waiting = _HERE.findall(content)
        if waiting:
            start = begin
            continue
        lines.append((begin, line.end(1)))
        start = None
    if start is not None:
        lines.append((start, len(text)))
    return lines

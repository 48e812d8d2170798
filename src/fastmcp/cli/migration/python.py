"""Python files: servers, clients, commands in lists, and what is left over to be looked at."""

from __future__ import annotations

from typing import Final

import libcst as cst

from fastmcp.cli.migration.edits import Findings
from fastmcp.cli.migration.endpoints import Url
from fastmcp.cli.migration.knowledge import Knowledge
from fastmcp.cli.migration.programs import Place, read_command
from fastmcp.cli.migration.python_clients import read_clients
from fastmcp.cli.migration.python_servers import read_servers
from fastmcp.cli.migration.python_source import Source, arguments_of, tree_of
from fastmcp.cli.migration.tree import insert_before, words_of

__all__ = ["read_python"]

_OTHERS: Final = {
    "agno.tools.mcp.MCPTools": 'transport="streamable-http"',
    "autogen_ext.tools.mcp.SseServerParams": "StreamableHttpServerParams",
    "google.adk.tools.mcp_tool.mcp_session_manager.SseConnectionParams": (
        "StreamableHTTPConnectionParams"
    ),
}
"""Clients that are only listed, and what takes their place."""


def read_python(found: Findings, known: Knowledge, where: str) -> None:
    """A Python file.

    Raises:
        Broken: it cannot be read.
    """
    source = Source(found)
    place = Place(found, known, where, insert=insert_before)
    read_servers(source, place)
    read_clients(source, place)
    _read_commands(source, place)
    if "mcp" in found.text.lower():
        _list_the_rest(source, place)


def _read_commands(source: Source, place: Place) -> None:
    """Commands as lists, and as `command=` with `args=`."""
    for call in source.calls:
        _, named = arguments_of(call)
        if "command" in named and "args" in named:
            command = source.word(source.constant(named["command"].value))
            args = source.constant(named["args"].value)
            words = [] if args is None else words_of(tree_of(source, args))
            if command is not None and words:
                read_command(place, [command, *words])
    for node in source.nodes:
        if isinstance(node, cst.List) and len(node.elements) > 1:
            words = words_of(tree_of(source, node))
            if words:
                read_command(place, words)


def _list_the_rest(source: Source, place: Place) -> None:
    """Texts that no rule touched and still speak of the old transport."""
    for node in source.nodes:
        if isinstance(node, cst.Call):
            other = _OTHERS.get(source.qualified(node.func) or "")
            text = place.found.text[slice(*source.span(node))] if other else ""
            if other and "sse" in text.lower() and not place.found.touches(*source.span(node)):
                source.note(node, "A client of HTTP+SSE.", f"Use {other} when its server moves.")
            continue
        word = source.word(node)
        if isinstance(node, cst.FormattedStringText):
            start, end = source.span(node)
            ends = node.value.rstrip("/").endswith("/sse")
            if (
                ends
                and "http" in place.found.text[max(0, start - 200) : end]
                and not place.found.touches(start, end)
            ):
                source.note(
                    node,
                    "A URL of HTTP+SSE, and what it is for is not known here.",
                    "If it is for an MCP client, it ends in /mcp when the server moves.",
                )
            continue
        if word is None or _is_text(source, node) or place.found.touches(word.start, word.end):
            continue
        url = Url.parse(word.value)
        if url is not None and url.is_sse:
            verdict = place.known.judge(word.value)
            place.say(
                word,
                "A URL of HTTP+SSE, and what it is for is not known here.",
                f"If it is for an MCP client: {verdict.url}" if verdict.sure else verdict.advice,
            )
        elif word.value == "sse":
            place.say(
                word,
                "sse is one choice here, or is compared with.",
                "See whether it is the transport of an MCP server or client, and whether it "
                "should still be offered.",
            )


def _is_text(source: Source, node: cst.CSTNode) -> bool:
    """Whether a string is a docstring, or stands in an annotation."""
    for outer in source.above(node):
        if isinstance(outer, cst.Expr | cst.Annotation | cst.Subscript):
            return not isinstance(outer, cst.Expr) or outer.value is node
        if isinstance(outer, cst.BaseSmallStatement | cst.Call):
            return False
    return False

"""The import law holds for every module of the package, and the reader of it sees breaches."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.layers.law import FACES, FLOORS, floor_of, modules_of, violations

SOURCE = Path(__file__).parents[2] / "src" / "fastmcp"
STANDARD = frozenset(sys.stdlib_module_names)


def test_the_law_holds():
    assert violations(modules_of(SOURCE), STANDARD) == []


def test_every_file_is_read():
    modules = modules_of(SOURCE)
    assert len(modules) == len(list(SOURCE.rglob("*.py")))
    assert {"fastmcp", "fastmcp.settings", "fastmcp.cli.run"} <= set(modules)


def test_floor_0_imports_only_floor_0():
    """The law in its plainest case, said without the table."""
    low = {name: text for name, text in modules_of(SOURCE).items() if floor_of(name) == 0}
    assert {"fastmcp.exceptions", "fastmcp.settings", "fastmcp.utilities.logging"} <= set(low)
    for name, text in low.items():
        for line in text.splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]) and words[1].startswith("fastmcp"):
                assert floor_of(words[1]) == 0, f"{name}: {line.strip()}"


@pytest.mark.parametrize(
    ("module", "floor"),
    [
        ("fastmcp", 6),
        ("fastmcp.settings", 0),
        ("fastmcp.utilities.logging", 0),
        ("fastmcp.protocol.classify", 1),
        ("fastmcp.tools.base", 2),
        ("fastmcp.server", 6),
        ("fastmcp.server.engine", 3),
        ("fastmcp.server.middleware.timing", 3),
        ("fastmcp.server.transports.asgi", 4),
        ("fastmcp.server.server", 5),
        ("fastmcp.client.sampling.anything", 3),
        ("fastmcp.cli.run", 6),
        ("fastmcp.something_new", None),
        ("fastmcp.something.new", None),
    ],
)
def test_floors(module: str, floor: int | None):
    assert floor_of(module) == floor


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("fastmcp.something_new", "", "has no floor"),
        ("fastmcp.settings", "from fastmcp.tools.base import Tool", "floor 0 imports"),
        ("fastmcp.tools.base", "import fastmcp.server.context", "floor 2 imports"),
        ("fastmcp.server.engine", "from fastmcp.server.server import X", "floor 3 imports"),
        ("fastmcp.server.engine", "from fastmcp import FastMCP", "of floor 6"),
        ("fastmcp.server.http", "from fastmcp.client.roots import x", "the server imports"),
        ("fastmcp.client.client", "from fastmcp.server.state import x", "the client imports"),
        ("fastmcp.client", "from fastmcp.server.state import x", "the client imports"),
        (
            "fastmcp.tools.base",
            "if TYPE_CHECKING:\n    import fastmcp.server.context",
            "floor 2 imports",
        ),
        ("fastmcp.cli.run", "def f():\n    import fastmcp.settings", "inside f()"),
        (
            "fastmcp.cli.run",
            "class A:\n    async def g(self):\n        from fastmcp.settings import x",
            "inside A.g()",
        ),
        (
            "fastmcp.cli.run",
            "def f():\n    importlib.import_module('fastmcp.settings')",
            "inside f()",
        ),
        ("fastmcp.cli.run", "def __getattr__(n):\n    import fastmcp.settings", "inside"),
        ("fastmcp.cli.run", "def f():\n    later('fastmcp.settings')", "inside f()"),
        ("fastmcp.server.engine", "x = later('fastmcp.server.http')", "floor 3 imports"),
        ("fastmcp.server.engine", "x = later('starlette.routing')", "starlette may be imported"),
        ("fastmcp.protocol.sse", "import asyncio", "must not import asyncio"),
        ("fastmcp.protocol.sse", "from time import monotonic", "must not import time"),
        ("fastmcp.protocol.sse", "import pydantic", "must not import pydantic"),
        ("fastmcp.server.engine", "import starlette.requests", "starlette may be imported by"),
        ("fastmcp.server.engine", "import mcp", "mcp may be imported by nobody"),
        ("fastmcp.client.session", "import aiohttp", "aiohttp may be imported by"),
        ("fastmcp.server.engine", "import opentelemetry.trace", "opentelemetry may be imported by"),
    ],
)
def test_breaches_are_seen(module: str, source: str, said: str):
    (found,) = violations({module: source}, STANDARD)
    assert said in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fastmcp.protocol.sse", "import msgspec, json, pydantic_core, fastmcp.exceptions"),
        ("fastmcp", "def __getattr__(name):\n    import fastmcp.server.server"),
        ("fastmcp.server.http", "from starlette.routing import Route"),
        ("fastmcp.server.auth.jwt", "from starlette.routing import Route"),
        ("fastmcp.cli.client", "import fastmcp.client.client, fastmcp.server.server"),
        ("fastmcp.utilities.logging", "def f():\n    import rich"),
    ],
)
def test_what_is_allowed(module: str, source: str):
    assert violations({module: source}, STANDARD) == []


def test_cycles_are_seen():
    found = violations(
        {
            "fastmcp.tools.a": "import fastmcp.tools.b",
            "fastmcp.tools.b": "from fastmcp.tools import c",
            "fastmcp.tools.c": "if TYPE_CHECKING:\n    from fastmcp.tools.a import x",
        },
        STANDARD,
    )
    assert found == [
        "cycle: fastmcp.tools.a -> fastmcp.tools.b -> fastmcp.tools.c -> fastmcp.tools.a"
    ]


def test_the_faces_are_on_the_top_floor():
    assert {FLOORS[name] for name in FACES} == {6}

"""The import law as data, and the reader of imports that checks it.

The package is a house of seven floors. An import goes downwards, or sideways on the own side;
the server's side and the client's side never see each other. `TYPE_CHECKING` imports obey the
same table: a type is knowledge too. There are no exceptions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "fastmcp"

FLOORS: dict[str, int] = {
    # 0: leaves
    "fastmcp.exceptions": 0,
    "fastmcp.settings": 0,
    "fastmcp.aliases": 0,
    "fastmcp.utilities": 0,
    # 1: the protocol, without I/O
    "fastmcp.protocol": 1,
    # 2: components
    "fastmcp.tools": 2,
    "fastmcp.resources": 2,
    "fastmcp.prompts": 2,
    # 3: engines
    "fastmcp.server.*": 3,
    "fastmcp.server.providers.*": 3,
    "fastmcp.client.*": 3,
    # 4: shores
    "fastmcp.server.transports": 4,
    "fastmcp.server.auth.*": 4,
    "fastmcp.client.transports": 4,
    "fastmcp.client.auth": 4,
    "fastmcp.client.connection": 4,
    "fastmcp.mcp_config": 4,
    # 5: facades
    "fastmcp.server.server": 5,
    "fastmcp.server.http": 5,
    "fastmcp.server.dependencies": 5,
    "fastmcp.client.client": 5,
    "fastmcp.client.forwarding": 5,
    "fastmcp.client.group": 5,
    # 6: faces and the command line
    "fastmcp": 6,
    "fastmcp.server": 6,
    "fastmcp.client": 6,
    "fastmcp.server.providers": 6,
    "fastmcp.server.auth": 6,
    "fastmcp.server.auth.auth": 6,
    # A proxy is a server and a client: what knows both belongs to neither side.
    "fastmcp.proxy": 6,
    "fastmcp.server.providers.proxy": 6,
    "fastmcp.dependencies": 6,
    "fastmcp.skills": 6,
    "fastmcp.telemetry": 6,
    "fastmcp.types": 6,
    "fastmcp.utilities.tests": 6,
    "fastmcp.cli": 6,
    "fastmcp.__main__": 6,
}
"""Floor by module, the longest name that fits. `x.*` is all below x but not x itself; a plain
package name is the package and all below it, except for the three names that are faces."""

FACES = {
    "fastmcp",
    "fastmcp.server",
    "fastmcp.client",
    "fastmcp.dependencies",
    "fastmcp.types",
    "fastmcp.server.providers",
    "fastmcp.server.auth",
    "fastmcp.utilities.tests",
}
"""Modules whose `__getattr__` may import first-party modules when a name is asked for."""

_NOT_BELOW = {"fastmcp", "fastmcp.server", "fastmcp.client"}

PROTOCOL_MAY = {"msgspec", "pydantic_core", "fastmcp"}
"""What `protocol` may import besides the standard library."""

PROTOCOL_MAY_NOT = {
    "asyncio",
    "concurrent",
    "contextvars",
    "random",
    "secrets",
    "selectors",
    "socket",
    "ssl",
    "threading",
    "time",
}
"""The parts of the standard library that do I/O, wait, or are not the same twice."""

ONLY_IN: dict[str, tuple[str, ...]] = {
    "starlette": ("fastmcp.server.auth", "fastmcp.server.http", "fastmcp.server.dependencies"),
    "aiohttp": (
        "fastmcp.client.transports",
        "fastmcp.client.auth",
        "fastmcp.resources.types",
        "fastmcp.server.auth",
    ),
    "redis": ("fastmcp.server.backplane.redis_line",),
    "opentelemetry": ("fastmcp.utilities.tracing", "fastmcp.telemetry"),
    "docket": ("fastmcp.server.background.docket",),
    "cyclopts": ("fastmcp.cli",),
    "watchfiles": ("fastmcp.cli",),
    "libcst": ("fastmcp.cli.migration",),
    "openai": ("fastmcp.client.sampling.handlers.openai",),
    "anthropic": ("fastmcp.client.sampling.handlers.anthropic",),
    "google": ("fastmcp.client.sampling.handlers.google_genai",),
    "yaml": ("fastmcp.utilities.frontmatter", "fastmcp.cli.migration.yaml_tree"),
    "mcp_types": ("fastmcp.utilities.mcp_types",),
    "anyio": (),
    "mcp": (),
}
"""Third-party packages that only some modules may import."""


@dataclass(frozen=True)
class Import:
    """One import statement, resolved."""

    target: str
    line: int
    function: str | None
    """The function it stands in, or None at module level."""


def modules_of(root: Path) -> dict[str, str]:
    """Source by module name, for every file of the package that lies in `root`."""
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path.read_text()
    return found


def floor_of(module: str) -> int | None:
    """The floor of a module, or None if the table does not know it."""
    if module in FLOORS:
        return FLOORS[module]
    name = module
    while "." in name:
        name = name.rpartition(".")[0]
        if f"{name}.*" in FLOORS:
            return FLOORS[f"{name}.*"]
        if name in FLOORS and name not in _NOT_BELOW:
            return FLOORS[name]
    return None


def side_of(module: str) -> str | None:
    """`server`, `client`, or None for what both sides share."""
    part = module.split(".")[1] if "." in module else ""
    return part if part in ("server", "client") else None


def imports_of(module: str, source: str, known: Mapping[str, str]) -> Iterator[Import]:
    """Every import in a module, also inside functions and under `TYPE_CHECKING`."""
    tree = ast.parse(source)
    yield from _walk(tree, None, module, known)


def _walk(
    node: ast.AST, function: str | None, module: str, known: Mapping[str, str]
) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            name = getattr(child, "name", "<lambda>")
            inner = name if function is None else f"{function}.{name}"
        elif isinstance(child, ast.ClassDef) and function is None:
            # A class body runs at import; its methods are functions with a longer name.
            yield from _class(child, module, known)
            continue
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, function)
        elif isinstance(child, ast.ImportFrom):
            yield from _from(child, function, module, known)
        elif isinstance(child, ast.Call):
            target = _called_import(child)
            if target is not None:
                yield Import(target, child.lineno, function)
        yield from _walk(child, inner, module, known)


def _class(node: ast.ClassDef, module: str, known: Mapping[str, str]) -> Iterator[Import]:
    for found in _walk(node, None, module, known):
        function = None if found.function is None else f"{node.name}.{found.function}"
        yield Import(found.target, found.line, function)


def _from(
    node: ast.ImportFrom, function: str | None, module: str, known: Mapping[str, str]
) -> Iterator[Import]:
    base = node.module or ""
    if node.level:
        raise AssertionError(f"{module}:{node.lineno}: write absolute imports")
    for alias in node.names:
        submodule = f"{base}.{alias.name}"
        yield Import(submodule if submodule in known else base, node.lineno, function)


def _called_import(node: ast.Call) -> str | None:
    """`later("...")`, `importlib.import_module("...")` or `__import__("...")` with the name written
    out."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else None
    called = node.func.id if isinstance(node.func, ast.Name) else called
    if called not in ("later", "import_module", "__import__") or not node.args:
        return None
    first = node.args[0]
    if isinstance(first, ast.JoinedStr) and first.values:
        first = first.values[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value.rstrip(".")
    return None


def violations(modules: Mapping[str, str], standard: frozenset[str]) -> list[str]:
    """Every breach of the law in a package, as sentences.

    Args:
        modules: source by module name.
        standard: names of the standard library's modules.
    """
    found: list[str] = []
    graph: dict[str, set[str]] = {}
    for module, source in modules.items():
        floor = floor_of(module)
        if floor is None:
            found.append(f"{module} has no floor: give it one in tests/layers/law.py")
            continue
        edges = graph.setdefault(module, set())
        for item in imports_of(module, source, modules):
            where = f"{module}:{item.line}"
            top = item.target.partition(".")[0]
            if top == PACKAGE:
                found += _first_party(where, module, floor, item)
                if item.target in modules and item.target != module and item.function is None:
                    edges.add(item.target)
            else:
                found += _third_party(where, module, top, standard)
    found += [f"cycle: {' -> '.join(cycle)}" for cycle in cycles(graph)]
    return found


def _first_party(where: str, module: str, floor: int, item: Import) -> Iterator[str]:
    in_face = module in FACES and item.function == "__getattr__"
    if item.function is not None and not in_face:
        yield f"{where}: imports {item.target} inside {item.function}()"
    target_floor = floor_of(item.target)
    if target_floor is None:
        yield f"{where}: {item.target} has no floor"
    elif target_floor > floor:
        yield f"{where}: floor {floor} imports {item.target} of floor {target_floor}"
    sides = {side_of(module), side_of(item.target)}
    if sides == {"server", "client"}:
        yield f"{where}: the {side_of(module)} imports {item.target}"


def _third_party(where: str, module: str, top: str, standard: frozenset[str]) -> Iterator[str]:
    allowed = ONLY_IN.get(top)
    if allowed is not None and not any(_is_in(module, name) for name in allowed):
        yield f"{where}: {top} may be imported by {', '.join(allowed) or 'nobody'} only"
    if _is_in(module, "fastmcp.protocol"):
        if top in PROTOCOL_MAY_NOT:
            yield f"{where}: the protocol must not import {top}: clock, chance and I/O are given"
        elif top not in standard and top not in PROTOCOL_MAY:
            yield f"{where}: the protocol must not import {top}"


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """One way round for every knot of modules that import each other."""
    done: set[str] = set()
    found: list[list[str]] = []

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
            return
        if module in done:
            return
        for target in sorted(graph.get(module, ())):
            visit(target, [*path, module])
        done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found

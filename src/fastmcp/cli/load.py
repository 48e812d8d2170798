"""From a SPEC on the command line to a server object.

A SPEC is `file.py`, `file.py:object`, or with `-m` a module, `module` or `module:object`. The
object is a server or a function without arguments that makes one, sync or async. Without a name
the file is searched for `mcp`, `server` and `app`, in this order. A URL, and an MCP configuration
such as `mcp.json`, say where servers are; a proxy stands for them.

The file is imported, so its `__name__` is not `__main__` and `mcp.run()` under the usual guard
does nothing. Its folder goes to the front of `sys.path`, as `python file.py` has it. It is
registered under its own name, so that a sibling's `from server import mcp` finds this very
module and not a second copy.

What a server is, is asked of its shape: this module must not import one, because the
supervisor of `--reload` uses it as well and stays small.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast, runtime_checkable

from fastmcp.cli.errors import CliError, describe

__all__ = [
    "DEFAULT_NAMES",
    "RunnableServer",
    "Spec",
    "checked",
    "config",
    "find",
    "has_server",
    "import_spec",
    "load",
    "resolve",
]

DEFAULT_NAMES = ("mcp", "server", "app")


@runtime_checkable
class RunnableServer(Protocol):
    """What `run`, `list` and `call` need of a server; FastMCP has it."""

    def run(self, transport: Any = None, show_banner: bool | None = None, **kwargs: Any) -> None:
        """Serve until stopped."""
        ...

    async def run_async(
        self, transport: Any = None, show_banner: bool | None = None, **kwargs: Any
    ) -> None:
        """Serve until stopped, in the running loop."""
        ...

    def http_app(self) -> Any:
        """The ASGI application."""
        ...


@dataclass(frozen=True)
class Spec:
    """A SPEC taken apart: a file or a module, and perhaps the name of an object in it; neither
    where it is a URL."""

    text: str
    path: Path | None
    module: str | None
    object: str | None

    @property
    def is_config(self) -> bool:
        """Whether it is an MCP configuration."""
        return self.path is not None and self.path.suffix == ".json"

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is no Python, but says where servers are."""
        return self.is_config or (self.path is None and self.module is None)

    @classmethod
    def parse(cls, text: str, module: bool = False) -> Spec:
        """Take a SPEC apart.

        Raises:
            CliError: it names nothing that can be loaded here.
        """
        if module:
            name, _, wanted = text.partition(":")
            return cls(text, None, name, wanted or None)
        if text.startswith(("http://", "https://")):
            return cls(text, None, None, None)
        path, wanted = Path(text), None
        if not path.exists():
            name, colon, last = text.rpartition(":")
            if colon:
                path, wanted = Path(name), last
        if not path.exists():
            raise CliError(
                f"There is no file {path}; a SPEC is file.py, file.py:object, -m module, a URL or "
                "an mcp.json."
            )
        if path.is_dir():
            raise CliError(f"{path} is a folder; name a file in it, or a package with -m.")
        if path.suffix == ".json" and wanted is None:
            return cls(text, path.resolve(), None, None)
        if path.suffix != ".py":
            raise CliError(f"{path} is not a Python file; a SPEC is file.py or file.py:object.")
        if wanted == "":
            raise CliError(f"{text} ends with a colon; write the name of the object after it.")
        return cls(text, path.resolve(), None, wanted)


def load(spec: Spec) -> Any:
    """Import what the SPEC names and find its server.

    Returns:
        a server, or an awaitable of one where the object is an async factory; `resolve` it.

    Raises:
        CliError: it cannot be imported, or holds no server.
    """
    return find(import_spec(spec), spec)


def config(spec: Spec) -> dict[str, Any]:
    """What an MCP configuration says.

    Raises:
        CliError: it is none.
    """
    assert spec.path is not None
    try:
        found = json.loads(spec.path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CliError(f"{spec.path.name} is not JSON: {error}") from error
    except OSError as error:
        raise CliError(f"{spec.path.name} cannot be read: {error.strerror}") from error
    if not isinstance(found, dict) or "source" in found:
        raise CliError(
            f"{spec.path.name} is not an MCP configuration, an object with mcpServers; a "
            "fastmcp.json will be read by a later version: name the Python file instead"
        )
    return cast("dict[str, Any]", found)


def import_spec(spec: Spec) -> ModuleType:
    """Import the file or the module of a SPEC."""
    if spec.path is not None:
        return _import_file(spec.path)
    assert spec.module is not None
    # As `python -m` does: modules of the working directory come first.
    _put_first(str(Path.cwd()))
    try:
        return importlib.import_module(spec.module)
    except ModuleNotFoundError as error:
        if error.name is not None and (spec.module + ".").startswith(error.name + "."):
            raise CliError(
                f"There is no module {spec.module} here; it is looked for in {Path.cwd()} and in "
                "the environment."
            ) from error
        raise CliError(f"Module {spec.module} could not be loaded: {describe(error)}.") from error
    except Exception as error:
        raise CliError(f"Module {spec.module} could not be loaded: {describe(error)}.") from error


def find(module: ModuleType, spec: Spec) -> Any:
    """The server in an imported module (see `load`)."""
    if spec.object is None:
        for name in DEFAULT_NAMES:
            if isinstance(getattr(module, name, None), RunnableServer):
                return getattr(module, name)
        raise CliError(_nothing_found(module, spec))
    found: Any = module
    for part in spec.object.split("."):
        if not hasattr(found, part):
            raise CliError(
                f"{_where(spec)} has no {spec.object}; write the name of what is in it, or none."
            )
        found = getattr(found, part)
    if isinstance(found, RunnableServer):
        return found
    if not callable(found) or _is_asgi(found):
        raise CliError(_not_a_server(found, spec))
    try:
        return found()
    except Exception as error:
        file = None if spec.path is None else str(spec.path)
        raise CliError(f"{spec.object}() failed: {describe(error, file)}.") from error


def has_server(module: ModuleType) -> bool:
    """Whether a module has a server under one of the names that are looked for."""
    return any(isinstance(getattr(module, name, None), RunnableServer) for name in DEFAULT_NAMES)


async def resolve(found: Any, spec: Spec) -> RunnableServer:
    """Await the result of an async factory, and see that it is a server."""
    if inspect.isawaitable(found):
        try:
            found = await found
        except Exception as error:
            file = None if spec.path is None else str(spec.path)
            raise CliError(f"{spec.object}() failed: {describe(error, file)}.") from error
    return checked(found, spec)


def checked(found: Any, spec: Spec) -> RunnableServer:
    """`found`, if it is a server.

    Raises:
        CliError: it is something else.
    """
    if not isinstance(found, RunnableServer):
        raise CliError(_not_a_server(found, spec))
    return found


def _import_file(path: Path) -> ModuleType:
    _put_first(str(path.parent))
    name = path.stem if path.stem not in sys.modules else f"fastmcp_run_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise CliError(f"{path} cannot be imported as Python.")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CliError(f"{path.name} could not be loaded: {describe(error, str(path))}.") from error
    return module


def _put_first(folder: str) -> None:
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def _where(spec: Spec) -> str:
    return spec.text if spec.path is None else spec.path.name


def _nothing_found(module: ModuleType, spec: Spec) -> str:
    where, flag = _where(spec), "" if spec.path is not None else "-m "
    others = [name for name, value in vars(module).items() if isinstance(value, RunnableServer)]
    if others:
        hint = f"name it: fastmcp run {flag}{spec.text}:{others[0]}"
    elif any(_is_asgi(getattr(module, name, None)) for name in DEFAULT_NAMES):
        hint = f"it holds an ASGI application, which uvicorn runs: uvicorn {Path(where).stem}:app"
    else:
        hint = f"write mcp = FastMCP(...) at its top level, or name one: {spec.text}:object"
    *most, last = DEFAULT_NAMES
    return f"{where} has no server named {', '.join(most)} or {last}; {hint}"


def _not_a_server(found: Any, spec: Spec) -> str:
    kind = type(found).__name__
    if _is_asgi(found):
        name = f"{Path(_where(spec)).stem}:{spec.object}"
        return f"{spec.object} is an ASGI application ({kind}); run it with: uvicorn {name}"
    return (
        f"{spec.object} in {_where(spec)} is neither a FastMCP server nor a function without "
        f"arguments that makes one, but of type {kind}; name another object."
    )


def _is_asgi(value: object) -> bool:
    kinds = cast("tuple[type[Any], ...]", type(value).__mro__)
    return any(kind.__module__.partition(".")[0] in ("starlette", "fastapi") for kind in kinds)

"""`fastmcp run`: import a server and serve it, with what the command line says.

A module (`-m`) that holds a server is run like a file. One that holds none is run as
`python -m` runs it, and what it starts with `mcp.run()` finds the options of the command line in
the settings.
"""

from __future__ import annotations

import asyncio
import inspect
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from cyclopts import Parameter

from fastmcp.cli import load
from fastmcp.cli.errors import CliError, describe
from fastmcp.cli.reload import supervise
from fastmcp.settings import LogLevel, get_settings

__all__ = ["run"]

Transport = Literal["stdio", "http", "sse", "streamable-http"]


def run(
    server_spec: str | None = None,
    *server_args: str,
    transport: Annotated[Transport | None, Parameter(name=("--transport", "-t"))] = None,
    host: str | None = None,
    port: Annotated[int | None, Parameter(name=("--port", "-p"))] = None,
    path: str | None = None,
    log_level: Annotated[str | None, Parameter(name=("--log-level", "-l"))] = None,
    no_banner: Annotated[bool, Parameter(negative="")] = False,
    reload: bool = False,
    reload_dir: Annotated[list[Path] | None, Parameter(negative="")] = None,
    stateless: Annotated[bool, Parameter(negative="")] = False,
    module: Annotated[bool, Parameter(name=("--module", "-m"), negative="")] = False,
) -> int:
    """Run a server: a file, an object or a module.

    Args:
        server_spec: file.py, file.py:object (a server, or a function that makes one), or with -m
            a module. Without an object, mcp, server and app are looked for.
        server_args: after --, passed to the file as sys.argv.
        transport: what to serve on; default FASTMCP_TRANSPORT, else stdio.
        host: address to listen on; default 127.0.0.1.
        port: to listen on; default 8000.
        path: of the endpoint; default /mcp.
        log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        no_banner: start without the lines that say where.
        reload: restart the server when a file changes.
        reload_dir: folders to watch instead of the file's own; may be repeated.
        stateless: serve without sessions.
        module: SPEC is a module, as with python -m.
    """
    if server_spec is None:
        raise CliError("Name what to run: fastmcp run server.py", 2)
    options = _options(transport, host, port, path, log_level, stateless)
    spec = load.Spec.parse(server_spec, module)
    if reload:
        words = _words(spec, options, server_args)
        return supervise(words, _folders(spec, reload_dir), banner=not no_banner)
    sys.argv = [spec.text if spec.path is None else str(spec.path), *server_args]
    if spec.module is not None:
        imported = load.import_spec(spec)
        if spec.object is None and not load.has_server(imported):
            return _run_as_main(spec.module, options, no_banner)
        found = load.find(imported, spec)
    else:
        found = load.load(spec)
    show_banner = False if no_banner else None
    # A server is told only what was said: the rest it reads from its settings.
    arguments = {key: value for key, value in options.items() if key != "transport"}
    if inspect.isawaitable(found):
        _run_loop(lambda: _serve(found, spec, options["transport"], show_banner, arguments))
    else:
        load.checked(found, spec).run(options["transport"], show_banner, **arguments)
    return 0


async def _serve(
    found: Any, spec: load.Spec, transport: str, show_banner: bool | None, arguments: dict[str, Any]
) -> None:
    server = await load.resolve(found, spec)
    await server.run_async(cast("Any", transport), show_banner, **arguments)


def _run_loop(main: Callable[[], Any]) -> None:
    """One loop for the factory and for what it made: connections it opened stay usable."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover  (Windows)
        asyncio.run(main())
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def _options(
    transport: str | None,
    host: str | None,
    port: int | None,
    path: str | None,
    log_level: str | None,
    stateless: bool,
) -> dict[str, Any]:
    """What was said on the command line, checked; always with the transport."""
    options: dict[str, Any] = {"transport": transport or get_settings().transport}
    if log_level is not None:
        if log_level.upper() not in get_args(LogLevel):
            raise CliError(f"There is no log level {log_level}: use {_words_of(LogLevel)}.", 2)
        options["log_level"] = log_level.upper()
    if stateless:
        options["stateless"] = True
    network = {"host": host, "port": port, "path": path}
    given = {name: value for name, value in network.items() if value is not None}
    if given and options["transport"] == "stdio":
        raise CliError(
            f"--{next(iter(given))} says where to listen, and stdio does not listen: add "
            "--transport http.",
            2,
        )
    return options | given


def _words_of(choice: Any) -> str:
    *most, last = get_args(choice)
    return f"{', '.join(most)} or {last}"


def _run_as_main(module: str, options: dict[str, Any], no_banner: bool) -> int:
    settings = get_settings()
    settings.transport = options["transport"]
    settings.host = options.get("host", settings.host)
    settings.port = options.get("port", settings.port)
    settings.streamable_http_path = options.get("path", settings.streamable_http_path)
    settings.log_level = options.get("log_level", settings.log_level)
    settings.stateless_http = options.get("stateless", settings.stateless_http)
    settings.show_server_banner = settings.show_server_banner and not no_banner
    # It was imported to look for a server; it must run anew, and only once, as __main__.
    sys.modules.pop(module, None)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except ImportError as error:
        raise CliError(f"Module {module} cannot be run: {describe(error)}.") from error
    return 0


def _folders(spec: load.Spec, asked: list[Path] | None) -> list[Path]:
    if asked:
        missing = [folder for folder in asked if not folder.is_dir()]
        if missing:
            raise CliError(f"--reload-dir {missing[0]} is not a folder.", 2)
        return [folder.resolve() for folder in asked]
    here = Path.cwd()
    if spec.path is None:
        return [here]
    # The working directory only where it holds the file: it might be / otherwise.
    return [here] if spec.path.is_relative_to(here) and here.parent != here else [spec.path.parent]


def _words(spec: load.Spec, options: dict[str, Any], server_args: tuple[str, ...]) -> list[str]:
    """The command line of a child that serves what this one was asked to."""
    words = ["-m", spec.text] if spec.module is not None else [spec.text]
    options = dict(options)
    # A restarted child meets a stdio client in the middle of its session.
    if options.pop("stateless", False) or options["transport"] == "stdio":
        words.append("--stateless")
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return [*words, "--", *server_args] if server_args else words

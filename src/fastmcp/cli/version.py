"""`fastmcp version`: what a bug report needs, and whether another package is in the way.

Two distributions may claim one import package: `fastmcp-streamline` and `fastmcp` both install a
folder `fastmcp`, and the files of whichever was installed last lie on top of the other's.
"""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

from fastmcp.protocol.versions import HANDSHAKE_VERSIONS, STATELESS_VERSIONS

__all__ = ["other_owners", "version"]

DISTRIBUTION = "fastmcp-streamline"
PACKAGE = "fastmcp"


def version() -> int:
    """Print the versions of this package, of the protocol, of Python and of the platform."""
    rows = {
        DISTRIBUTION: importlib.metadata.version(DISTRIBUTION),
        "MCP": ", ".join((*reversed(STATELESS_VERSIONS), *reversed(HANDSHAKE_VERSIONS))),
        "Python": platform.python_version(),
        "Platform": platform.platform(),
        "Installed in": str(Path(__file__).parent.parent),
    }
    width = max(map(len, rows)) + 2
    for name, text in rows.items():
        print(f"{name + ':':<{width}}{text}")
    others = other_owners()
    if others:
        names = " and ".join(others)
        print(
            f"Warning: {names} in this environment also owns the import package {PACKAGE}, so "
            "files of both may be mixed; to mend it run: "
            f"pip uninstall {' '.join(others)} && pip install --force-reinstall {DISTRIBUTION}"
        )
    return 0


def other_owners() -> list[str]:
    """The other installed distributions that own the import package `fastmcp`."""
    owners = importlib.metadata.packages_distributions().get(PACKAGE, [])
    return sorted({name for name in owners if name.lower().replace("_", "-") != DISTRIBUTION})

"""Where the workers of one machine find each other: a folder with one Unix socket a worker.

The folder belongs to one server under one `FASTMCP_HOME` on one machine (a home that several
machines mount is no way between them), and only its owner can enter it. A socket is seen under
its name only when it listens already, and no name is ever used twice: one that refuses a
connection belongs to a worker that died, and whoever finds it may remove it.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["Meeting"]

_NAME: Final = re.compile(r"[0-9a-f]{8}")
_LONGEST_PATH: Final = 103  # bytes a socket's path may have: 104 with the closing zero on macOS
_BACKLOG: Final = 128


class Meeting:
    """The folder of one server's workers. Nothing is made before `open`.

    Args:
        home: `FASTMCP_HOME`.
        group: which server.
    """

    def __init__(self, home: Path, group: str) -> None:
        self._home = home
        self._group = group
        self._folder = home

    def open(self, worker: str) -> socket.socket:
        """Be found under this name. Returns the socket that listens.

        Raises:
            OSError: there are no Unix sockets here, or the folder cannot be had or is not ours
                alone.
        """
        if sys.platform == "win32":
            raise OSError("there are no Unix sockets on Windows")
        self._folder = self._own_folder()
        draft = self._folder / f".{worker}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(draft))
            try:
                draft.chmod(0o600)
                listener.listen(_BACKLOG)
                draft.rename(self._path(worker))
            except OSError:
                draft.unlink(missing_ok=True)
                raise
        except OSError:
            listener.close()
            raise
        return listener

    def path(self, worker: str) -> str | None:
        """Where a worker listens, or did; None where this cannot be a worker's name."""
        return str(self._path(worker)) if _NAME.fullmatch(worker) else None

    def workers(self) -> set[str]:
        """Whose sockets are there, this worker's among them."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return set()
        stems = (name.removesuffix(".sock") for name in names if name.endswith(".sock"))
        return {stem for stem in stems if _NAME.fullmatch(stem)}

    def remove(self, worker: str) -> None:
        """Forget a worker that is no more."""
        self._path(worker).unlink(missing_ok=True)

    def _path(self, worker: str) -> Path:
        return self._folder / f"{worker}.sock"

    def _own_folder(self) -> Path:
        """The folder, made if need be, and seen to be closed to others."""
        home = self._home.resolve()
        group = f"{socket.gethostname()}\0{self._group}"
        folder = home / "workers" / _digest(group)
        if _too_long(folder):
            both = _digest(f"{home}\0{group}")
            folder = Path(tempfile.gettempdir()) / f"fastmcp-{os.getuid()}-{both}"
            if _too_long(folder):
                raise OSError(f"{folder} is too long a path for Unix sockets")
        else:
            for above in (home, home / "workers"):
                above.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        closed = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        if not closed or status.st_uid != os.getuid():
            raise PermissionError(f"{folder} is open to others; make it mode 0700 and your own")
        return folder


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def _too_long(folder: Path) -> bool:
    return len(os.fsencode(folder / "01234567.sock")) > _LONGEST_PATH

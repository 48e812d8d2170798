"""Records in a file: the workers of one machine share them, and a server that starts again goes on.

Without a store that the author names, people would log in anew each time the server starts, and no
worker would know the tokens of the others. SQLite says truly who removed a record, so what is
single-use is so among processes too. In its write-ahead mode nobody who reads waits for somebody
who writes, and to read takes some microseconds: that is done at once, and writing in a thread.
Where nothing can be written, for the disk is full, what was granted stays good, and whoever wants
more is told to come back.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
import weakref
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from fastmcp.server.auth.oauth.errors import OAuthError
from fastmcp.server.auth.oauth.records import MemoryRecords, Record, Records
from fastmcp.utilities.threads import Lane

__all__ = ["FileRecords", "records_at"]

_logger: Final = logging.getLogger("fastmcp.server.auth")
T = TypeVar("T")

_PATIENCE: Final = 10.0
"""Seconds that a writer waits for another."""
_PAUSE: Final = 0.05
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_TIDY: Final = 60.0
_CLIENTS: Final = 10_000
"""Anybody may register one. Those that nobody used go first: they are kept for less long."""
_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS records (
    name TEXT PRIMARY KEY, record TEXT NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_until ON records (until);
"""


def records_at(path: Path) -> Records:
    """Records in a file, or in the memory of this process where there can be none.

    Args:
        path: of the file; it is made, and nobody else can read it.
    """
    try:
        return FileRecords(path)
    except (OSError, sqlite3.Error) as error:
        _logger.warning(
            "Logins cannot be kept at %s (%s): they end with this process, and no other worker "
            "knows them. Set FASTMCP_HOME to a writable folder, or give client_storage",
            path,
            error,
        )
        return MemoryRecords({"client": _CLIENTS})


class FileRecords:
    """Keeps records in a file.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be made.
        sqlite3.Error: it is no such file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._path = path
        self._lane = Lane(1)
        self._tidied = -_TIDY
        self._failing = False
        self._make()
        self._process = 0
        self._readers = self._writers = None

    def _make(self) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            with closing(self._connected()) as made:
                try:
                    made.executescript(_SCHEMA)
                    return
                except sqlite3.OperationalError as error:
                    # Who changes the mode does not wait for another worker that does (SQLite,
                    # "Write-Ahead Logging", 8).
                    if error.sqlite_errorcode not in _BUSY or time.monotonic() > end:
                        raise
            time.sleep(_PAUSE)

    def _connected(self) -> sqlite3.Connection:
        # One of them is used in one thread at a time, though not always the same.
        connection = sqlite3.connect(
            self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may undo the last ones
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _connections(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        """For reading, and for writing. A forked process needs its own."""
        if self._readers is None or self._writers is None or self._process != os.getpid():
            self._process = os.getpid()
            self._readers, self._writers = self._connected(), self._connected()
            for connection in (self._readers, self._writers):
                weakref.finalize(self, connection.close).atexit = False
        return self._readers, self._writers

    async def read(self, *names: str) -> list[Record | None]:
        marks = ", ".join("?" * len(names))
        asked = f"SELECT name, record FROM records WHERE name IN ({marks}) AND until > ?"  # noqa: S608  (marks)
        found: dict[str, str] = dict(self._connections()[0].execute(asked, (*names, time.time())))
        return [json.loads(found[one]) if one in found else None for one in names]

    async def write(self, name: str, record: Record, seconds: float) -> None:
        until = time.time() + seconds
        await self._changed(self._lane.run(self._write, name, json.dumps(record), until))

    async def add(self, name: str, record: Record, seconds: float) -> bool:
        return await self._lane.run(self._add, name, json.dumps(record), time.time() + seconds)

    def _add(self, name: str, record: str, until: float) -> bool:
        added = self._connections()[1].execute(
            "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET record = excluded.record, until = excluded.until WHERE records.until <= ?",
            (name, record, until, time.time()),
        )
        return added.rowcount == 1

    def _write(self, name: str, record: str, until: float) -> None:
        connection = self._connections()[1]
        connection.execute("REPLACE INTO records VALUES (?, ?, ?)", (name, record, until))
        if time.monotonic() - self._tidied >= _TIDY:
            self._tidied = time.monotonic()
            connection.execute("DELETE FROM records WHERE until <= ?", (time.time(),))
            connection.execute(
                "DELETE FROM records WHERE name IN (SELECT name FROM records "
                "WHERE name GLOB 'client-*' ORDER BY until DESC LIMIT -1 OFFSET ?)",
                (_CLIENTS,),
            )

    async def take(self, name: str) -> bool:
        return await self._changed(self._lane.run(self._take, name))

    async def _changed(self, work: Awaitable[T]) -> T:
        try:
            done = await work
        except (OSError, sqlite3.OperationalError) as error:
            if not self._failing:
                self._failing = True
                _logger.warning(
                    "Logins cannot be kept at %s (%s): nobody can log in until they can. Where "
                    "the disk is full, make room",
                    self._path,
                    error,
                )
            text = "The server cannot keep anything now; try again in a moment"
            raise OAuthError("temporarily_unavailable", text) from error
        if self._failing:
            self._failing = False
            _logger.warning("Logins can be kept at %s again", self._path)
        return done

    def _take(self, name: str) -> bool:
        removed = self._connections()[1].execute(
            "DELETE FROM records WHERE name = ? AND until > ?", (name, time.time())
        )
        return removed.rowcount == 1

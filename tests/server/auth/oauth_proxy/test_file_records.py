"""What is kept in a file: by several processes, over a restart, and no longer than it is good."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fastmcp.server.auth.oauth.records import MemoryRecords
from fastmcp.server.auth.oauth_proxy.file_records import FileRecords, records_at
from fastmcp.settings import get_settings
from tests.server.auth.oauth_proxy.elsewhere import elsewhere, proxy, visitor


async def test_what_is_written_is_read(tmp_path: Path):
    one, other = FileRecords(tmp_path / "a" / "f"), FileRecords(tmp_path / "a" / "f")
    await one.write("kind-1", {"a": 1}, 60)
    await one.write("kind-1", {"a": [2, "ä"]}, 60)
    assert await other.read("kind-2", "kind-1") == [None, {"a": [2, "ä"]}]
    assert await other.take("kind-1")
    assert not await one.take("kind-1")
    assert await one.read("kind-1") == [None]
    assert mode_of(tmp_path / "a" / "f") == 0o600


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_one_takes_it(tmp_path: Path):
    many = [FileRecords(tmp_path / "f") for _ in range(4)]
    for n in range(20):
        await many[0].write(f"code-{n}", {}, 60)
        taken = await asyncio.gather(*(one.take(f"code-{n}") for one in many * 3))
        assert sum(taken) == 1


async def test_one_is_first(tmp_path: Path):
    many = [FileRecords(tmp_path / "f") for _ in range(4)]
    for n in range(20):
        added = await asyncio.gather(*(one.add(f"used-{n}", {}, 60) for one in many * 3))
        assert sum(added) == 1
    await many[0].write("used-a", {}, -1)
    assert await many[1].add("used-a", {}, 60)
    assert not await many[2].add("used-a", {}, 60)
    assert await many[3].read("used-a") == [{}]


_TAKER = """
import asyncio, sys
from pathlib import Path
from fastmcp.server.auth.oauth_proxy.file_records import FileRecords
async def main():
    records = FileRecords(Path(sys.argv[1]))
    sys.stdin.readline()
    print(sum([await records.take(f"code-{n}") for n in range(200)]))
asyncio.run(main())
"""


def test_processes_race(tmp_path: Path):
    async def fill() -> None:
        records = FileRecords(tmp_path / "f")
        for n in range(200):
            await records.write(f"code-{n}", {}, 60)

    asyncio.run(fill())
    command = [sys.executable, "-c", _TAKER, str(tmp_path / "f")]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    counts = [int(process.communicate("\n", timeout=60)[0]) for process in processes]
    assert sum(counts) == 200


def test_workers_start_at_once(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(records_at, [tmp_path / "f"] * 24))
    assert {type(one) for one in made} == {FileRecords}


async def test_what_has_ended_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fastmcp.server.auth.oauth_proxy.file_records._TIDY", 0)
    monkeypatch.setattr("fastmcp.server.auth.oauth_proxy.file_records._CLIENTS", 3)
    records = FileRecords(tmp_path / "f")
    await records.write("old-1", {}, -1)
    assert await records.read("old-1") == [None]
    assert not await records.take("old-1")
    for n in range(5):
        await records.write(f"client-{n}", {}, 60 + n)
    await records.write("other-1", {}, 60)
    with sqlite3.connect(tmp_path / "f") as file:
        names = [name for (name,) in file.execute("SELECT name FROM records ORDER BY name")]
    file.close()
    assert names == ["client-2", "client-3", "client-4", "other-1"]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_where_nothing_can_be_kept(tmp_path: Path, caplog: Any):
    (tmp_path / "file").write_text("no folder")
    assert isinstance(records_at(tmp_path / "file" / "f"), MemoryRecords)
    (tmp_path / "other").write_text("no database" * 100)
    assert isinstance(records_at(tmp_path / "other"), MemoryRecords)
    assert "FASTMCP_HOME" in caplog.text


async def test_a_server_that_starts_again():
    """Clients keep their tokens, and people need not log in."""
    async with elsewhere() as there:
        before = proxy(there)
        site = visitor(before, there)
        client = (await site.register())["client_id"]
        tokens = await site.tokens(client)
        after = proxy(there)
        again = visitor(after, there)
        found = await after.verify_token(tokens["access_token"])
        assert found is not None
        assert found.subject == "ann"
        renewed = (await again.refresh(client, tokens["refresh_token"])).json
        assert await before.verify_token(renewed["access_token"]) is not None
        there.expire()
        both = (before, after) * 5
        calls = await asyncio.gather(*(one.verify_token(renewed["access_token"]) for one in both))
        assert None not in calls
        assert there.renewals == 1
        text = kept(client)
        for secret in [*there.secrets, tokens["access_token"], renewed["refresh_token"]]:
            assert secret.encode() not in text


def kept(client: str) -> bytes:
    """The file that knows a client, with what is not moved into it yet."""
    folder = get_settings().home / "oauth"
    for file in folder.glob("*.sqlite"):
        text = b"".join(one.read_bytes() for one in folder.glob(f"{file.name}*"))
        if client.encode() in text:
            return text
    raise AssertionError

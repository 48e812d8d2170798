"""What a client keeps: found again, shared by processes, and unreadable where it has to."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import stat
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.wrappers.encryption import FernetEncryptionWrapper

from fastmcp import Client
from fastmcp.client.auth import ClientCredentialsOAuthProvider, TokenFiles
from fastmcp.client.auth.dpop import ProofKey
from fastmcp.client.errors import AuthorizationFailedError
from tests.client.auth.authority import (
    Guarded,
    Person,
    authority,
    guarded,
    redirect,
    refusal,
)
from tests.support.locks import ROOT
from tests.support.process import until, without_settings

SHARER = Path(__file__).with_name("sharer.py")


async def let_in(url: str, **given: Any) -> Person:
    """One session, and one call."""
    person = Person(**given)
    async with Client(url, auth=person) as client:
        await client.call_tool("x")
    await person.finished()
    return person


def entries(folder: Path) -> list[Path]:
    """The files of a store."""
    return list(folder.iterdir())


async def test_a_token_is_found_again() -> None:
    store = MemoryStore()
    async with authority() as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=store)
        await let_in(endpoint.url, token_storage=store)
    assert len(server.authorized) == 1
    assert endpoint.refused == 1


async def test_a_token_that_is_over_is_refreshed_without_a_refusal() -> None:
    store = MemoryStore()
    async with authority(lifetime=0) as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=store)
        server.lifetime = 3600
        await let_in(endpoint.url, token_storage=store)
    assert len(server.authorized) == 1
    assert endpoint.refused == 1


async def test_a_registration_is_found_again_with_its_port() -> None:
    store = MemoryStore()
    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        one = await let_in(endpoint.url, token_storage=store)
        server.good.clear()
        two = await let_in(endpoint.url, token_storage=store)
        assert one.redirect_port == two.redirect_port
        assert len(server.registered) == 1
        # Where the port is taken meanwhile, it takes another registration.
        server.good.clear()
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", one.redirect_port)
        async with taken:
            three = await let_in(endpoint.url, token_storage=store)
    assert three.redirect_port != one.redirect_port
    assert len(server.registered) == 2


@pytest.mark.parametrize("where", ["on_authorize", "on_token"])
async def test_a_registration_that_the_server_has_forgotten(where: str) -> None:
    store = MemoryStore()

    async def unknown(request: web.Request, said: dict[str, str]) -> web.StreamResponse | None:
        if said["client_id"] != "client-1":
            return None
        if where == "on_token":
            return refusal("invalid_client", status=401)
        answered = {"error": "unauthorized_client", "state": said["state"], "iss": server.issuer}
        return redirect(f"{said['redirect_uri']}?{urlencode(answered)}")

    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=store)
        server.good.clear()
        setattr(server, where, unknown)
        await let_in(endpoint.url, token_storage=store)
    assert len(server.registered) == 2
    assert [query["client_id"] for query in server.authorized] == ["client-1"] * 2 + ["client-2"]


async def test_a_registration_that_is_forgotten_is_recognised_at_the_refresh() -> None:
    """Nobody is sent to a page that can but show an error."""
    store = MemoryStore()

    async def forgot(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        return refusal("invalid_client", status=401) if form["client_id"] == "client-1" else None

    async with authority() as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=store)
        server.good.clear()
        server.on_token = forgot
        await let_in(endpoint.url, token_storage=store)
    assert [query["client_id"] for query in server.authorized] == ["client-1", "client-2"]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_registration_that_only_the_page_does_not_know(leaves: bool) -> None:
    """The person sees an error, and waits for the end or goes: the next run does not repeat it."""
    store, seen = MemoryStore(), asyncio.Event()

    async def page(request: web.Request, query: dict[str, str]) -> web.StreamResponse | None:
        if query["client_id"] != "client-1":
            return None
        seen.set()
        return web.Response(status=400, text="no such client")

    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=store)
        server.good.clear()
        server.on_authorize = page
        run = asyncio.create_task(
            let_in(endpoint.url, token_storage=store, callback_timeout=30 if leaves else 0.3)
        )
        await seen.wait()
        if leaves:
            run.cancel()
        await asyncio.wait([run])
        assert run.cancelled() is leaves
        await let_in(endpoint.url, token_storage=store)
    assert len(server.registered) == 2


async def test_two_servers_of_one_authority_do_not_lose_each_others_registration() -> None:
    """What one registers meanwhile is not what the other's refresh token was given to."""
    store = MemoryStore()
    both = asyncio.Barrier(2)

    async def together(request: web.Request, said: dict[str, str]) -> web.StreamResponse:
        answered = {**said, "client_id": f"client-{len(server.registered)}"}
        await both.wait()
        return web.json_response(answered, status=201)

    owners: dict[str, str] = {}

    async def owned(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        if form["grant_type"] != "refresh_token":
            return None
        mine = owners[form["resource"]] == form["client_id"]
        return None if mine else refusal("invalid_grant")

    async with (
        authority(on_register=together) as server,
        guarded(server) as one,
        guarded(server) as two,
    ):
        await asyncio.gather(*(let_in(each.url, token_storage=store) for each in (one, two)))
        owners.update((query["resource"], query["client_id"]) for query in server.authorized)
        server.good.clear()
        server.on_token = owned
        for each in (one, two):
            await let_in(each.url, token_storage=store)
    assert len(server.registered) == 2
    assert server.count("refresh_token") == 2
    assert len(server.authorized) == 2


async def test_a_registration_with_another_issuer_is_not_shown_to_this_one(tmp_path: Path) -> None:
    """Whatever a store gives: "Authorization Server Binding"."""
    files = TokenFiles(tmp_path)
    async with authority(refreshes=False) as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=files)
        for path in entries(tmp_path):
            kept = json.loads(path.read_text())
            if kept["value"].get("id") == "client-1":
                kept["value"]["issuer"] = "https://other.example"
                path.write_text(json.dumps(kept))
        server.good.clear()
        await let_in(endpoint.url, token_storage=files)
    assert [query["client_id"] for query in server.authorized] == ["client-1", "client-2"]


async def test_a_secret_that_is_over_is_registered_anew() -> None:
    async def soon_over(request: web.Request, document: dict[str, Any]) -> web.StreamResponse:
        said = {**document, "client_id": "c", "client_secret": "s3cret"}
        said["client_secret_expires_at"] = time.time() + 0.2
        return web.json_response(said, status=201)

    store = MemoryStore()
    async with (
        authority(on_register=soon_over, refreshes=False) as server,
        guarded(server) as endpoint,
    ):
        await let_in(endpoint.url, token_storage=store)
        server.good.clear()
        over = time.time() + 0.2
        await until(lambda: time.time() > over, "the secret is over")
        await let_in(endpoint.url, token_storage=store)
    assert len(server.registered) == 2


async def test_programs_that_share_a_store_do_not_share_tokens() -> None:
    store = MemoryStore()
    async with authority() as server, guarded(server) as endpoint:
        for id in ("one", "two"):
            auth = ClientCredentialsOAuthProvider(
                client_id=id, client_secret=f"s3cret-{id}", token_storage=store
            )
            async with Client(endpoint.url, auth=auth) as client:
                await client.call_tool("x")
    assert len(server.asked) == 2


async def test_what_is_kept_can_be_encrypted(tmp_path: Path) -> None:
    def store(key: bytes) -> Any:
        return FernetEncryptionWrapper(key_value=TokenFiles(tmp_path), fernet=Fernet(key))

    key = Fernet.generate_key()
    async with authority() as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=store(key))
        kept = b"".join(path.read_bytes() for path in entries(tmp_path))
        assert not [
            secret for secret in (*server.good, *server.refreshable) if secret.encode() in kept
        ]
        await let_in(endpoint.url, token_storage=store(key))
        assert len(server.authorized) == 1
        # With another key nothing is known, and a person is asked.
        await let_in(endpoint.url, token_storage=store(Fernet.generate_key()))
    assert len(server.authorized) == 2


async def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    files = TokenFiles(folder)
    await files.put("a/../b", {"x": 1}, collection="c")
    assert await files.get("a/../b", collection="c") == {"x": 1}
    assert await files.get("a/../b") is None
    [path] = entries(folder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path.write_text("{")
    assert await files.get("a/../b", collection="c") is None
    await files.put("a/../b", {"x": 2}, collection="c", ttl=-1)
    assert await files.get("a/../b", collection="c") is None
    assert await files.delete("a/../b", collection="c")
    assert not await files.delete("a/../b", collection="c")


async def test_a_full_disk_leaves_what_there_was(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    files = TokenFiles(tmp_path)
    await files.put("a", {"x": "before"})
    longer = {"x": "after" * 1000}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            await files.put("a", longer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(entries(tmp_path)) == 1
    assert await files.get("a") == {"x": "before"}
    await files.put("a", longer)
    assert await files.get("a") == longer


@pytest.mark.parametrize(
    "content", [b"", b'{"value":{"a":"\xff"}}', b'{"value":' + b'{"a":' * 9999]
)
async def test_a_damaged_file_holds_nothing(content: bytes, tmp_path: Path) -> None:
    files = TokenFiles(tmp_path)
    await files.put("a", {"x": 1})
    (path,) = entries(tmp_path)
    path.write_bytes(content)
    assert await files.ttl("a") == (None, None)


@pytest.mark.parametrize("value", [{}, {"access_token": 7}, {"server": None}])
async def test_what_cannot_be_read_is_not_used(
    value: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = TokenFiles(tmp_path)
    async with authority() as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=files)
        for path in entries(tmp_path):
            kept = json.loads(path.read_text())
            if "access_token" in kept["value"]:
                changed = {**kept["value"], **value} if value else {}
                path.write_text(json.dumps({**kept, "value": changed}))
        caplog.set_level(logging.DEBUG)
        await let_in(endpoint.url, token_storage=files)
    assert len(server.authorized) == 2
    assert not [secret for secret in server.good if secret in caplog.text]


async def test_a_store_that_is_away_is_no_error() -> None:
    class Away:
        async def get(self, key: str, *, collection: str | None = None) -> Any:
            raise ConnectionError("down")

        async def put(
            self, key: str, value: Any, *, collection: Any = None, ttl: Any = None
        ) -> None:
            raise ConnectionError("down")

        async def delete(self, key: str, *, collection: str | None = None) -> bool:
            raise ConnectionError("down")

    async with authority() as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=Away())
    assert len(server.authorized) == 1


async def test_what_cannot_be_kept_leaves_nothing_older_to_be_used() -> None:
    """On a full disk: the refresh token that is there is used up, and using it again is what a
    thief does (OAuth 2.1, 4.3.1)."""

    class Full(MemoryStore):
        full = False

        async def put(self, *given: Any, **named: Any) -> None:
            if self.full:
                raise OSError("No space left on device")
            await super().put(*given, **named)

    store, replayed = Full(), list[str]()

    async def watch(request: web.Request, form: dict[str, str]) -> None:
        token = form.get("refresh_token")
        if token is not None and token not in server.refreshable:
            replayed.append(token)

    async with (
        authority(on_token=watch) as server,
        guarded(server) as endpoint,
        Client(endpoint.url, auth=Person(token_storage=store)) as client,
    ):
        store.full = True
        for _ in range(3):
            server.good.clear()
            await client.call_tool("x")
    assert server.count("refresh_token") == 3
    assert replayed == []


async def test_a_file_system_without_locks_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def none(file: int, what: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    async with authority(lifetime=0) as server, guarded(server) as endpoint:
        person = Person(token_storage=TokenFiles(tmp_path), callback_timeout=60)
        async with asyncio.timeout(10), Client(endpoint.url, auth=person) as client:
            await client.call_tool("x")
        assert server.count("refresh_token")


async def test_a_kept_token_without_a_key_is_not_used_where_one_is_wanted() -> None:
    store = MemoryStore()
    async with authority() as server, guarded(server) as endpoint:
        await let_in(endpoint.url, token_storage=store)
        before = len(endpoint.tokens)
        with pytest.raises(AuthorizationFailedError, match="DPoP was asked for"):
            await let_in(endpoint.url, token_storage=store, dpop=True)
    assert endpoint.tokens[before:] == [None]
    assert server.count("refresh_token") == 0


def test_a_key_is_kept_with_its_tokens() -> None:
    key = ProofKey()
    assert ProofKey.load(json.loads(json.dumps(key.dump()))).thumbprint() == key.thumbprint()
    for bad in ({}, {"kty": "oct", "k": "AAAA"}, {**key.dump(), "d": "!"}):
        with pytest.raises(ValueError, match="key"):
            ProofKey.load(bad)
    assert "d" in key.dump()
    assert key.dump()["d"] not in repr(key)


# --- several processes ----------------------------------------------------------------------------


async def run(endpoint: Guarded, folder: Path, count: int) -> None:
    """As many processes at once; each has to succeed."""
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            str(SHARER),
            endpoint.url,
            str(folder / "tokens"),
            cwd=ROOT,
            env=without_settings(FASTMCP_HOME=str(folder)),
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(count)
    ]
    for process in started:
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()


async def test_processes_share_one_authorization(tmp_path: Path) -> None:
    async with authority() as server, guarded(server) as endpoint:
        await run(endpoint, tmp_path, 3)
    assert len(server.authorized) == 1
    assert len(server.registered) == 1


async def test_processes_share_one_refresh(tmp_path: Path) -> None:
    """A refresh token is good once: two that use it lose it, and maybe more (OAuth 2.1, 4.3.1)."""
    replayed: list[str] = []

    async def watch(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        token = form.get("refresh_token")
        if token is not None and token not in server.refreshable:
            replayed.append(token)
        return None

    async with authority(on_token=watch) as server, guarded(server) as endpoint:
        await run(endpoint, tmp_path, 1)
        server.good.clear()
        await run(endpoint, tmp_path, 3)
    assert server.count("refresh_token") == 1
    assert replayed == []
    assert len(server.authorized) == 1


async def test_a_machine_elsewhere_that_was_faster(tmp_path: Path) -> None:
    """Without a lock between them: what it has put into the store is taken."""
    store = MemoryStore()
    async with authority() as server, guarded(server) as endpoint:
        here, there = Person(token_storage=store), Person(token_storage=store)
        async with Client(endpoint.url, auth=here) as one, Client(endpoint.url, auth=there) as two:
            server.good.clear()
            await two.call_tool("x")
            await one.call_tool("x")
    assert server.count("refresh_token") == 1
    assert len(server.authorized) == 1


async def test_a_machine_elsewhere_that_was_faster_still(tmp_path: Path) -> None:
    """It uses the refresh token while this one is about to: what it got for it is taken over."""
    elsewhere: list[asyncio.Task[None]] = []

    async def faster(request: web.Request, form: dict[str, str]) -> None:
        if form["grant_type"] == "refresh_token" and not elsewhere:
            # No lock stands between them.
            elsewhere.append(asyncio.create_task(run(endpoint, tmp_path, 1)))
            await elsewhere[0]

    async with authority() as server, guarded(server) as endpoint:
        auth = Person(token_storage=TokenFiles(tmp_path / "tokens"))
        async with Client(endpoint.url, auth=auth) as client:
            server.good.clear()
            server.on_token = faster
            await client.call_tool("x")
    assert server.count("refresh_token") == 2
    assert len(server.authorized) == 1
    assert endpoint.tokens[-1] == endpoint.tokens[-2]


async def test_what_is_taken_over_is_of_the_servers_authorization_server(tmp_path: Path) -> None:
    """No other's tokens are sent to it ("Token Handling"), whatever was kept meanwhile."""
    files = TokenFiles(tmp_path)

    async def meanwhile(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        if form["grant_type"] != "refresh_token":
            return None
        for path in entries(tmp_path):
            kept = json.loads(path.read_text())
            if "access_token" in kept["value"]:
                kept["value"].update(access_token="another", refresh_token="another")
                kept["value"]["server"]["issuer"] = "https://other.example"
                path.write_text(json.dumps(kept))
        return refusal("invalid_grant")

    async with (
        authority() as server,
        guarded(server) as endpoint,
        Client(endpoint.url, auth=Person(token_storage=files)) as client,
    ):
        server.good.clear()
        server.on_token = meanwhile
        await client.call_tool("x")
    assert "Bearer another" not in endpoint.tokens
    assert len(server.authorized) == 2

"""The way to the server: name, port, scheme, certificate, redirects, path."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.wire import Http
from tests.cli.diagnosis.certificates import made
from tests.cli.diagnosis.patient import (
    STREAM,
    Asked,
    Patient,
    Reply,
    admitted,
    diagnosed,
    event,
)
from tests.support.process import free_port

IDLE = 0.1


# --- connection --------------------------------------------------------------------------------


async def test_a_name_that_is_not_known():
    found = await diagnosed("http://no-such-host.invalid/mcp")
    assert (found.code, found.document["reached"], found.bad) == (2, False, {"name"})
    assert "no-such-host.invalid" in found.of("name")["seen"]
    assert "could not be examined" in found.document["summary"]
    assert "nothing is wrong" not in found.document["summary"]


async def test_a_port_at_which_nothing_listens():
    port = free_port()
    found = await diagnosed(f"http://127.0.0.1:{port}/mcp")
    assert (found.code, found.bad) == (2, {"connection"})
    finding = found.of("connection")
    assert f"nothing listens at 127.0.0.1 port {port}" in finding["seen"]
    assert f"--port {port}" in finding["do"] or "Something does listen" in finding["do"]


async def test_an_address_that_does_not_answer(monkeypatch: pytest.MonkeyPatch):
    """A socket whose queue of connections is full does not answer, as a firewall does not."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting: list[socket.socket] = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        monkeypatch.setattr("fastmcp.cli.diagnosis.wire._CONNECT_SECONDS", 0.5)
        found = await diagnosed(f"http://127.0.0.1:{full.getsockname()[1]}/mcp")
        for one in waiting:
            one.close()
    assert (found.code, found.bad) == (2, {"connection"})
    assert "does not answer" in found.of("connection")["seen"]


async def test_one_of_two_addresses_is_silent():
    """`localhost` is two addresses on most machines, and servers listen at one."""
    if len({row[4][0] for row in socket.getaddrinfo("localhost", 80)}) < 2:
        pytest.skip("localhost has one address here")
    async with admitted(Patient()) as patient:
        found = await diagnosed(f"http://localhost:{patient.port}/mcp", idle=IDLE)
    assert found.code == 0
    if socket.getaddrinfo("localhost", 80)[0][4][0] != "127.0.0.1":
        assert "::1" in found.of("address-silent")["seen"]


@asynccontextmanager
async def speaking(said: bytes) -> AsyncGenerator[int]:
    """A port at which a program says something that is no HTTP."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        if not said:
            await reader.read(10)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("said", "id", "text"),
    [
        (b"220 mail.example ESMTP\r\n", "not-http", "'220 mail.example ESMTP'"),
        (b"\x1b]0;owned\x07\x1b[2J\r\n\r\n", "not-http", r"\x1b]0;owned"),
        (b"", "connection", "closed without an answer"),
    ],
)
async def test_what_is_no_web_server(said: bytes, id: str, text: str):
    async with speaking(said) as port:
        found = await diagnosed(f"http://127.0.0.1:{port}/mcp")
    assert (found.code, found.bad) == (2, {id})
    assert text in found.of(id)["seen"]


async def test_http_where_tls_is_spoken(tmp_path: Path):
    async with admitted(Patient(), made(tmp_path).context) as patient:
        found = await diagnosed(patient.url)
    assert (found.code, found.bad) == (2, {"scheme"})
    assert found.of("scheme")["do"] == f"Write https://127.0.0.1:{patient.port}/mcp"


async def test_https_where_no_tls_is_spoken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fastmcp.cli.diagnosis.wire._CONNECT_SECONDS", 0.5)
    async with admitted(Patient()) as patient:
        found = await diagnosed(patient.url.replace("http", "https", 1))
    assert (found.code, found.bad) == (2, {"scheme"})
    assert found.of("scheme")["do"] == f"Write {patient.url}"


async def test_https_where_neither_is_spoken():
    async with speaking(b"220 mail.example ESMTP\r\n") as port:
        found = await diagnosed(f"https://127.0.0.1:{port}/mcp")
    assert (found.code, found.bad) == (2, {"tls"})


class Proxied(Patient):
    """Reached through a proxy, which is this server too."""

    async def answer(self, asked: Asked) -> Reply:
        assert asked.path == "http://mcp.invalid/mcp"
        asked.path = "/mcp"
        return await super().answer(asked)


async def test_through_a_proxy_without_tls(monkeypatch: pytest.MonkeyPatch):
    async with admitted(Proxied()) as patient:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{patient.port}")
        found = await diagnosed("http://mcp.invalid/mcp", idle=IDLE)
        assert found.of("proxy")["status"] == "note"
        # Whoever is not in this network may read along; and pages of strangers are no danger
        # that a private network would be in.
        assert found.bad == {"certificate-none"}
        monkeypatch.setenv("no_proxy", "mcp.invalid")
        assert (await diagnosed("http://mcp.invalid/mcp")).bad == {"name"}


async def test_strangers_cannot_send_the_doctor_into_a_private_network():
    http = Http(ca=None, proxy=None)
    async with admitted(Patient()) as patient:
        for host in ("127.0.0.1", "localhost"):
            url = URL(f"http://{host}:{patient.port}/mcp")
            with pytest.raises(Unreachable, match="private network"):
                await http.open("GET", url, CIMultiDict(), public=True)
    assert patient.asked == []


# --- certificate -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "trusted", "id", "status", "said"),
    [
        ({}, True, "certificate", "ok", "valid for '127.0.0.1', 89 days more, TLSv1.3"),
        ({}, False, "certificate-chain", "problem", "an authority that is known"),
        (
            {"ends": timedelta(days=3)},
            True,
            "certificate-expires-soon",
            "warning",
            "2 days more",
        ),
        ({"ends": timedelta(days=-2)}, True, "certificate-expired", "problem", "it ended on 20"),
        ({"begins": timedelta(days=2)}, True, "certificate-not-yet", "problem", "begins on 20"),
        (
            {"name": "other.example"},
            True,
            "certificate-host",
            "problem",
            "for 'other.example', not for 127.0.0.1",
        ),
        ({"for_clients": True}, True, "certificate-refused", "problem", "purpose"),
        ({"self_signed": True}, True, "certificate-self-signed", "problem", "signed by itself"),
    ],
)
async def test_certificates(
    tmp_path: Path, how: dict[str, Any], trusted: bool, id: str, status: str, said: str
):
    tls = made(tmp_path, **how)
    ca = str(tls.authority) if trusted else None
    async with admitted(Patient(), tls.context) as patient:
        url = patient.url.replace("http", "https", 1)
        found = await diagnosed(url, idle=IDLE, ca=ca, auth="a-secret-of-mine")
    finding = found.of(id)
    assert (finding["status"], said in finding["seen"]) == (status, True), finding
    assert found.bad == ({id} if status != "ok" else set())
    # A wrong certificate does not end the examination, and sees no token.
    assert found.document["versions"]["stateless"] == ["2026-07-28"]
    seen = any("authorization" in asked.headers for asked in patient.asked)
    assert seen is (status != "problem")
    assert ("credentials-held-back" in found.statuses()) is (status == "problem")


# --- redirects ---------------------------------------------------------------------------------


class Redirecting(Patient):
    """The endpoint is at /mcp, and the URL leads there."""

    status = 307
    target = "/mcp"

    async def answer(self, asked: Asked) -> Reply:
        if asked.path == "/mcp":
            return await super().answer(asked)
        return Reply(self.status, {"Location": self.target})


class Losing(Redirecting):
    status = 301


class Nowhere(Redirecting):
    target = "ht!tp://[::1"


class Script(Redirecting):
    target = "javascript:alert(1)"


class Slashing(Patient):
    """One rule adds the slash that the other takes away."""

    async def answer(self, asked: Asked) -> Reply:
        other = asked.path.rstrip("/") if asked.path.endswith("/") else asked.path + "/"
        return Reply(308, {"Location": other})


class Deeper(Patient):
    async def answer(self, asked: Asked) -> Reply:
        return Reply(308, {"Location": asked.path + "x"})


@pytest.mark.parametrize(
    ("patient", "bad", "code"),
    [
        (Redirecting, {"redirect"}, 0),
        (Losing, {"redirect", "redirect-loses-post"}, 1),
        (Nowhere, {"redirect-lost"}, 2),
        (Script, {"redirect-lost"}, 2),
        (Slashing, {"redirect-lost"}, 2),
        (Deeper, {"redirect-lost"}, 2),
    ],
)
async def test_redirects(patient: type[Patient], bad: set[str], code: int):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url + "/", idle=IDLE)
    assert (found.bad, found.code) == (bad, code)
    if code < 2:
        assert found.document["examined"] == ill.url
        assert f"Write {ill.url}" in found.of("redirect")["do"]
        assert found.document["versions"]["stateless"]
    assert found.document["requests"] < 60


async def test_a_redirect_to_another_server_takes_no_token_along():
    async with admitted(Patient()) as other:

        class Leading(Patient):
            async def answer(self, asked: Asked) -> Reply:
                return Reply(308, {"Location": f"http://localhost:{other.port}/mcp"})

        async with admitted(Leading()) as patient:
            found = await diagnosed(patient.url, idle=IDLE, auth="a-secret-of-mine")
    assert found.bad == {"redirect", "redirect-elsewhere"}
    assert found.of("credentials-held-back")["status"] == "note"
    assert all("authorization" in asked.headers for asked in patient.asked)
    assert not any("authorization" in asked.headers for asked in other.asked)


async def test_a_redirect_from_tls_to_none(tmp_path: Path):
    """A server that does not know by which scheme it is reached."""
    tls = made(tmp_path)
    async with admitted(Patient()) as plain:

        class Leading(Patient):
            async def answer(self, asked: Asked) -> Reply:
                return Reply(307, {"Location": f"http://127.0.0.1:{plain.port}/mcp"})

        async with admitted(Leading(), tls.context) as patient:
            url = patient.url.replace("http", "https", 1)
            found = await diagnosed(url, idle=IDLE, ca=str(tls.authority))
    assert found.bad == {"redirect", "redirect-unencrypted"}
    assert "X-Forwarded-Proto" in found.of("redirect-unencrypted")["do"]


# --- path --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/mcp/", "/sse", "/api", "/some/where"])
async def test_a_wrong_path(path: str):
    async with admitted(Patient()) as patient:
        found = await diagnosed(patient.url.replace("/mcp", path))
        assert (found.code, found.bad) == (1, {"path"})
        assert found.of("path")["do"] == f"Write {patient.url}"
        assert found.document["requests"] < 20
        assert patient.sessions == set()


class WebSite(Patient):
    status = 200

    async def answer(self, asked: Asked) -> Reply:
        return Reply(self.status, {"Content-Type": "text/html"}, b"<h1>It works!</h1>")


class Broken(WebSite):
    status = 502


class NoPost(Patient):
    """A firewall that drops whatever is posted."""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()


@pytest.mark.parametrize(
    ("patient", "id", "code", "said"),
    [
        (WebSite, "not-mcp", 1, "'text/html'"),
        (Broken, "server-error", 1, "HTTP 502"),
        (NoPost, "post-unanswered", 2, "a POST is not"),
    ],
)
async def test_what_is_no_mcp_server(patient: type[Patient], id: str, code: int, said: str):
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url)
    assert (found.code, found.bad) == (code, {id})
    assert said in found.of(id)["seen"]


# --- HTTP+SSE ----------------------------------------------------------------------------------


class Old(Patient):
    """HTTP+SSE of 2024-11-05, at /sse."""

    endpoint = "/messages?id=1"
    posted = 202

    def __init__(self) -> None:
        super().__init__()
        self.open: list[asyncio.Queue[bytes]] = []

    async def answer(self, asked: Asked) -> Reply:
        if asked.path == "/sse" and asked.method == "GET":
            refused = self.refuse(asked)
            if refused is not None:
                return refused
            self.open.append(asyncio.Queue())
            return Reply(200, STREAM, self.stream(self.open[-1]))
        if asked.path == "/messages?id=1" and asked.method == "POST":
            assert asked.message["method"] == "initialize"
            info = {"name": "old", "version": "0"}
            result = {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": info}
            message = {"jsonrpc": "2.0", "id": asked.message["id"], "result": result}
            self.open[-1].put_nowait(event(message))
            return Reply(self.posted)
        return await self.elsewhere(asked)

    def refuse(self, asked: Asked) -> Reply | None:
        strange = "doctor.invalid" in asked.headers.get("origin", "") + asked.headers["host"]
        return Reply(403) if strange else None

    async def elsewhere(self, asked: Asked) -> Reply:
        return Reply(405 if asked.path == "/sse" else 404)

    async def stream(self, said: asyncio.Queue[bytes]):
        yield event(self.endpoint, event="endpoint")
        while True:
            yield await said.get()


class OpenToPages(Old):
    def refuse(self, asked: Asked) -> Reply | None:
        return None


class OldAndNew(Old):
    async def elsewhere(self, asked: Asked) -> Reply:
        if asked.path == "/mcp":
            return await Patient.answer(self, asked)
        return await super().elsewhere(asked)


class Prefixed(Old):
    """A proxy has taken a part of the path away."""

    endpoint = "/api/messages?id=1"


class Wandering(Old):
    endpoint = "https://elsewhere.example/messages"


class OtherWorker(Old):
    posted = 404


@pytest.mark.parametrize(
    ("patient", "bad", "do"),
    [
        (Old, {"sse"}, "fastmcp migrate"),
        (OpenToPages, {"sse", "origin"}, "allowed_origins=[...]"),
        (OldAndNew, {"sse"}, "Write http://127.0.0.1:{port}/mcp in clients"),
        (Prefixed, {"sse", "sse-post"}, "--root-path"),
        (OtherWorker, {"sse", "sse-post"}, "the same worker"),
        (Wandering, {"sse", "sse-endpoint"}, "proxy_set_header Host"),
    ],
)
async def test_the_old_transport(patient: type[Old], bad: set[str], do: str):
    async with admitted(patient()) as ill:
        found = await diagnosed(f"http://127.0.0.1:{ill.port}/sse", idle=IDLE)
    assert found.bad == bad
    assert found.document["transports"] == {"streamable_http": False, "http_sse": True}
    assert any(do.format(port=ill.port) in each["do"] for each in found.findings)
    if bad == {"sse"}:
        assert found.document["server"]["name"] == "old"
        assert "deprecated" in found.document["summary"]
        assert found.code == 0


class Upgrading(Old):
    """Behind a proxy, which is this server too: it takes http, and tells of https."""

    endpoint = "https://mcp.invalid/messages?id=1"

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.context = context

    async def heard(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if head.startswith("CONNECT mcp.invalid:443 "):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await writer.start_tls(self.context)
            await self.connected(reader, writer)
        else:
            await super().heard(head, reader, writer)

    async def answer(self, asked: Asked) -> Reply:
        asked.path = asked.path.removeprefix("http://mcp.invalid")
        return await super().answer(asked)


@pytest.mark.parametrize("secure", [True, False])
async def test_the_old_transport_leads_from_http_to_https(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secure: bool
):
    """As our client has it: to https of the same host it goes, and nowhere else."""
    tls = made(tmp_path, name="mcp.invalid")
    patient = Upgrading(tls.context)
    if not secure:
        patient.endpoint = "https://mcp.invalid:8443/messages?id=1"
    async with admitted(patient):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{patient.port}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{patient.port}")
        found = await diagnosed("http://mcp.invalid/sse", idle=IDLE, ca=str(tls.authority))
    assert found.bad == {"certificate-none", "sse", "sse-endpoint"}
    finding = found.of("sse-endpoint")
    assert finding["status"] == ("warning" if secure else "problem")
    if secure:
        assert found.document["server"]["name"] == "old"
        assert finding["do"] == "Write https://mcp.invalid/sse in clients"
    else:
        assert "Clients refuse it" in finding["means"]


@pytest.mark.parametrize("url", ["ftp://a/mcp", "server.py", "http://", "localhost:8000/mcp"])
def test_what_is_no_url(url: str, fastmcp: Callable[..., Any]):
    done = fastmcp("doctor", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "http" in done.stderr or "fastmcp list" in done.stderr

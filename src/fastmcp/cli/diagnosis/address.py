"""Whether there is a way to the server at all: name, connection, and HTTP at the other end.

What stands in the way is told in the words of the user's own address: the port that was meant, the
scheme that was meant.
"""

from __future__ import annotations

from contextlib import suppress

from yarl import URL

from fastmcp.cli.diagnosis.finding import Finding, note, ok, problem, seconds
from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.subject import Findings, Subject
from fastmcp.cli.diagnosis.wire import is_local

__all__ = ["examine", "failure"]

_USUAL_PORTS = (8000, 8080, 3000)
"""Where servers under development listen; they are looked at on this machine alone."""


async def examine(subject: Subject) -> Findings:
    """Look the name up, and connect."""
    url, http = subject.url, subject.http
    if http.proxy is not None:
        yield note(
            "proxy",
            f"requests go through the proxy {http.proxy.host}:{http.proxy.port}, as the "
            "environment says",
            "What is measured is the proxy too.",
            f"To go without: NO_PROXY={url.host}",
        )
    try:
        addresses = await http.resolve(url)
        subject.local = all(is_local(address) for _, address, _ in addresses)
        line = await http.connect(url, verify=False)
    except Unreachable as exc:
        if http.proxy is not None and exc.why == "name":
            subject.reached = True  # a name that the proxy knows is enough
            return
        yield await failure(subject, exc)
        return
    line.writer.transport.abort()
    subject.reached = True
    yield ok("connection", f"{line.address} answers in {seconds(line.times.connect)}")
    if line.failed:
        failed = ", ".join(address for address, _ in line.failed)
        yield note(
            "address-silent",
            f"{url.host} has several addresses, and at {failed} nothing answers",
            "Clients that try the first address alone fail, the others lose time.",
            "Listen on all of them, or take the others out of the DNS. On this machine write "
            "127.0.0.1 for localhost.",
        )


async def failure(subject: Subject, exc: Unreachable) -> Finding:
    """What kept the doctor from getting an HTTP response."""
    url = subject.url
    subject.reached = False
    match exc.why:
        case "name":
            return problem(
                "name",
                str(exc),
                "The address is not known.",
                "Look for a slip of the pen in the host name; else add a DNS record for it.",
            )
        case "refused" | "timeout" | "silent" | "unroutable" | "closed":
            return await _no_answer(subject, exc)
        case "tls" if url.scheme == "http":
            return _wrong_scheme(url, "https", "the server speaks TLS at this port")
        case "tls" | "certificate" if url.scheme == "https":
            if await _answers(subject, url.with_scheme("http").with_port(url.port)):
                return _wrong_scheme(url, "http", "the server speaks HTTP without TLS at this port")
            return problem(
                "tls",
                str(exc),
                "There is no encrypted connection.",
                "Serve TLS 1.2 or 1.3 with a common cipher; nginx: ssl_protocols TLSv1.2 TLSv1.3;",
            )
        case _:
            return problem(
                "not-http",
                str(exc),
                "Something else than HTTP/1.1 listens there.",
                "Write the port of the MCP server; a proxy in between must offer HTTP/1.1.",
            )


async def _no_answer(subject: Subject, exc: Unreachable) -> Finding:
    url = subject.url
    if exc.why == "closed" and url.scheme == "http":
        tls = url.with_scheme("https").with_port(url.port)
        if await _connects(subject, tls):
            return _wrong_scheme(url, "https", "the server closes plain connections")
    do = "Start the server, and write the port it names; a firewall may be in between."
    other = await _elsewhere(subject)
    if other is not None:
        do = f"Something does listen at {other}. Is that what you meant?"
    elif subject.local:
        do = "Start the server: fastmcp run server.py --transport http --port " + str(url.port)
    return problem("connection", str(exc), "There is no connection.", do)


async def _elsewhere(subject: Subject) -> URL | None:
    """Where the server may be instead: the usual ports of this machine, or the other scheme."""
    url = subject.url
    tried: list[URL] = []
    if subject.local and url.host in ("localhost", "127.0.0.1", "::1"):
        tried = [url.with_port(port) for port in _USUAL_PORTS if port != url.port]
    elif url.is_default_port():
        tried = [url.with_scheme("http" if url.scheme == "https" else "https").with_port(None)]
    for other in tried:
        if await _connects(subject, other):
            return other
    return None


async def _connects(subject: Subject, url: URL) -> bool:
    with suppress(Unreachable):
        line = await subject.http.connect(url, verify=False)
        line.writer.transport.abort()
        return True
    return False


async def _answers(subject: Subject, url: URL) -> bool:
    with suppress(Unreachable):
        response = await subject.http.open("GET", url, subject.speech.headers(own=False))
        response.close()
        return True
    return False


def _wrong_scheme(url: URL, scheme: str, seen: str) -> Finding:
    right = url.with_scheme(scheme).with_port(url.port)
    return problem("scheme", seen, f"The URL says {url.scheme}.", f"Write {right}")

"""HTTP+SSE of 2024-11-05, and where the endpoint is if it is not here.

The old transport is a GET whose stream begins with an event `endpoint`, the address that messages
are posted to (2024-11-05, basic/transports, "HTTP with SSE"). It is deprecated since 2025-03-26.
Where neither transport answers, a few paths that servers commonly have are tried on the same
server, so that the user can be told which one was meant.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from yarl import URL

from fastmcp.cli.diagnosis.finding import Finding, note, problem, quote, warning
from fastmcp.cli.diagnosis.response import HttpResponse, Unreachable
from fastmcp.cli.diagnosis.speech import CLIENT_INFO, EVENTS, answer_to, next_piece
from fastmcp.cli.diagnosis.subject import Findings, Session, Subject
from fastmcp.client.transports.http_sender import same_server
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.sse import Decoder
from fastmcp.protocol.versions import HANDSHAKE_VERSIONS, LATEST_HANDSHAKE

__all__ = ["examine", "path"]

_ENDPOINT_SECONDS: Final = 5.0
_USUAL_PATHS: Final = ("/mcp", "/sse", "/mcp/", "/")
_LARGEST: Final = 64 * 1024
_LONGEST: Final = 2048


async def examine(subject: Subject) -> Findings:
    """Whether a GET gives the event `endpoint`, and whether messages posted there are answered."""
    if subject.streamable and not subject.url.path.rstrip("/").endswith("/sse"):
        return  # its GET is the standalone stream
    stream = await _open(subject, subject.url)
    if stream is None:
        return
    try:
        named = quote(stream.endpoint)
        try:
            target = subject.url.join(URL(stream.endpoint.strip()))
            here = target.scheme in ("http", "https") and same_server(subject.url, target)
        except ValueError:
            target, here = subject.url, False
        subject.legacy = target
        if not here:
            yield problem(
                "sse-endpoint",
                f"the event endpoint names {named}, which is another origin",
                "Clients refuse it: their messages, and tokens, would go to a stranger, or "
                "unencrypted.",
                "Behind a proxy pass the host on (nginx: proxy_set_header Host $http_host;), or "
                "have the server send a path without a host.",
            )
        else:
            if target.scheme != subject.url.scheme:
                yield warning(
                    "sse-endpoint",
                    f"the event endpoint names {named}, by https, and the stream came by http",
                    "FastMCP's client posts there; others take it for another server, and refuse.",
                    f"Write {subject.url.with_scheme('https')} in clients",
                )
            refused = await _converse(subject, stream, target)
            if refused:
                yield problem(
                    "sse-post",
                    f"what is posted to {named}, as the event endpoint says, {refused}",
                    "No client gets further.",
                    "A proxy that takes a prefix away must tell the server (uvicorn --root-path "
                    "/prefix); and stream and messages must come to the same worker.",
                )
    finally:
        stream.response.close()
    yield await _deprecated(subject)


async def _deprecated(subject: Subject) -> Finding:
    modern = await _first_that_lives(subject, [subject.url.with_path("/mcp").with_query(None)])
    seen = "HTTP+SSE of 2024-11-05 answers"
    means = "It is deprecated: new clients drop it, and each client costs a connection."
    if modern is not None:
        do = f"Write {modern} in clients: Streamable HTTP is there."
        return warning("sse", seen, means, do)
    do = (
        "fastmcp migrate PATH rewrites servers, clients and their configuration; a FastMCP server: "
        'mcp.run(transport="http"). During the migration one app serves both: '
        "http_app(legacy_sse=True)."
    )
    if subject.streamable:
        return note("sse", f"{seen} besides Streamable HTTP", means, do)
    return warning("sse", seen, means, do)


async def path(subject: Subject) -> Findings:
    """What is at the URL, if it is no MCP endpoint, and where one is."""
    if subject.understood:
        return
    first = subject.first
    here = subject.url.with_query(None)
    candidates = [here.with_path(each) for each in _USUAL_PATHS if each != here.path]
    slash = here.path.rstrip("/") if here.path.endswith("/") else here.path + "/"
    under = here.with_path(here.path.rstrip("/") + "/mcp")
    candidates = list(dict.fromkeys([here.with_path(slash or "/"), under, *candidates]))
    lives = await _first_that_lives(subject, candidates)
    if lives is not None:
        yield problem(
            "path",
            f"no MCP endpoint is at {subject.name} ({first.said})",
            "Clients fail, or take it for another transport.",
            f"Write {lives}",
        )
        return
    if first.status >= 500:
        yield problem(
            "server-error",
            f"the server fails: {first.said}",
            "It is up, and what serves MCP is not; 502 to 504 come from a proxy that cannot "
            "reach it.",
            "Look into the server's log, and the proxy's.",
        )
        return
    yield problem(
        "not-mcp",
        f"no MCP endpoint is at {subject.name}: {first.said}, and none at "
        f"{', '.join(each.path for each in candidates)}",
        "It is a web server, and not an MCP server.",
        "Look for the path in the server's own words; FastMCP's is /mcp, changed by "
        "http_app(path=...) and by where the app is mounted.",
    )


async def _first_that_lives(subject: Subject, candidates: list[URL]) -> URL | None:
    """The first of these URLs that speaks MCP, in either transport."""
    for url in candidates:
        if url == subject.url:
            continue
        if url.path.rstrip("/").endswith("/sse"):
            stream = await _open(subject, url)
            if stream is not None:
                stream.response.close()
                return url
            continue
        answer = await subject.speech.initialize(LATEST_HANDSHAKE, url=url)
        if answer.result is not None and "protocolVersion" in answer.result:
            session = Session(answer.headers.get("Mcp-Session-Id"), LATEST_HANDSHAKE)
            if session.id is not None:
                headers = subject.speech.headers(version=session.version, session=session.id)
                await subject.speech.plain("DELETE", headers, url=url)
            return url
        if answer.status == 401 and "WWW-Authenticate" in answer.headers:
            return url
    return None


class _Stream(NamedTuple):
    """The old transport's stream, open."""

    response: HttpResponse
    decoder: Decoder
    endpoint: str


async def _open(subject: Subject, url: URL) -> _Stream | None:
    """A GET whose first event is `endpoint`; None for anything else."""
    headers = subject.speech.headers(accept=EVENTS)
    try:
        response = await subject.http.open("GET", url, headers, wait=_ENDPOINT_SECONDS)
    except Unreachable:
        return None
    kept = False
    try:
        if response.status != 200 or response.content_type != EVENTS:
            return None
        decoder = Decoder()
        until = time.monotonic() + _ENDPOINT_SECONDS
        while decoder.buffered < _LARGEST:
            piece = await next_piece(response, until)
            if not piece:
                return None
            for event in decoder.feed(piece):
                kept = event.event == "endpoint"
                return _Stream(response, decoder, event.data[:_LONGEST]) if kept else None
        return None
    finally:
        if not kept:
            response.close()


async def _converse(subject: Subject, stream: _Stream, target: URL) -> str:
    """Post the handshake, and hear its answer on the stream; why not, where it does not come."""
    speech = subject.speech
    params = {
        "protocolVersion": HANDSHAKE_VERSIONS[0],
        "capabilities": {},
        "clientInfo": CLIENT_INFO,
    }
    id, body, form = speech.request("initialize", params, None)
    try:
        response = await subject.http.open("POST", target, speech.headers(extra=form), body)
    except Unreachable as exc:
        return f"is not answered: {exc}"
    response.close()
    if not 200 <= response.status < 300:
        return f"is answered with HTTP {response.status}"
    until = time.monotonic() + _ENDPOINT_SECONDS
    read = 0
    while read < _LARGEST and (piece := await next_piece(stream.response, until)):
        read += len(piece)
        for event in stream.decoder.feed(piece):
            answer = answer_to(event.data.encode(), id)
            if answer is not None:
                result = as_object(answer.result) or {}
                subject.server = as_object(result.get("serverInfo")) or subject.server
                return ""
    return "has no answer on the stream"

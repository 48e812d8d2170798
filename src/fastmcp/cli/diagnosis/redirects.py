"""Where the URL leads: the first request, and the redirects that answer it.

A POST that is redirected with 301, 302 or 303 becomes a GET, and what was posted is lost (RFC 9110,
15.4); 307 and 308 keep it, and cost a round trip for every call. The user's headers go along only
to the same server.
"""

from __future__ import annotations

from typing import Final

from yarl import URL

from fastmcp.cli.diagnosis.address import failure
from fastmcp.cli.diagnosis.finding import Finding, held_back, problem, quote, warning
from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.speech import Answer
from fastmcp.cli.diagnosis.subject import Findings, Subject
from fastmcp.client.transports.http_sender import same_server
from fastmcp.protocol.versions import LATEST_STATELESS

__all__ = ["examine"]

_MOST: Final = 5
_KEEP: Final = (307, 308)
_LOSE: Final = (301, 302, 303)


async def examine(subject: Subject) -> Findings:
    """Send the first request, and follow it."""
    speech = subject.speech
    began = subject.url
    been: list[URL] = []
    while True:
        answer = await speech.ask("server/discover", version=LATEST_STATELESS)
        subject.heads.append(answer.headers)
        subject.first = answer
        location = answer.headers.get("Location")
        if answer.status == 0:
            yield await _silent(subject, answer)
            return
        if answer.status not in (*_KEEP, *_LOSE) or location is None:
            break
        been.append(speech.url)
        try:
            target = speech.url.join(URL(location)).with_fragment(None)
        except ValueError:
            target = None
        if target is None or target.scheme not in ("http", "https") or not target.host:
            yield _lost(been, f"leads to {quote(location)}, which is no URL of a web server")
            subject.reached = False
            return
        if target in been or len(been) > _MOST:
            yield _lost(been, "has no end")
            subject.reached = False
            return
        for finding in _step(answer.status, speech.url, target):
            yield finding
        if not same_server(speech.url, target) and speech.trusted:
            speech.trusted = False
            if speech.own:
                yield held_back(f"the redirect leads to another server, {target.host}")
        speech.url = target
    if been:
        means = "Every call costs a round trip more, and clients that do not follow it fail."
        yield warning(
            "redirect",
            f"{began} is redirected to {speech.url}",
            means,
            f"Write {speech.url} in clients" + _slash(began, speech.url),
        )


async def _silent(subject: Subject, answer: Answer) -> Finding:
    """The connection stands, but HTTP is not spoken: ask once more, for the reason."""
    try:
        response = await subject.http.open("GET", subject.url, subject.speech.headers())
    except Unreachable as exc:
        return await failure(subject, exc)
    subject.reached = False
    response.close()
    return problem(
        "post-unanswered",
        f"a GET is answered with HTTP {response.status}, a POST is not: {answer.fault}",
        "MCP needs POST.",
        "Let POST through whatever stands in front of the server (a web application firewall, "
        "a CDN's rule), and look into its log.",
    )


def _step(status: int, url: URL, target: URL) -> list[Finding]:
    found: list[Finding] = []
    if status in _LOSE:
        found.append(
            problem(
                "redirect-loses-post",
                f"HTTP {status} leads from {url} to {target}",
                "A POST becomes a GET on the way, and what it said is lost.",
                f"Write {target} in clients; nginx: return 308 instead of {status}",
            )
        )
    if url.scheme == "https" and target.scheme == "http":
        found.append(
            problem(
                "redirect-unencrypted",
                f"{url} leads to {target}",
                "From there on nothing is encrypted. Usually the server does not know that a "
                "proxy serves it by https.",
                "nginx: proxy_set_header X-Forwarded-Proto $scheme; and uvicorn: "
                "--proxy-headers --forwarded-allow-ips 127.0.0.1",
            )
        )
    elif target.host != url.host:
        found.append(
            warning(
                "redirect-elsewhere",
                f"{url} leads to another host, {target.host}",
                "Clients do not send their token there. It may be a page to sign in at.",
                f"Write {target} in clients if that is the MCP server; else let the MCP path "
                "through without signing in by cookies: its clients bring tokens.",
            )
        )
    return found


def _lost(been: list[URL], what: str) -> Finding:
    return problem(
        "redirect-lost",
        f"the redirect from {been[0]} {what}",
        "No client gets to the server.",
        "Look at the rewriting rules of server and proxy; often one adds the slash at the end "
        "that the other takes away.",
    )


def _slash(began: URL, ended: URL) -> str:
    if began.origin() == ended.origin() and began.path.rstrip("/") == ended.path.rstrip("/"):
        return "; or serve both with and without a slash, as FastMCP's http_app() does"
    return ""

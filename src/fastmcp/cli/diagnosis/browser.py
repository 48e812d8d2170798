"""Pages: those of strangers, which must be kept out, and those of the user, which must be let in.

A page of a stranger can send requests to a server on the visitor's own machine, under a name that
it lets point there (DNS rebinding); its `Origin` and its `Host` give it away (2025-11-25,
basic/transports, "Security Warning"). A page that is wanted needs the server's permission, by CORS:
to send MCP's headers, and to read the session's id in an answer (Fetch Standard, "CORS protocol").
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from multidict import CIMultiDict
from yarl import URL

from fastmcp.cli.diagnosis.finding import Finding, note, ok, problem, quote, warning
from fastmcp.cli.diagnosis.speech import EVENTS, Answer
from fastmcp.cli.diagnosis.subject import Findings, Subject

__all__ = ["check_origin", "cors", "origin"]

_Ask: TypeAlias = Callable[[Mapping[str, str]], Awaitable[tuple[Answer, bool]]]
"""Asks with further headers; the answer, and whether it was served."""

_STRANGER: Final = "https://doctor.invalid"
_ASKED: Final = (
    "content-type",
    "authorization",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-method",
    "mcp-name",
    "last-event-id",
)
_NEEDED: Final = ("content-type", "mcp-protocol-version")
"""Without these no page sends anything; the others depend on what it does."""


async def origin(subject: Subject) -> Findings:
    """A request of a page that nobody knows, in each transport."""
    asks: list[tuple[str, _Ask]] = []
    if subject.streamable:
        asks.append(("a request", lambda extra: _post(subject, extra)))
    if subject.legacy is not None:
        asks.append(("a GET of HTTP+SSE", lambda extra: _get(subject, extra)))
    for what, ask in asks:
        answer, served = await ask({"Origin": _STRANGER})
        if answer.status in (401, 403, 421):
            yield ok("origin", f"pages of strangers are refused (HTTP {answer.status})")
        elif not served:
            yield note("origin", f"{what} with a foreign Origin is answered with {answer.said}")
        else:
            yield _open_to_pages(subject, what)
        if not subject.local:
            continue  # there the Host decides which server it is
        answer, served = await ask({"Host": "doctor.invalid"})
        if not served:
            continue
        yield note(
            "host",
            f"{what} with a foreign Host is served",
            "A page of a stranger comes in under such a name, by DNS rebinding.",
            "http_app(allowed_hosts=[...])",
        )


async def _post(subject: Subject, extra: Mapping[str, str]) -> tuple[Answer, bool]:
    answer = await subject.ask_lightly(extra=extra)
    return answer, answer.served


async def _get(subject: Subject, extra: Mapping[str, str]) -> tuple[Answer, bool]:
    headers = subject.speech.headers(accept=EVENTS, extra=extra)
    answer = await subject.speech.plain("GET", headers)
    return answer, answer.status == 200 and answer.content_type == EVENTS


def _open_to_pages(subject: Subject, what: str) -> Finding:
    seen = f"{what} with Origin: {_STRANGER} is served"
    do = (
        "Refuse origins that are not known with 403. FastMCP does so on 127.0.0.1; else "
        "http_app(host_origin_protection=True, allowed_hosts=[...], allowed_origins=[...])"
    )
    if subject.local and subject.open_to_all:
        return problem(
            "origin",
            seen,
            "Any page that is visited on this machine or in this network can call the tools (DNS "
            "rebinding).",
            do,
        )
    return note(
        "origin",
        seen,
        'It must be refused (basic/transports, "Security Warning"). A public server that wants a '
        "token, or has nothing to hide, is not in danger by it.",
        do,
    )


async def cors(subject: Subject) -> Findings:
    """What a browser asks and looks at for a page of `--origin`."""
    page = subject.wishes.origin
    assert page is not None
    blocked = _blocked(subject, page)
    for finding in blocked:
        yield finding
    preflight = await subject.speech.plain(
        "OPTIONS",
        CIMultiDict(
            {
                "Origin": page,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": ",".join(_ASKED),
                "User-Agent": "fastmcp-doctor",
            }
        ),
    )
    findings = _preflight(page, preflight)
    answer = await subject.ask_lightly(extra={"Origin": page})
    if not any(each.status == "problem" for each in findings):
        findings += _answer(subject, page, answer)
    for finding in findings:
        yield finding
    if all(each.status == "note" for each in (*blocked, *findings)):
        yield ok("cors", f"pages of {page} can use the server")


def _blocked(subject: Subject, page: str) -> list[Finding]:
    """What no CORS can mend."""
    host = subject.url.host or ""
    if not page.startswith("https://") or subject.url.scheme == "https":
        return []
    if host in ("localhost", "127.0.0.1", "::1"):
        return []
    return [
        problem(
            "cors-mixed",
            f"{page} is encrypted, and the server is not",
            "Browsers block it (mixed content), whatever the server says.",
            "Serve TLS.",
        )
    ]


def _preflight(page: str, answer: Answer) -> list[Finding]:
    headers = answer.headers
    do = _do(page)
    if answer.status in (401, 403) and "Access-Control-Allow-Origin" not in headers:
        return [
            problem(
                "cors-preflight",
                f"the preflight (OPTIONS) is answered with HTTP {answer.status}",
                "Browsers ask so first, without a token, and give up.",
                f"{do}; with a CORS middleware of your own, put it outside of authorization and "
                "of the check of origins.",
            )
        ]
    if not _allows(headers, page):
        said = headers.get("Access-Control-Allow-Origin")
        shown = "nobody" if said is None else quote(said, 60)
        return [
            problem(
                "cors",
                f"the preflight (OPTIONS) is answered with HTTP {answer.status}, and lets "
                f"{shown} in, not {page}",
                "Browsers keep pages from using the server.",
                do,
            )
        ]
    found: list[Finding] = []
    if not 200 <= answer.status < 300:
        found.append(
            problem(
                "cors-preflight",
                f"the preflight (OPTIONS) is answered with HTTP {answer.status}",
                "Browsers want a status of success.",
                do,
            )
        )
    allowed = _words(headers, "Access-Control-Allow-Headers")
    missing = [
        name
        for name in _ASKED
        if name not in allowed and not ("*" in allowed and name != "authorization")
    ]
    if missing:
        finding = problem if any(name in missing for name in _NEEDED) else warning
        found.append(
            finding(
                "cors-headers",
                f"pages may not send {', '.join(missing)}",
                "Browsers hold requests with them back.",
                f"Access-Control-Allow-Headers: {', '.join(_ASKED)}; {do}",
            )
        )
    methods = _words(headers, "Access-Control-Allow-Methods")
    if "delete" not in methods and "*" not in methods:
        found.append(
            note(
                "cors-methods",
                "pages may not send DELETE",
                "They cannot end their sessions.",
                f"Access-Control-Allow-Methods: GET, POST, DELETE; {do}",
            )
        )
    return found


def _answer(subject: Subject, page: str, answer: Answer) -> list[Finding]:
    headers = answer.headers
    if not _allows(headers, page):
        return [
            problem(
                "cors-answer",
                f"the preflight lets {page} in, but an answer (HTTP {answer.status}) has no "
                "Access-Control-Allow-Origin",
                "Pages may ask and not read.",
                "Every answer needs it, errors too; nginx: add_header ... always; " + _do(page),
            )
        ]
    exposed = _words(headers, "Access-Control-Expose-Headers")
    wanted = ["Mcp-Session-Id"] if subject.session is not None and subject.session.id else []
    if subject.locked:
        wanted.append("WWW-Authenticate")
    credentials = headers.get("Access-Control-Allow-Credentials", "").lower() == "true"
    missing = [
        name
        for name in wanted
        if name.lower() not in exposed and not ("*" in exposed and not credentials)
    ]
    if not missing:
        return []
    return [
        problem(
            "cors-exposed",
            f"pages may not read {' and '.join(missing)}",
            "Without the session's id a page cannot send a second request."
            if "Mcp-Session-Id" in missing
            else "Without it a page does not find the way to a token.",
            f"Access-Control-Expose-Headers: {', '.join(missing)}; {_do(page)}; Starlette: "
            f"CORSMiddleware(..., expose_headers={missing!r})",
        )
    ]


def _allows(headers: CIMultiDict[str], page: str) -> bool:
    return headers.get("Access-Control-Allow-Origin", "").strip() in ("*", page)


def _words(headers: CIMultiDict[str], name: str) -> set[str]:
    values = ",".join(headers.getall(name, []))
    return {word.strip().lower() for word in values.split(",") if word.strip()}


def _do(page: str) -> str:
    return f'FastMCP: http_app(cors_origins=["{page}"]), or FASTMCP_HTTP_CORS_ORIGINS={page}'


def check_origin(text: str) -> str | None:
    """An origin as browsers write it, or None for what is none."""
    try:
        url = URL(text)
        plain = url.scheme in ("http", "https") and url.path in ("", "/") and not url.query_string
        return str(url.origin()) if plain and url.host else None
    except ValueError:
        return None

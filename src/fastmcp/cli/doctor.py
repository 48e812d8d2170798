"""`fastmcp doctor URL`: what there is to be found out about a remote server from outside.

It asks what every client asks and calls no tool, unless `--call` names one; it ends the sessions it
opens. What it finds is told in plain words, with the line to change; docs/doctor.md explains each
finding and the JSON.

Exit codes: 0 nothing is wrong; 1 there is a problem (with --strict: a warning); 2 the server could
not be examined, or the command line is wrong.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shutil
import ssl
import sys
import textwrap
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

from cyclopts import Parameter
from yarl import URL

from fastmcp.cli.diagnosis.authorization import secret_parameters
from fastmcp.cli.diagnosis.browser import check_origin
from fastmcp.cli.diagnosis.finding import Finding, Report, quote
from fastmcp.cli.diagnosis.speech import Speech
from fastmcp.cli.diagnosis.subject import Subject, Wishes
from fastmcp.cli.diagnosis.table import examine
from fastmcp.cli.diagnosis.wire import Http
from fastmcp.cli.errors import CliError
from fastmcp.cli.remote import Auth, headers_of, token_of
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.utilities.proxies import proxy_for

__all__ = ["doctor"]

Flag = Parameter(negative="")

_SCHEMA: Final = 1
"""Of the JSON: raised when a member changes its meaning, not when one is added."""
_BESIDES_IDLE: Final = 70.0
_WIDTH: Final = 100
_SECRET_NAME: Final = re.compile(r"auth|cookie|key|token|secret|password|session", re.IGNORECASE)
"""Of headers that let in."""
_HARMLESS: Final = frozenset(
    (
        *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control"),
        *("content-type", "host", "mcp-protocol-version", "origin", "referer", "user-agent"),
    )
)
"""Headers that may be shown; any other may be a secret, whatever its name."""


def doctor(
    url: str,
    *,
    header: Annotated[
        list[str] | None,
        Parameter(
            name=("--header", "-H"), negative="", help='"Name: value"; ${VARIABLE} is filled in.'
        ),
    ] = None,
    auth: Auth = None,
    origin: str | None = None,
    idle: float = 20.0,
    timeout: float | None = None,
    call: str | None = None,
    input_json: str | None = None,
    ca: str | None = None,
    json_output: Annotated[bool, Parameter(name="--json", negative="")] = False,
    strict: Annotated[bool, Flag] = False,
) -> int:
    """Examine a remote server: what answers, what is wrong, and the line to change.

    Args:
        url: of the MCP endpoint.
        header: sent with every request to the server; may be given several times.
        auth: a bearer token, env:NAME or ${NAME} for that variable; it is never shown.
        origin: of web pages that are to use the server, such as https://app.example.
        idle: seconds that open streams are watched.
        timeout: seconds for everything; default 70 more than --idle.
        call: a tool to call, to see whether its stream arrives as it is made.
        input_json: the tool's arguments as a JSON object.
        ca: file with the certificate authorities to trust.
        json_output: print JSON.
        strict: warnings count as problems do.
    """
    given = _url(url)
    own = _headers(header or (), auth, given)
    wishes = Wishes(
        origin=_origin(origin),
        idle=_positive(idle, "--idle"),
        call=call,
        arguments=_arguments(input_json),
        lets_in=any(_SECRET_NAME.search(name) for name in own),
    )
    limit = _BESIDES_IDLE + idle if timeout is None else _positive(timeout, "--timeout")
    target = given.with_user(None).with_fragment(None)
    try:
        proxy = proxy_for(target.scheme, target.host)
        http = Http(ca=ca, proxy=None if proxy is None else URL(proxy))
    except (OSError, ssl.SSLError) as exc:
        raise CliError(f"{ca} holds no certificates that can be read ({exc}).", 2) from None
    subject = Subject(target, http, Speech(http, target, own), wishes)
    report = Report(_secrets(own, given))
    began = time.monotonic()
    asyncio.run(examine(subject, report, limit, _progress))
    code = _exit_code(subject, report, strict)
    if json_output:
        print(json.dumps(_document(subject, report, code, time.monotonic() - began), indent=2))
    else:
        print(_text(subject, report, time.monotonic() - began))
    return code


# --- the command line --------------------------------------------------------------------------


def _url(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme in ("http", "https") and url.host:
        return url
    if "://" not in text and ("/" in text or ":" in text or "." in text) and ".py" not in text:
        raise CliError(f"{text!r} has no scheme: write http://{text} or https://{text}", 2)
    raise CliError(
        f"{text!r} is not an http or https URL. For a server in a file: fastmcp list FILE", 2
    )


def _headers(lines: Sequence[str], auth: str | None, url: URL) -> dict[str, str]:
    found, token = headers_of(lines), token_of(auth)
    if token is not None:
        if not token:
            raise CliError("--auth is empty.", 2)
        found["Authorization"] = f"Bearer {token}"
    elif url.user is not None:
        pair = f"{url.user}:{url.password or ''}".encode()
        found.setdefault("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    return found


def _secrets(own: dict[str, str], url: URL) -> list[str]:
    """What must not be shown, whoever repeats it."""
    values = [value for name, value in own.items() if name.lower() not in _HARMLESS]
    words = [value.partition(" ")[2] for value in values]  # without the scheme
    return [*values, *words, url.password or "", *secret_parameters(url)]


def _origin(text: str | None) -> str | None:
    if text is None:
        return None
    found = check_origin(text)
    if found is None:
        raise CliError(f"{text!r} is not an origin: write one such as https://app.example", 2)
    return found


def _positive(value: float, name: str) -> float:
    if not 0 < value < 86400:
        raise CliError(f"{name} is a number of seconds, more than 0; it is {value:g}.", 2)
    return value


def _arguments(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    with contextlib.suppress(ValueError):
        found = as_object(json.loads(text))
        if found is not None:
            return found
    raise CliError("--input-json is not a JSON object.", 2)


# --- what is shown -----------------------------------------------------------------------------


def _progress(title: str) -> None:
    """Says on a terminal what is being looked at: the streams take their time."""
    if sys.stderr.isatty():
        print(f"... {title}", file=sys.stderr)


def _examined(subject: Subject, report: Report) -> bool:
    """Whether it was found out what it is, if only that it is no MCP server."""
    return subject.reached and (subject.understood or not report.counts()["skipped"])


def _exit_code(subject: Subject, report: Report, strict: bool) -> int:
    counts = report.counts()
    if not _examined(subject, report):
        return 2
    return 1 if counts["problem"] or (strict and counts["warning"]) else 0


def _summary(subject: Subject, report: Report) -> str:
    """In one sentence, what it is."""
    name = subject.name
    protocols = [*subject.stateless, *subject.handshake]
    if subject.streamable:
        called = subject.server.get("name")
        known = f" ({quote(called, 60)})" if isinstance(called, str) and called else ""
        also = ", and HTTP+SSE of 2024-11-05" if subject.legacy is not None else ""
        what = f"{name} is a Streamable HTTP server{known}, protocol {', '.join(protocols)}{also}"
    elif subject.legacy is not None:
        what = f"{name} is an HTTP+SSE server of 2024-11-05, which is deprecated"
    elif not _examined(subject, report):
        what = f"{name} could not be examined"
    elif subject.locked:
        what = f"{name} wants authorization; what lies behind it was not examined"
    else:
        what = f"{name} is not an MCP server"
    counts = report.counts()
    told = [
        f"{counts[status]} {status}{'s' if counts[status] > 1 else ''}"
        for status in ("problem", "warning")
        if counts[status]
    ]
    if not told and _examined(subject, report):
        told = ["nothing is wrong with it"]
    return report.shown("; ".join([what, ", ".join(told)] if told else [what]) + ".")


def _text(subject: Subject, report: Report, took: float) -> str:
    counts = report.counts()
    blocks = [
        "\n".join(
            [
                *_wrapped(_summary(subject, report), ""),
                f"{subject.http.sent} requests in {took:.1f} s.",
            ]
        )
    ]
    for status in ("problem", "warning", "note", "skipped"):
        blocks += [_block(each) for each in report.findings if each.status == status]
    if counts["ok"]:
        fine = [each for each in report.findings if each.status == "ok"]
        blocks.append("\n".join(f"ok       {each.seen} [{each.id}]" for each in fine))
    return "\n\n".join(blocks)


def _block(finding: Finding) -> str:
    lines = _wrapped(f"{finding.status:<8} {finding.seen} [{finding.id}]", " " * 9)
    if finding.means:
        lines += _wrapped(" " * 9 + finding.means, " " * 9)
    for line in finding.do.splitlines():
        lines += _wrapped(" " * 9 + "-> " + line, " " * 12)
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> list[str]:
    width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns)
    return textwrap.wrap(
        " ".join(text.splitlines()),
        max(width, 40),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _document(subject: Subject, report: Report, code: int, took: float) -> dict[str, Any]:
    server = {key: subject.server.get(key) for key in ("name", "version")}
    return {
        "schema": _SCHEMA,
        "url": report.shown(str(subject.given.with_query(None))),
        "examined": report.shown(subject.name),
        "summary": _summary(subject, report),
        "exit_status": code,
        "reached": subject.reached,
        "authorization_required": subject.locked,
        "transports": {
            "streamable_http": subject.streamable,
            "http_sse": subject.legacy is not None,
        },
        "versions": {
            "stateless": list(subject.stateless),
            "handshake": list(subject.handshake),
        },
        "server": {
            key: report.shown(value[:200]) if isinstance(value, str) else None
            for key, value in server.items()
        },
        "counts": report.counts(),
        "findings": [finding.plain() for finding in report.findings],
        "requests": subject.http.sent,
        "seconds": round(took, 3),
    }

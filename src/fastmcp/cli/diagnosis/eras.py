"""Which protocol answers: the stateless era by `server/discover`, the handshake era by `initialize`
in each of its revisions, and how the server says no to a revision it does not have.

Sources: 2026-07-28, basic/versioning and basic/transports/streamable-http, "Server Validation";
2025-11-25, basic/lifecycle, "Version Negotiation", and basic/transports, "Protocol Version Header".
"""

from __future__ import annotations

from typing import Any, Final, cast

from fastmcp.cli.diagnosis.finding import note, ok, problem, quote, warning
from fastmcp.cli.diagnosis.speech import Answer
from fastmcp.cli.diagnosis.subject import Findings, Session, Subject
from fastmcp.protocol.errors import HEADER_MISMATCH, UNSUPPORTED_VERSION
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.meta import SERVER_INFO
from fastmcp.protocol.negotiation import Again, Stateless, judge_error, judge_result
from fastmcp.protocol.versions import (
    HANDSHAKE_VERSIONS,
    LATEST_STATELESS,
    STATELESS_VERSIONS,
    Era,
    era_of,
)

__all__ = ["handshake", "stateless", "versions"]

_FUTURE: Final = "2099-01-01"
_PAST: Final = "1999-01-01"
_UPGRADE: Final = "In FastMCP both eras are there without a setting; else upgrade the server's SDK."


async def stateless(subject: Subject) -> Findings:
    """Whether `server/discover` is answered, and with which revisions."""
    first = subject.first
    found: list[Any] = []
    if first.result is not None and isinstance(judge_result(first.result), Stateless):
        found = first.result["supportedVersions"]
        info = (as_object(first.result.get("_meta")) or {}).get(SERVER_INFO)
        subject.server = as_object(info) or {}
    elif first.message is not None and first.message.error is not None:
        verdict = judge_error(first.message.error, status=first.status)
        if isinstance(verdict, Again):
            found = (as_object(first.message.error.data) or {})["supported"]
    known = tuple(version for version in STATELESS_VERSIONS if version in found)
    subject.stateless = known
    if not known:
        return
    yield ok("stateless", f"server/discover answers: {', '.join(known)}")
    result = first.result or {}
    if "resultType" not in result and first.result is not None:
        yield warning(
            "stateless-result",
            "the result of server/discover has no resultType",
            "Every result of this era says whether it is complete (basic/index).",
            'Add "resultType": "complete"; ' + _UPGRADE,
        )


async def handshake(subject: Subject) -> Findings:
    """`initialize` in every revision; the session of the newest is kept for what follows."""
    agreed: list[str] = []
    other: list[str] = []
    last = Answer()
    for version in reversed(HANDSHAKE_VERSIONS):
        answer = await subject.speech.initialize(version)
        subject.heads.append(answer.headers)
        last = answer if version == HANDSHAKE_VERSIONS[-1] else last
        result = answer.result
        if answer.status in (401, 403) and not agreed:
            subject.locked = True
            yield note(
                "authorization",
                f"initialize wants authorization ({answer.said})",
                "What lies behind it was not examined.",
                "To look further: --auth TOKEN, or --header 'X-Api-Key: ...'",
            )
            return
        if result is None:
            if answer.code is None and not agreed:
                break  # nobody who speaks MCP; older revisions would not be known either
            continue
        got = result.get("protocolVersion")
        subject.shakes_hands = True
        if not isinstance(got, str) or era_of(got) is not Era.HANDSHAKE:
            other.append(f"{version} with {quote(got, 40)}")
            continue
        session = Session(answer.headers.get("Mcp-Session-Id"), got)
        subject.opened.append(session)
        if got not in agreed:
            agreed.append(got)
        if subject.session is None:
            subject.session = session
            subject.server = as_object(result.get("serverInfo")) or subject.server
        else:
            await subject.end(session)
    subject.handshake = tuple(sorted(agreed, reverse=True))
    if other:
        yield problem(
            "handshake-version",
            f"initialize is answered with a revision that does not exist: {', '.join(other)}",
            'Clients disconnect (basic/lifecycle, "Version Negotiation").',
            f"Answer with one of {', '.join(HANDSHAKE_VERSIONS)}.",
        )
    if agreed:
        yield ok("handshake", f"initialize agrees on {', '.join(subject.handshake)}")
    if agreed and not subject.stateless:
        yield note(
            "stateless-none",
            f"the stateless era ({LATEST_STATELESS}) is not there: {subject.first.said}",
            "Clients begin with a handshake instead, which costs them a request.",
            _UPGRADE,
        )
    if subject.stateless and not agreed and not other:
        yield note(
            "handshake-none",
            f"the handshake era is not there: initialize is answered with {last.said}",
            "Most clients in use speak it.",
            _UPGRADE,
        )


async def versions(subject: Subject) -> Findings:
    """Revisions that do not exist, and headers that say something else than the body."""
    speech = subject.speech
    if subject.session is not None:
        answer = await speech.initialize(_FUTURE)
        got = None if answer.result is None else answer.result.get("protocolVersion")
        if got in HANDSHAKE_VERSIONS:
            await subject.end(Session(answer.headers.get("Mcp-Session-Id"), cast("str", got)))
            yield ok("negotiation", f"asked for a revision of the future, the server offers {got}")
        else:
            yield warning(
                "negotiation",
                f"asked for a revision of the future, the server says {answer.said}",
                "Clients that are newer than the server cannot connect; it should offer its "
                "own latest revision.",
                "Answer initialize with the latest revision the server has.",
            )
        if subject.session.version >= "2025-06-18":
            header = {"MCP-Protocol-Version": _PAST}
            answer = await subject.ask_lightly(extra=header)
            if answer.status == 400:
                yield ok("version-header", "an MCP-Protocol-Version that does not exist gets 400")
            else:
                yield note(
                    "version-header",
                    f"an MCP-Protocol-Version that does not exist gets HTTP {answer.status}",
                    'It must be 400 (basic/transports, "Protocol Version Header"); clients '
                    "seldom notice.",
                    _UPGRADE,
                )
    if subject.stateless:
        answer = await speech.ask("server/discover", version=_PAST)
        supported = None
        if answer.message is not None and answer.message.error is not None:
            supported = (as_object(answer.message.error.data) or {}).get("supported")
        if answer.code == UNSUPPORTED_VERSION and answer.status == 400 and supported:
            yield ok("stateless-version", "a revision that does not exist gets error -32022")
        else:
            yield warning(
                "stateless-version",
                f"a revision that does not exist gets {answer.said}",
                "Clients of another revision do not learn which one to use; it must be HTTP 400 "
                "with error -32022 that lists the supported ones.",
                _UPGRADE,
            )
        wrong = {"Mcp-Method": "tools/call"}
        answer = await speech.ask("server/discover", version=subject.stateless[-1], extra=wrong)
        if answer.code == HEADER_MISMATCH:
            yield ok("stateless-headers", "a header that contradicts the body gets error -32020")
        else:
            yield warning(
                "stateless-headers",
                f"Mcp-Method that contradicts the body gets {answer.said}",
                "A proxy that decides by headers what is allowed can be passed by.",
                _UPGRADE,
            )

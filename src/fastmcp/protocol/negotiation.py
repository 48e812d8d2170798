"""Rules of the client's side: which era a server speaks, and how an asked question is retried.

A client that speaks both eras sends `server/discover` first. What comes back decides:

* a discover result: the server is stateless; speak a version both know;
* one of the error codes only that era has: stateless as well; -32022 names the versions to retry
  with;
* anything else, or (on a pipe) silence: a server of the handshake era; send `initialize`.

Sources: specification 2026-07-28, basic/versioning, "Backward Compatibility"; its binding pages
basic/transports/stdio and basic/transports/streamable-http, the sections of the same name; and
basic/patterns/mrtr, "Client Requirements". Nothing here does I/O: the session asks, these rules
answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_REQUEST, UNSUPPORTED_VERSION, is_modern_error
from fastmcp.protocol.versions import (
    HANDSHAKE_VERSIONS,
    LATEST_STATELESS,
    STATELESS_VERSIONS,
    Era,
    era_of,
)

__all__ = [
    "AUTO",
    "LEGACY",
    "PROBE_SECONDS",
    "Again",
    "Handshake",
    "InputRequired",
    "Refuse",
    "Stateless",
    "Verdict",
    "check_mode",
    "input_required",
    "judge_error",
    "judge_initialize",
    "judge_result",
    "retry_params",
]

AUTO: Final = "auto"
LEGACY: Final = "legacy"

PROBE_SECONDS: Final = 5.0
"""How long a pipe may stay silent after `server/discover` before its server counts as one of the
handshake era ("does not respond within a reasonable timeout")."""


_ANY_ERA: Final = frozenset({401, 403, 429, 502, 503, 504})
"""Statuses that say nothing of the era: another one would not be let in, or find anybody."""


class Stateless(NamedTuple):
    """The server answers requests of this stateless revision."""

    version: str


class Handshake(NamedTuple):
    """The server wants `initialize`."""


class Again(NamedTuple):
    """Ask `server/discover` once more, in this revision."""

    version: str


class Refuse(NamedTuple):
    """No revision in common, or an error that no other era would mend."""

    error: McpError


Verdict: TypeAlias = Stateless | Handshake | Again | Refuse


def check_mode(mode: str) -> str:
    """A `mode` of the client: "auto", "legacy" or a stateless revision.

    Raises:
        ValueError: anything else.
    """
    if mode in (AUTO, LEGACY) or mode in STATELESS_VERSIONS:
        return mode
    hint = ""
    if era_of(mode) is Era.HANDSHAKE:
        hint = "; revisions up to that one begin with a handshake: write mode='legacy'"
    names = ", ".join(repr(name) for name in (AUTO, LEGACY, *STATELESS_VERSIONS))
    raise ValueError(f"mode must be one of {names}, not {mode!r}{hint}")


def judge_result(result: object) -> Verdict:
    """What a result of `server/discover` proves.

    A result that does not name versions is none of this method's: servers of the handshake era
    exist that answer anything with an empty object.
    """
    versions = (
        cast("dict[str, Any]", result).get("supportedVersions")
        if isinstance(result, dict)
        else None
    )
    if not isinstance(versions, list):
        return Handshake()
    return _choose(cast("list[Any]", versions), Stateless)


def judge_error(error: McpError, *, status: int | None = None, retried: bool = False) -> Verdict:
    """What an error instead of a discover result proves.

    Args:
        error: the JSON-RPC error; an invented one where the answer had no JSON-RPC body.
        status: the HTTP status, None on a pipe.
        retried: whether this answers a second probe, after which there is no third.
    """
    if status in _ANY_ERA:
        return Refuse(error)
    if not is_modern_error(error.code):
        return Handshake()
    if error.code != UNSUPPORTED_VERSION or retried:
        return Refuse(error)
    data: object = error.data
    supported = cast("dict[str, Any]", data).get("supported") if isinstance(data, Mapping) else None
    if not isinstance(supported, list):
        return Refuse(error)
    return _choose(cast("list[Any]", supported), Again)


def _choose(versions: list[Any], adopt: type[Stateless] | type[Again]) -> Verdict:
    """The newest stateless revision both sides know; else the handshake, where it is offered."""
    for version in reversed(STATELESS_VERSIONS):
        if version in versions:
            return adopt(version)
    if any(version in versions for version in HANDSHAKE_VERSIONS):
        return Handshake()
    return Refuse(
        McpError(
            UNSUPPORTED_VERSION,
            f"The server speaks {', '.join(map(str, versions)) or 'no version at all'}; this "
            f"client speaks {', '.join((*HANDSHAKE_VERSIONS, *STATELESS_VERSIONS))}.",
            {"supported": versions, "requested": LATEST_STATELESS},
        )
    )


def judge_initialize(result: object) -> str:
    """The version that an `initialize` result fixes.

    Raises:
        McpError: it names none, or one this client does not speak (2025-11-25, basic/lifecycle,
            "Version Negotiation": the client disconnects).
    """
    version = (
        cast("dict[str, Any]", result).get("protocolVersion") if isinstance(result, dict) else None
    )
    if version in HANDSHAKE_VERSIONS:
        return version
    raise McpError(
        INVALID_REQUEST,
        f"The server answered initialize with protocol version {version!r}; this client speaks "
        f"{', '.join(HANDSHAKE_VERSIONS)}.",
    )


class InputRequired(NamedTuple):
    """A result that asks before it completes. `state` goes back byte for byte, or not at all."""

    requests: dict[str, Any]
    state: str | None


def input_required(result: dict[str, Any]) -> InputRequired | None:
    """The questions of an `input_required` result; None for a result that is complete.

    A result without `resultType` is complete (2026-07-28, basic/index, "Responses").
    """
    if result.get("resultType", "complete") != "input_required":
        return None
    requests = result.get("inputRequests")
    return InputRequired(
        cast("dict[str, Any]", requests) if isinstance(requests, dict) else {},
        result.get("requestState"),
    )


def retry_params(
    params: dict[str, Any], asked: InputRequired, responses: dict[str, Any]
) -> dict[str, Any]:
    """The params of the retry: the original ones, the answers, and the state if there was one."""
    retry = {
        name: value
        for name, value in params.items()
        if name not in ("inputResponses", "requestState")
    }
    if responses:
        retry["inputResponses"] = responses
    if asked.state is not None:
        retry["requestState"] = asked.state
    return retry

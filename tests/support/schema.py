"""Every message a test sees on the wire is judged by the JSON schema of its version.

The five published schemas lie in `spec/`, and beside them one of the tasks extension, which has
none. They name their parts regularly, and this module leans on that: a request or notification
definition holds the method as a constant, the result of `XRequest` is `XResult`, and
`ClientRequest`, `ServerRequest` ... say who may send what. So the right definition is found from
the message itself, its version and its direction; a response needs the method that it answers.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs

SPEC = Path(__file__).parent / "spec"
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
STATELESS = "2026-07-28"
EXTENSIONS = ("skills", "tasks")
"""Extensions of the stateless version whose messages are judged too."""

Direction = Literal["client", "server"]
"""Who sent the message."""

_EMPTY = {"ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"}
"""Methods whose result has no definition of its own."""

_MAY_ASK_INPUT = {"tools/call", "prompts/get", "resources/read"}

_TYPED_ERRORS = {
    -32700: "ParseError",
    -32600: "InvalidRequestError",
    -32601: "MethodNotFoundError",
    -32602: "InvalidParamsError",
    -32603: "InternalError",
    -32020: "HeaderMismatchError",
    -32021: "MissingRequiredClientCapabilityError",
    -32022: "UnsupportedProtocolVersionError",
}
"""Errors of 2026-07-28 with a definition of their own (some wrap the error, some are it)."""


class SchemaViolation(AssertionError):
    """A message does not match the schema of its version."""


@cache
def _document(version: str) -> dict[str, Any]:
    document = json.loads((SPEC / f"schema-{version}.json").read_text())
    for extension in EXTENSIONS if version == STATELESS else ():
        added = json.loads((SPEC / f"extension-{extension}.json").read_text())["$defs"]
        document["$defs"] |= added
        for name in added:
            union = "ClientRequest" if name.endswith("Request") else "ServerNotification"
            if name.endswith(("Request", "Notification")):
                document["$defs"][union]["anyOf"].append({"$ref": f"#/$defs/{name}"})
    return document


def _root(version: str) -> str:
    return "$defs" if "$defs" in _document(version) else "definitions"


def definitions(version: str) -> dict[str, Any]:
    """All definitions of a version, by name."""
    return _document(version)[_root(version)]


@cache
def validator(version: str, name: str) -> jsonschema_rs.Validator:
    """The compiled validator of one definition."""
    document = _document(version)
    root = _root(version)
    schema = {
        "$schema": document["$schema"],
        root: document[root],
        "allOf": [{"$ref": f"#/{root}/{name}"}],
    }
    return jsonschema_rs.validator_for(schema, validate_formats=True, ignore_unknown_formats=True)


def check_definition(value: Any, version: str, name: str) -> None:
    """SchemaViolation unless `value` is a valid `name` of that version."""
    errors = [
        f"  at /{'/'.join(str(part) for part in error.instance_path)}: {error.message[:300]}"
        for error in validator(version, name).iter_errors(value)
    ]
    if errors:
        shown = json.dumps(value, ensure_ascii=False)[:1000]
        raise SchemaViolation(
            f"not a valid {name} of {version}:\n" + "\n".join(errors) + f"\n{shown}"
        )


@cache
def _members(version: str, union: str) -> tuple[str, ...]:
    definition = definitions(version).get(union)
    if definition is None:
        return ()
    branches = definition.get("anyOf", [definition])
    return tuple(branch["$ref"].rpartition("/")[2] for branch in branches if "$ref" in branch)


@cache
def methods(version: str, union: str) -> dict[str, str]:
    """method -> definition, for `ClientRequest`, `ServerNotification` and so on."""
    found: dict[str, str] = {}
    for name in _members(version, union):
        found[definitions(version)[name]["properties"]["method"]["const"]] = name
    return found


def _request_definition(version: str, direction: Direction, method: str) -> str | None:
    side = "Client" if direction == "client" else "Server"
    return methods(version, f"{side}Request").get(method)


def _result_definition(version: str, method: str) -> str | None:
    if method in _EMPTY:
        return "EmptyResult"
    for direction in ("client", "server"):
        name = _request_definition(version, direction, method)
        if name is not None:
            return name.removesuffix("Request") + "Result"
    return None


def check(
    message: Any,
    version: str,
    direction: Direction,
    method_of_request: str | None = None,
) -> None:
    """Judges one message (or a batch, on 2025-03-26) as it crossed the wire.

    Args:
        message: the decoded JSON.
        version: the protocol version in force.
        direction: who sent it.
        method_of_request: for a response, the method that it answers. Without it only the
            envelope is judged.

    Raises:
        SchemaViolation: it does not match.
    """
    if isinstance(message, list):
        if version != "2025-03-26":
            raise SchemaViolation(f"{version} has no JSON-RPC batches: {message!r}")
        if not message:
            raise SchemaViolation("an empty batch")
        for part in message:
            check(part, version, direction, method_of_request)
        return
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise SchemaViolation(f"not a JSON-RPC 2.0 object: {message!r}")
    if "method" in message:
        _check_call(message, version, direction)
    elif "result" in message:
        _check_result(message, version, direction, method_of_request)
    elif "error" in message:
        _check_error(message, version)
    else:
        raise SchemaViolation(f"neither request, notification nor response: {message!r}")


def _check_call(message: dict[str, Any], version: str, direction: Direction) -> None:
    method = message["method"]
    kind = "Request" if "id" in message else "Notification"
    check_definition(message, version, f"JSONRPC{kind}")
    side = "Client" if direction == "client" else "Server"
    name = methods(version, f"{side}{kind}").get(method)
    if name is None:
        raise SchemaViolation(f"{version}: a {direction} sends no {kind.lower()} {method!r}")
    check_definition(message, version, name)


def _check_result(
    message: dict[str, Any], version: str, direction: Direction, method: str | None
) -> None:
    envelope = "JSONRPCResultResponse"
    check_definition(
        message, version, envelope if envelope in definitions(version) else "JSONRPCResponse"
    )
    extra = set(message) - {"jsonrpc", "id", "result"}
    if extra:
        raise SchemaViolation(f"a response with foreign members {sorted(extra)}")
    if method is None:
        return
    result = message["result"]
    kind = result.get("resultType")
    if version == STATELESS and kind == "task" and method == "tools/call":
        check_definition(result, version, "CreateTaskResult")
        return
    if version == STATELESS and kind not in ("complete", "input_required"):
        raise SchemaViolation(f"resultType of {method} is {result.get('resultType')!r}")
    name = _result_definition(version, method)
    if result.get("resultType") == "input_required" and method in _MAY_ASK_INPUT:
        name = "InputRequiredResult"
    if name is None:
        raise SchemaViolation(f"{version} has no method {method!r}, yet it was answered")
    asked_by = "Client" if direction == "server" else "Server"
    if method not in methods(version, f"{asked_by}Request"):
        raise SchemaViolation(f"a {direction} answered {method!r}, which is its own to ask")
    check_definition(result, version, name)


def _check_error(message: dict[str, Any], version: str) -> None:
    newer = "JSONRPCErrorResponse"
    if newer in definitions(version):
        check_definition(message, version, newer)
    elif "id" in message:
        check_definition(message, version, "JSONRPCError")
    else:
        # The transports of these versions allow "a JSON-RPC error response that has no id",
        # though their schemas do not; judge the rest.
        check_definition({**message, "id": 0}, version, "JSONRPCError")
    if version != STATELESS:
        return
    name = _TYPED_ERRORS.get(message["error"]["code"])
    if name is not None and name in definitions(version):
        wraps = "error" in definitions(version)[name].get("properties", {})
        check_definition(message if wraps else message["error"], version, name)

"""The judge itself: it accepts every official example, and it notices what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import schema

EXAMPLES = sorted((schema.SPEC / f"examples-{schema.STATELESS}").glob("*/*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_official_example_is_valid(path: Path) -> None:
    schema.check_definition(json.loads(path.read_text()), schema.STATELESS, path.parent.name)


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_every_request_has_a_result_definition(version: str) -> None:
    for side in ("Client", "Server"):
        for method, name in schema.methods(version, f"{side}Request").items():
            result = schema._result_definition(version, method)
            # The result of tasks/result is whatever the task's own method returns.
            assert result in schema.definitions(version), (method, name, result)


def test_a_good_exchange() -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}
    schema.check(call, "2025-11-25", "client")
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "3"}]}}
    schema.check(answer, "2025-11-25", "server", "tools/call")
    schema.check([call], "2025-03-26", "client")


def request(method: str, id: object = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "method": method}


def result(**members: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "result": members}


def error(code: object, id: object = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": ""}}


@pytest.mark.parametrize(
    ("message", "version", "direction", "method"),
    [
        (request("tools/call"), "2025-11-25", "client", None),
        (request("nope"), "2025-11-25", "client", None),
        (request("tools/list"), "2025-11-25", "server", None),
        (request("ping", id=None), "2025-11-25", "client", None),
        ({"id": 1, "method": "ping"}, "2025-11-25", "client", None),
        ([request("ping")], "2025-11-25", "client", None),
        (result(content=[{}]), "2025-11-25", "server", "tools/call"),
        (result(content=[]), "2026-07-28", "server", "tools/call"),
        (result(roots=[]), "2025-11-25", "server", "roots/list"),
        (error("x"), "2025-11-25", "server", None),
        (error(1, id=None), "2025-11-25", "server", None),
        (error(-32022), "2026-07-28", "server", None),
    ],
)
def test_a_bad_message_is_noticed(
    message: object, version: str, direction: schema.Direction, method: str | None
) -> None:
    with pytest.raises(schema.SchemaViolation):
        schema.check(message, version, direction, method)

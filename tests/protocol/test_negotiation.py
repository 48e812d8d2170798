"""Which answer proves which era, and what a retry carries."""

from __future__ import annotations

from typing import Any

import pytest

from fastmcp.exceptions import McpError
from fastmcp.protocol.negotiation import (
    Again,
    Handshake,
    InputRequired,
    Refuse,
    Stateless,
    check_mode,
    input_required,
    judge_error,
    judge_initialize,
    judge_result,
    retry_params,
)

MODERN = "2026-07-28"


@pytest.mark.parametrize("mode", ["auto", "legacy", MODERN])
def test_modes(mode: str) -> None:
    assert check_mode(mode) == mode


@pytest.mark.parametrize("mode", ["", "AUTO", "2025-11-25", "2099-01-01"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="mode"):
        check_mode(mode)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ({"supportedVersions": [MODERN]}, Stateless(MODERN)),
        ({"supportedVersions": ["2099-01-01", MODERN, "2025-11-25"]}, Stateless(MODERN)),
        ({"supportedVersions": ["2025-11-25"]}, Handshake()),
        ({}, Handshake()),
        (None, Handshake()),
        ({"supportedVersions": "2026-07-28"}, Handshake()),
    ],
)
def test_results_of_discover(result: Any, verdict: Any) -> None:
    assert judge_result(result) == verdict


def test_no_version_in_common() -> None:
    verdict = judge_result({"supportedVersions": ["2099-01-01"]})
    assert isinstance(verdict, Refuse)
    assert "2099-01-01" in verdict.error.message


@pytest.mark.parametrize("code", [-32601, -32602, -32600, -32603, -32000, 0, -32700])
def test_errors_any_server_may_send_mean_handshake(code: int) -> None:
    """No single code is what the fall-back waits for (stdio, "Backward Compatibility")."""
    assert judge_error(McpError(code, "x")) == Handshake()
    assert judge_error(McpError(code, "x"), status=400) == Handshake()


def unsupported(*versions: str) -> McpError:
    return McpError(-32022, "x", {"supported": list(versions), "requested": "y"})


def test_an_unsupported_version_names_those_to_use() -> None:
    assert judge_error(unsupported(MODERN)) == Again(MODERN)
    assert judge_error(unsupported("2025-11-25")) == Handshake()
    assert isinstance(judge_error(unsupported("2099-01-01")), Refuse)
    assert isinstance(judge_error(unsupported(MODERN), retried=True), Refuse)
    assert isinstance(judge_error(McpError(-32022, "x")), Refuse)


@pytest.mark.parametrize("code", [-32020, -32021])
def test_other_modern_errors_prove_the_era_and_refuse(code: int) -> None:
    assert isinstance(judge_error(McpError(code, "x")), Refuse)


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_not_let_in_by_another_era(status: int) -> None:
    assert isinstance(judge_error(McpError(-32603, "x"), status=status), Refuse)


def test_initialize_fixes_the_version() -> None:
    assert judge_initialize({"protocolVersion": "2024-11-05"}) == "2024-11-05"
    for wrong in ({"protocolVersion": MODERN}, {"protocolVersion": 5}, {}, None):
        with pytest.raises(McpError, match="speaks"):
            judge_initialize(wrong)


def test_results_that_ask() -> None:
    assert input_required({"content": []}) is None
    assert input_required({"resultType": "complete"}) is None
    asked = input_required({"resultType": "input_required", "inputRequests": {"a": {}}})
    assert asked == InputRequired({"a": {}}, None)
    assert input_required({"resultType": "input_required", "requestState": "s"}) == InputRequired(
        {}, "s"
    )


def test_a_retry_carries_only_what_its_round_asked_for() -> None:
    first = retry_params({"name": "x"}, InputRequired({"a": {}}, "s1"), {"a": 1})
    assert first == {"name": "x", "inputResponses": {"a": 1}, "requestState": "s1"}
    assert retry_params(first, InputRequired({"b": {}}, None), {"b": 2}) == {
        "name": "x",
        "inputResponses": {"b": 2},
    }
    assert retry_params(first, InputRequired({}, "s2"), {}) == {"name": "x", "requestState": "s2"}

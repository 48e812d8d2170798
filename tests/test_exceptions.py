"""Errors and what they say on the wire."""

from __future__ import annotations

import pytest

from fastmcp.exceptions import (
    DisabledError,
    McpError,
    NotFoundError,
    ToolError,
    ValidationError,
    to_mcp_error,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("x"), -32602),
        (DisabledError("x"), -32602),
        (ValidationError("x"), -32602),
        (ToolError("x"), -32603),
        (RuntimeError("x"), -32603),
    ],
)
def test_as_a_json_rpc_error(error: Exception, code: int):
    assert (to_mcp_error(error).code, to_mcp_error(error).message) == (code, "x")


def test_a_json_rpc_error_stays():
    error = McpError(-32000, "x")
    assert to_mcp_error(error) is error
    assert to_mcp_error(RuntimeError("y"), default_code=-1).code == -1

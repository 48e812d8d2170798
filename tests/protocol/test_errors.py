"""Error objects and the statuses of the stateless era."""

from __future__ import annotations

import pytest

from fastmcp.exceptions import McpError
from fastmcp.protocol import errors
from tests.support import schema


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (-32700, 400),
        (-32600, 400),
        (-32601, 404),
        (-32602, 200),
        (-32603, 200),
        (-32020, 400),
        (-32021, 400),
        (-32022, 400),
        (-1, 200),
        (0, 200),
    ],
)
def test_statuses(code: int, status: int):
    assert errors.http_status(code) == status


@pytest.mark.parametrize(
    "error",
    [
        errors.method_not_found("x/y"),
        errors.invalid_params("Invalid params: x"),
        errors.header_mismatch("x"),
        errors.unsupported_version("1999"),
        errors.missing_capability({"sampling": {}}),
    ],
    ids=lambda error: str(error.code),
)
def test_every_error_fits_its_definition(error: McpError):
    message = {"jsonrpc": "2.0", "id": 1, "error": errors.error_object(error)}
    schema.check(message, schema.STATELESS, "server")


def test_which_errors_prove_the_stateless_era():
    assert all(map(errors.is_modern_error, (-32020, -32021, -32022)))
    assert not any(map(errors.is_modern_error, (-32601, -32602, -32002, 0, None, "x")))


def test_data_is_left_out_where_there_is_none():
    assert errors.error_object(McpError(-1, "x")) == {"code": -1, "message": "x"}
    assert errors.error_object(McpError(-1, "x", 0))["data"] == 0

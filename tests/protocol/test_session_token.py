"""What a session id says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.exceptions import McpError
from fastmcp.protocol.session_token import MAX_TOKEN_LENGTH, Claims, issue, read


def sign(payload: bytes) -> str:
    return payload.hex()


def verify(token: str) -> bytes | None:
    try:
        return bytes.fromhex(token)
    except ValueError:
        return None


def claims(**changes: Any) -> Claims:
    given: dict[str, Any] = {
        "jti": "j",
        "ver": "2025-11-25",
        "cap": {"roots": {}},
        "cli": {"name": "c"},
        "own": "",
        "iat": 1,
    }
    return Claims(**{**given, **changes})


def test_round_trip():
    made = claims()
    assert read(issue(made, sign), verify) == made


def test_too_long():
    with pytest.raises(McpError, match="Declare less") as caught:
        issue(claims(cap={"x": "y" * MAX_TOKEN_LENGTH}), sign)
    assert caught.value.code == -32602


def test_not_one_of_ours():
    def never(token: str) -> bytes | None:
        raise AssertionError("it was verified")

    assert read("x" * (MAX_TOKEN_LENGTH + 1), never) is None
    assert read("no hex", verify) is None
    for payload in (b"", b"{}", b"[]", b'{"jti": 5}', b"\xff"):
        assert read(sign(payload), verify) is None


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_anything(token: str):
    assert read(token, verify) is None or verify(token) is not None

"""Bytes to messages and back, whatever the bytes and whatever the author's values."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.exceptions import McpError
from fastmcp.protocol import jsonrpc
from fastmcp.protocol.jsonrpc import Malformed, Notification, Request, Response

steady = settings(deadline=None, derandomize=True, max_examples=200)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner, max_size=5)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), values, max_size=3)
ids = st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=("Cs",)))


@steady
@given(id=ids, method=st.text(st.characters(exclude_categories=("Cs",))), params=objects)
def test_requests_and_notifications_come_back(id: Any, method: str, params: dict[str, Any]):
    assert jsonrpc.decode(jsonrpc.encode_request(id, method, params)) == Request(id, method, params)
    message = jsonrpc.decode(jsonrpc.encode_notification(method, params))
    assert message == Notification(method, params)


@steady
@given(id=ids, result=objects)
def test_responses_come_back(id: Any, result: dict[str, Any]):
    assert jsonrpc.decode(jsonrpc.encode_result(id, result)) == Response(id, result)


@steady
@given(
    id=ids | st.none(), code=st.integers(-40000, 40000), message=st.text(max_size=5), data=values
)
def test_errors_come_back(id: Any, code: int, message: str, data: Any):
    answer = jsonrpc.decode(jsonrpc.encode_error(id, McpError(code, message, data)))
    assert isinstance(answer, Response)
    assert answer.id == id
    assert answer.error is not None
    assert (answer.error.code, answer.error.message, answer.error.data) == (code, message, data)


@steady
@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_malformed_is_raised(data: bytes):
    for read in (jsonrpc.decode, jsonrpc.decode_many, jsonrpc.load):
        try:
            read(data)
        except Malformed as exc:
            assert exc.code in (-32700, -32600)  # noqa: PT017  (most bytes do not raise)


@pytest.mark.parametrize(
    ("data", "code", "id"),
    [
        (b"", -32700, None),
        (b"{", -32700, None),
        (b"\xff", -32700, None),
        (b'"\xff"', -32600, None),
        (b"[" * 10**6, -32600, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + b'{"a":' * 10**5, -32700, None),
        (b"5", -32600, None),
        (b'{"jsonrpc":"2.0","id":"a","method":5}', -32600, "a"),
        (b'{"jsonrpc":"2.0","id":7,"method":"m","params":[]}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":true,"method":"m"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":null,"method":"m"}', -32600, None),
        (b'{"id":1,"method":"m"}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"result":1,"error":{}}', -32600, None),
    ],
)
def test_what_is_wrong_and_with_which(data: bytes, code: int, id: Any):
    with pytest.raises(Malformed) as caught:
        jsonrpc.decode(data)
    assert caught.value.code in (code, -32700 if data.startswith(b"[") else code)
    assert caught.value.id == id
    assert len(caught.value.message) < 300


def test_params_may_be_left_out_or_null():
    for params in ("", ',"params":null', ',"params":{}'):
        text = '{"jsonrpc":"2.0","method":"m"' + params + "}"
        assert jsonrpc.decode(text.encode()) == Notification("m", {})


def test_batches():
    request = b'{"jsonrpc":"2.0","id":1,"method":"m"}'
    items = jsonrpc.decode_many(b"[" + request + b', 5, {"id": 2}]')
    assert items[0] == Request(1, "m", {})
    assert [(type(i), i.id) for i in items[1:]] == [(Malformed, None), (Malformed, 2)]  # type: ignore[union-attr]
    for data in (b"[]", b"{}", b"[", b""):
        with pytest.raises(Malformed):
            jsonrpc.decode_many(data)


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2020, 1, 2), "2020-01-02"),
        (Decimal("1.5"), "1.5"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (Colour.RED, "red"),
        ({1: "a"}, {"1": "a"}),
        (2**70, 2**70),
        ("\ud800", "\ud800"),
        ((1, {2}), [1, [2]]),
        (b"ab", "YWI="),
    ],
)
def test_anything_can_be_said(value: Any, text: Any):
    said = json.loads(jsonrpc.dump({"x": value}))["x"]
    assert said == text or str(said) == text


def test_odd_objects_become_text():
    class Odd:
        def __repr__(self) -> str:
            return "odd"

    assert json.loads(jsonrpc.dump([Odd()])) == ["odd"]


def test_as_object():
    assert jsonrpc.as_object({"a": 1}) == {"a": 1}
    for other in ([], None, 5, "x"):
        assert jsonrpc.as_object(other) is None


@pytest.mark.parametrize("error", [{}, {"code": "x", "message": "m"}, {"code": 1, "message": 5}])
def test_malformed_error_objects_are_errors_still(error: dict[str, Any]):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
    answer = jsonrpc.decode(body)
    assert isinstance(answer, Response)
    assert answer.error is not None
    assert answer.error.code == -32600


def test_dump_of_what_json_cannot_carry_all_at_once():
    text = jsonrpc.dump({"nan": float("nan"), "big": 10**30, "half": "\ud800"})
    assert json.loads(text) == {"nan": None, "big": 10**30, "half": "\ud800"}


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("1", 0),
        ("{}", 1),
        ("[[],[[]],{}]", 3),
        ('{"a":[{"b":[]}]}', 4),
        ('{"a":"[[[[[["}', 1),
        ('["\\"[[[","\\\\",[[]],"{{{\\\\\\""]', 3),
        ('{"[[{":{"]]":[1]}}', 3),
    ],
)
def test_depth(text: str, depth: int) -> None:
    jsonrpc.load(text.encode())
    assert not jsonrpc.deeper_than(text.encode(), depth)
    assert depth == 0 or jsonrpc.deeper_than(text.encode(), depth - 1)


@steady
@given(value=values)
def test_depth_of_anything(value: Any) -> None:
    def depth(value: Any) -> int:
        if isinstance(value, dict):
            return 1 + max(map(depth, value.values()), default=0)
        return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0

    expected = depth(value)
    text = json.dumps(value).encode()
    assert not jsonrpc.deeper_than(text, expected)
    assert expected == 0 or jsonrpc.deeper_than(text, expected - 1)

"""Accept, Content-Type, and the value codec of the Mcp-* headers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.protocol.headers import (
    Accepts,
    accepts,
    decode_value,
    encode_value,
    is_json,
    retry_after,
)

steady = settings(deadline=None, derandomize=True, max_examples=300)


@pytest.mark.parametrize(
    ("header", "json", "sse"),
    [
        (None, True, True),
        (b"", True, True),
        (b"*/*", True, True),
        (b"application/json, text/event-stream", True, True),
        (b"application/json", True, False),
        (b"text/event-stream", False, True),
        (b"TEXT/Event-Stream;q=0.3", False, True),
        (b"application/*", True, False),
        (b"text/*;q=0.1, application/json;q=0", False, True),
        (b"*/*;q=0, application/json", True, False),
        (b"text/plain", False, False),
        (b"application/json;q=nonsense", False, False),
        (b"application/json;q=0;q=1", True, False),
        (b",,;q=,", False, False),
        (b"\xff", False, False),
    ],
)
def test_accept(header: bytes | None, json: bool, sse: bool):
    assert accepts(header) == Accepts(json, sse)


@steady
@given(st.binary())
def test_any_accept_and_content_type(header: bytes):
    accepts(header)
    is_json(header)


@pytest.mark.parametrize(
    ("header", "good"),
    [
        (b"application/json", True),
        (b"Application/JSON ; charset=UTF-8", True),
        (b'application/json; charset="utf-8"; x=y', True),
        (b"application/json; charset=utf-16", False),
        (b"application/json-patch+json", False),
        (b"text/json", False),
        (b"", False),
        (None, False),
    ],
)
def test_content_type(header: bytes | None, good: bool):
    assert is_json(header) is good


@steady
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_travels(value: str):
    encoded = encode_value(value)
    assert all(0x20 <= ord(c) <= 0x7E or c == "\t" for c in encoded)
    assert encoded == encoded.strip(" \t")
    assert decode_value(encoded.encode("ascii")) == value


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ],
)
def test_the_specifications_own_examples(value: str, encoded: str):
    assert encode_value(value) == encoded
    assert decode_value(encoded.encode()) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"  a b\t ", "a b"),
        (b"=?base64?", "=?base64?"),
        (b"x?=", "x?="),
        (b"=?base64?=", "=?base64?="),
        (b"=?base64??=", ""),
        (b"=?BASE64?YQ==?=", "=?BASE64?YQ==?="),
        (b"=?base64?YQ?=", None),
        (b"=?base64?!!!!?=", None),
        (b"=?base64?/w==?=", None),
        (b"\x00", None),
        (b"\xe9", None),
    ],
)
def test_odd_values(raw: bytes, value: str | None):
    assert decode_value(raw) == value


@steady
@given(st.binary())
def test_any_value(raw: bytes):
    decode_value(raw)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("0", 0),
        (" 120 ", 120),
        ("9" * 5000, 999_999_999),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds or a date (RFC 9110, 10.2.3); anything else asks nothing."""
    assert retry_after(header, now=100) == seconds


@steady
@given(st.text())
def test_any_retry_after_is_read(header: str) -> None:
    seconds = retry_after(header, now=0)
    assert seconds is None or seconds >= 0

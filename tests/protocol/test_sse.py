"""Server-sent events: any chunking, any line end."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.protocol.sse import KEEPALIVE, Decoder, Event, encode

steady = settings(deadline=None, derandomize=True, max_examples=200)
_line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=8)


def decode(data: bytes, cuts: list[int] | None = None) -> list[Event]:
    decoder, events, start = Decoder(), [], 0
    for cut in sorted({c % (len(data) + 1) for c in cuts or []}):
        events += decoder.feed(data[start:cut])
        start = cut
    return events + decoder.feed(data[start:]) + decoder.feed(b"")


@steady
@given(
    payloads=st.lists(
        st.tuples(
            st.text(max_size=8), st.none() | st.from_regex(r"[a-z0-9.]{1,6}", fullmatch=True)
        ),
        max_size=4,
    ),
    cuts=st.lists(st.integers(0, 300)),
)
def test_what_is_written_is_read(payloads: list[tuple[str, str | None]], cuts: list[int]):
    frames = b"".join(encode(json.dumps(text).encode(), id=id) + KEEPALIVE for text, id in payloads)
    events = decode(frames, cuts)
    assert [(json.loads(event.data), event.id) for event in events] == payloads


@steady
@given(
    events=st.lists(st.lists(_line, min_size=1, max_size=3), max_size=4),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
    cuts=st.lists(st.integers(0, 300)),
    bom=st.booleans(),
)
def test_line_ends_and_pieces(events: list[list[str]], end: str, cuts: list[int], bom: bool):
    text = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines in events)
    data = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    assert [event.data for event in decode(data, cuts)] == ["\n".join(lines) for lines in events]


@steady
@given(st.binary())
def test_any_bytes_at_all(data: bytes):
    decode(data)


def test_fields():
    decoder = Decoder()
    text = (
        b": comment\nevent: endpoint\nid: 7\nretry: 250\ndata:x\ndata: y\nother: z\n\n"
        b"id: 8\nretry: soon\n\ndata\n\nid: a\0b\ndata: 1\n\n"
    )
    assert decoder.feed(text) == [
        Event("x\ny", "7", "endpoint", 250),
        Event(""),
        Event("1"),
    ]
    assert (decoder.last_event_id, decoder.retry) == ("8", 250)


def test_a_priming_event():
    assert encode(b"", id="1", retry=500) == (
        b"event: message\r\nid: 1\r\nretry: 500\r\ndata: \r\n\r\n"
    )
    assert decode(encode(b"", id="1")) == [Event("", "1")]


def test_what_waits_is_counted():
    decoder = Decoder()
    decoder.feed(b"data: 12345\ndata: 6")
    assert decoder.buffered == len(b"12345\n") + len(b"data: 6")


def test_empty_lines_are_counted_as_well():
    decoder = Decoder()
    decoder.feed(b"data:\n" * 1000)
    assert decoder.buffered == 1000


def test_an_absurd_retry_time_is_no_retry_time():
    decoder = Decoder()
    assert decoder.feed(b"retry: " + b"9" * 5000 + b"\ndata: 1\n\n") == [Event("1")]
    assert decoder.retry is None


def test_a_frame_ends_with_its_last_carriage_return():
    decoder = Decoder()
    assert decoder.feed(b"data: 1\r\r") == [Event("1")]
    assert decoder.feed(b"\ndata: 2\r\n\r") == [Event("2")]
    assert decoder.feed(b"\n") == []

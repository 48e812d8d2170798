"""What is written into `WWW-Authenticate` is what is read out of it, whoever it comes from."""

from __future__ import annotations

import pytest

from fastmcp.protocol.challenges import bearer_challenge, read_challenges


def test_a_challenge_is_read_as_it_was_written():
    written = bearer_challenge(
        error="insufficient_scope", scopes=["read", "write"], metadata="https://x.example/y"
    )
    [challenge] = read_challenges(written)
    assert challenge.scheme == "bearer"
    assert challenge.parameters == {
        "error": "insufficient_scope",
        "scope": "read write",
        "resource_metadata": "https://x.example/y",
    }


@pytest.mark.parametrize(
    "evil", ['a", realm="b', "a\r\nSet-Cookie: x=y", "a\\", 'a\\", b="c', "é\0"]
)
def test_no_text_ends_its_quotes_or_the_line(evil: str):
    """RFC 9110, 5.5 and 5.6.4: header smuggling."""
    written = bearer_challenge(error="invalid_token", description=evil)
    assert written.isascii()
    assert written.isprintable()
    [challenge] = read_challenges(written)
    assert set(challenge.parameters) == {"error", "error_description"}

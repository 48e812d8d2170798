"""What is known of good tokens: as long as it is good, and no longer in memory than that."""

from __future__ import annotations

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.verified import VerifiedTokens
from tests.support.process import eventually


def good(number: int) -> AccessToken:
    return AccessToken(token=f"t{number}", client_id="ada", scopes=[])


def test_the_oldest_goes_first():
    known = VerifiedTokens(60, 3)
    for number in range(5):
        known.put(good(number), None)
    assert len(known) == 3
    assert known.get("t1") is None
    assert known.get("t4") is not None


def test_those_whose_time_is_over_go_when_another_comes():
    """Nobody asks for them again: each user's next token is another one."""
    known = VerifiedTokens(0.05, 4096)
    for number in range(100):
        known.put(good(number), None)

    def only_the_newest() -> bool:
        known.put(good(100), None)
        return len(known) == 1

    eventually(only_the_newest, 10, "the others are forgotten")

"""What may be kept, for how long, and what makes it stale."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import ListToolsResult

from fastmcp.protocol.caching import LONGEST_TTL_MS, Place, hint, made_stale, place, readable


@pytest.mark.parametrize(
    ("method", "params", "where"),
    [
        ("tools/list", {}, Place("tools/list")),
        ("tools/list", {"cursor": "2"}, Place("tools/list", "", "2")),
        ("resources/read", {"uri": "a://b"}, Place("resources/read", "a://b")),
        ("skills/get", {"uri": "a://b"}, Place("skills/get", "a://b")),
        ("resources/read", {"uri": "a://b", "_meta": {"user": 1}}, None),
        ("resources/read", {"uri": "a://b", "inputResponses": {}}, None),
        ("resources/read", {"uri": "a://b", "requestState": "s"}, None),
        ("tools/list", {"cursor": 2}, None),
        ("tools/call", {"name": "x"}, None),
        ("server/discover", {}, None),
        ("unheard/of", {}, None),
    ],
)
def test_the_place_of_an_answer(method: str, params: dict[str, Any], where: Place | None) -> None:
    assert place(method, params) == where


@pytest.mark.parametrize(
    ("said", "ttl"),
    [
        (0, 0),
        (1500, 1500),
        (1500.9, 1500),
        (10**30, LONGEST_TTL_MS),
        (-1, 0),
        (-(10**400), 0),
        (10**400, LONGEST_TTL_MS),
        (float("inf"), 0),
        (float("nan"), 0),
        (True, 0),
        ("60000", 0),
        (None, 0),
        ([60000], 0),
        ({}, 0),
    ],
)
def test_a_time_is_believed_as_far_as_it_is_one(said: Any, ttl: int) -> None:
    assert hint({"ttlMs": said}).ttl_ms == ttl
    assert hint({"ttlMs": said}, 5000).ttl_ms == ttl
    ListToolsResult.model_validate({"tools": [], **readable({"ttlMs": said})})


def test_without_a_time_the_default_holds() -> None:
    assert hint({}).ttl_ms == 0
    assert hint({}, 5000).ttl_ms == 5000


@pytest.mark.parametrize("said", ["private", "PUBLIC", None, 1, ["public"], {}])
def test_whatever_is_not_public_is_private(said: Any) -> None:
    assert hint({"cacheScope": said}).scope == "private"
    ListToolsResult.model_validate({"tools": [], **readable({"cacheScope": said})})
    assert hint({"cacheScope": "public"}).scope == "public"


def test_what_a_notification_makes_stale() -> None:
    assert made_stale("notifications/tools/list_changed", {}) == [("tools/list", "")]
    lists = made_stale("notifications/resources/list_changed", {})
    assert ("resources/list", "") in lists
    assert ("resources/templates/list", "") in lists
    updated = made_stale("notifications/resources/updated", {"uri": "a://b"})
    assert ("resources/read", "a://b") in updated
    assert made_stale("notifications/resources/updated", {"uri": 5}) == []
    assert made_stale("notifications/progress", {}) == []

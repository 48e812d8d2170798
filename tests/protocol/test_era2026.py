"""What every result of the stateless era carries."""

from __future__ import annotations

from typing import Any

from fastmcp.protocol.era2026 import CacheHint, complete, discover_result
from fastmcp.protocol.meta import SERVER_INFO
from tests.support import schema

INFO = {"name": "s", "version": "1"}


def test_complete():
    result = complete({"tools": []}, INFO, CacheHint(5, "public"))
    schema.check_definition(result, schema.STATELESS, "ListToolsResult")
    assert result == {
        "tools": [],
        "resultType": "complete",
        "_meta": {SERVER_INFO: INFO},
        "ttlMs": 5,
        "cacheScope": "public",
    }


def test_what_the_handler_said_is_kept():
    meta: dict[str, Any] = {"x": 1}
    said = {"tools": [], "_meta": meta, "ttlMs": 1, "cacheScope": "private"}
    result = complete(said, INFO, CacheHint(5, "public"))
    assert (result["ttlMs"], result["cacheScope"]) == (1, "private")
    assert result["_meta"] == {"x": 1, SERVER_INFO: INFO}
    assert meta == {"x": 1}
    own = complete({"_meta": {SERVER_INFO: "other"}}, INFO, None)
    assert own["_meta"] == {SERVER_INFO: "other"}


def test_no_hints_without_a_cacheable_result():
    assert "ttlMs" not in complete({}, INFO, None)
    asked = complete({"resultType": "input_required"}, INFO, CacheHint())
    assert "ttlMs" not in asked


def test_discover():
    for instructions in (None, "use it"):
        result = complete(discover_result({"tools": {}}, instructions), INFO, CacheHint())
        schema.check_definition(result, schema.STATELESS, "DiscoverResult")
        assert result["supportedVersions"] == ["2026-07-28"]

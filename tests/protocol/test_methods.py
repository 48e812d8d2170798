"""The table of methods says what the schemas say."""

from __future__ import annotations

import pytest

from fastmcp.protocol.methods import METHODS, NOTIFICATIONS
from fastmcp.protocol.versions import HANDSHAKE_VERSIONS, STATELESS_VERSIONS, Era
from tests.support import schema

OPTIONAL = {"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"}
"""An experimental capability of 2025-11-25 that this server does not declare."""


def in_schema(era: Era, union: str) -> set[str]:
    versions = STATELESS_VERSIONS if era is Era.STATELESS else HANDSHAKE_VERSIONS
    return set().union(*(schema.methods(version, union) for version in versions))


@pytest.mark.parametrize("era", list(Era))
def test_requests(era: Era):
    ours = {method for method, row in METHODS.items() if era in row.eras}
    known = in_schema(era, "ClientRequest")
    assert ours == (known if era is Era.STATELESS else known - OPTIONAL)


def test_notifications():
    handshake = {method for method, eras in NOTIFICATIONS.items() if Era.HANDSHAKE in eras}
    named = in_schema(Era.HANDSHAKE, "ClientNotification")
    assert handshake == {method for method in named if not method.startswith("notifications/tasks")}
    stateless = {method for method, eras in NOTIFICATIONS.items() if Era.STATELESS in eras}
    [alias] = [schema.definitions(schema.STATELESS)["ClientNotification"]["properties"]["method"]]
    assert stateless == {alias["const"]}


def test_cacheable_results_are_those_with_hints():
    definitions = schema.definitions(schema.STATELESS)
    for method, name in schema.methods(schema.STATELESS, "ClientRequest").items():
        row = METHODS.get(method)
        result = definitions.get(name.removesuffix("Request") + "Result")
        if row is not None and result is not None:
            assert row.cacheable == ("ttlMs" in result.get("properties", {})), method


def test_tasks_are_named_in_the_header():
    """SEP-2663, "Streamable HTTP: Routing Headers"."""
    tasks = {method: row for method, row in METHODS.items() if method.startswith("tasks/")}
    assert tasks.keys() == {"tasks/get", "tasks/update", "tasks/cancel"}
    assert {row.name_field for row in tasks.values()} == {"taskId"}


def test_rows():
    row = METHODS["tools/call"]
    assert (row.name_field, row.hook) == ("name", "on_call_tool")

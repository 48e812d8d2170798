"""What of a filter is honored, what matches it, and what everything on a subscription carries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastmcp.exceptions import McpError
from fastmcp.protocol.subscriptions import KINDS, LONGEST_URI, MOST_URIS, Kind, Subscription, read
from tests.support import schema
from tests.support.asgi import META, STATELESS

TOOLS = ("notifications/tools/list_changed", None)
PROMPTS = ("notifications/prompts/list_changed", None)
RESOURCES = ("notifications/resources/list_changed", None)
ALL = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
    "resourceSubscriptions": ["a:1", "a:2"],
}


def updated(uri: str) -> tuple[str, dict[str, Any]]:
    return "notifications/resources/updated", {"uri": uri}


def heard(filter: dict[str, Any], *events: Any, id: Any = 7) -> list[tuple[str, Any]]:
    """What such a client is sent; each message is valid and carries the id of the request."""
    found: list[tuple[str, Any]] = []
    for data in read(id, {"notifications": filter}).messages(events):
        assert isinstance(data, bytes)
        message = json.loads(data)
        schema.check(message, STATELESS, "server")
        assert message["params"].pop("_meta") == {META + "subscriptionId": id}
        found.append((message["method"], message["params"] or None))
    return found


def test_the_table_is_the_filter_of_the_schema():
    definition = schema.definitions(STATELESS)["SubscriptionFilter"]
    types = {kind.field: "boolean" if kind.key is None else "array" for kind in KINDS}
    assert types == {name: member["type"] for name, member in definition["properties"].items()}
    assert {kind.method for kind in KINDS} < set(schema.methods(STATELESS, "ServerNotification"))


@pytest.mark.parametrize(
    ("asked", "honored"),
    [
        ({}, {}),
        (ALL, ALL),
        ({"toolsListChanged": True, "promptsListChanged": False}, {"toolsListChanged": True}),
        ({"toolsListChanged": None, "resourceSubscriptions": None}, {}),
        ({"resourceSubscriptions": []}, {}),
        ({"resourceSubscriptions": ["b", "a", "b"]}, {"resourceSubscriptions": ["b", "a"]}),
        ({"taskIds": ["1"], "somethingElse": {"deep": 1}}, {}),
    ],
)
def test_what_is_honored(asked: dict[str, Any], honored: dict[str, Any]):
    subscription = read("x", {"notifications": asked})
    assert subscription.honored == honored
    message = json.loads(subscription.acknowledgement())
    schema.check(message, STATELESS, "server")
    assert message["method"] == "notifications/subscriptions/acknowledged"
    assert message["params"] == {
        "_meta": {META + "subscriptionId": "x"},
        "notifications": honored,
    }


def test_what_a_notification_says_of_itself_stays_beside_the_id():
    subscription = read("x", {"notifications": {"toolsListChanged": True}})
    said = {"_meta": {"a/b": 1, META + "subscriptionId": "another's"}}
    [message] = subscription.messages([("notifications/tools/list_changed", said)])
    assert json.loads(message)["params"] == {"_meta": {"a/b": 1, META + "subscriptionId": "x"}}


def test_nobody_hears_what_he_did_not_ask_for():
    events = [TOOLS, updated("a:1"), PROMPTS, updated("a:3"), RESOURCES]
    assert heard({}, *events) == []
    assert heard({"toolsListChanged": True}, *events) == [TOOLS]
    assert heard({"resourceSubscriptions": ["a:3", "a"]}, *events) == [updated("a:3")]
    assert heard(ALL, *events) == [TOOLS, updated("a:1"), PROMPTS, RESOURCES]
    assert heard(ALL, TOOLS, id="listen-1") == [TOOLS]


def test_who_missed_something_is_to_look_at_all_that_he_listens_to():
    def lost(filter: dict[str, Any]) -> list[tuple[str, Any]]:
        messages = read(1, {"notifications": filter}).messages(None)
        return [(m["method"], m["params"].get("uri")) for m in map(json.loads, messages)]

    assert lost({}) == []
    assert lost({"promptsListChanged": True}) == [(PROMPTS[0], None)]
    every = [(method, None) for method, _ in (TOOLS, PROMPTS, RESOURCES)]
    assert lost(ALL) == [*every, (updated("")[0], "a:1"), (updated("")[0], "a:2")]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({}, "notifications must be an object"),
        ({"notifications": None}, "notifications must be an object"),
        ({"notifications": []}, "notifications must be an object"),
        ({"notifications": {"toolsListChanged": 1}}, "toolsListChanged must be a boolean"),
        ({"notifications": {"promptsListChanged": "yes"}}, "promptsListChanged must be a boolean"),
        ({"notifications": {"resourceSubscriptions": True}}, "must be a list of strings"),
        ({"notifications": {"resourceSubscriptions": "a:1"}}, "must be a list of strings"),
        ({"notifications": {"resourceSubscriptions": ["a", 1]}}, "must be a list of strings"),
        ({"notifications": {"resourceSubscriptions": [None]}}, "must be a list of strings"),
        (
            {"notifications": {"resourceSubscriptions": ["a"] * (MOST_URIS + 1)}},
            "may list 1000 names",
        ),
        (
            {"notifications": {"resourceSubscriptions": ["a" * (LONGEST_URI + 1)]}},
            "of at most 4096 characters",
        ),
    ],
)
def test_malformed_filters(params: dict[str, Any], named: str):
    with pytest.raises(McpError, match=named) as raised:
        read(1, params)
    assert raised.value.code == -32602


def test_an_id_that_would_stand_in_every_message():
    assert read("x" * 256, {"notifications": {}}).id == "x" * 256
    with pytest.raises(McpError, match="256 characters") as raised:
        read("x" * 257, {"notifications": {}})
    assert raised.value.code == -32600


def test_the_largest_filter():
    uris = [f"u{n}:".ljust(LONGEST_URI, "x") for n in range(MOST_URIS)]
    assert len(heard({"resourceSubscriptions": uris}, *map(updated, uris))) == MOST_URIS


def test_another_kind_is_a_row():
    kinds = (*KINDS, Kind("thingIds", "notifications/things", "thingId"))
    filter = {"notifications": {"thingIds": ["t1"], "toolsListChanged": True}}
    subscription = read(1, filter, kinds)
    assert subscription.honored == {"toolsListChanged": True, "thingIds": ["t1"]}
    things = [("notifications/things", {"thingId": id, "status": "done"}) for id in ("t1", "t2")]
    [message] = map(json.loads, subscription.messages(things))
    assert (message["params"]["thingId"], message["params"]["status"]) == ("t1", "done")


# tasks


class Shown:
    """How tasks are, and who looked."""

    def __init__(self, **statuses: str) -> None:
        self.statuses = statuses
        self.looks: list[str] = []
        self.away = False

    async def look(self, id: str) -> dict[str, Any] | None:
        self.looks.append(id)
        if self.away:
            raise McpError(-32603, "nobody knows now")
        if id not in self.statuses:
            return None
        now = "2026-07-28T00:00:00Z"
        task = {"taskId": id, "createdAt": now, "lastUpdatedAt": now, "ttlMs": None}
        task["status"] = self.statuses[id]
        return task if task["status"] == "working" else {**task, "result": {"content": []}}


async def told(subscription: Subscription, *events: Any, lost: bool = False) -> list[Any]:
    """What a client is told of tasks; beside them, the notification's method."""
    found: list[Any] = []
    for data in subscription.messages(None if lost else events):
        data = data if isinstance(data, bytes) else await data
        if data:
            message = json.loads(data)
            assert message["params"]["_meta"] == {META + "subscriptionId": "s"}
            params = message["params"]
            about = (params["taskId"], params["status"]) if "taskId" in params else None
            found.append(about or message["method"])
    return found


def changed(id: str) -> Any:
    return "notifications/tasks", {"taskId": id}


def naming(*ids: str, **filter: Any) -> Subscription:
    return read("s", {"notifications": {"taskIds": list(ids), **filter}})


async def test_tasks_are_told_as_they_are_and_their_end_once():
    shown = Shown(a="working", b="working", c="working")
    subscription = naming("a", "b", "c", "not mine")
    assert subscription.tasks == ["a", "b", "c", "not mine"]
    subscription.watch(["a", "b"], shown.look)
    assert subscription.honored == {"taskIds": ["a", "b"]}
    assert await told(subscription) == [("a", "working"), ("b", "working")]
    shown.looks.clear()
    assert await told(subscription, changed("c"), changed("not mine")) == []
    assert shown.looks == []  # nobody is asked for what nobody listens to
    assert await told(subscription, changed("a")) == []  # that was told
    shown.statuses["a"] = "completed"
    assert await told(subscription, changed("a"), changed("a")) == [("a", "completed")]
    assert await told(subscription, changed("a")) == []
    del shown.statuses["b"]
    assert await told(subscription, changed("b")) == []
    shown.statuses["b"] = "completed"
    assert await told(subscription, changed("b"), lost=True) == []


async def test_after_a_loss_each_task_is_told_as_it_is_now():
    shown = Shown(a="working", b="working", c="working")
    subscription = naming("a", "b", "c", toolsListChanged=True)
    subscription.watch(["a", "b", "c"], shown.look)
    await told(subscription)
    shown.statuses |= {"a": "completed", "b": "completed"}
    listed = "notifications/tools/list_changed"
    assert await told(subscription, lost=True) == [listed, ("a", "completed"), ("b", "completed")]


async def test_a_task_that_cannot_be_looked_at_is_told_later():
    shown = Shown(a="working", b="working", c="working")
    subscription = naming("a", "b", "c")
    subscription.watch(["a", "b", "c"], shown.look)
    await told(subscription)
    assert not subscription.late
    shown.away = True
    shown.looks.clear()
    shown.statuses |= {"a": "completed", "b": "completed"}
    assert await told(subscription, changed("a"), changed("b")) == []
    assert shown.looks == ["a"]  # the other would have to wait as long
    assert subscription.late
    shown.away = False
    assert await told(subscription) == [("a", "completed"), ("b", "completed")]
    assert not subscription.late


def test_only_so_many_tasks():
    assert naming(*(str(n) for n in range(100))).tasks
    with pytest.raises(McpError, match="may list 100 names"):
        naming(*(str(n) for n in range(101)))

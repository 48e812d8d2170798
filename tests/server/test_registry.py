"""Components by key: duplicates, versions, visibility, and lists that are made once."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from fastmcp import FastMCP
from fastmcp.server.bus import Change, PromptsChanged, ResourcesChanged, ToolsChanged
from fastmcp.server.middleware import Middleware
from fastmcp.server.registry import Registry, VisibilityRule
from fastmcp.tools import Tool
from fastmcp.utilities.versions import VersionSpec
from tests.support.asgi import STATELESS, Peer


def tool(name: str, version: str | None = None, tags: set[str] | None = None) -> Tool:
    return Tool.from_function(lambda: name, name=name, version=version, tags=tags)


def names(registry: Registry) -> list[str]:
    return [entry["name"] for entry in registry.view.wire(registry.view.tools)]


@pytest.mark.parametrize(
    ("policy", "kept", "warned"), [("warn", 1, 1), ("replace", 1, 0), ("ignore", 0, 0)]
)
def test_duplicates(policy: Any, kept: int, warned: int, caplog: pytest.LogCaptureFixture):
    registry = Registry(policy)
    added = [tool("a"), tool("a")]
    with caplog.at_level(logging.WARNING):
        returned = [registry.add(one) for one in added]
    assert registry.view.tools.find("a") is added[kept]
    assert returned[-1] is added[kept]
    assert len(caplog.records) == warned


def test_duplicates_as_errors():
    registry = Registry("error")
    registry.add(tool("a"))
    with pytest.raises(ValueError, match="tool:a@"):
        registry.add(tool("a"))
    registry.add(tool("b", "1"))
    registry.add(tool("b", "2"))


def test_versions():
    registry = Registry()
    for version in ("1.9", "1.10", "1.0"):
        registry.add(tool("a", version))
    shelf = registry.view.tools
    assert shelf.find("a").version == "1.10"  # type: ignore[union-attr]
    assert shelf.find("a", "1.0").version == "1.0"  # type: ignore[union-attr]
    assert shelf.find("a", VersionSpec(lt="1.10")).version == "1.9"  # type: ignore[union-attr]
    assert shelf.find("a", "7") is None
    [entry] = registry.view.wire(shelf)
    assert entry["_meta"]["fastmcp"]["version"] == "1.10"
    assert entry["_meta"]["fastmcp"]["versions"] == ["1.10", "1.9", "1.0"]
    with pytest.raises(ValueError, match="Cannot add unversioned tool 'a'"):
        registry.add(tool("a"))
    registry.remove("tool", "a", "1.10")
    assert registry.view.tools.find("a").version == "1.9"  # type: ignore[union-attr]
    registry.remove("tool", "a")
    assert registry.view.tools.find("a") is None
    for missing in ({"name": "a"}, {"name": "b", "version": "1"}):
        with pytest.raises(KeyError):
            registry.remove("tool", **missing)


def test_visibility_the_last_rule_wins():
    registry = Registry()
    for one in (tool("a", tags={"x"}), tool("b", tags={"x", "y"}), tool("c")):
        registry.add(one)
    rule = VisibilityRule
    registry.show([rule(False, tags=frozenset({"x"}))])
    assert names(registry) == ["c"]
    registry.show([rule(True, names=frozenset({"a"}))])
    assert names(registry) == ["a", "c"]
    registry.show([rule(False), rule(True, tags=frozenset({"y"}))])
    assert names(registry) == ["b"]
    registry.show([rule(True, components=frozenset({"prompt"}))])
    assert names(registry) == ["b"]
    registry.show([rule(True)])
    registry.show([rule(False, keys=frozenset({"tool:b@"}))])
    assert names(registry) == ["a", "c"]
    registry.add(tool("late", tags={"z"}))
    assert names(registry) == ["a", "c", "late"]


def test_a_hidden_version_uncovers_the_next():
    registry = Registry()
    for version in ("1", "2"):
        registry.add(tool("a", version))
    registry.show([VisibilityRule(False, version=VersionSpec(gte="2"))])
    assert registry.view.tools.find("a").version == "1"  # type: ignore[union-attr]
    assert registry.view.tools.find("a", "2") is None


def test_changes_are_told_by_kind():
    mcp = FastMCP("r")
    told: list[type[Change]] = []
    mcp._engine.registry.on_change = lambda change: told.append(type(change))
    mcp.tool(lambda: 1, name="t")
    mcp.resource("r://1", name="r")(lambda: "r")
    mcp.resource("r://{x}", name="x")(lambda x: x)
    mcp.prompt(lambda: "p", name="p")
    assert told == [ToolsChanged, ResourcesChanged, ResourcesChanged, PromptsChanged]
    told.clear()
    mcp.disable(names={"t"}, components={"tool"})
    assert told == [ToolsChanged]


def test_lists_are_made_once():
    registry = Registry()
    registry.add(tool("a"))
    view = registry.view
    assert registry.view is view
    assert view.wire(view.tools) is view.wire(view.tools)
    registry.add(tool("b"))
    assert registry.view is not view


def test_tools_added_from_threads_while_it_is_read():
    registry = Registry()
    stop = threading.Event()
    failed: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                names(registry)
        except BaseException as exc:
            failed.append(exc)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(150):
        registry.add(tool(f"t{number}"))
    stop.set()
    reader.join()
    assert not failed
    assert len(names(registry)) == 150


async def test_the_program_and_middleware_see_all_versions():
    mcp = FastMCP("v")
    for version in ("1", "2"):
        mcp.add_tool(tool("a", version))
    mcp.add_tool(tool("plain"))
    assert [t.key for t in await mcp.list_tools()] == ["tool:a@1", "tool:a@2", "tool:plain@"]
    seen: list[str | None] = []

    class Watch(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            found = await call_next(context)
            seen.extend(t.version for t in found)
            return found

    mcp.add_middleware(Watch())
    peer = Peer(mcp.http_app(), STATELESS)
    [a, plain] = (await peer.request("tools/list")).result["tools"]
    assert seen == ["1", "2", None]
    assert a["_meta"]["fastmcp"] == {"tags": [], "version": "2", "versions": ["2", "1"]}
    assert plain["_meta"]["fastmcp"] == {"tags": []}
    assert (await mcp.get_tool("plain", "7")) is not None, "what has no version fits any"
    assert (await mcp.get_tool("a", "7")) is None


def test_a_key_that_no_component_can_have_is_warned_about():
    with pytest.warns(UserWarning, match=r"\['tool:a'\]"):
        FastMCP("v").disable(keys={"tool:a", "tool:b@"})

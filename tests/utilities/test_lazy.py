"""What is loaded when it is first used, and while others are served."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from fastmcp.utilities import mcp_types
from fastmcp.utilities.lazy import later, load

SLOW = """
import threading
assert threading.main_thread().opened.wait(20), "the loop stood still"
VALUE = 1
"""


async def test_the_loop_goes_on_while_a_module_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "slow_to_load.py").write_text(SLOW)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    opened = threading.Event()
    monkeypatch.setattr(threading.main_thread(), "opened", opened, raising=False)
    order: list[str] = []

    async def wait(name: str) -> None:
        await load("slow_to_load")
        order.append(name)
        asyncio.get_running_loop().call_soon(order.append, "a turn later")

    async with asyncio.TaskGroup() as group:
        group.create_task(wait("first"))
        hasty = group.create_task(wait("hasty"))
        await asyncio.sleep(0)
        hasty.cancel()  # the others are not let down
        group.create_task(wait("second"))
        await asyncio.sleep(0)
        opened.set()
    # Who waited for the same goes on in the same turn: what is asked then is asked together.
    assert order[:2] == ["first", "second"]
    assert later("slow_to_load").VALUE == 1
    sys.modules.pop("slow_to_load")


async def test_what_cannot_be_loaded_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModuleNotFoundError):
        await load("not_there_yet")
    (tmp_path / "not_there_yet.py").write_text("")
    importlib.invalidate_caches()
    await load("not_there_yet")
    assert sys.modules.pop("not_there_yet")


async def test_what_is_half_loaded_is_not_loaded(monkeypatch: pytest.MonkeyPatch):
    """Another thread loads the protocol's models; who asked them for a class would wait for it."""
    assert mcp_types.Tool
    assert mcp_types.is_loaded()
    monkeypatch.setitem(sys.modules, "mcp_types", ModuleType("mcp_types"))
    assert not mcp_types.is_loaded()

"""What all server tests share: a FASTMCP_HOME of their own, and no task left behind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fastmcp.settings import get_settings
from tests.support.asgi import settled

_HELD = re.compile("_hold|LocalBackplane|Line\\.")


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    settings = get_settings()
    before = settings.home
    settings.home = Path(tmp_path_factory.getbasetemp()) / "home"
    yield
    settings.home = before


@pytest.fixture
async def no_leaks() -> AsyncIterator[None]:
    """Fails the test if a task that it began outlives it.

    The lifespan's own task may, and those that hear of other workers: they are held for the life
    of the loop.
    """
    before = asyncio.all_tasks()
    yield
    await settled()
    own = {asyncio.current_task()}
    left = [t for t in asyncio.all_tasks() - before - own if not _HELD.search(repr(t.get_coro()))]
    assert not left, left

"""The server behind, as a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import Server, script, serve

BACKEND = Path(__file__).with_name("backend.py")


@pytest.fixture(scope="module")
def backend() -> Iterator[Server]:
    with serve(script(BACKEND)) as server:
        yield server

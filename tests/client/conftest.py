"""The server files of this folder, one of them as a process that its tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import Server, script, serve

SERVED = Path(__file__).with_name("served.py")
OLD_SERVED = SERVED.with_name("old_served.py")
CHANGING = SERVED.with_name("changing.py")
ODD = SERVED.with_name("odd_child.py")


@pytest.fixture(scope="session")
def served() -> Iterator[Server]:
    """`served.py` over HTTP."""
    with serve(script(SERVED), clean=False) as server:
        yield server


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both eras: our server speaks the stateless one to a client in mode "auto"."""
    return request.param

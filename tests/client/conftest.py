"""A server process shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import Server, script, serve

SERVED = Path(__file__).with_name("served.py")


@pytest.fixture(scope="session")
def served() -> Iterator[Server]:
    """`served.py` over HTTP."""
    with serve(script(SERVED), clean=False) as server:
        yield server


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both eras: our server speaks the stateless one to a client in mode "auto"."""
    return request.param

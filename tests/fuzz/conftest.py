"""What holds while readers run."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.fuzz.reader import end


@pytest.fixture(scope="module", autouse=True)
def _alone() -> Iterator[None]:
    """The server warns of each token that it refuses; and nothing is left when all have run."""
    logger = logging.getLogger("fastmcp.server.auth")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)
    end()

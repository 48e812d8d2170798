"""For every test: neither how the run was started nor which test ran before decides how it ends."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest

from fastmcp.client.transports.known import forget_servers

_LONG_MODULES = (
    "tests/conformance/",
    "tests/workers/",
    "tests/cli/",
    "tests/client/test_composite.py",
    "tests/client/test_stdio_child.py",
    "tests/client/test_survival.py",
    "tests/outsiders/",
    "tests/server/test_shutdown.py",
    "tests/server/test_telemetry.py",
    "tests/server/test_tasks.py",
    "tests/server/test_http.py",
    "tests/server/transports/test_bad_input.py",
    "tests/wire/",
    "tests/fuzz/",
    "tests/calls/",
    "tests/faults/",
    "tests/soak/",
    "tests/proxies/",
)
"""Those that take half a minute or more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long modules go first: a worker that begins one when the others are done makes them
    wait for it."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG_MODULES))


def pytest_configure() -> None:
    """A shell starts a job in the background with SIGINT ignored, and all processes under it
    inherit that: those that the tests start could not be interrupted."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """A server that runs in the test's process configures logging; its end does not undo that."""
    package = logging.getLogger("fastmcp")
    before = package.level, list(package.handlers), package.propagate
    yield
    package.setLevel(before[0])
    package.handlers[:], package.propagate = before[1], before[2]


@pytest.fixture(autouse=True)
def _servers() -> None:
    """A port may have been another test's: what a server there spoke counts no more."""
    forget_servers()

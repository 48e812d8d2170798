"""For every test: how the run was started must not decide how it ends."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """A shell starts a job in the background with SIGINT ignored, and all processes under it
    inherit that: those that the tests start could not be interrupted."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

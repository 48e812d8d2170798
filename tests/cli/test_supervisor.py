"""A supervisor hears its signals at any moment, also while it looks whether one came."""

from __future__ import annotations

import subprocess
import sys

SOURCE = """
import signal
import sys

from fastmcp.cli.supervisor import Wishes

def wait(number):
    wishes, seen = Wishes(), 0

    def trace(frame, event, argument):
        nonlocal seen
        seen += 1
        if seen == number:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return trace

    sys.settrace(trace)
    wishes.stop.wait(0.001)
    sys.settrace(None)
    return seen >= number


number = 1
while wait(number):
    number += 1
print("interrupted", number - 1)
"""


def test_a_signal_in_the_middle_of_a_wait_does_not_freeze_the_supervisor():
    # The signal is raised before each step of `wait` in turn.
    run = subprocess.run(
        [sys.executable, "-c", SOURCE], capture_output=True, text=True, timeout=20, check=False
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[1]) > 2

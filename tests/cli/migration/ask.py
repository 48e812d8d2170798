"""Clients, run as they are written, one after the other: `python ask.py PACKAGE CLIENT:PORT...`

All in one interpreter, which has imported what they need by the time their servers listen: most of
what a client costs is that.
"""

from __future__ import annotations

import importlib
import runpy
import socket
import sys
import time

SECONDS = 60.0


def wait_for(port: int, deadline: float) -> None:
    """Until something listens there."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            sys.exit(f"nothing listens at port {port}")
        time.sleep(0.02)


if __name__ == "__main__":
    [_, package, *clients] = sys.argv
    deadline = time.monotonic() + SECONDS
    # The attribute too: a package may load what it offers only when it is asked for.
    getattr(importlib.import_module(package), "Client", None)
    for client in clients:
        path, _, port = client.rpartition(":")
        wait_for(int(port), deadline)
        runpy.run_path(path, run_name="__main__")

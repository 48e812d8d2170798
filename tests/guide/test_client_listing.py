"""G5: the guide's client, against the guide's server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fastmcp.client import transports
from tests.guide.listings import copy
from tests.support.process import serve


def test_g5_client(tmp_path: Path) -> None:
    with serve(lambda port: [sys.executable, copy("g01_server.py", tmp_path, port)]) as server:
        client = copy("g05_client.py", tmp_path, server.port)
        done = subprocess.run([sys.executable, client], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "Hello, world!" in done.stdout
    assert "['hello']" in done.stdout
    assert done.stderr == ""


def test_g5_both_spellings() -> None:
    assert transports.StreamableHTTPTransport is transports.StreamableHttpTransport

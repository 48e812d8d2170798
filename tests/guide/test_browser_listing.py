"""G12: a page on another origin, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guide.listings import copy
from tests.support.browser import page, talk
from tests.support.process import serve, uvicorn


@pytest.mark.timeout(120)  # the first run fetches and unpacks the browser
def test_g12_a_page_of_an_allowed_origin_and_of_another(tmp_path: Path) -> None:
    with page() as origin:
        listing = copy("g12_cors.py", tmp_path)
        listing.write_text(listing.read_text().replace("http://localhost:3000", origin))
        with serve(uvicorn("g12_cors:app"), cwd=tmp_path) as server:
            # The same page by its other name is of another origin.
            other = origin.replace("localhost", "127.0.0.1")
            seen, foreign = talk(server.url, (origin, "handshake"), (other, "handshake"))
    assert seen.get("said") == "Hello, world!", seen
    assert seen["session"]
    assert seen["statuses"] == [200, 202, 200, 200]
    assert foreign["error"] == "TypeError: Failed to fetch"
    assert foreign["statuses"] == []

"""A real Chromium for tests: an npm package's, which brings its shared libraries; else PATH's.

`@sparticuz/chromium` is a headless build for x86-64 Linux that needs nothing but glibc. Where it
cannot run, a `chromium` on PATH is taken. `playwright-core` drives either. A page is served by a
process of its own, from an origin of its own, and a test calls a function in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from tests.support import node
from tests.support.locks import locked
from tests.support.process import serve

SOURCE = Path(__file__).parent / "chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
    # Tests are alone with their machine. Playwright's own way to refuse requests would not do:
    # while it is in use, the browser sends no preflights.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
MISSING = (
    "the packaged Chromium does not run on this machine, and there is none on PATH: as root, "
    "apt-get install -y --no-install-recommends chromium"
)
Era: TypeAlias = Literal["handshake", "stateless"]
_SECONDS = 50
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Browser:
    """An executable, and the folder of the shared libraries that come with it."""

    executable: Path
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What it needs besides the environment of the tests."""
        return {} if self.libraries is None else {"LD_LIBRARY_PATH": str(self.libraries)}

    def runs(self) -> bool:
        """Whether this machine can start it."""
        try:
            done = subprocess.run(
                [self.executable, "--version"],
                env={**os.environ, **self.environment},
                capture_output=True,
                timeout=_SECONDS,
            )
        except OSError:  # built for another processor
            return False
        return done.returncode == 0


@cache
def browser() -> Browser:
    """The browser of this machine. Where there is none, the test is skipped with the command
    that mends it; under CI, and as root who can mend it, it fails."""
    packaged = _packaged()
    if packaged.runs():
        return packaged
    for found in filter(None, map(shutil.which, _NAMES)):
        if Browser(Path(found)).runs():
            return Browser(Path(found))
    if os.environ.get("CI") or os.geteuid() == 0:
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def _packaged() -> Browser:
    prefix = node.packages(SOURCE)
    folder = prefix / "unpacked"
    with locked(folder):
        if not folder.exists():
            fresh = prefix / "unpacked.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            unpack = node.script(SOURCE / "unpack.mjs", prefix)
            done = node.run([unpack], timeout=_SECONDS, env={"TMPDIR": str(fresh)})
            assert done.returncode == 0, done.stderr
            fresh.rename(folder)
    return Browser(folder / "chromium", folder / "al2023" / "lib")


@contextmanager
def page(module: Path | None = None) -> Iterator[str]:
    """Serves a page; the origin, `http://localhost:PORT`.

    Args:
        module: of JavaScript that it runs; by default it is empty.
    """
    with tempfile.TemporaryDirectory(prefix="fastmcp-page-") as name:
        text = "<!doctype html><title>A page</title><body>"
        if module is not None:
            shutil.copy(module, Path(name) / "page.js")
            text += '<script type="module" src="/page.js"></script>'
        (Path(name) / "index.html").write_text(text)

        def command(port: int) -> list[str]:
            return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]

        with serve(command, cwd=Path(name)) as server:
            yield f"http://localhost:{server.port}"


def in_pages(function: str, *visits: tuple[str, list[Any]]) -> list[Any]:
    """Opens a page after the other and calls a JavaScript function in each.

    Args:
        function: its text; may be async.
        visits: the origin of a page, and the function's arguments there, JSON values.
    Returns:
        The JSON values that it returned.
    """
    order = {
        "source": function,
        "visits": [{"url": origin + "/", "given": given} for origin, given in visits],
    }
    return _driven("visit.mjs", order)


def talk(url: str, *pages: tuple[str, Era]) -> list[dict[str, Any]]:
    """Pages talk to the server at `url`, each from its origin and in its era, and call `hello`.

    Returns:
        What each saw: `statuses`, `session`, what the tool `said`, or the `error` that ended it.
    """
    visits = [(origin, [url, era == "stateless", "world"]) for origin, era in pages]
    return in_pages((SOURCE / "talk.js").read_text(), *visits)


def decide(
    url: str,
    decision: str,
    ends: str,
    picture: Path | None = None,
    *,
    before: Sequence[str] = (),
) -> dict[str, Any]:
    """A person opens a page of consent in a browser, and presses a button.

    Args:
        url: that leads to the page.
        decision: the value of the button.
        ends: what the address begins with that this leads to.
        picture: where to keep one of the page.
        before: the values of buttons of the pages before, such as the one to log in.

    Returns:
        Where the page was (`at`), what could be `read` on it, where it `ended` and what could be
        `told` from the page there, and what the browser wrote to its console about the pages before
        (`complaints`).
    """
    order = {
        "url": url,
        "before": list(before),
        "decision": decision,
        "ends": ends,
        "picture": None if picture is None else str(picture),
    }
    return _driven("consent.mjs", order)


def clicks(url: str, *things: str, shows: str, popup: bool = False) -> str:
    """A person opens a page and clicks one thing after the other, as soon as it is there.

    Args:
        url: of the page.
        things: selectors of Playwright, such as `role=button[name="Connect"]`.
        shows: the selector of what is there in the end.
        popup: the things are in a window that the page opens.

    Returns:
        What can be read on the page then.
    """
    order = {"url": url, "clicks": things, "shows": shows, "popup": popup}
    return _driven("clicks.mjs", order)


def _driven(name: str, order: dict[str, Any]) -> Any:
    """What a script prints that drives the browser by an order."""
    found = browser()
    done = subprocess.run(
        [node.node(), node.script(SOURCE / name, node.packages(SOURCE))],
        input=json.dumps({"executable": str(found.executable), "flags": FLAGS, **order}),
        env=node.environment(**found.environment),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

"""Runs the official conformance suite and reads what it found.

The suite (npm, pinned by `package.json`) writes one folder per scenario with its checks. Here a
scenario passes when no check of it failed *or warned*: a warning is a broken SHOULD, and this
project keeps those too. Whether a scenario is scored makes no difference either.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.support import node

HERE = Path(__file__).parent
REVISIONS = ("2025-11-25", "2026-07-28")
SKILLS = ("sep-2640-skills-enumeration", "sep-2640-skills-manifest", "sep-2640-skills-directory")
"""Server scenarios of the extension for skills, which are in no requirement set."""
CLIENT_SKILLS = (
    "sep-2640-client-no-prefetch",
    "sep-2640-client-verify-digest",
    "sep-2640-client-verify-size",
    "sep-2640-client-verify-frontmatter",
)
"""The same of clients."""

MUST_RUN = {
    "2025-11-25": {"sse-retry", "json-schema-2020-12-preservation"},
    "2026-07-28": {"json-schema-2020-12-preservation"},
}
"""Client scenarios that measure time or are not scored: nobody would miss one that did not run."""

ISSUER = ("authorization-server-metadata-endpoint", "authorization-code-grant")
"""Scenarios of an authorization server, which are in no requirement set."""

Mode = Literal["server", "client"]

_STAMP = re.compile(r"-\d{4}-\d\d-\d\dT[\d-]+Z$")
_AUTHORIZE = re.compile(r"https?://\S+/authorize\?\S+")
_SUMMARY = re.compile(r"^[✓✗] (\S+): \d+ passed", re.MULTILINE)
_SERVER_SECONDS = 120
_CLIENT_SECONDS = 300
_ISSUER_SECONDS = 60
_AT_ONCE = 3
"""Scenarios that run beside each other; each is Node and a client, which mostly wait."""


@dataclass
class Scenario:
    """What one scenario found."""

    name: str
    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Checks that found nothing to look at."""

    @property
    def passed(self) -> bool:
        """No check failed or warned."""
        return not self.problems


def expected_failures(mode: Mode, revision: str) -> set[str]:
    """The scenarios that `expected_failures.yml` lists."""
    listed = yaml.safe_load((HERE / "expected_failures.yml").read_text())
    return set(listed[mode][revision] or ())


def examine_server(url: str, revision: str) -> dict[str, Scenario]:
    """All scenarios of a requirement set against a running server."""
    return _run("server", ["--url", url, "--requirements", revision], _SERVER_SECONDS)


def examine_extension(url: str, scenario: str) -> Scenario:
    """One scenario of an extension that the running server has: a check it skips is a problem."""
    found = _run("server", ["--url", url, "--scenario", scenario], _SERVER_SECONDS)[scenario]
    found.problems += found.skipped
    return found


def examine_client(revision: str) -> dict[str, Scenario]:
    """All scenarios of a requirement set against `client.py`; all its clients start at once."""
    return _run("client", [*_client(), "--requirements", revision], _CLIENT_SECONDS)


def examine_client_alone(scenarios: Iterable[str], revision: str | None) -> dict[str, Scenario]:
    """Each of these scenarios by itself, a few at a time: here the suite counts how the client
    ends too, which it does not in a set.

    Args:
        scenarios: their names.
        revision: of the protocol; None for the one the suite takes for each.
    """
    version = [] if revision is None else ["--spec-version", revision]

    def one(name: str) -> Scenario:
        arguments = [*_client(), "--scenario", name, *version]
        found = _run("client", arguments, _CLIENT_SECONDS, counts_exit=True)
        return found[name]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(one, scenarios))
    # Some measure time, and the machine has others to serve: a second try is nobody's neighbour.
    return {s.name: s if s.passed else one(s.name) for s in found}


def examine_issuer(
    url: str, client_id: str, callback_port: int, visit: Callable[[str], None]
) -> dict[str, Scenario]:
    """The scenarios of an authorization server.

    Args:
        url: its issuer.
        client_id: of a client whose answers go to `http://127.0.0.1:<callback_port>/callback`.
        callback_port: where the suite waits for one.
        visit: is given the URL that the suite asks a person to open in a browser, and does what
            the person would.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as out:
        arguments = ["--url", url, "--client-id", client_id, "-p", str(callback_port), "-o", out]
        command = [node.node(), _suite(), "authorization", *arguments]
        said = ""
        with subprocess.Popen(
            command,
            env=node.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            watch = threading.Timer(_ISSUER_SECONDS, process.kill)
            watch.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    said += line
                    asked = _AUTHORIZE.search(line)
                    if asked is not None:
                        visit(asked[0])
            finally:
                watch.cancel()
                process.kill()
        found = _read("server", Path(out))
    for name in ISSUER:
        if name not in found:
            found[name] = Scenario(name, [f"did not run:\n{said}"])
    for scenario in found.values():
        scenario.problems += scenario.skipped
    return found


def _suite() -> Path:
    packages = node.packages(HERE) / "node_modules" / "@modelcontextprotocol"
    return packages / "conformance" / "dist" / "index.js"


def _client() -> list[str]:
    # The suite splits the command on single spaces; a path with one in it would break.
    command = f"{sys.executable} {HERE / 'client.py'}"
    assert command.count(" ") == 1, f"a space in a path: {command}"
    return ["--command", command, "--timeout", "120000"]  # for all clients of a set together


def _run(
    mode: Mode, arguments: list[str], seconds: float, *, counts_exit: bool = False
) -> dict[str, Scenario]:
    with tempfile.TemporaryDirectory(prefix="conformance-") as out:
        done: subprocess.CompletedProcess[str] = node.run(
            [_suite(), mode, *arguments, "-o", out], timeout=seconds
        )
        found = _read(mode, Path(out))
    ran = set(_SUMMARY.findall(done.stdout)) or set(found)
    assert ran, f"the suite ran nothing:\n{done.stdout}\n{done.stderr}"
    missing = ran - set(found)
    for name in missing:
        found[name] = Scenario(name, ["the suite wrote no checks"])
    if counts_exit and done.returncode:
        for scenario in found.values():
            scenario.problems.append(f"status {done.returncode}: {done.stdout[-1500:]}")
    return found


def _read(mode: Mode, out: Path) -> dict[str, Scenario]:
    found: dict[str, Scenario] = {}
    for path in sorted(out.rglob("checks.json")):
        name = _STAMP.sub("", path.parent.relative_to(out).as_posix())
        if mode == "server":
            name = name.removeprefix("authorization-").removeprefix("server-")
        checks: list[dict[str, Any]] = json.loads(path.read_text())
        scenario = Scenario(name)
        if not checks:
            scenario.problems.append("no checks")
        for check in checks:
            if check["status"] in ("FAILURE", "WARNING"):
                reason = check.get("errorMessage") or check.get("description")
                details = json.dumps(check.get("details") or {})[:600]
                scenario.problems.append(f"{check['status']} {check['id']}: {reason} {details}")
            elif check["status"] == "SKIPPED":
                scenario.skipped.append(f"SKIPPED {check['id']}: {check.get('errorMessage')}")
        stderr = path.parent / "stderr.txt"
        if mode == "client" and stderr.exists() and not name.startswith("auth/"):
            # The suite ignores how a client ended; outside of authorization, where some refusals
            # are meant to end it, no scenario may.
            trace = stderr.read_text(errors="replace")
            if "Traceback (most recent call last)" in trace:
                scenario.problems.append(f"the client ended with a stack trace: {trace[-1500:]}")
        found[name] = scenario
    return found


def verdict(found: dict[str, Scenario], expected: set[str]) -> list[str]:
    """What is wrong: scenarios that fail and are not listed, or are listed and pass."""
    wrong: list[str] = []
    for name in sorted(found):
        scenario = found[name]
        if not scenario.passed and name not in expected:
            wrong.append(f"{name} fails:\n    " + "\n    ".join(scenario.problems))
        if scenario.passed and name in expected:
            wrong.append(f"{name} passes now: take it off expected_failures.yml")
    wrong.extend(
        f"{name} is listed, and no such scenario ran" for name in sorted(expected - set(found))
    )
    return wrong

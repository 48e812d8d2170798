"""`python -m tests.support.prepare`: fetch what the tests need, before the time of any test runs.

A test that needs an environment or npm packages builds them where they are missing; on a machine
where nothing was fetched yet that can take longer than the test has.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support import node, venvs

TESTS = Path(__file__).parents[1]
_AT_ONCE = 3
"""They wait for the network more than they compute."""


def main() -> None:
    """Build every environment of `venvs`, and install the packages of every lock file."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        work = [pool.submit(venvs.python_of, *pair) for pair in venvs.ENVIRONMENTS]
        work += [
            pool.submit(node.packages, lock.parent) for lock in TESTS.rglob("package-lock.json")
        ]
    for done in work:
        done.result()


if __name__ == "__main__":
    main()

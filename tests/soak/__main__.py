"""`python -m tests.soak`: soaks the servers, says what was found, and ends with 1 where something
grows or went wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.plot import plot
from tests.soak.report import table
from tests.soak.run import Plan, as_json, soak
from tests.soak.stages import Times


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=float(os.environ.get("SOAK_SECONDS") or 900)
    )
    parser.add_argument("--clients", type=int, default=8, help="of each server")
    parser.add_argument("--pause", type=float, default=0.4, help="seconds, at most")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between samples")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/soak.json"))
    options = parser.parse_args()
    # All of it is the time that was asked for, but for the rests.
    warm_up = options.seconds / 5
    times = Times(session=60, kept=10, task=40)
    plan = Plan(
        seconds=options.seconds - warm_up,
        warm_up=warm_up,
        settle=times.session + times.kept,
        every=options.every,
        clients=options.clients,
        pause=options.pause,
        times=times,
        slopes=True,
    )
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {what}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="fastmcp-soak-") as folder:
        found = asyncio.run(soak(plan, Path(folder), tell))
    print(table(found))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(as_json(found), indent=1))
    picture = options.out.with_suffix(".svg")
    picture.write_text(plot(found))
    print(f"\nwritten: {options.out}, {picture}")
    sys.exit(1 if found.problems else 0)


if __name__ == "__main__":
    main()

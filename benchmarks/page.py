"""`python -m benchmarks --write-docs`: the figures of a run into `docs/benchmarks.md`.

The page's words are written by hand; what stands between its two marks, and the pictures, are made
here, of the JSON that a run has written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import plot, report
from benchmarks.machine import note

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def write(results: dict[str, Any]) -> None:
    """Makes the page's figures and pictures anew."""
    page = DOCS / "benchmarks.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text("\n".join([before + BEGIN, "", figures(results), "", END + after]))
    (DOCS / "benchmarks-throughput.svg").write_text(plot.throughput(results["rows"]))
    (DOCS / "benchmarks-goals.svg").write_text(plot.goals(results["goals"]))


def figures(results: dict[str, Any]) -> str:
    """All that one run found, as Markdown."""
    run = results["run"]
    where = f"{run['machine']}; {run['system']}; {run['python']}"
    length = f"{run['rounds']} rounds of {run['seconds']:g} s"
    parts = [
        f"Measured on {run['time']}: {where}. {length}, `{run['command']}`.",
        "| who | version |\n|---|---|\n"
        + "\n".join(f"| {name} | {version} |" for name, version in run["targets"].items()),
        "### What was to be reached",
        report.goals(results["goals"]),
        "![How far the goals are met](benchmarks-goals.svg)",
        "### Calls",
        "![Throughput as a part of the floor's](benchmarks-throughput.svg)",
        report.throughput(results["rows"]),
        "### Time and memory",
        report.others(results["rows"]),
        note(run["cores"]),
    ]
    return "\n\n".join(part for part in parts if part)

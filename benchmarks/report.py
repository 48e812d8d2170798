"""What a run found, as rows for JSON, and as tables in Markdown, for terminals and pages alike."""

from __future__ import annotations

from typing import Any

from benchmarks.machine import note
from benchmarks.run import Run
from benchmarks.servers import FASTMCP_4, FLOOR, MCP_SDK, TYPESCRIPT_1, TYPESCRIPT_2

BUSY = 0.9
"""A load that computes more than this part of the time may be what was measured; a client is to."""


def rows(run: Run) -> list[dict[str, Any]]:
    """One row for each workload and target: the medians, and ratios of the figure it is about."""
    found: list[dict[str, Any]] = []
    for workload in run.workloads:
        able = [name for name in run.servers.targets if (workload.name, name) in run.results]
        for target in able:
            figures = {
                figure: run.median(workload.name, target, figure)
                for figure in run.results[workload.name, target][0]
            }
            about = next(iter(figures))
            found.append(
                {
                    "workload": workload.name,
                    "title": workload.title,
                    "in_flight": workload.in_flight,
                    "target": target,
                    "rounds": len(run.results[workload.name, target]),
                    "figures": figures,
                    "ratios": {
                        other: run.ratio((workload.name, target), (workload.name, other), about)
                        for other in able
                        if other != target
                    },
                }
            )
    return found


def _columns(rows: list[list[str]]) -> str:
    """Markdown whose columns are as wide as their widest cell; numbers to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines: list[str] = []
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(cells)} |")
        if number == 0:
            rule = [
                "-" * width if at < 2 else "-" * (width - 1) + ":"
                for at, width in enumerate(widths)
            ]
            lines.append(f"| {' | '.join(rule)} |")
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _ratio(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return ""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def throughput(rows: list[dict[str, Any]]) -> str:
    """The rows that are about calls per second."""
    rows = [row for row in rows if "rate" in row["figures"]]
    if not rows:
        return ""
    against = [
        name
        for name in (FLOOR, FASTMCP_4, MCP_SDK, TYPESCRIPT_1, TYPESCRIPT_2)
        if any(name in row["ratios"] for row in rows)
    ]
    head = ["workload", "who", "in flight", "calls/s", "p50 ms", "p99 ms", "CPU µs", "load busy"]
    lines = [[*head, *(f"x {name}" for name in against)]]
    for row in rows:
        figures = row["figures"]
        lines.append(
            [
                row["title"],
                row["target"],
                str(row["in_flight"]),
                _number(figures["rate"], 0 if figures["rate"] >= 100 else 1),
                _number(figures.get("p50"), 2),
                _number(figures.get("p99"), 2),
                _number(figures.get("cpu"), 0),
                f"{figures['busy']:.0%}"
                + ("!" if figures["busy"] > BUSY and "p50" in figures else ""),
                *(_ratio(row["ratios"].get(name)) for name in against),
            ]
        )
    return _columns(lines)


def others(rows: list[dict[str, Any]]) -> str:
    """The rows that are about time or memory, a line for each figure."""
    lines = [["what", "who", "figure", "value"]]
    for row in rows:
        if "rate" not in row["figures"]:
            lines += [
                [row["title"], row["target"], name, f"{value:.4g}"]
                for name, value in row["figures"].items()
            ]
    return _columns(lines) if len(lines) > 1 else ""


def goals(rows: list[dict[str, Any]]) -> str:
    """What was to be reached, and whether it is."""
    lines = [["path", "reached", "ratio", "goal", "by CPU time"]]
    lines += [
        [
            row["title"],
            "yes" if row["reached"] else "no",
            _ratio(row["value"]),
            row["goal"],
            _ratio(row["by_cpu"]),
        ]
        for row in rows
        if row["reached"] is not None
    ]
    return _columns(lines) if len(lines) > 1 else ""


def heading(run: dict[str, Any]) -> str:
    """What ran where."""
    lines = [f"{run['machine']}; {run['system']}; {run['python']}; {run['time']}"]
    lines += [f"{name}: {version}" for name, version in run["targets"].items()]
    lines.append(f"{run['rounds']} rounds of {run['seconds']:g} s: {run['command']}")
    return "\n".join(lines)


def text(results: dict[str, Any]) -> str:
    """All of it, for a terminal."""
    failures = [f"{f['workload']} of {f['target']} failed: {f['why']}" for f in results["failed"]]
    parts = [
        heading(results["run"]),
        throughput(results["rows"]),
        others(results["rows"]),
        goals(results["goals"]),
        note(results["run"]["cores"]),
        "\n".join(failures),
    ]
    return "\n\n".join(part for part in parts if part)

"""The figures as a table, as JSON and as a plot.

All comparison is by ratio within a round: machines differ and drift, two neighbours in one round
less so. A cell's ratio is the median of its rounds' ratios.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.load import Sample, Workload

FLOOR = "floor"
OURS = "ours"
FASTMCP_4 = "fastmcp-4"
MCP_SDK = "mcp-sdk"
COLOURS = {OURS: "#2563eb", FASTMCP_4: "#f59e0b", MCP_SDK: "#10b981"}

BAR, GAP, LEFT, TOP, HEIGHT = 30, 80, 60, 56, 260
PANEL = TOP + HEIGHT + 64


@dataclass
class Cell:
    """All rounds of one target under one workload at one concurrency."""

    target: str
    workload: Workload
    concurrency: int
    rounds: list[Sample] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median calls per second."""
        return statistics.median(sample.rate for sample in self.rounds)

    @property
    def busy(self) -> float:
        """Median load of the generator itself."""
        return statistics.median(sample.busy for sample in self.rounds)

    def latency(self, part: float) -> float:
        """A quantile of the latency in milliseconds, over all rounds."""
        every = sorted(value for sample in self.rounds for value in sample.latencies)
        return every[min(len(every) - 1, int(len(every) * part))] * 1000

    def against(self, other: Cell) -> float:
        """Median over the rounds of this rate through the other's."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(mine.rate / theirs.rate for mine, theirs in pairs)


class Results:
    """The cells of a run, by (workload, concurrency, target)."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, int, str], Cell] = {}

    def add(self, target: str, workload: Workload, concurrency: int, sample: Sample) -> None:
        """Files one round."""
        key = (workload.name, concurrency, target)
        self.cells.setdefault(key, Cell(target, workload, concurrency)).rounds.append(sample)

    def groups(self) -> list[list[Cell]]:
        """Cells that compete with each other, the floor last."""
        grouped: dict[tuple[str, int], list[Cell]] = {}
        for (workload, concurrency, _), cell in self.cells.items():
            grouped.setdefault((workload, concurrency), []).append(cell)
        return [sorted(cells, key=lambda cell: cell.target == FLOOR) for cells in grouped.values()]

    def costs(self) -> list[str]:
        """What a token costs each that verifies one, where both were measured."""
        lines: list[str] = []
        for (_, concurrency, target), cell in self.cells.items():
            beside = self.cells.get((cell.workload.beside or "", concurrency, target))
            if beside is not None and target != FLOOR:
                lines.append(
                    f"{target}, {cell.workload.title}, {concurrency} in flight: "
                    f"{cell.against(beside):.2f} of the same without a token"
                )
        return lines

    def rows(self) -> list[dict[str, Any]]:
        """One row per cell, ready for JSON."""
        rows: list[dict[str, Any]] = []
        for group in self.groups():
            by_target = {cell.target: cell for cell in group}
            for cell in group:
                others = {
                    f"to_{name}": round(cell.against(other), 3)
                    for name, other in by_target.items()
                    if other is not cell
                }
                rows.append(
                    {
                        "workload": cell.workload.name,
                        "title": cell.workload.title,
                        "progress": cell.workload.progress,
                        "concurrency": cell.concurrency,
                        "target": cell.target,
                        "calls_per_second": round(cell.rate, 1),
                        "p50_ms": round(cell.latency(0.5), 3),
                        "p99_ms": round(cell.latency(0.99), 3),
                        "generator_busy": round(cell.busy, 2),
                        "calls": sum(sample.calls for sample in cell.rounds),
                        "ratios": others,
                    }
                )
        return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for a terminal."""
    targets = list(dict.fromkeys(row["target"] for row in rows))
    against = [FLOOR, *(name for name in targets if name not in (FLOOR, OURS))]
    head = f"{'workload':28} {'c':>3} {'target':12} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8}"
    head += f" {'gen.busy':>8} " + " ".join(f"{'x ' + name:>12}" for name in against)
    lines = [head, "-" * len(head)]
    previous = None
    for row in rows:
        group = (row["workload"], row["concurrency"])
        if previous not in (None, group):
            lines.append("")
        previous = group
        ratios = [row["ratios"].get(f"to_{name}") for name in against]
        shown = " ".join(f"{'-' if ratio is None else f'{ratio:.2f}':>12}" for ratio in ratios)
        lines.append(
            f"{row['title']:28} {row['concurrency']:>3} {row['target']:12}"
            f" {row['calls_per_second']:>9.0f} {row['p50_ms']:>8.3f} {row['p99_ms']:>8.3f}"
            f" {row['generator_busy']:>8.2f} {shown}"
        )
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]]) -> str:
    """An SVG: bars of the throughput as a part of the floor's, in a panel for each floor."""
    rows = [row for row in rows if row["target"] != FLOOR]
    targets = list(dict.fromkeys(row["target"] for row in rows))
    panels: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        panels.setdefault(row["progress"], []).append(row)
    group_width = BAR * len(targets) + GAP
    most = max((len(_groups(panel)) for panel in panels.values()), default=0)
    width = max(LEFT + group_width * most + 20, 560)
    size = f'width="{width}" height="{PANEL * len(panels)}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        f'<rect {size} fill="white"/>',
    ]
    for number, (progress, panel) in enumerate(panels.items()):
        what = f" with {progress} progress notifications" if progress else ""
        floor = "event stream" if progress else "echo"
        heading = f"tools/call{what} per second, as a part of a bare ASGI {floor}"
        parts.append(f'<g transform="translate(0 {PANEL * number})">')
        parts += _panel(heading, panel, targets, width)
        parts.append("</g>")
    parts.append("</svg>")
    return "\n".join(parts)


def _groups(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((row["title"], row["concurrency"]) for row in rows))


def _panel(heading: str, rows: list[dict[str, Any]], targets: list[str], width: int) -> list[str]:
    base = TOP + HEIGHT
    parts = [f'<text x="{LEFT}" y="20" font-size="14">{heading}</text>']
    for step in range(6):
        y = base - HEIGHT * step / 5
        parts.append(f'<line x1="{LEFT}" x2="{width - 10}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{step * 20} %</text>')
    for index, target in enumerate(targets):
        x = LEFT + index * 110
        fill = COLOURS.get(target, "#888")
        parts.append(f'<rect x="{x}" y="30" width="12" height="12" fill="{fill}"/>')
        parts.append(f'<text x="{x + 17}" y="40">{escape(target)}</text>')
    for number, group in enumerate(_groups(rows)):
        start = LEFT + GAP / 2 + number * (BAR * len(targets) + GAP)
        for row in rows:
            if (row["title"], row["concurrency"]) != group:
                continue
            ratio = row["ratios"].get(f"to_{FLOOR}", 0)
            x = start + targets.index(row["target"]) * BAR
            tall = HEIGHT * min(ratio, 1)
            fill = COLOURS.get(row["target"], "#888")
            parts.append(
                f'<rect x="{x}" y="{base - tall:.1f}" width="{BAR - 4}" height="{tall:.1f}"'
                f' fill="{fill}"/>'
                f'<text x="{x + BAR / 2 - 2}" y="{base - tall - 4:.1f}" font-size="10"'
                f' text-anchor="middle">{ratio:.2f}</text>'
            )
        title, concurrency = group
        middle = f'x="{start + BAR * len(targets) / 2}" text-anchor="middle"'
        parts.append(f'<text {middle} y="{base + 18}">{escape(title)}</text>')
        parts.append(f'<text {middle} y="{base + 34}">{concurrency} in flight</text>')
    return parts

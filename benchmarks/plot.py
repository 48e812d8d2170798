"""Pictures of what a run found, as SVG: shares of the floor, and how the goals are met."""

from __future__ import annotations

import math
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.servers import FASTMCP_4, FLOOR, MCP_SDK, OURS, TYPESCRIPT_1, TYPESCRIPT_2

COLOURS = {
    OURS: "#2563eb",
    FASTMCP_4: "#f59e0b",
    MCP_SDK: "#10b981",
    TYPESCRIPT_1: "#a78bfa",
    TYPESCRIPT_2: "#7c3aed",
}
BAR, GAP, LEFT, TOP, HEIGHT = 20, 36, 60, 56, 240
LINE, NAMES, SCALE = 22, 310, 400
SHARES = "tools/call per second, as a part of a bare ASGI function's"
REACH = "What was measured, through what was to be reached (right: better)"
REACHED, MISSED = "#2563eb", "#dc2626"


def _svg(width: float, height: float, parts: list[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    )
    return "\n".join([head, f'<rect {size} fill="white"/>', *parts, "</svg>", ""])


def throughput(rows: list[dict[str, Any]]) -> str:
    """Bars of the calls per second, as a part of the floor's, of all workloads at 16 in flight that
    the floor has too."""
    rows = [row for row in rows if row["ratios"].get(FLOOR) and row["in_flight"] == 16]
    rows = [row for row in rows if not row["workload"].startswith("latency")]
    names = [name for name in COLOURS if any(row["target"] == name for row in rows)]
    parts = [f'<text x="{LEFT}" y="20" font-size="14">{SHARES}</text>']
    for index, name in enumerate(names):
        x = LEFT + index * 100
        parts.append(f'<rect x="{x}" y="30" width="12" height="12" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 17}" y="40">{escape(name)}</text>')
    bars: list[str] = []
    base, x = TOP + HEIGHT, LEFT + GAP / 2
    for title in dict.fromkeys(row["title"] for row in rows):
        group = [row for row in rows if row["title"] == title]
        start = x
        for row in sorted(group, key=lambda row: names.index(row["target"])):
            ratio = row["ratios"][FLOOR]
            tall = HEIGHT * min(ratio, 1)
            bars.append(
                f'<rect x="{x}" y="{base - tall:.1f}" width="{BAR - 3}" height="{tall:.1f}"'
                f' fill="{COLOURS[row["target"]]}"/>'
                f'<text x="{x + BAR / 2 - 1.5}" y="{base - tall - 4:.1f}" font-size="9"'
                f' text-anchor="middle">{ratio:.2f}</text>'
            )
            x += BAR
        middle = f'x="{(start + x) / 2}" text-anchor="middle"'
        for line, words in enumerate(title.split(", ")):
            bars.append(f'<text {middle} y="{base + 16 + 13 * line}">{escape(words)}</text>')
        x = max(x, start + 70) + GAP
    width = max(x, 560)
    for step in range(6):
        y = base - HEIGHT * step / 5
        parts.append(f'<line x1="{LEFT}" x2="{width - 10}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{step * 20} %</text>')
    return _svg(width, base + 50, parts + bars)


def goals(rows: list[dict[str, Any]]) -> str:
    """For each goal a line from its mark to what was measured: to the right is better, and each
    vertical line is a factor of two."""
    rows = [row for row in rows if row["value"] is not None and row["over"] is not None]
    middle, unit = NAMES + SCALE / 2, SCALE / 4
    parts = [f'<text x="10" y="20" font-size="14">{REACH}</text>']
    bottom = 40 + LINE * len(rows)
    for power in range(-2, 3):
        x = middle + power * unit
        stroke = "#333" if power == 0 else "#ddd"
        parts.append(f'<line x1="{x}" x2="{x}" y1="46" y2="{bottom}" stroke="{stroke}"/>')
        parts.append(f'<text x="{x}" y="40" text-anchor="middle">{2.0**power:g}</text>')
    for number, row in enumerate(rows):
        y = 60 + LINE * number
        bound = row["at_least"] if row["at_least"] is not None else row["at_most"]
        better = row["value"] / bound if row["at_least"] is not None else bound / row["value"]
        length = unit * max(-2.0, min(2.0, math.log2(better)))
        fill = REACHED if row["reached"] else MISSED
        x = min(middle, middle + length)
        parts.append(
            f'<text x="{NAMES - 10}" y="{y}" text-anchor="end">{escape(row["title"])}</text>'
            f'<rect x="{x:.1f}" y="{y - 10}" width="{abs(length):.1f}" height="12" fill="{fill}"/>'
            f'<text x="{NAMES + SCALE + 10}" y="{y}">{row["value"]:.2f} '
            f"({escape(row['goal'])})</text>"
        )
    return _svg(NAMES + SCALE + 110, bottom + 10, parts)

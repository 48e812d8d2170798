"""A picture of a soak: the figures of each process over the time of the load, as SVG."""

from __future__ import annotations

from html import escape

from tests.soak.run import Found

SHOWN = ("rss", "blocks", "tasks", "files", "records", "memory", "keys")
WIDE, TALL = 220, 70
GAP = 46
LEFT = 130


def plot(found: Found) -> str:
    """One line of panels for each process, one panel for each figure it has."""
    rows = [
        (who, [name for name in SHOWN if len(figures.get(name, ())) > 1])
        for who, figures in sorted(found.samples.items())
    ]
    most = max((len(names) for _, names in rows), default=0)
    size = f'width="{LEFT + most * (WIDE + GAP)}" height="{len(rows) * (TALL + GAP) + 20}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        f'<rect {size} fill="white"/>',
    ]
    for row, (who, names) in enumerate(rows):
        top = 30 + row * (TALL + GAP)
        parts.append(f'<text x="8" y="{top + TALL / 2}" font-size="13">{escape(who)}</text>')
        for column, name in enumerate(names):
            left = LEFT + column * (WIDE + GAP)
            parts.append(f'<g transform="translate({left} {top})">')
            parts += _panel(name, found.samples[who][name])
            parts.append("</g>")
    parts.append("</svg>")
    return "\n".join(parts)


def _panel(name: str, samples: list[tuple[float, float]]) -> list[str]:
    """A figure from nothing up, so that noise looks small and growth does not."""
    last = max(at for at, _ in samples) or 1
    top = max(value for _, value in samples) or 1
    points = " ".join(
        f"{WIDE * at / last:.1f},{TALL - TALL * value / top:.1f}" for at, value in samples
    )
    return [
        f'<text x="0" y="-6">{escape(name)}, up to {top:,.0f}</text>',
        f'<path d="M0 0V{TALL}H{WIDE}" fill="none" stroke="#bbb"/>',
        f'<polyline points="{points}" fill="none" stroke="#2563eb"/>',
        f'<text x="{WIDE}" y="{TALL + 14}" text-anchor="end">{last / 60:.1f} min</text>',
    ]

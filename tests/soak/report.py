"""What a soak found, for people."""

from __future__ import annotations

from collections import Counter

from tests.soak.run import Found, tolerated


def table(found: Found) -> str:
    """Figures by process, what clients did, and what is wrong."""
    head = (
        f"{'process':16} {'figure':20} {'at rest':>9} {'after':>9} {'load: first':>11}"
        f" {'last':>9} {'a minute':>10} {'surely':>10}  verdict"
    )
    lines = [head, "-" * len(head)]
    for who in sorted({*found.idle, *found.samples}):
        before, after = found.idle.get(who, ({}, {}))
        samples = found.samples.get(who, {})
        for name in dict.fromkeys([*before, *after, *samples]):
            every = [value for at, value in samples.get(name, ()) if at >= found.plan.settle]
            slope = found.trends.get(who, {}).get(name)
            verdict = "" if slope is None else "steady"
            if slope is not None and slope.grows(tolerated(name, every)):
                verdict = "GROWS"
            lines.append(
                f"{who:16} {name:20} {before.get(name, 0):>9} {after.get(name, 0):>9}"
                f" {every[0] if every else '-':>11} {every[-1] if every else '-':>9}"
                f" {'-' if slope is None else f'{slope.slope:.2f}':>10}"
                f" {'-' if slope is None else f'{slope.low:.2f}':>10}  {verdict}"
            )
        lines.append("")
    ledger = found.ledger
    lines += _counts("scenarios", ledger.done)
    lines += _counts("answered", ledger.calls)
    lines += _counts("errors provoked, and come", ledger.provoked)
    for told in ledger.told:
        lines += ["", told]
    for at, seconds in found.pauses:
        lines += ["", f"The machine stood still for {seconds:.0f} s, {at:.0f} s after the start."]
    lines += ["", *(found.problems or ["Nothing grows, and nothing went wrong."])]
    return "\n".join(lines)


def _counts(title: str, counts: Counter[str]) -> list[str]:
    lines = [f"{title}: {counts.total()}"]
    names = sorted(counts)
    lines += [
        "  " + ", ".join(f"{name} {counts[name]}" for name in names[at : at + 6])
        for at in range(0, len(names), 6)
    ]
    return lines

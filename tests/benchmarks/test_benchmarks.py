"""The benchmarks run, and each goal has measurements to be made of. No figure is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.goals import GOALS, Goal
from benchmarks.page import figures
from benchmarks.workloads import QUICK, WORKLOADS

from tests.support.locks import ROOT

BY_NAME = {workload.name: workload for workload in WORKLOADS}


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.title)
def test_what_a_goal_compares_is_measured(goal: Goal):
    for cell in (goal.of, goal.over):
        if cell is not None:
            workload, target = cell
            assert target in BY_NAME[workload].who
    assert (goal.at_least is None) != (goal.at_most is None)
    if goal.over is not None and goal.over[1] == goal.of[1]:  # the same target: they are neighbours
        assert BY_NAME[goal.of[0]].beside == goal.over[0]


def test_names_are_unique_and_quick_ones_exist():
    assert len(BY_NAME) == len(WORKLOADS)
    assert set(QUICK) <= set(BY_NAME)


def test_a_run(tmp_path: Path):
    out = tmp_path / "figures.json"
    chosen = ("session", "stateless-2026", "progress", "latency", "large-result", "large-argument")
    words = ["--rounds", "1", "--seconds", "0.02", "--only", "ours", "--out", str(out)]
    words += [word for name in chosen for word in ("--workload", name)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    assert results["failed"] == []
    measured = {(row["workload"].partition("/")[0], row["target"]) for row in results["rows"]}
    assert measured == {(name, who) for name in chosen for who in ("ours", "floor")}
    reached = [row["title"] for row in results["goals"] if row["reached"] is not None]
    assert len(reached) == 5
    for shown in (done.stdout, figures(results)):
        assert results["run"]["machine"] in shown
        assert all(f"| {title} " in shown for title in reached)

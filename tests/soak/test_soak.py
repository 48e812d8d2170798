"""The soak in a short form: every kind of load once and some of it again, every answer right, no
error but the provoked ones, and nothing left when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.report import table
from tests.soak.run import Plan, soak
from tests.soak.stages import Times
from tests.support.extent import extent


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_soak(tmp_path: Path):
    plan = Plan(
        seconds=extent(1, 60),
        warm_up=0,
        settle=0,
        every=2,
        clients=extent(10, 6),
        pause=0.2,
        times=Times(session=3600, kept=8, task=10),
        slopes=False,
    )
    found = await soak(plan, tmp_path)
    assert not found.problems, table(found)
    assert found.ledger.done.total() > extent(80, 300)

"""The soak in a short form: every kind of load once and some of it again, every answer right, no
error but the provoked ones, and nothing left when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.report import table
from tests.soak.run import Plan, soak
from tests.soak.stages import Times
from tests.support.extent import LONG, extent


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_soak(tmp_path: Path):
    plan = Plan(
        seconds=extent(3, 60),
        warm_up=extent(0, 30),
        settle=5,
        every=extent(2, 3),
        clients=extent(10, 6),
        pause=0.2,
        times=Times(session=60 if LONG else 3600, kept=6, task=9),
        slopes=False,
    )
    found = await soak(plan, tmp_path)
    assert not found.problems, table(found)
    assert found.ledger.done.total() > extent(80, 300)

"""Whether a figure grows: the median slope of all pairs of samples, and how sure that is.

A figure under load goes up and down, and single samples lie far off, so a line of least squares
says little. The median of the slopes of all pairs does not mind them (Theil 1950, Sen 1968); its
confidence interval is found among the same slopes, by the variance of Kendall's count of
concordant pairs. Neighbouring samples are alike, which makes the interval too narrow; therefore a
figure grows only where the whole interval is above a tolerance, not above zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

CONFIDENCE = 0.99


@dataclass(frozen=True)
class Trend:
    """A slope and the ends of its confidence interval, per unit of time."""

    slope: float
    low: float
    high: float

    def grows(self, tolerance: float) -> bool:
        """Whether it is above the tolerance, as good as certainly."""
        return self.low > tolerance


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """The slope of samples.

    Args:
        times: when they were taken, ascending, at least three.
        values: one for each.
    Raises:
        ValueError: there are too few, or not one for each.
    """
    count = len(times)
    if count < 3:
        raise ValueError(f"a slope needs three samples, got {count}")
    slopes = sorted(
        (second - first) / (later - earlier)
        for index, (earlier, first) in enumerate(zip(times, values, strict=True))
        for later, second in zip(times[index + 1 :], values[index + 1 :], strict=True)
        if later > earlier
    )
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    off = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * deviation
    lowest = max(0, round((len(slopes) - off) / 2) - 1)
    highest = min(len(slopes) - 1, round((len(slopes) + off) / 2))
    return Trend(median(slopes), slopes[lowest], slopes[highest])

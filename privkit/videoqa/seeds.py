"""Several trainings of one model: intervals that allow for the videos and for the seeds.

Three seeds on one test split are three trainings, not three times the videos, and one video that
is answered three times is one video. An interval over videos alone tells how the same trainings
would do on other videos; what is said of a method has to hold for other trainings as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from privkit.evaluation.intervals import CONFIDENCE, Interval

__all__ = ["intervals_over", "shown_where", "with_seeds"]


def with_seeds(found: Interval, of_seeds: Sequence[float], *, lowest: float = 0.0) -> Interval:
    """Widen an interval over videos by what the seeds move it.

    The variance over videos and the variance of the mean of the seeds are added. Each side keeps
    its own half width over videos (Wilson's differ), and Student's half width over the ``k`` seeds,
    with ``k - 1`` degrees of freedom, joins it as the other side of a right angle. What differs
    from question to question and from seed to seed at once is in both parts: the interval is too
    wide rather than too narrow. The effective number of trials stays that of the videos.

    Args:
        found: pooled over the seeds, with its interval over videos.
        of_seeds: the same estimate of each seed's training alone; a single one changes nothing.
        lowest: the least possible value: 0 of a share, -1 of a difference; the largest is 1.
    """
    seeds = len(of_seeds)
    if seeds < 2:
        return found
    error = float(np.std(of_seeds, ddof=1)) / math.sqrt(seeds)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, seeds - 1)) * error
    value = found.value
    return replace(
        found,
        low=min(value, max(lowest, value - math.hypot(value - found.low, half))),
        high=max(value, min(1.0, value + math.hypot(found.high - value, half))),
        method=f"{found.method}; joined with Student {CONFIDENCE:.0%} over {seeds} seeds",
    )


def intervals_over(seeds: int) -> str:
    """What the intervals of a table or picture allow for, as the beginning of a sentence."""
    return f"{CONFIDENCE:.0%} intervals over the test videos" + (
        " and over the seeds" if seeds > 1 else ""
    )


def shown_where(seeds: int) -> str:
    """When a difference of several seeds counts as shown, as a sentence; empty for one seed."""
    if seeds < 2:
        return ""
    return (
        " The test counts videos only: a difference is called shown where, besides, its interval, "
        "which allows for the seeds, excludes 0."
    )

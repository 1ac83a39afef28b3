"""Two models on the same questions: how much one is better, and whether that can be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from privkit.errors import InputError
from privkit.evaluation.intervals import CONFIDENCE, Interval
from privkit.videoqa.evaluate import Predictions
from privkit.videoqa.seeds import with_seeds

__all__ = ["SIGNIFICANT", "Paired", "over_seeds", "paired", "points", "pooled"]

#: Level of the tests.
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Paired:
    """A comparison of two models on the same questions.

    Attributes:
        difference: of the accuracies, with its interval over videos, and over the seeds where they
            are many.
        better: videos on which the first model has more right answers.
        worse: videos on which it has fewer.
        p: of the exact two-sided sign test on these videos.
        seeds: number of the trainings of either model.
    """

    difference: Interval
    better: int
    worse: int
    p: float
    seeds: int = 1

    def shows(self, p: float) -> bool:
        """Whether a difference is shown.

        The test counts videos only, so that one lucky training passes it. With several seeds the
        interval, which holds their spread, has to exclude 0 as well.

        Args:
            p: of the test, adjusted for the tests beside it.
        """
        apart = self.seeds == 1 or self.difference.low > 0 or self.difference.high < 0
        return p < SIGNIFICANT and apart


def pooled(runs: Sequence[Predictions]) -> Predictions:
    """The predictions of several runs on questions of their own, e.g. folds, as those of one.

    Folds test a question once each, so they are no repetitions, and their spread is that of the
    videos. A video keeps its name, so intervals over videos hold.
    """
    return Predictions(
        tuple(q for run in runs for q in run.questions),
        np.concatenate([run.chosen for run in runs]),
        np.concatenate([run.correct for run in runs]),
    )


def over_seeds(runs: Sequence[Predictions]) -> Predictions:
    """The predictions of one model's trainings with several seeds, on the same questions.

    Raises:
        InputError: they answered different questions.
    """
    asked = [[q.question_id for q in run.questions] for run in runs]
    if any(ids != asked[0] for ids in asked):
        raise InputError(
            "seeds were tested on different questions",
            rule="one test split for all seeds, so that they can be pooled and compared",
        )
    return replace(pooled(runs), seeds=len(runs))


def paired(first: Predictions, second: Predictions) -> Paired:
    """Compare two models, question by question, and with several seeds seed by seed.

    Several questions on one video, and several seeds, are not independent trials: the test counts
    videos, not questions. With one question a video and one seed it is McNemar's exact test
    (McNemar 1947). The interval is Student's, of a ratio estimator over videos (Cochran 1977,
    section 6.3); several seeds widen it by the spread of their differences
    (:func:`privkit.videoqa.seeds.with_seeds`).

    Raises:
        InputError: they answered different questions, or have different numbers of seeds.
    """
    if [q.question_id for q in first.questions] != [q.question_id for q in second.questions]:
        raise InputError("two models can be compared on the same questions only", rule="one split")
    if first.seeds != second.seeds:
        raise InputError(
            "two models can be compared on the same seeds only",
            rule="as many trainings of the one as of the other",
            found=f"{first.seeds} and {second.seeds}",
        )
    gained = first.correct.astype(np.float64) - second.correct
    _, video = np.unique([q.video for q in first.questions], return_inverse=True)
    sums: NDArray[np.float64] = np.bincount(video, weights=gained).astype(np.float64)
    better, worse = int((sums > 0.5).sum()), int((sums < -0.5).sum())
    p = float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0
    of_seeds = gained.reshape(first.seeds, -1).mean(1)
    difference = with_seeds(
        _over_videos(gained, sums, np.bincount(video)), of_seeds.tolist(), lowest=-1.0
    )
    return Paired(difference, better, worse, p, first.seeds)


def _over_videos(
    gained: NDArray[np.float64], sums: NDArray[np.float64], counts: NDArray[np.int64]
) -> Interval:
    n, videos = len(gained), len(sums)
    mean, half = float(gained.mean()), math.inf
    method = f"Student {CONFIDENCE:.0%} over {videos} videos"
    if not gained.any():  # no variance can be estimated; the rule of three bounds what was missed
        half = 1 - (1 - CONFIDENCE) ** (1 / videos)
        method = f"{CONFIDENCE:.0%} bound on what {videos} videos without a difference can miss"
    elif videos > 1:
        residual = sums - mean * counts
        error = math.sqrt(videos / (videos - 1) * float((residual**2).sum())) / n
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, videos - 1)) * error
    return Interval(mean, mean - half, mean + half, n, None, float(videos), method)


def points(found: Interval, unit: str = " points") -> str:
    """A difference of shares in percentage points, e.g. ``"+2.0 points (-1.0 to +5.0)"``."""
    value, low, high = (f"{100 * v:+.1f}" for v in (found.value, found.low, found.high))
    return f"{value}{unit} ({low} to {high})"

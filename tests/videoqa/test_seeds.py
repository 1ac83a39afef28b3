"""Several seeds: intervals and differences that hold for other trainings as well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from privkit.data.questions.record import Question
from privkit.errors import InputError
from privkit.evaluation.intervals import Interval, share_over_people, wilson
from privkit.videoqa.evaluate import Predictions, accuracy, accuracy_measures
from privkit.videoqa.paired import over_seeds, paired, pooled
from privkit.videoqa.seeds import intervals_over, with_seeds

VIDEOS = 200
QUESTIONS = tuple(
    Question(f"q{n}", f"v{n}", "t", "test", "?", "yes", (), None, ("even", "odd")[n % 2])
    for n in range(VIDEOS)
)
NO_ANSWER = np.zeros(VIDEOS, dtype=np.int64)


def answers(correct: np.ndarray) -> Predictions:
    return Predictions(QUESTIONS, NO_ANSWER, np.asarray(correct, dtype=bool))


def trainings(draw: np.random.Generator, seeds: int, spread: float) -> list[Predictions]:
    """Answers of which half are right: videos differ in how hard they are, and trainings too."""
    hard = draw.uniform(-0.3, 0.3, VIDEOS)
    moved = draw.normal(0, spread, seeds)
    return [answers(draw.random(VIDEOS) < 0.5 + hard + seed) for seed in moved]


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.02, 0.08])
def test_coverage_when_trainings_differ(seeds: int, spread: float) -> None:
    """At least 95% of the intervals hold the mean accuracy of all trainings on all videos."""
    draw = np.random.default_rng(0)
    runs, inside, over_videos = 400, 0, 0
    for _ in range(runs):
        found = trainings(draw, seeds, spread)
        both, videos_only = accuracy(over_seeds(found)), accuracy(pooled(found))
        inside += both.low <= 0.5 <= both.high
        over_videos += videos_only.low <= 0.5 <= videos_only.high
    # 3.5 standard errors of the simulation below 95%.
    assert inside / runs > 0.95 - 3.5 * math.sqrt(0.95 * 0.05 / runs)
    if spread == 0.08:
        assert over_videos / runs < 0.75  # what an interval over videos alone would claim


def test_one_lucky_training_shows_no_difference() -> None:
    """Of two models that are equally good, few pairs of three trainings are told apart."""
    draw = np.random.default_rng(1)
    runs, shown, by_the_test, missed = 300, 0, 0, 0
    for _ in range(runs):
        first, second = (over_seeds(trainings(draw, 3, 0.08)) for _ in range(2))
        found = paired(first, second)
        shown += found.shows(found.p)
        by_the_test += found.p < 0.05
        missed += not found.difference.low <= 0 <= found.difference.high
    assert missed / runs < 0.05 + 3.5 * math.sqrt(0.95 * 0.05 / runs)
    assert shown <= missed
    assert by_the_test / runs > 0.2


def test_the_example_of_two_trainings_far_apart() -> None:
    """5% and 22.5% of the questions: the second training alone makes the sign test sure."""
    nothing, bad, lucky = (answers(np.arange(VIDEOS) < n) for n in (0, 10, 45))
    found = accuracy(over_seeds([bad, lucky]))
    assert found.value == pytest.approx(0.1375)
    assert (found.low, found.high) == (0.0, 1.0)  # two trainings: Student's 12.7 standard errors
    assert "over 2 seeds" in found.method
    difference = paired(over_seeds([bad, lucky]), over_seeds([nothing, nothing]))
    assert difference.p < 1e-6
    assert not difference.shows(difference.p)
    sure = paired(over_seeds([lucky, lucky]), over_seeds([nothing, nothing]))
    assert sure.shows(sure.p)
    assert not sure.shows(0.05)  # Holm's adjustment may take it back


def test_the_interval_by_hand() -> None:
    share = Interval(0.6, 0.5, 0.68, 300, 180, 100.0, "Wilson")
    found = with_seeds(share, [0.55, 0.6, 0.65])
    half = stats.t.ppf(0.975, 2) * 0.05 / math.sqrt(3)
    assert found.low == pytest.approx(0.6 - math.hypot(0.1, half))
    assert found.high == pytest.approx(0.6 + math.hypot(0.08, half))
    assert (found.value, found.n, found.successes) == (0.6, 300, 180)
    assert found.method == "Wilson; joined with Student 95% over 3 seeds"


@given(st.lists(st.integers(0, 40), min_size=2, max_size=5))
def test_it_lies_around_the_value_and_within_its_range(hits: list[int]) -> None:
    value = sum(hits) / (40 * len(hits))
    low, high = wilson(40 * value, 40)
    share = Interval(value, low, high, 40 * len(hits), sum(hits), 40.0, "Wilson")
    found = with_seeds(share, [h / 40 for h in hits])
    assert 0 <= found.low <= low <= value <= high <= found.high <= 1
    difference = Interval(-value, -high, -low, 40, None, 40.0, "Student")
    mirrored = with_seeds(difference, [-h / 40 for h in hits], lowest=-1.0)
    assert -1 <= mirrored.low <= -value <= mirrored.high <= 1


def test_one_seed_changes_nothing() -> None:
    draw = np.random.default_rng(2)
    (run,) = trainings(draw, 1, 0.08)
    (other,) = trainings(draw, 1, 0.08)
    names = [q.video for q in QUESTIONS]
    assert accuracy(over_seeds([run])) == share_over_people(run.correct, names, unit="videos")
    assert paired(over_seeds([run]), over_seeds([other])) == paired(run, other)
    assert paired(run, other).shows(0.049)


def test_folds_are_pooled_over_videos_alone() -> None:
    """Each fold tests questions of its own, and its own training answers them."""
    draw = np.random.default_rng(3)
    folds = [
        Predictions(QUESTIONS[n::5], NO_ANSWER[n::5], draw.random(VIDEOS // 5) < level)
        for n, level in enumerate((0.2, 0.4, 0.5, 0.6, 0.8))
    ]
    together = pooled(folds)
    names = [q.video for q in together.questions]
    assert accuracy(together) == share_over_people(together.correct, names, unit="videos")
    with pytest.raises(InputError, match="different questions"):
        over_seeds(folds)


def test_each_answer_type_has_its_own_spread() -> None:
    odd = np.arange(VIDEOS) % 2 == 1
    found = accuracy_measures(over_seeds([answers(odd), answers(~odd), answers(odd)]), {})
    widths = {m.where["answer type"]: (m.high or 0) - (m.low or 0) for m in found}
    assert widths["all"] < 0.2  # every training has half right, of other questions
    assert widths["odd"] == widths["even"] == 1.0


def test_models_of_different_numbers_of_seeds_are_not_compared() -> None:
    # As many answers to the same questions, but one of the two is a single run.
    once = answers(np.ones(VIDEOS))
    with pytest.raises(InputError, match="same seeds only"):
        paired(over_seeds([once, once]), pooled([once, once]))


def test_what_the_captions_say() -> None:
    assert intervals_over(1) == "95% intervals over the test videos"
    assert intervals_over(3) == "95% intervals over the test videos and over the seeds"

"""Crossing tasks: stored codes, the paired test, and what is said about them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from small_set import small_source

from privkit.data.questions.record import Question
from privkit.errors import InputError
from privkit.evaluation.multiplicity import holm
from privkit.features.codes import Codes
from privkit.report.transfer import draw_transfer
from privkit.videoqa.encode import StoredVideos, encode
from privkit.videoqa.evaluate import Predictions
from privkit.videoqa.findings_bits import transfer_result
from privkit.videoqa.from_codes import answer_from_codes, end_to_end, trained_codes
from privkit.videoqa.methods import Variant
from privkit.videoqa.paired import over_seeds, paired
from privkit.videoqa.trained import trained
from privkit.videoqa.transfer import Transfer, run_transfer, tasks_for


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


def answers(correct, videos=None):
    videos = range(len(correct)) if videos is None else videos
    questions = tuple(
        Question(f"q{n}", f"v{v}", "t", "test", "?", "yes") for n, v in enumerate(videos)
    )
    right = np.array(correct, dtype=bool)
    return Predictions(questions, right.astype(np.int64), right)


def test_one_question_a_video_is_mcnemars_test() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.random(60) < 0.7, draw.random(60) < 0.5
    found = paired(answers(first), answers(second))
    better, worse = int((first & ~second).sum()), int((second & ~first).sum())
    assert (found.better, found.worse) == (better, worse)
    assert found.p == pytest.approx(stats.binomtest(min(better, worse), better + worse).pvalue)
    assert found.difference.value == pytest.approx(first.mean() - second.mean())
    assert found.difference.low < found.difference.value < found.difference.high


def test_many_questions_on_a_video_are_one_trial() -> None:
    videos = np.repeat(range(4), 25)
    found = paired(answers([True] * 100, videos), answers([False] * 100, videos))
    assert (found.better, found.worse, found.p) == (4, 0, 0.125)  # 2 / 2**4, however many questions
    evens = answers([True, False] * 50, videos)
    assert paired(evens, evens).p == 1.0


def test_seeds_do_not_add_videos() -> None:
    once, none = answers([True] * 6), answers([False] * 6)
    found = paired(over_seeds([once, once, once]), over_seeds([none, none, none]))
    assert (found.better, found.p) == (6, 2 / 2**6)
    assert found.difference.n == 18


def test_no_difference_is_no_certainty() -> None:
    difference = paired(answers([True] * 59), answers([True] * 59)).difference
    assert difference.high == pytest.approx(1 - 0.05 ** (1 / 59))
    assert difference.high == pytest.approx(3 / 59, rel=0.05)  # the rule of three


def test_only_the_same_questions_are_compared() -> None:
    with pytest.raises(InputError, match="same questions"):
        paired(answers([True] * 3), answers([True] * 4))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_answerer_learns_from_codes_that_say_the_answer(base) -> None:
    settings = ("training.epochs=15", "training.validations=3", "training.learning_rate=3e-3")
    task = small_source(base, "yesno", *settings).open()
    answer = {q.video: q.answer for q in task.questions.questions}
    videos = tuple(sorted(task.features.row))
    yes = np.array([answer[video] == "yes" for video in videos], np.uint8)
    found = {}
    for name, bit in (("told", yes), ("silent", np.zeros_like(yes))):
        stored = StoredVideos(Codes.from_matrix(np.repeat(bit[:, None], 4, axis=1)), videos)
        first, again = (answer_from_codes(task, stored, seed=0) for _ in range(2))
        np.testing.assert_array_equal(again.chosen, first.chosen)  # the second is from the cache
        found[name] = float(first.correct.mean())
    assert found["told"] == 1.0  # on videos that it has not seen
    assert found["silent"] < 0.9


def test_run_transfer(base) -> None:
    source = small_source(base)
    steps = []
    found = run_transfer(
        source, ("action", "frameqa"), bits=4, seeds=(0,), tick=lambda *step: steps.append(step)
    )
    assert [s[1:] for s in steps if s[0] == "trainings"] == [(n, 10) for n in range(1, 11)]
    assert {len(runs) for runs in (*found.crossed.values(), *found.beside.values())} == {1}
    assert set(found.crossed) == {(a, b) for a in found.tasks for b in found.tasks}
    assert set(found.seen.values()) == {0}
    action, frameqa = (found.opened[name] for name in found.tasks)
    own = end_to_end(action, Variant.named("featcomp", 4), seed=0)
    np.testing.assert_array_equal(found.beside["featcomp", "action"][0].chosen, own.chosen)
    # The source's encoder makes the codes, whatever the target is.
    model = trained(action, Variant.named("featcomp", 4), seed=0).model
    direct = encode(model, sorted(action.features.row), action.features)
    codes = trained_codes(action, 4, seed=0, of=frameqa)
    np.testing.assert_array_equal(codes.codes.packed, direct.codes.packed)


def made_up(base, quality) -> Transfer:
    """A transfer in which each pair and baseline is right with a given rate."""
    draw = np.random.default_rng(1)
    videos = [n // 2 for n in range(400)]

    def runs(rate):
        return [answers(draw.random(400) < rate, videos)]

    tasks = ("action", "transition")
    opened = {name: small_source(base, name).open() for name in tasks}
    return Transfer(
        tasks,
        10,
        (0,),
        {pair: runs(quality[pair]) for pair in quality},
        {
            (method, name): runs(rate)
            for method, rate in (("featcomp", 0.9), ("question-only", 0.3), ("options-only", 0.2))
            for name in tasks
        },
        {("action", "transition"): 7, ("transition", "action"): 0},
        opened,
    )


def test_findings_are_computed(base, tmp_path) -> None:
    good = made_up(
        base,
        {
            ("action", "action"): 0.9,
            ("transition", "transition"): 0.7,
            ("action", "transition"): 0.6,
            ("transition", "action"): 0.3,
        },
    )
    result = transfer_result(good, small_source(base), command="privkit videoqa transfer")
    assert "does better than from the question" in result.findings[0]
    assert any(f.startswith("Codes learned for action help") for f in result.findings)
    assert any("transition for action" in f for f in result.findings if f.startswith("No help"))
    assert any(w.startswith("transition: answers from stored codes fall") for w in result.warnings)
    assert not any(w.startswith("action: answers") for w in result.warnings)
    assert any(w.startswith("7 test videos of transition") for w in result.warnings)
    assert sum("BACKBONE IS AS IT WAS DRAWN" in w for w in result.warnings) == 1  # of two tasks
    assert result.notices
    measure = result.measure(
        "accuracy above question-only", task="action", **{"codes of": "action"}
    )
    assert measure.low < 0.6 < measure.high
    assert draw_transfer(tmp_path, result, good.tasks, 10).path.stat().st_size > 10_000
    useless = made_up(base, dict.fromkeys(good.crossed, 0.3))
    found = transfer_result(useless, small_source(base), command="privkit videoqa transfer")
    assert "not shown to help" in found.findings[0]
    assert not any("does better" in f or " help to answer" in f for f in found.findings)


def test_which_tasks(base) -> None:
    assert tasks_for("generated", ()) == ("action", "transition", "frameqa")
    assert set(tasks_for(small_source(base).data, ())) >= {"action", "frameqa", "yesno"}
    with pytest.raises(InputError, match="at least 2 tasks; found: action"):
        tasks_for("generated", ("action", "action"))

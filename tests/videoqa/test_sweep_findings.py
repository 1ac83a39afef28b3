"""A sweep's result: every number against brute force, every sentence where it is called for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from jsonschema import validate

from privkit.capacity.supervision import supervision_bits
from privkit.data.questions.record import Question, QuestionSet
from privkit.data.questions.vocabulary import AnswerVocabulary, answer_vocabulary
from privkit.errors import InputError
from privkit.evaluation.intervals import Interval, share_over_people
from privkit.result import Result, result_schema
from privkit.videoqa.evaluate import Predictions
from privkit.videoqa.findings import SecretRead, sweep_result
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.seeds import with_seeds
from privkit.videoqa.sweep import CLIPS, Job, Outcome
from privkit.videoqa.sweep_cells import chance_of
from privkit.videoqa.task import Task

SHAPE = (1, 4, 4, 64)
LEVELS = (1, 10, 100)


def questions_of(task: str, videos: int = 60, each: int = 2) -> tuple[Question, ...]:
    """Multiple choice with five options, or open-ended for ``frameqa``; half train, half test."""
    out = []
    for n in range(2 * videos):
        split = "train" if n < videos else "test"
        for k in range(each):
            name = f"{task}-{n}-{k}"
            if task == "frameqa":
                answer = ("red", "red", "two")[(n + k) % 3]
                kind = "number" if answer == "two" else "color"
                out.append(
                    Question(name, f"v{n:04}", task, split, f"what is {n}", answer, (), None, kind)
                )
            else:
                out.append(
                    Question(name, f"v{n:04}", task, split, "what ?", "a", tuple("abcde"), 0, task)
                )
    return tuple(out)


def task_of(
    name: str,
    *,
    left_out: Mapping[str, str] | None = None,
    vocabulary: AnswerVocabulary | None = None,
    videos: int = 60,
) -> Task:
    """What a result reads of a task."""
    questions = questions_of(name, videos)
    if name == "frameqa" and vocabulary is None:
        vocabulary = answer_vocabulary([q for q in questions if q.split == "train"], None)
    settings: dict[str, Any] = {"training": {"epochs": 1}}
    fake = SimpleNamespace(
        questions=QuestionSet("Made up", name, questions, {}, notice="made up"),
        left_out=dict(left_out or {}),
        vocabulary=vocabulary,
        features=SimpleNamespace(shape=SHAPE),
        start=SimpleNamespace(warnings=("It begins with nothing.",)),
        configuration=SimpleNamespace(
            to_dict=lambda: settings, training=SimpleNamespace(start_from_floats=True)
        ),
    )
    return cast(Task, fake)


def outcome(
    task: Task,
    name: str,
    bits: int | None,
    hits: Sequence[bool],
    *,
    seed: int = 0,
    more: Sequence[bool] | None = None,
) -> Outcome:
    test = task.questions.split("test")

    def predictions(right: Sequence[bool]) -> Predictions:
        return Predictions(test, np.zeros(len(test), dtype=np.int64), np.array(right, dtype=bool))

    source = cast(Any, SimpleNamespace(task=task.questions.task, seed=0, device="cpu"))
    job = Job(source, Variant(METHODS[name], bits), seed)
    return Outcome(job, predictions(hits), None if more is None else predictions(more), {}, 1, 1)


def share(value: float, n: int = 120) -> Interval:
    """An interval over ``n`` videos."""
    right = round(value * n)
    return share_over_people(np.arange(n) < right, np.arange(n), unit="videos")


def right(task: Task, value: float, seed: int = 0) -> list[bool]:
    """Answers of which about this share is right."""
    draw = np.random.default_rng([seed, round(1000 * value)])
    found: list[bool] = (draw.random(len(task.questions.split("test"))) < value).tolist()
    return found


PLAUSIBLE: Mapping[tuple[str, int | None], float] = {
    ("featcomp", 1): 0.45,
    ("featcomp", 10): 0.9,
    ("featcomp", 100): 0.93,
    ("floats", None): 0.92,
    ("question-only", None): 0.3,
    ("options-only", None): 0.2,
    ("random", None): 0.2,
    ("reconstruction-only", 10): 0.5,
    ("task+reconstruction", 10): 0.8,
}

READS: Mapping[str, tuple[float, float]] = {
    "FeatComp 1 bit": (0.06, 0.5),
    "FeatComp 10 bits": (0.1, 0.7),
    "FeatComp 100 bits": (0.4, 0.9),
    "Floats": (0.9, 1.0),
}


def reads(
    task: str, seed: int, found: Mapping[str, tuple[float, float]] = READS
) -> list[SecretRead]:
    """Identity (16 values) and side (2), by two probes and the guess."""
    out = []
    for label, values in found.items():
        bits = None if label == "Floats" else int(label.split()[1])
        for secret, value, guess in zip(("identity", "side"), values, (1 / 16, 0.5), strict=True):
            for probe, level in (("linear", value), ("nearest", 0.9 * value), ("chance", guess)):
                out.append(SecretRead(task, label, bits, seed, secret, probe, share(level)))
    return out


@pytest.fixture
def made_up() -> Callable[..., Result]:
    """A sweep of all methods, with accuracies that a test may change."""

    def make(
        changes: Mapping[tuple[str, int | None], float] | None = None,
        *,
        seeds: Sequence[int] = (0, 1, 2),
        privacy: bool = True,
    ) -> Result:
        tasks = [task_of(name) for name in ("action", "frameqa")]
        outcomes, told = [], []
        for seed in seeds:
            for task in tasks:
                for (name, bits), value in {**PLAUSIBLE, **(changes or {})}.items():
                    hits = right(task, value, seed)
                    more = right(task, min(1, value + 0.05), seed) if bits == 10 else None
                    if name != "featcomp":
                        more = None
                    outcomes.append(outcome(task, name, bits, hits, seed=seed, more=more))
                told += reads(task.questions.task, seed) if privacy else []
        return sweep_result(outcomes, tasks, privacy=told, command="privkit videoqa sweep")

    return make


def test_it_is_a_valid_result_with_the_same_bytes_every_time(
    made_up: Callable[..., Result],
) -> None:
    result = made_up()
    validate(result.to_dict(), result_schema())
    assert result.to_json() == made_up().to_json()
    assert result.notices == ["made up"]
    assert (result.seed, result.configuration["seeds"]) == (0, [0, 1, 2])


def test_rows_stand_in_the_order_of_the_papers_figure(made_up: Callable[..., Result]) -> None:
    table = made_up().tables[0]
    assert [row[0] for row in table.rows] == [
        "FeatComp 1 bit",
        "FeatComp 10 bits",
        "FeatComp 100 bits",
        "Floats",
        "Q-only",
        "Options-only",
        "Random guess",
        "R-only 10 bits",
        "FeatComp+R 10 bits",
        "4×FeatComp 10 bits",
        "Chance",
        "Supervision size",
    ]
    bits = {row[0]: row[1] for row in table.rows}
    assert bits["Floats"] == f"{16 * math.prod(SHAPE):,}"
    assert bits["4×FeatComp 10 bits"] == str(10 * CLIPS)
    assert bits["Q-only"] == "0"
    assert bits["Supervision size"] == "–"  # of a question, not of a video
    assert list(table.columns) == ["stored", "bits a video", "action", "frameqa"]


def test_the_supervision_of_each_task_stands_beside_the_levels(
    made_up: Callable[..., Result],
) -> None:
    result = made_up()
    row = next(row for row in result.tables[0].rows if row[0] == "Supervision size")
    for shown, task in zip(row[2:], ("action", "frameqa"), strict=True):
        size = supervision_bits(task_of(task).questions.split("train"))[0]
        assert shown == f"{size.bits:.1f} bits"
        assert result.measure("supervision", task=task).value == size.bits
    assert "bits a question (lower case, without ' ?', bzip2 -9)" in result.tables[0].note


def test_accuracy_is_pooled_over_seeds_and_a_video_counts_once() -> None:
    task = task_of("action")
    first, second = right(task, 0.7), right(task, 0.5, 1)
    outcomes = [outcome(task, "floats", None, h, seed=s) for s, h in enumerate((first, second))]
    result = sweep_result(outcomes, [task], command="c")
    found = result.measure("accuracy", variant="Floats", **{"answer type": "all"})
    videos = [q.video for q in task.questions.split("test")]
    pooled = share_over_people(first + second, videos + videos, unit="videos")
    wanted = with_seeds(pooled, [np.mean(first), np.mean(second)])
    assert (found.value, found.low, found.high) == (wanted.value, wanted.low, wanted.high)
    assert found.successes == sum(first) + sum(second)
    of_seed = [m.value for m in result.measures if m.name == "accuracy of a seed"]
    assert of_seed == [np.mean(first), np.mean(second)]
    spread = next(t for t in result.tables if t.title.startswith("Spread"))
    low, high = sorted(100 * v for v in of_seed if v is not None)
    assert spread.rows[0][2] == f"{low:.1f} to {high:.1f} (2)"


def test_the_same_answers_in_both_seeds_narrow_nothing() -> None:
    task = task_of("action")
    hits = right(task, 0.7)
    widths = []
    for seeds in (1, 3):
        made = [outcome(task, "floats", None, hits, seed=s) for s in range(seeds)]
        found = sweep_result(made, [task], command="c").measure(
            "accuracy", **{"answer type": "all"}
        )
        widths.append(cast(float, found.high) - cast(float, found.low))
    # With one seed a video's two answers are allowed to count as less than one each.
    assert widths[1] >= 0.95 * widths[0]


def test_accuracy_by_answer_type_by_hand(made_up: Callable[..., Result]) -> None:
    task = task_of("frameqa")
    test = task.questions.split("test")
    result = sweep_result(
        [outcome(task, "floats", None, [q.answer == "red" for q in test])], [task], command="c"
    )
    number = result.measure("accuracy", **{"answer type": "number"})
    color = result.measure("accuracy", **{"answer type": "color"})
    assert (number.value, color.value) == (0, 1)
    assert (number.n or 0) + (color.n or 0) == len(test)
    table = next(t for t in made_up().tables if t.title.startswith("Accuracy by answer type"))
    assert list(table.columns) == ["stored", "frameqa: color", "frameqa: number"]


def test_the_paired_interval_is_that_of_resampled_videos() -> None:
    task = task_of("action", videos=200)
    few, floats = np.array(right(task, 0.8)), np.array(right(task, 0.9))
    outcomes = [
        outcome(task, "featcomp", 10, few.tolist()),
        outcome(task, "floats", None, floats.tolist()),
    ]
    found = sweep_result(outcomes, [task], command="c").measure(
        "accuracy, paired difference", variant="FeatComp 10 bits", against="Floats"
    )
    assert found.value == pytest.approx(few.mean() - floats.mean())
    by_video = (few.astype(float) - floats).reshape(-1, 2).mean(1)  # two questions a video
    draw = np.random.default_rng(0)
    means = draw.choice(by_video, (20_000, len(by_video))).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)


def test_the_first_findings_are_usefulness_and_privacy_together(
    made_up: Callable[..., Result],
) -> None:
    findings = made_up().findings
    for task, text in zip(("action", "frameqa"), findings, strict=False):
        assert text.startswith(f"{task}: FeatComp 10 bits a video answer ")
        assert "floats (16,384 bits)" in text
        assert "the question alone" in text
        assert "from FeatComp 10 bits identity 10% (" in text
        assert "against 7% guessing" in text  # 8 of 120
        assert "from Floats identity 90% (" in text


def test_differences_are_said_only_where_they_are_shown(made_up: Callable[..., Result]) -> None:
    def sentence(result: Result) -> str:
        return next(f for f in result.findings if f.startswith("FeatComp 10 bits against Floats"))

    assert "no difference shown" in sentence(made_up({("floats", None): 0.9}))
    assert "no difference shown" not in sentence(made_up({("floats", None): 0.4}))


def test_five_videos_show_no_difference() -> None:
    task = task_of("action", videos=5)
    n = len(task.questions.split("test"))
    made = [outcome(task, "featcomp", 10, [True] * n), outcome(task, "floats", None, [False] * n)]
    text = sweep_result(made, [task], command="c").findings[1]
    assert text.startswith("FeatComp 10 bits against Floats")
    assert "no difference shown" in text


def test_the_fewest_bits_that_beat_the_question(made_up: Callable[..., Result]) -> None:
    def sentence(result: Result) -> str:
        return next(f for f in result.findings if f.startswith("The fewest bits"))

    assert "action 1 (" in sentence(made_up())
    assert "action 10 (" in sentence(made_up({("featcomp", 1): 0.3}))
    none = {("featcomp", bits): 0.1 for bits in LEVELS}
    assert "action none of 1, 10 and 100" in sentence(made_up(none))


def test_where_a_secret_is_read_and_where_not(made_up: Callable[..., Result]) -> None:
    result = made_up()
    text = next(f for f in result.findings if f.startswith("identity is read beyond guessing"))
    read, _, unread = text.partition("; ")
    assert read.endswith("from FeatComp 100 bits and Floats")
    assert "FeatComp 1 bit and FeatComp 10 bits," in unread
    assert "does not show that it is not there" in unread
    assert any("read identity from floats, and from" in w for w in result.warnings)


@pytest.mark.parametrize(
    ("videos", "read", "guessed", "shown"),
    [(12, 1 / 12, 0.0, False), (600, 0.1, 0.0625, True), (600, 0.08, 0.0625, False)],
)
def test_a_guess_is_measured_too(videos: int, read: float, guessed: float, shown: bool) -> None:
    task = task_of("action")
    made = [outcome(task, "featcomp", 10, right(task, 0.9))]
    told = [
        SecretRead("action", "FeatComp 10 bits", 10, 0, "identity", probe, share(value, videos))
        for probe, value in (("linear", read), ("chance", guessed))
    ]
    result = sweep_result(made, [task], privacy=told, command="c")
    assert any("read beyond guessing" in f for f in result.findings) == shown


def test_a_guess_and_a_probe_are_compared_on_the_same_videos() -> None:
    task = task_of("action")
    made = [outcome(task, "featcomp", 10, right(task, 0.9, s), seed=s) for s in (0, 1)]
    guessed = np.arange(100) < 50

    def shown(*probed: np.ndarray[Any, Any]) -> bool:
        told = []
        for seed, hits in enumerate(probed):
            for probe, found in (("linear", hits), ("chance", guessed)):
                interval = share_over_people(found, np.arange(100), unit="videos")
                told.append(
                    SecretRead(
                        "action", "FeatComp 10 bits", 10, seed, "side", probe, interval, found
                    )
                )
        result = sweep_result(made, [task], privacy=told, command="c")
        return any("read beyond guessing" in f for f in result.findings)

    above = np.arange(100) < 60  # all that the guess has, and 10 more: p = 0.002
    apart = np.arange(100) >= 40  # as many, but 50 more and 40 fewer: p = 0.34
    assert shown(above)
    assert not shown(apart)
    assert not shown(~guessed)
    assert shown(above, apart)
    assert not shown(np.arange(100) < 56, np.arange(100) < 50)  # 6 more: 2 × 0.031


def test_probes_that_stopped_early_and_codes_that_were_not_probed() -> None:
    task = task_of("action")
    hits = right(task, 0.9)
    made = [outcome(task, "featcomp", 10, hits, more=hits)]
    told = [
        SecretRead("action", "FeatComp 10 bits", 10, 0, "side", probe, share(0.5), None, ended)
        for probe, ended in (("linear", False), ("chance", True))
    ]
    result = sweep_result(made, [task], privacy=told, command="c")
    assert any("come to its end on FeatComp 10 bits (action: side)" in w for w in result.warnings)
    assert any("4×FeatComp 10 bits store 4 codes" in w for w in result.warnings)
    table = next(t for t in result.tables if t.title.startswith("What no question"))
    assert "only one code is probed" in table.note
    silent = sweep_result(made, [task], command="c")
    assert not any("were not probed" in w for w in silent.warnings)


def test_chance_compares_answers_as_the_scoring_does() -> None:
    def asked(n: int, split: str, answer: str) -> Question:
        return Question(f"q{n}", f"v{n}", "frameqa", cast(Any, split), "?", answer)

    answers = ["Red", "red ", "blue", "blue", "red"]
    questions = [asked(n, "train", a) for n, a in enumerate(answers)]
    questions += [asked(9, "test", "RED"), asked(10, "test", "blue")]
    made = QuestionSet("Made up", "frameqa", tuple(questions), {})
    level, how = chance_of(cast(Any, SimpleNamespace(questions=made)))
    assert (level, "'red'" in how) == (0.5, True)


def test_videos_of_both_splits_are_told() -> None:
    task = task_of("action")
    both = [replace(q, video="v0000") for q in task.questions.split("test")[:2]]
    questions = task.questions.with_questions([*task.questions.split("train"), *both])
    task = cast(Task, SimpleNamespace(**{**vars(task), "questions": questions}))
    made = [outcome(task, "floats", None, [True, False])]
    warned = sweep_result(made, [task], command="c").warnings
    assert any("1 of 1 test videos are training videos as well" in w for w in warned)


def test_probes_that_fail_on_floats_prove_nothing() -> None:
    task = task_of("action")
    blind = dict.fromkeys(READS, (1 / 16, 0.5))
    made = [outcome(task, "floats", None, right(task, 0.9))]
    made += [outcome(task, "featcomp", n, right(task, 0.9)) for n in LEVELS]
    result = sweep_result(made, [task], privacy=reads("action", 0, blind), command="c")
    assert any("do not read identity from floats either (action)" in w for w in result.warnings)
    assert not any("read beyond guessing" in f for f in result.findings)


def test_secrets_are_pooled_over_seeds_without_counting_videos_twice() -> None:
    task = task_of("action")
    made = [outcome(task, "featcomp", 10, right(task, 0.9, s), seed=s) for s in (0, 1)]
    told = [
        SecretRead("action", "FeatComp 10 bits", 10, s, "side", "linear", share(v, 100))
        for s, v in ((0, 0.4), (1, 0.6))
    ]
    found = sweep_result(made, [task], privacy=told, command="c").measure("secret read")
    assert (found.value, found.n, found.successes) == (0.5, 200, 100)
    wanted = with_seeds(share(0.5, 100), [0.4, 0.6])
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


@pytest.mark.parametrize(("seeds", "words"), [((0,), "videos."), ((0, 1, 2), "over the seeds.")])
def test_tables_say_what_their_intervals_are_over(
    made_up: Callable[..., Result], seeds: Sequence[int], words: str
) -> None:
    tables = made_up(seeds=seeds).tables
    notes = [t.note for t in tables if "95% intervals" in t.note]
    assert len(notes) == 4
    for table in tables:
        if table.title.startswith("Compared"):
            assert ("excludes 0" in table.note) == (len(seeds) > 1)
        elif "95% intervals" in table.note:
            assert words in table.note


def test_a_lucky_training_shows_no_difference() -> None:
    """Two of three trainings answer as the question alone does, and one answers everything."""
    task = task_of("action")
    n = len(task.questions.split("test"))
    half = (np.arange(n) % 2 == 0).tolist()
    made = [
        outcome(task, name, bits, hits, seed=seed)
        for seed, lucky in enumerate((half, half, [True] * n))
        for name, bits, hits in (("featcomp", 10, lucky), ("question-only", None, half))
    ]
    result = sweep_result(made, [task], command="c")
    table = next(t for t in result.tables if t.title.startswith("Compared"))
    assert float(table.rows[0][4]) < 1e-6
    assert "FeatComp 10 bits against Q-only, on the same questions: action" in result.findings[1]
    assert result.findings[1].endswith("no difference shown.")
    assert "action none of 10" in result.findings[2]


def test_a_secret_that_one_training_gives_away_is_told() -> None:
    task = task_of("action")
    made = [outcome(task, "featcomp", 10, right(task, 0.9, s), seed=s) for s in range(3)]
    told = [
        SecretRead("action", "FeatComp 10 bits", 10, s, "side", probe, share(value, 100))
        for s, read in enumerate((0.5, 0.5, 0.8))
        for probe, value in (("linear", read), ("chance", 0.5))
    ]
    result = sweep_result(made, [task], privacy=told, command="c")
    assert any(f.startswith("side is read beyond guessing") for f in result.findings)


def test_more_bits_that_score_lower_are_warned_of(made_up: Callable[..., Result]) -> None:
    falls = [w for w in made_up().warnings if "score lower" in w]
    assert falls == []
    falls = [w for w in made_up({("featcomp", 100): 0.5}).warnings if "score lower" in w]
    assert [w.split(",")[0] for w in falls] == [
        f"{task}: FeatComp 100 bits score lower than FeatComp 10 bits"
        for task in ("action", "frameqa")
    ]


def test_options_that_give_the_answer_away_are_warned_of(made_up: Callable[..., Result]) -> None:
    assert not any("bias" in w for w in made_up().warnings)
    warned = [w for w in made_up({("options-only", None): 0.95}).warnings if "bias" in w]
    assert len(warned) == 2
    assert warned[0].startswith("action: a model that sees the options alone answers 9")
    assert "chance is 20%" in warned[0]


def test_videos_left_out_and_answers_outside_the_vocabulary() -> None:
    task = task_of(
        "frameqa",
        left_out={f"w{n}": "not found" for n in range(7)},
        vocabulary=AnswerVocabulary(("red",)),
    )
    test = task.questions.split("test")
    made = [outcome(task, "floats", None, [q.answer == "red" for q in test])]
    result = sweep_result(made, [task], command="c")
    outside = sum(q.answer != "red" for q in test)
    assert result.measure("videos left out").value == 7
    assert result.measure("answers outside the vocabulary").value == outside
    assert any("7 videos were left out" in w for w in result.warnings)
    assert result.warnings.count("It begins with nothing.") == 1
    assert any(f"{outside} of {len(test)} test questions" in w for w in result.warnings)


def test_chance_is_the_options_or_the_most_frequent_training_answer(
    made_up: Callable[..., Result],
) -> None:
    result = made_up()
    assert result.measure("chance", task="action").value == pytest.approx(0.2)
    test = task_of("frameqa").questions.split("test")
    wanted = np.mean([q.answer == "red" for q in test])
    assert result.measure("chance", task="frameqa").value == pytest.approx(wanted)
    assert "'red'" in result.measure("chance", task="frameqa").method


def test_seeds_tested_on_different_questions_are_refused() -> None:
    long, short = task_of("action"), task_of("action", videos=30)
    made = [
        outcome(long, "floats", None, right(long, 0.5)),
        outcome(short, "floats", None, right(short, 0.5), seed=1),
    ]
    with pytest.raises(InputError, match="different questions"):
        sweep_result(made, [long], command="c")


def test_one_seed_is_said_and_privacy_may_be_missing(made_up: Callable[..., Result]) -> None:
    result = made_up(seeds=(3,), privacy=False)
    assert any(w.startswith("One seed") for w in result.warnings)
    assert not any("probe" in text for text in (*result.findings, *result.warnings))
    assert not any("Spread" in table.title for table in result.tables)


def test_the_table_says_that_codes_start_from_floats(made_up: Callable[..., Result]) -> None:
    assert "twice the passes of Floats" in made_up().tables[0].note

"""What the check of questions and videos finds, and what guessing gets."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from question_files import choice, real, tgif, write

from privkit.data.questions.check import (
    check_questions,
    official_rows_warnings,
    write_video_problems,
)
from privkit.data.questions.open import open_questions
from privkit.data.questions.record import Question, QuestionSet
from privkit.data.questions.videos import find_videos
from privkit.errors import InputError
from privkit.evaluation.guessing import guesses, shown
from privkit.evaluation.intervals import share_over_people
from privkit.evaluation.question_check import SHOWN, question_check_result
from privkit.videoqa.question_sets import training_questions


def decodes(path: Path) -> None:
    """Stands in for the decoder: a file that starts with 'bad' does not decode."""
    if path.read_bytes().startswith(b"bad"):
        raise InputError("the video cannot be decoded", where=path, found=f"error in {path}")


def question(number, video="v", split="train", answer="yes", kind="t", options=(), correct=None):
    words = options[correct] if options else answer
    return Question(str(number), video, "task", split, "what ?", words, options, correct, kind)


def of(*questions, **more):
    return QuestionSet("A set", "task", questions, {}, **more)


def test_missing_and_broken_videos_are_named_and_written_in_full(tmp_path):
    rows = [choice(f"gif{n:02}", vid=f"A{n}") for n in range(40)]
    tgif(tmp_path, rows)
    write(tmp_path, "videos/gif00.gif", b"fine")
    write(tmp_path, "videos/deep/gif01.MP4", b"bad")
    write(tmp_path, "videos/gif02.txt", b"no video")
    write(tmp_path, "videos/GIF03.gif", b"case is kept")
    ticks = []
    found = open_questions(tmp_path)
    check = check_questions(found, probe=decodes, tick=lambda *t: ticks.append(t))
    assert ticks == [("decode the videos", 1, 2), ("decode the videos", 2, 2)]
    assert check.decoded == 1
    assert [p.video for p in check.undecodable()] == ["gif01"]
    assert "gif01.MP4" in check.undecodable()[0].detail
    assert str(tmp_path) not in check.undecodable()[0].detail
    assert [p.video for p in check.missing()] == [f"gif{n:02}" for n in range(2, 40)]
    write_video_problems(tmp_path / "videos.csv", check)
    with (tmp_path / "videos.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert Counter(row["problem"] for row in listed) == {"missing": 38, "undecodable": 1}
    result = question_check_result(check, command="privkit videoqa check", seed=0)
    missing = next(w for w in result.warnings if "missing" in w)
    assert missing.startswith("38 of 40 videos are missing, with 38 questions: gif02, ")
    assert missing.endswith(f"gif21 and {38 - SHOWN} more.")
    assert result.measure("videos missing").value == 38


@pytest.mark.parametrize("other", ["b/gif1.mp4", "gif1.mkv"])
def test_two_files_of_one_video_are_refused(tmp_path, other):
    tgif(tmp_path, [choice("gif1")])
    write(tmp_path, "gif1.gif", b"")
    write(tmp_path, other, b"")
    with pytest.raises(InputError, match=r"'gif1' has two files.*gif1\.(gif|mp4|mkv) and"):
        open_questions(tmp_path)


def test_two_files_that_no_question_is_about_do_not_matter(tmp_path):
    write(tmp_path, "a/x.gif", b"")
    write(tmp_path, "b/x.gif", b"")
    write(tmp_path, "b/y.webm", b"")
    assert find_videos(tmp_path, ["y"]) == {"y": tmp_path / "b/y.webm"}
    with pytest.raises(InputError, match="no such folder of videos"):
        find_videos(tmp_path / "b/y.webm", ["y"])


def test_linked_folders_are_searched_once(tmp_path):
    write(tmp_path, "disk/v.mp4", b"")
    write(tmp_path, "data/more/w.mp4", b"")
    (tmp_path / "data/videos").symlink_to(tmp_path / "disk")
    (tmp_path / "data/more/back").symlink_to(tmp_path / "data")
    assert list(find_videos(tmp_path / "data", ["v", "w"])) == ["v", "w"]


def test_counts_overlap_and_suspect_rows():
    questions = of(
        question(0, "a", kind="x"),
        question(1, "b", kind="y", answer="No"),
        question(2, "b", "test", "no", "x"),
        question(3, "c", "test", "maybe", "x"),
        question(4, "c", "test", "no", "y"),
        question(5, "d", "test", " "),
        rows={"train": 2, "test": 4},
        official_rows={"train": 2, "test": 5, "val": 1},
    )
    check = check_questions(questions)
    assert check.counts == {
        ("train", "x"): 1,
        ("train", "y"): 1,
        ("test", "t"): 1,
        ("test", "x"): 2,
        ("test", "y"): 1,
    }
    assert check.videos == {"train": 2, "test": 3}
    assert check.overlap == {("train", "test"): ("b",)}
    assert check.answers == (("no", 1), ("yes", 1))
    assert check.outside == {"test": 0.5}
    assert check.empty == ("5",)
    assert official_rows_warnings(questions) == [
        "A set task: the test file has 4 rows, the official one 5."
    ]


def test_options_with_the_same_words_are_counted():
    questions = of(
        question(0, options=("a", "b"), correct=0),
        question(1, options=("a", "A "), correct=0),
        question(2, options=("a", ""), correct=0),
    )
    check = check_questions(questions)
    assert (check.repeated_options, check.empty) == (("1",), ("2",))
    assert check.outside == {}


def test_guessing_the_answer_by_hand():
    train = [question(n, f"v{n}", answer=a, kind=k) for n, (a, k) in enumerate(
        [("man", "who"), ("Man", "who"), ("woman", "who"), ("two", "how"), ("two", "how")]
    )]  # fmt: skip
    test = [question(9 + n, f"w{n}", "test", a, k) for n, (a, k) in enumerate(
        [("man", "who"), ("two", "how"), ("three", "how"), ("man", "where")]
    )]  # fmt: skip
    made = {(g.rule, g.answer_type): g.accuracy for g in guesses(of(*train, *test))}
    overall = "the most frequent answer in training, 'man'"
    typed = "the most frequent answer of the question's type in training"
    assert made[overall, "all"] == share_over_people([1, 0, 0, 1], list("abcd"), unit="videos")
    assert {k: (a.successes, a.n) for (r, k), a in made.items() if r == typed} == {
        "all": (3, 4),  # a type that training lacks gets the overall guess
        "how": (1, 2),
        "where": (1, 1),
        "who": (1, 1),
    }


OPTIONS = st.lists(st.sampled_from("abcdef"), min_size=3, max_size=3).map(tuple)
CHOICES = st.lists(st.tuples(OPTIONS, st.integers(0, 2)), min_size=1, max_size=12)


@given(CHOICES, CHOICES)
def test_guessing_an_option_is_what_counting_says(train, test):
    questions = [
        question(n, f"v{n}", "train" if n < len(train) else "test", options=o, correct=c)
        for n, (o, c) in enumerate(train + test)
    ]
    place, words = (g.accuracy.successes for g in guesses(of(*questions)))
    indices = [c for _, c in train]
    best = max(range(3), key=lambda i: (indices.count(i), -i))
    answers = [o[c] for o, c in train]
    chosen = [max(range(3), key=lambda i: (answers.count(o[i]), -i)) for o, _ in test]
    assert place == sum(c == best for _, c in test)
    assert words == sum(guess == c for guess, (_, c) in zip(chosen, test, strict=True))


def test_the_interval_counts_videos_not_questions():
    train = [question(0, "x")]
    test = [question(n, f"v{n // 10}", "test", "yes" if n < 50 else "no") for n in range(100)]
    (guess,) = guesses(of(*train, *test))
    assert guess.accuracy.n == 100
    assert guess.accuracy.effective < 20


def test_without_a_train_split_nothing_is_guessed():
    questions = of(question(0, split="test", answer="a"), question(1, split="test", answer="b"))
    assert guesses(questions) == []
    result = question_check_result(check_questions(questions), command="", seed=0)
    assert any("no train split" in warning for warning in result.warnings)


def test_words_from_a_file_are_shown_as_one_printable_line():
    assert shown("a\nb\t\x1b[31mred\u202e") == "a b [31mred"
    assert len(shown("long " * 100)) == 100


def test_the_real_clips_decode(tmp_path):
    decode = pytest.importorskip("privkit.data.videos.decode")
    found = open_questions(real("msvd_qa"), videos=real("videos/msvd_5"))
    check = check_questions(found, probe=decode.probe)
    assert (check.decoded, len(check.missing()), check.overlap) == (5, 1905, {})
    assert check.row_warnings == ()
    best = max(g.accuracy.value for g in guesses(found) if g.answer_type == "all")
    assert 0.18 < best < 0.20


def test_questions_with_another_number_of_options_are_named_and_refused():
    three, two = ("a", "b", "c"), ("a", "b")
    found = of(*(question(n, options=three if n else two, correct=0) for n in range(4)))
    check = check_questions(found, probe=decodes)
    assert check.odd_options == ("0",)
    words = question_check_result(check, command="c", seed=0).warnings
    assert any("1 questions have another number of options" in one for one in words)
    with pytest.raises(InputError, match=r"different numbers of options.*1 with another.*e\.g\. 0"):
        training_questions(found, {"v"}, from_features=False)

"""Splits by video, drawn with a seed; and the answers that a model can give."""

import math
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from question_files import choice, real, tgif, write

from privkit.data.questions.open import open_questions, read_questions
from privkit.data.questions.record import Question
from privkit.data.questions.splits import carve_validation, seeded_order
from privkit.data.questions.vocabulary import answer_vocabulary, normalise, share_outside
from privkit.errors import InputError


def question(number, video, split="train", answer="yes"):
    return Question(str(number), video, "yesno", split, "is it ?", answer)


SETS = st.lists(
    st.tuples(st.integers(0, 25), st.sampled_from(["train", "test"])), min_size=1, max_size=60
).map(lambda rows: [question(n, f"v{v}", split) for n, (v, split) in enumerate(rows)])


@given(SETS, st.floats(0.01, 0.99), st.integers(0, 5))
def test_whole_videos_of_train_go_to_validation(questions, share, seed):
    carved = carve_validation(questions, share, seed)
    train = {q.video for q in questions if q.split == "train"}
    free = train - {q.video for q in questions if q.split == "test"}
    videos = {s: {q.video for q in carved if q.split == s} for s in ("train", "validation", "test")}
    if len(free) < 2:
        assert list(carved) == questions
        return
    assert videos["train"] | videos["validation"] == train
    assert videos["train"].isdisjoint(videos["validation"])
    assert videos["validation"].isdisjoint(videos["test"])
    assert len(videos["validation"]) == min(max(1, round(share * len(train))), len(free) - 1)
    for before, after in zip(questions, carved, strict=True):
        assert replace(after, split=before.split) == before
        assert before.split == after.split or (before.split, after.split) == ("train", "validation")


@given(SETS, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_plays_no_part(questions, seed, order: random.Random):
    mixed = questions.copy()
    order.shuffle(mixed)
    assert set(carve_validation(questions, seed=seed)) == set(carve_validation(mixed, seed=seed))


def test_a_set_with_validation_is_left_alone_and_another_seed_takes_other_videos():
    questions = [question(n, f"v{n}") for n in range(200)]
    taken = [
        {q.video for q in carve_validation(questions, seed=seed) if q.split == "validation"}
        for seed in (0, 0, 1)
    ]
    assert taken[0] == taken[1] != taken[2]
    assert [len(t) for t in taken] == [20, 20, 20]
    with_validation = [*questions, question(200, "other", "validation")]
    assert carve_validation(with_validation) == tuple(with_validation)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, math.nan])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InputError, match="above 0 and below 1"):
        carve_validation([question(0, "a"), question(1, "b")], share)


def test_every_order_is_as_likely_as_another():
    first = Counter(seeded_order("abcd", seed)[0] for seed in range(4000))
    assert all(abs(count - 1000) < 5 * math.sqrt(4000 * 0.25 * 0.75) for count in first.values())
    assert seeded_order("dcbaab", 3) == seeded_order("abcd", 3)


def test_tgif_gets_a_validation_split_and_supervision_reads_it_uncarved(tmp_path):
    rows = [choice(f"gif{n}", vid=f"ACTION{n}") for n in range(30)]
    path = tgif(tmp_path, rows)
    opened = open_questions(path, seed=1)
    assert [len(opened.split(s)) for s in ("train", "validation", "test")] == [27, 3, 0]
    assert opened.rows == {"train": 30}
    assert {q.split for q in read_questions(path).questions} == {"train"}
    tgif(tmp_path, list(reversed(rows)))
    again = open_questions(path, seed=1)
    assert {q.video for q in again.split("validation")} == {
        q.video for q in opened.split("validation")
    }


def fights(folder, each):
    for n in range(each):
        write(folder, f"fight/fi{n:03}.mp4", b"x")
        write(folder, f"noFight/nofi{n:03}.avi", b"x")
    write(folder, "fight/README.md", b"not a video")
    return folder


def test_fights_become_yes_no_questions_with_a_stratified_split(tmp_path):
    found = open_questions(fights(tmp_path, 10), seed=3)
    assert found.task == "yesno"
    assert {q.question for q in found.questions} == {"is someone fighting ?"}
    counts = Counter((q.split, q.answer) for q in found.questions)
    assert counts == {
        (split, answer): n
        for split, n in (("train", 6), ("validation", 2), ("test", 2))
        for answer in ("yes", "no")
    }
    assert {q.video for q in found.questions} == set(found.videos)
    assert found.sha256 == open_questions(tmp_path, seed=3).sha256
    assert found.sha256 != open_questions(tmp_path, seed=4).sha256


def test_the_real_fights(tmp_path):
    found = open_questions(real("videos/fight_surv"))
    assert len(found.videos) == len(found.questions) == 200
    assert [len(found.split(s)) for s in ("train", "validation", "test")] == [120, 40, 40]


def test_the_vocabulary_ranks_answers_and_says_what_is_outside():
    words = ["bee", "Cat", "dog ", "cat", "dog", "ape"]
    train = [question(n, "v", answer=word) for n, word in enumerate(words)]
    vocabulary = answer_vocabulary(train)
    assert vocabulary.answers == ("cat", "dog", "ape", "bee")
    assert [vocabulary.index(w) for w in ("CAT", " dog", "eel")] == [0, 1, None]
    small = answer_vocabulary(train, 2)
    assert small.answers == ("cat", "dog")
    assert share_outside(train, small) == 2 / 6
    assert share_outside(train, vocabulary) == 0
    assert share_outside([], vocabulary) == 0


@given(st.lists(st.text("abAB ", min_size=1, max_size=2), min_size=1), st.integers(1, 5))
def test_no_other_vocabulary_of_the_size_covers_more(answers, size):
    questions = [question(n, "v", answer=word) for n, word in enumerate(answers)]
    vocabulary = answer_vocabulary(questions, size)
    covered = sorted(Counter(map(normalise, answers)).values(), reverse=True)[:size]
    assert len(vocabulary) == len(covered)
    assert share_outside(questions, vocabulary) == pytest.approx(1 - sum(covered) / len(answers))
    assert [vocabulary.index(a) for a in vocabulary.answers] == list(range(len(vocabulary)))


@pytest.mark.parametrize(("words", "size"), [([], None), (["a"], 0), (["a"], -1)])
def test_a_vocabulary_of_nothing_is_refused(words, size):
    with pytest.raises(InputError, match="at least"):
        answer_vocabulary([question(0, "v", answer=w) for w in words], size)

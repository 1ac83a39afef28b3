"""Words by the codes of their videos: means by hand, neighbours that are there, and chance."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from small_set import small_source

from privkit.data.questions.record import Question
from privkit.errors import InputError
from privkit.videoqa.findings_words import words_result, write_words
from privkit.videoqa.words import chosen_words, content_words, study_words, words_of

PETS = ("cat", "dog", "cow", "hen")
#: What a bit code of 6 bits says of each pet: the first two are alike, the last two are too.
MEANING = {"cat": "111000", "dog": "111000", "cow": "000111", "hen": "000111"}


def question(n, split, answer, extra=""):
    return Question(f"q{n}", f"v{n}", "pets", split, f"what is it {extra}?", answer)


def a_set(videos=400, noise=0.15, seed=0):
    """Questions on pets, words that mean nothing, and the codes of the videos."""
    draw = np.random.default_rng(seed)
    rows, signs = [], []
    for n in range(videos):
        pet = PETS[draw.integers(4)]
        split = "train" if n < 0.75 * videos else "test"
        rows.append(question(n, split, pet, f"w{draw.integers(5)} "))
        code = np.array([int(b) for b in MEANING[pet]])
        signs.append(2 * (code ^ (draw.random(6) < noise)) - 1)
    return rows, [q.video for q in rows], np.array(signs, np.float32)


def study(rows, videos, signs, least=10):
    train = [q for q in rows if q.split == "train"]
    unseen = [q for q in rows if q.split != "train"]
    return study_words(train, unseen, videos, signs, least=least, seed=0)


def test_words_of_a_question() -> None:
    asked = question(1, "train", "A red-ish Ball", "2x ")
    assert words_of(asked) == ("what", "is", "it", "2x", "a", "red", "ish", "ball")


def test_content_words() -> None:
    rows = [question(n, "train", ("raise both arms", "jump", "bow")[n % 3]) for n in range(30)]
    rows.append(question(30, "train", "sit"))
    assert content_words(rows, 5) == ("bow", "jump", "raise both arms")  # no 'what', no 'sit'
    with pytest.raises(InputError, match=r"at least 11 training videos.*found: none"):
        content_words(rows, 11)


def test_the_words_to_show() -> None:
    words = ("jump", "raise both arms", "bow")
    assert chosen_words(words, ("Arms", "both", "bow")) == [1, 2]
    assert chosen_words(words, ()) == [0, 1, 2]
    with pytest.raises(InputError, match=r"e\.g\. jump; found: jumps"):
        chosen_words(words, ("jumps",))


def test_codes_of_words_by_hand() -> None:
    rows, videos, signs = a_set()
    found = study(rows, videos, signs)
    train = [n for n, q in enumerate(rows) if q.split == "train"]
    cats = [n for n in train if rows[n].answer == "cat"]
    place = found.words.index("cat")
    np.testing.assert_allclose(found.codes[place], signs[cats].mean(0) - signs[train].mean(0))
    assert found.counts[place] == len(cats)


def test_neighbours_that_are_there_are_found_and_others_are_not() -> None:
    found = study(*a_set())
    place = {word: n for n, word in enumerate(found.words)}
    assert set(place) == {*PETS, *(f"w{n}" for n in range(5))}
    for word, near in (("cat", "dog"), ("dog", "cat"), ("cow", "hen"), ("hen", "cow")):
        assert found.words[found.nearest[place[word], 0]] == near
        assert found.cosine[place[word], 0] > found.chance[place[word]]
        assert found.p[place[word]] < 0.01
    assert all(found.p[place[f"w{n}"]] > 0.05 for n in range(5))
    # Cat and dog have one code: a word is found among the two, and the others by chance.
    assert found.found_by_chance < 0.3


def test_a_word_with_a_code_of_its_own_is_found_again() -> None:
    rows, videos, signs = a_set()
    for n, row in enumerate(rows):  # now every pet has a code of its own
        signs[n, :4] = np.where(np.array(PETS) == row.answer, 1, -1)
    found = study(rows, videos, signs)
    again = {found.words[n]: hit for n, hit in zip(found.looked_for, found.found, strict=True)}
    assert all(again[pet] for pet in PETS)


def test_shuffled_codes_hold_no_word() -> None:
    strong = 0
    for seed in range(6):
        rows, videos, signs = a_set(seed=seed)
        shuffled = np.random.default_rng(seed).permutation(signs)
        strong += bool((study(rows, videos, shuffled).p < 0.05).any())
    assert strong <= 2  # one set in twenty


def test_words_of_one_phrase_are_no_neighbours() -> None:
    rows, videos, signs = a_set()
    rows = [
        Question(q.question_id, q.video, q.task, q.split, q.question, f"{q.answer} {q.answer}like")
        if n % 10
        else q
        for n, q in enumerate(rows)
    ]
    found = study(rows, videos, signs)
    place = {word: n for n, word in enumerate(found.words)}
    assert found.words[found.nearest[place["cat"], 0]] in ("dog", "doglike")
    assert place["catlike"] not in found.nearest[place["cat"]]


def test_a_set_without_unseen_videos() -> None:
    rows, videos, signs = a_set()
    train = [q for q in rows if q.split == "train"]
    found = study(train, videos, signs)
    assert len(found.found) == 0
    assert np.isnan(found.found_by_chance)


def test_result_and_file(tmp_path, tmp_path_factory) -> None:
    source = small_source(tmp_path_factory.getbasetemp(), "action")
    task = source.open()
    found = study(*a_set())
    result = words_result(
        found, task, source, shown=[0, 1], bits=6, least=10, seed=0, command="privkit"
    )
    assert result.findings[0].startswith("4 of 9 content words")
    assert result.measure("words that move the code").successes == 4
    assert len(result.tables[0].rows) == 2
    assert result.notices
    write_words(tmp_path / "words.csv", found)
    with (tmp_path / "words.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    cat = next(row for row in rows if row["word"] == "cat")
    assert cat["nearest_1"] == "dog"
    assert float(cat["bit_0"]) > 0.5
    assert float(cat["bit_5"]) < -0.5

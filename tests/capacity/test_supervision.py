"""The compressed size of questions and answers, against sizes worked out here."""

import bz2
import os
from pathlib import Path

import numpy as np
import pytest

from privkit.capacity.supervision import PAPER_BITS, supervision_bits, supervision_result
from privkit.data.questions.open import read_questions
from privkit.data.questions.record import Question, QuestionSet
from privkit.errors import InputError

_DATA = os.environ.get("PRIVKIT_DATA")


def question(number, words="What is it ?", answer="A Cat", split="train"):
    return Question(str(number), f"v{number}", "action", split, words, answer)


def bits(sizes, words="lower case, without ' ?'", order="as in the file", how="bzip2 -9"):
    found = [s for s in sizes if (s.serialisation, s.order, s.compressor) == (words, order, how)]
    assert len(found) == 1
    return found[0].bits


def test_the_lines_are_question_tab_answer():
    sizes = supervision_bits([question(0), question(1, "Who\tis\nit?", "B")])
    plain = b"what is it\ta cat\nwho is it\tb\n"
    as_is = b"What is it ?\tA Cat\nWho is it?\tB\n"
    assert bits(sizes) == 8 * len(bz2.compress(plain, 9)) / 2
    assert bits(sizes, "as is") == 8 * len(bz2.compress(as_is, 9)) / 2
    assert sizes[0].bits == bits(sizes)


def test_random_words_need_about_their_entropy():
    # 40 random letters of 16 kinds are 160 bits; a code that knows nothing cannot be below.
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnop"))
    many = [question(n, "".join(rng.choice(letters, 40)), "x") for n in range(3000)]
    for size in supervision_bits(many):
        assert 160 < size.bits < 195


def test_the_shuffled_order_follows_the_seed_and_loses_what_neighbours_share():
    words = ((n // 20, n % 7) for n in range(2000))
    many = [question(0, f"what does person {a} of the {b} do ?", "x") for a, b in words]
    one, same, other = (supervision_bits(many, seed=s) for s in (0, 0, 1))
    assert one == same
    assert bits(one, order="shuffled") > bits(one)
    assert bits(one, order="shuffled") != bits(other, order="shuffled")


def test_nothing_to_measure_is_refused():
    with pytest.raises(InputError, match="no question to measure"):
        supervision_bits([])


def test_only_the_same_set_task_and_split_stand_beside_the_papers_figure():
    def cells(name, split="train"):
        made = QuestionSet(name, "action", (question(0, split=split), question(1, split=split)), {})
        result = supervision_result([made], command="", seed=0)
        return {row[-1] for row in result.tables[0].rows}, result.warnings

    assert cells("TGIF-QA") == ({"30.9", ""}, [])
    assert cells("generated videos") == ({""}, [])
    found, warnings = cells("TGIF-QA", "test")
    assert found == {""}
    assert warnings == ["TGIF-QA action has no train split: its test questions were measured."]


def test_tgif_action_needs_what_the_paper_says():
    path = Path(_DATA or "") / "tgif_qa" / "Train_action_question.csv"
    if not _DATA or not path.is_file():
        pytest.skip("PRIVKIT_DATA does not hold tgif_qa/Train_action_question.csv")
    sizes = supervision_bits(read_questions(path).split("train"))
    assert {size.pairs for size in sizes} == {20475}
    assert 30.4 < bits(sizes) < 31.8
    assert bits(sizes) == pytest.approx(PAPER_BITS["TGIF-QA", "action"], abs=0.1)
    assert 30.4 < bits(sizes, "as is") < 31.8

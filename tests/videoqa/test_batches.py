"""Batches: each question once an epoch, in an order that can be taken up anywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tiny_training import Features, a_training, questions

from privkit.data.questions.record import Question
from privkit.data.questions.vocabulary import AnswerVocabulary
from privkit.errors import InputError
from privkit.models.clipbert.words import Tokenizer, train_words
from privkit.videoqa.batches import QuestionBatches, parts_of, training_order
from privkit.videoqa.result_parts import cut_words


@given(n=st.integers(2, 40), batch=st.integers(2, 50), seed=st.integers(0, 2**62))
@hypothesis_settings(deadline=None, max_examples=60)
def test_an_epoch_takes_each_question_at_most_once(n: int, batch: int, seed: int) -> None:
    places = np.arange(100, 100 + n)
    epochs = 3
    size = min(batch, n)
    order = list(training_order(places, batch, seed=seed, steps=epochs * (n // size)))
    assert len(order) == epochs * (n // size)
    for epoch in range(epochs):
        taken = np.concatenate([rows for e, rows in order if e == epoch])
        assert len(set(taken.tolist())) == len(taken) == n // size * size
        assert set(taken.tolist()) <= set(places.tolist())


@given(first=st.integers(0, 13), seed=st.integers(0, 1000))
@hypothesis_settings(deadline=None, max_examples=40)
def test_the_order_can_be_taken_up_anywhere(first: int, seed: int) -> None:
    whole = list(training_order(np.arange(11), 4, seed=seed, steps=13))
    rest = list(training_order(np.arange(11), 4, seed=seed, steps=13, first=first))
    assert len(rest) == len(whole) - first
    for (e, rows), (f, again) in zip(whole[first:], rest, strict=True):
        assert e == f
        assert np.array_equal(rows, again)


@given(n=st.integers(2, 40), accumulate=st.integers(1, 5), world=st.integers(1, 4))
@hypothesis_settings(deadline=None, max_examples=60)
def test_parts_are_a_partition_whose_weights_restore_the_mean(
    n: int, accumulate: int, world: int
) -> None:
    values = np.random.default_rng(n).normal(size=n)
    rows = np.random.default_rng(1).permutation(n)
    parts = [list(parts_of([(3, rows)], accumulate, rank, world)) for rank in range(world)]
    taken = np.concatenate([p.rows for p in itertools.chain.from_iterable(parts)])
    assert sorted(taken.tolist()) == list(range(n))
    assert {p.epoch for p in itertools.chain.from_iterable(parts)} == {3}
    steps = [
        sum(p.weight * values[p.rows].mean() for p in mine if len(p.rows)) / accumulate
        for mine in parts
    ]
    assert np.mean(steps) == pytest.approx(values.mean())


def test_the_order_depends_on_seed_and_epoch() -> None:
    orders = {
        tuple(rows.tolist())
        for seed in range(3)
        for _, rows in training_order(np.arange(9), 9, seed=seed, steps=3)
    }
    assert len(orders) == 9


def test_a_batch_holds_the_questions_and_their_videos() -> None:
    training = a_training()
    rows = np.array([5, 0, 17])
    batch = training.questions.batch(rows, training.source, weight=0.5)
    assert batch.index.tolist() == rows.tolist()
    assert batch.target.tolist() == [2, 0, 2]
    assert batch.weight == 0.5
    assert torch.equal(batch.video, training.source.take(["v5", "v0", "v17"]))
    assert batch.text.ids.shape[:2] == (3, 3)
    assert batch.text.mask.flatten(0, 1).sum(1).max() == batch.text.ids.shape[2]
    assert batch.to("cpu").weight == 0.5


def test_a_model_that_sees_no_question_gets_the_options_alone() -> None:
    tokenizer = train_words(["what color ? red green blue"], 100)
    for with_question, words in ((True, 4), (False, 1)):
        batches = QuestionBatches(
            questions(range(2)), tokenizer, None, max_tokens=12, with_question=with_question
        )
        assert int(batches.text.mask[0, 0].sum()) == words + 2  # [CLS] and [SEP]


def of_words(option: str, number: int = 0) -> Question:
    asked = "the cat and the dog and the bird"
    return Question(
        f"w{number}", "v", "action", "train", asked, option, options=(option, "the end"), correct=0
    )


def read(batches: QuestionBatches, tokenizer: Tokenizer, place: int) -> list[str]:
    ids = batches.text.ids[0, place][batches.text.mask[0, place]]
    return [tokenizer.vocabulary[n] for n in ids.tolist()]


def test_the_question_is_cut_and_the_options_stay() -> None:
    asked = of_words("a red hat")
    tokenizer = train_words([asked.question, *asked.options], 100)
    batches = QuestionBatches([asked], tokenizer, None, max_tokens=7)
    assert read(batches, tokenizer, 0) == ["[CLS]", "the", "cat", "a", "red", "hat", "[SEP]"]
    assert read(batches, tokenizer, 1) == ["[CLS]", "the", "cat", "and", "the", "end", "[SEP]"]
    assert batches.text.cut == 2
    # An option that is too long alone loses its end, and leaves no room for the question.
    batches = QuestionBatches([asked], tokenizer, None, max_tokens=4)
    assert read(batches, tokenizer, 0) == ["[CLS]", "a", "red", "[SEP]"]
    assert read(batches, tokenizer, 1) == ["[CLS]", "the", "end", "[SEP]"]


@given(
    words=st.lists(st.text("ab é?漢", max_size=8), min_size=3, max_size=3),
    max_tokens=st.integers(3, 40),
)
@hypothesis_settings(deadline=None, max_examples=100)
def test_what_fits_reads_as_one_text(words: list[str], max_tokens: int) -> None:
    tokenizer = train_words(["a b é ? 漢 ab ba"], 100)
    asked, *options = words
    split = tokenizer.batch([options], max_tokens, before=[asked])
    whole = tokenizer.batch([[f"{asked} {option}" for option in options]], max_tokens)
    assert split.cut == whole.cut
    assert torch.equal(split.mask, whole.mask)
    if not whole.cut:
        assert torch.equal(split.ids, whole.ids)


def test_cut_texts_are_told() -> None:
    asked = [of_words("a red hat"), of_words("one", 1)]
    tokenizer = train_words([asked[0].question, "a red hat one end"], 100)
    splits = {
        split: QuestionBatches(asked, tokenizer, None, max_tokens=most)
        for split, most in (("train", 11), ("test", 30))
    }
    (said,) = cut_words(splits, 11)
    assert said.startswith("3 of 4 texts of train are longer than text.max_tokens = 11")
    assert cut_words({"test": splits["test"]}, 30) == []


def open_ended(answer: str, number: int) -> Question:
    return Question(f"o{number}", f"v{number}", "frameqa", "train", "what color ?", answer)


def test_answers_outside_the_vocabulary_are_never_trained_on() -> None:
    tokenizer = train_words(["what color ?"], 100)
    asked = [open_ended(answer, n) for n, answer in enumerate(["red", "mauve", " Blue "])]
    batches = QuestionBatches(asked, tokenizer, AnswerVocabulary(("blue", "red")), max_tokens=12)
    assert batches.target.tolist() == [1, -1, 0]
    assert batches.known.tolist() == [0, 2]


def test_kinds_are_not_mixed_and_an_empty_split_is_empty() -> None:
    tokenizer = train_words(["what color ? red green blue"], 100)
    with pytest.raises(InputError, match="open-ended question stands among"):
        QuestionBatches([open_ended("red", 0)], tokenizer, None, max_tokens=12)
    assert len(QuestionBatches([], tokenizer, None, max_tokens=12)) == 0
    assert Features(3).take([]).shape[0] == 0

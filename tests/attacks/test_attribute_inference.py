"""Attribute inference: what is in a feature is read, what is not stays at its baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from attacks.attribute_inference import AttributeInference, InferenceOutcome, infer_trials
from privkit.errors import InputError
from privkit.evaluation.attribute_values import attribute_of
from privkit.evaluation.people import dealt, derangement, folds_by_label, sample_of_people
from privkit.evaluation.posteriors import MODELS, Known, cross_fitted, hits
from privkit.evaluation.trials import Trials

PEOPLE, TIMES = 48, 3


def store(
    signal: float, *, values: int = 2, width: int = 12, signs: bool = False, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of people with several records each; the attribute moves their mean."""
    draw = np.random.default_rng(seed)
    label = np.arange(PEOPLE) % values
    own = draw.normal(size=(PEOPLE, width)) + signal * draw.normal(size=(values, width))[label]
    person = np.arange(PEOPLE).repeat(TIMES)
    x = own[person] + 0.3 * draw.normal(size=(len(person), width))
    x = np.where(x > 0, 1, -1) if signs else x
    return x.astype(np.float32), person + 7, label[person].astype(str).astype(object)


def attack(*material: Any, models: tuple[str, ...] = (), **more: Any) -> InferenceOutcome:
    settings = AttributeInference(models=models)
    return infer_trials(*material, name="sex", seed=1, settings=settings, **more)


def by_measure(outcome: InferenceOutcome) -> dict[str, Trials]:
    return {trials.name: trials for trials in outcome.trials}


@pytest.mark.parametrize("signs", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_model_reads_what_is_there(signs: bool) -> None:
    outcome = attack(*store(2.0, signs=signs))
    assert {t.attack for t in outcome.trials} >= {"inference_linear", "inference_boosting"}
    for trials in outcome.trials:
        assert trials.mean() > 0.8, trials.name
        assert trials.mean("baseline") == pytest.approx(0.5, abs=0.1)
        # A control of 48 people: within four standard errors of chance.
        assert abs(trials.mean("control") - 0.5) < 0.29
    assert not outcome.notes


@pytest.mark.parametrize("model", list(MODELS))
def test_what_is_not_there_is_not_read(model: str) -> None:
    signs = model == "table"
    rates = [
        [t.mean(of) - t.mean("baseline") for t in outcome.trials for of in ("hit", "control")]
        for outcome in (
            attack(*store(0.0, width=4, signs=signs, seed=s), models=(model,)) for s in range(3)
        )
    ]
    assert abs(np.mean(rates)) < 0.12


def test_a_persons_own_records_are_never_learned_from() -> None:
    """The feature names the person and says nothing else; people apart, it must not help."""
    draw = np.random.default_rng(0)
    person = np.arange(50).repeat(6)
    x = np.where(draw.random((50, 40)) < 0.5, -1, 1)[person].astype(np.float32)
    values = (draw.random(50) < 0.5)[person]
    for trials in attack(x, person, values, models=("neighbours", "table")).trials:
        assert trials.mean() < 0.75


def test_a_rare_value_leaks_without_beating_the_majority() -> None:
    """5% have the value and half of them a mark that 10% of the others have too."""
    draw = np.random.default_rng(3)
    rare = np.arange(600) % 20 == 0
    mark = np.where(rare, draw.random(600) < 0.6, draw.random(600) < 0.1)
    x = np.where(mark, 1, -1)[:, None].astype(np.float32)
    found = by_measure(attack(x, np.arange(600), rare, models=("table",)))
    plain = found["inference_table, accuracy of sex"]
    balanced = found["inference_table, balanced accuracy of sex"]
    assert plain.mean() <= plain.mean("baseline") == pytest.approx(0.95, abs=0.01)
    assert balanced.mean() > 0.65
    assert (balanced.baseline == 0.5).all()
    recalls = [balanced.hit[rare == value].mean() for value in (False, True)]
    assert balanced.mean() == pytest.approx(np.mean(recalls))


def test_the_table_reads_what_no_linear_model_can() -> None:
    draw = np.random.default_rng(0)
    x = np.where(draw.random((300, 2)) < 0.5, -1, 1).astype(np.float32)
    outcome = attack(x, np.arange(300), x[:, 0] * x[:, 1] > 0, models=("table", "linear"))
    found = by_measure(outcome)
    assert found["inference_table, accuracy of sex"].mean() == 1
    assert found["inference_linear, accuracy of sex"].mean() < 0.7


def test_public_people_are_learned_from() -> None:
    x, person, values = store(2.0)
    few = np.isin(person, [7, 8, 9, 10, 11, 12])
    small = (x[few], person[few], values[few])
    public = (x[~few], np.where(np.arange((~few).sum()) % 9, values[~few], "unheard of"))
    alone, helped = (attack(*small, models=("linear",), public=p) for p in (None, public))
    plain, beside = (helped.trials[n] for n in (0, 2))
    assert (plain.attack, beside.attack) == ("inference_linear", "inference_linear_public")
    assert plain.mean() == alone.trials[0].mean()  # beside, and not instead
    assert beside.mean() >= max(0.9, alone.trials[0].mean())
    assert np.array_equal(helped.trials[0].baseline, alone.trials[0].baseline)
    assert "public records have no sex that the stored people have" in helped.notes[-1]


def test_public_records_of_another_encoder_hide_nothing() -> None:
    x, person, values = store(2.0)
    public = (-np.tile(x, (10, 1)), np.tile(values, 10))
    found = by_measure(attack(x, person, values, models=("linear",), public=public))
    assert found["inference_linear, accuracy of sex"].mean() > 0.9
    assert found["inference_linear_public, accuracy of sex"].mean() < 0.6


def test_the_discriminant_sees_along_directions_of_little_spread() -> None:
    draw = np.random.default_rng(0)
    value = np.arange(300) % 2
    x = np.concatenate([0.1 * (value[:, None] + 0.3 * draw.normal(size=(300, 1))),
                        100 * draw.normal(size=(300, 15))], axis=1)  # fmt: skip
    turned = np.linalg.qr(draw.normal(size=(16, 16)))[0]
    rows, models = (x @ turned).astype(np.float32), ("discriminant", "linear")
    found = by_measure(attack(rows, np.arange(300), value == 1, models=models))
    assert found["inference_discriminant, accuracy of sex"].mean() > 0.85
    assert found["inference_linear, accuracy of sex"].mean() < 0.7


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scale", [1.0, 1e-23, 1e18])
def test_features_that_are_the_label_itself_are_read(model: str, scale: float) -> None:
    value = np.arange(80) % 2
    x = np.float32(scale) * np.stack([2 * value - 1, np.zeros(80)], axis=1).astype(np.float32)
    outcome = attack(x, np.arange(80), value == 1, models=(model,))
    if scale == 1 or model in ("discriminant", "neighbours", "table"):
        assert outcome.trials[0].mean() >= 0.85


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [0.0, 0.3, 1e18])
def test_a_constant_says_nothing_and_ends_nothing(model: str, value: float) -> None:
    x = np.full((90, 4), value, dtype=np.float32)
    labels = np.arange(90) % 3
    for trials in attack(x, np.arange(90), labels, models=(model,)).trials:
        assert trials.mean() == pytest.approx(1 / 3)


def test_more_numbers_than_records_are_a_discriminant_all_the_same() -> None:
    draw = np.random.default_rng(0)
    value = np.arange(120) % 2
    x = draw.normal(size=(120, 10)) @ draw.normal(size=(10, 400)) + 50
    x[:, 0] += 0.2 * value
    run = attack(x.astype(np.float32), np.arange(120), value == 1, models=("discriminant",))
    assert by_measure(run)["inference_discriminant, accuracy of sex"].mean() > 0.95


def test_codes_of_many_values_are_asked_for_as_words() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 3)).astype(np.float32)
    codes = draw.integers(0, 40, 300)
    cut = attack(x, np.arange(300), codes, models=("linear",))
    assert "if written as words" in cut.notes[0]
    words = attack(x, np.arange(300), np.array([f"c{n}" for n in codes]), models=("linear",))
    assert "an attribute of its own, yes or no" in words.notes[-1]
    amounts = attack(x, np.arange(300), draw.normal(size=300), models=("linear",))
    assert "words" not in amounts.notes[0]


def test_membership_is_an_attribute_of_records() -> None:
    draw = np.random.default_rng(0)
    member = np.tile([True, False], 60)
    x = (draw.normal(size=(120, 3)) + 3.0 * member[:, None]).astype(np.float32)
    outcome = attack(x, np.arange(60).repeat(2), member, models=("linear",))
    assert outcome.trials[0].mean() > 0.9
    assert outcome.trials[0].mean("control") < 0.75


def test_the_same_trials_every_time() -> None:
    first, second = (
        attack(*store(0.5, signs=True), models=("boosting", "table")) for _ in range(2)
    )
    for a, b in zip(first.trials, second.trials, strict=True):
        assert a.name == b.name
        assert a.hit.tobytes() == b.hit.tobytes()
        assert a.control.tobytes() == b.control.tobytes()


def test_a_large_store_is_sampled_by_people_and_said() -> None:
    x, person, values = store(1.0)
    settings = AttributeInference(models=("linear",), most_records=100)
    outcome = infer_trials(x, person, values, name="sex", seed=0, settings=settings)
    assert len(outcome.trials[0]) == 99
    assert "99 of 144 records, those of 33 of 48 people" in outcome.notes[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a"] * 12, "it has one value, 'a'"),
        ([None, "", float("nan"), " "] * 3, "no record has a value"),
        ([f"name {n}" for n in range(12)], "linkability"),
        ([f"name {n // 2}" for n in range(12)], "no two values are of 3 people each"),
    ],
)
def test_what_cannot_be_inferred_is_said(values: list[Any], words: str) -> None:
    x = np.zeros((12, 2), dtype=np.float32)
    outcome = attack(x, np.arange(12), np.array(values, dtype=object))
    assert not outcome.trials
    assert words in outcome.notes[-1]


def test_missing_and_rare_values() -> None:
    values = np.array(["a"] * 5 + ["b"] * 4 + ["c", "c", "d", None, "", np.nan], dtype=object)
    found = attribute_of(values, np.arange(15), "eyes")
    assert found.names == ("a", "b", "other")
    assert found.labels(values).tolist() == [0] * 5 + [1] * 4 + [2] * 3 + [-1] * 3
    assert found.notes[0].startswith("3 of 15 records have no eyes")
    assert "joined into 'other'" in found.notes[1]
    fewer = attribute_of(values[:11], np.arange(11), "eyes")
    assert fewer.names == ("a", "b")
    assert fewer.labels(values[:11]).tolist() == [0] * 5 + [1] * 4 + [-1] * 2
    assert "left out" in fewer.notes[0]


def test_a_number_of_many_values_is_cut() -> None:
    ages = np.arange(100.0)
    found = attribute_of(ages, np.arange(100), "age")
    assert np.bincount(found.labels(ages)).tolist() == [20] * 5
    assert found.names[0] == "at most 19"
    assert found.names[-1] == "above 79"
    assert "cut at its quantiles into 5 classes" in found.notes[0]
    most_zero = np.concatenate([np.zeros(80), np.arange(1, 31)])
    assert np.bincount(attribute_of(most_zero, np.arange(110), "x").labels(most_zero)).min() > 0
    most_top = -most_zero
    cut = attribute_of(most_top, np.arange(110), "x")
    assert len(cut.names) == len(np.unique(cut.labels(most_top))) >= 2


def test_folds_and_controls_keep_people_together() -> None:
    draw = np.random.default_rng(0)
    person = draw.integers(30, size=200)
    labels = (person < 3).astype(np.int64)
    fold = folds_by_label(labels, person, 5, draw)
    assert all(len(np.unique(fold[person == p])) == 1 for p in np.unique(person))
    assert len(np.unique(fold[labels == 1])) == 3
    people = np.unique(person)
    giver = derangement(len(people), draw)
    assert sorted(giver) == list(range(len(people)))
    assert (giver != np.arange(len(people))).all()
    rows = dealt(person, giver, draw)
    assert all((person[rows[person == people[k]]] == people[giver[k]]).all() for k in range(30))
    drawn = sample_of_people(person, 80, draw)
    assert drawn.sum() <= 80
    assert not set(person[drawn]) & set(person[~drawn])


def test_ties_count_by_their_expectation() -> None:
    scores = np.array([[1.0, 1.0, 0.0], [0.2, 0.8, 0.0]])
    assert hits(scores, np.array([0, 0])).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("model", list(MODELS))
def test_posteriors_are_probabilities_of_all_classes(model: str) -> None:
    """Class 2 has two people, who are in one fold: it must not shift the others' columns."""
    draw = np.random.default_rng(0)
    labels = np.array([0] * 20 + [3] * 20 + [2] * 2)
    x = np.where(draw.random((42, 70)) < 0.5, -1, 1).astype(np.float32)
    x[:, 0] = np.where(labels == 3, 1, -1)
    fold = np.where(labels == 2, 0, np.arange(42) % 3)
    known = Known(x, np.arange(42), labels, 5)
    found = cross_fitted(MODELS[model], known, fold)
    assert found.shape == (42, 5)
    assert np.allclose(found.sum(1), 1)
    assert (found >= 0).all()
    assert (found[:, 4] == 0).all()


def test_bad_material_is_told_in_one_line() -> None:
    x, person, values = store(0.0)
    with pytest.raises(InputError, match="a person and a value"):
        attack(x, person[1:], values)
    with pytest.raises(InputError, match=r"\(m, 12\) features"):
        attack(x, person, values, public=(x[:, 1:], values))
    x[3, 2] = np.nan
    with pytest.raises(InputError, match="not a finite number"):
        attack(x, person, values)

"""Estimates are exact where all is counted, and their intervals cover the truth elsewhere."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from privkit.anonymity import count_classes
from privkit.anonymity.sketch import Key, Sketch, counts_of, estimate
from privkit.anonymity.sketch.intervals import none_found, share_of, size_of_set, total
from privkit.anonymity.sketch.part import sketch_part
from privkit.errors import InputError
from privkit.features import Codes

KEY = Key.from_text("a text that is long enough")


def filled(codes, persons=None, *, key=KEY, bits=32, **limits):
    sketch = Sketch(bits, key, **limits)
    sketch.update(codes, persons)
    return sketch


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_with_room_for_all_everything_is_exact(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200))
    codes = rng.integers(0, rng.integers(1, 100), n, dtype=np.uint32)
    persons = rng.integers(0, rng.integers(1, 60), n)
    sketch = filled(codes, persons)
    found = estimate(sketch, (1, 2, 3, 7))
    sizes, people = defaultdict(int), defaultdict(set)
    for code, person in zip(codes.tolist(), persons.tolist(), strict=True):
        sizes[code] += 1
        people[code].add(person)
    own = {
        person: min(len(group) for group in people.values() if person in group)
        for person in set(persons.tolist())
    }
    assert found.exact
    assert sorted(counts_of(sketch).sizes) == sorted(sizes.values())
    assert sorted(counts_of(sketch, people=True).sizes) == sorted(map(len, people.values()))
    assert (found.classes.low, found.classes.high) == (len(sizes), len(sizes))
    assert found.crowd.value == len(own)
    for view, truth in (
        (found.records, sizes),
        (found.people, {c: len(g) for c, g in people.items()}),
    ):
        values = list(truth.values())
        assert (view.smallest, view.smaller) == (min(values), 0)
        assert view.uniques.value == values.count(1)
        for below in view.below:
            small = [v for v in values if v < below.k]
            assert below.classes.low == below.classes.high == len(small)
            assert below.share.value == pytest.approx(len(small) / len(values))
            assert below.share.low == pytest.approx(below.share.high)
            assert below.members.low == below.members.high == sum(small)
        assert sum(band.classes.value for band in view.bands) == len(values)
        for band in view.bands:
            inside = [v for v in values if band.low <= v <= (band.high or math.inf)]
            assert band.classes.value == len(inside)
    for below in found.people_below:
        assert below.low == below.high == sum(k < below.k for k in own.values())


def test_the_counts_of_a_roomy_sketch_are_those_of_count_classes():
    values = np.random.default_rng(0).integers(0, 1000, 5000)
    truth = count_classes(Codes.from_integers(values, 10))
    assert sorted(counts_of(filled(values, bits=10)).sizes) == sorted(truth.sizes)


def population(seed, people):
    """About 3,000 classes, many of them small; every person has one record or six."""
    rng = np.random.default_rng(seed)
    sizes = np.maximum(1, rng.pareto(1.2, 3000).astype(int))
    codes = np.repeat(rng.permutation(2**20)[:3000].astype(np.uint32), sizes)
    persons = rng.permutation(len(codes)) // people
    return codes, persons


@pytest.mark.parametrize("people", [1, 6])
def test_intervals_cover_the_truth(people):
    codes, persons = population(0, people)
    exact = estimate(filled(codes, persons), (2, 5))
    names = ["classes", "uniques", "records below", "share below", "people", "k of people"]
    hits, runs = dict.fromkeys(names, 0), 150
    for seed in range(runs):
        sketch = filled(codes, persons, key=Key.from_seed(seed), most=256)
        found = estimate(sketch, (2, 5))
        assert found.share < 1
        b, truth = found.records.below[1], exact.records.below[1]
        p, whole = found.people_below[1], exact.people_below[1]
        for name, estimated, value in (
            ("classes", found.classes, exact.classes.value),
            ("uniques", found.people.uniques, exact.people.uniques.value),
            ("records below", b.members, truth.members.value),
            ("share below", b.share, truth.share.value),
            ("people", found.crowd, exact.crowd.value),
            ("k of people", p, whole.low),
        ):
            hits[name] += estimated.low <= value <= estimated.high
    for name in names:  # 0.95 less four standard errors; the range of people is wider on purpose
        assert hits[name] / runs > 0.95 - 4 * math.sqrt(0.95 * 0.05 / runs), (name, hits)
    for name in ("classes", "share below", "people"):  # an interval that never fails is no use
        assert hits[name] < runs, hits


def test_the_estimate_of_classes_is_unbiased():
    codes = np.arange(1500, dtype=np.uint32)
    found = [
        estimate(filled(codes, key=Key.from_seed(seed), most=64)).classes.value
        for seed in range(400)
    ]
    assert np.mean(found) == pytest.approx(1500, abs=4 * np.std(found) / 20)


def test_people_in_one_class_each_are_known_within_a_narrow_range():
    codes, persons = population(1, 1)
    exact = estimate(filled(codes, persons), (5,)).people_below[0]
    found = estimate(filled(codes, persons, most=512), (5,)).people_below[0]
    assert 0.6 * exact.low < found.low <= exact.low <= found.high < 1.4 * exact.low


@pytest.mark.parametrize(("found", "p"), [(0, 0.25), (1, 0.25), (7, 0.5), (300, 1 / 256)])
def test_intervals_of_counts_invert_the_binomial(found, p):
    estimated = total(np.ones(found, dtype=np.int64), p, 1)
    assert estimated.value == found / p
    high = math.ceil(estimated.high + 1e-6)
    assert stats.binom.cdf(found, high, p) <= 0.025 + 1e-9
    assert stats.binom.cdf(found, high - 2, p) > 0.025
    if found:
        low = max(found, math.floor(estimated.low - 1e-6))
        assert stats.binom.sf(found - 1, low, p) <= 0.025 + 1e-9 or low == found
        assert stats.binom.sf(found - 1, low + 2, p) > 0.025


def test_nothing_found_is_the_rule_of_three():
    assert none_found(1) == 0
    assert none_found(1e-4) == pytest.approx(3e4, rel=0.01)
    assert (1 - 0.2) ** none_found(0.2) == pytest.approx(0.05)


@pytest.mark.parametrize(("part", "rest"), [(0, 50), (50, 0), (3, 40), (40, 3), (1, 1), (0, 0)])
@pytest.mark.parametrize("p", [1.0, 0.5, 1e-3])
def test_shares_stay_shares(part, rest, p):
    found = share_of(*(total(np.ones(x, dtype=np.int64), p, 1) for x in (part, rest)))
    assert 0 <= found.low <= found.value <= found.high <= 1
    if p == 1:
        assert found.low == found.high == (part / (part + rest) if part + rest else 0)


def test_the_size_of_a_set():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        hashes = np.sort(rng.integers(0, 2**64, 2000, dtype=np.uint64))
        found = size_of_set(hashes[:50], 50)
        hits += found.low <= 2000 <= found.high
    assert 0.9 < hits / 300 < 1
    assert size_of_set(hashes[:49], 50).high == 49


def test_bad_requests():
    with pytest.raises(InputError, match="no class"):
        estimate(Sketch(8, KEY))
    with pytest.raises(InputError, match="does not know people"):
        counts_of(filled(np.array([1])), people=True)
    for k in (0, 2.5, True):
        with pytest.raises(InputError, match="threshold"):
            estimate(filled(np.array([1])), (k,))
    with pytest.raises(InputError, match="people_cap 5"):
        estimate(filled(np.array([1]), np.array([1]), people_cap=5), (6,))
    assert estimate(filled(np.array([1])), (10**6,)).records.below[0].classes.value == 1


def test_words_of_an_exact_sketch():
    part = sketch_part(filled(np.repeat(np.arange(4), 3), np.arange(12)))
    text = " ".join(part.findings)
    assert "All 4 classes of 12 records fitted into the sketch: every number is an exact" in text
    assert "In people, k = 3, the smallest class." in text
    assert not part.warnings
    assert {m.name for m in part.measures} >= {"k", "people below k", "unique classes"}
    assert all(m.low is None for m in part.measures if m.name == "equivalence classes")


def test_words_of_a_sample():
    codes = np.repeat(np.arange(5000, dtype=np.uint32), 3)
    part = sketch_part(filled(codes, np.arange(15_000), key=Key.from_seed(0), most=64), (2, 5))
    text = " ".join([*part.findings, *part.warnings])
    assert "15,000 records in about" in text
    assert "In records, k is at most 3, the smallest class in the sample." in text
    assert "one-sided 95%" in text
    assert "cannot show that k is at least some K" in text
    assert "without a secret key" in text
    for table in part.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert table.columns[-1] == "what it means"
        assert all(row[-1] for row in table.rows)
    for measure in part.measures:
        assert measure.low is None or measure.low <= (measure.value or measure.low) <= measure.high
    alone = " ".join(sketch_part(filled(np.arange(5000), most=64)).findings)
    assert "were seen, so k = 1" in alone

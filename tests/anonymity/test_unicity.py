"""Unicity against every draw written out, and against cases whose answer is known."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity.class_noun import code_with
from privkit.anonymity.grouping import group_labels
from privkit.anonymity.unicity import unicity
from privkit.anonymity.unicity_part import unicity_part
from privkit.errors import InputError

seeds = st.integers(0, 2**32)


def several(examples):
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )


def is_subsequence(sought, trace):
    rest = iter(trace)
    return all(code in rest for code in sought)


def brute(codes, persons, p, *, ordered):
    """Mean over people of the share of their draws that nobody else fits; None without people."""
    traces = {person: [] for person in persons}
    for code, person in zip(codes, persons, strict=True):
        traces[person].append(code)
    if not ordered:
        traces = {person: sorted(set(trace)) for person, trace in traces.items()}
    shares = []
    for person, trace in traces.items():
        draws = list(combinations(trace, p))
        alone = 0
        for drawn in draws:
            fits = [
                other
                for other, theirs in traces.items()
                if (is_subsequence(drawn, theirs) if ordered else set(drawn) <= set(theirs))
            ]
            assert person in fits
            alone += len(fits) == 1
        if draws:
            shares.append(alone / len(draws))
    return (np.mean(shares), len(shares)) if shares else (None, 0)


def draw(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 17))
    codes = rng.integers(0, int(rng.integers(1, 9)), rows)
    return codes, rng.integers(0, int(rng.integers(1, 7)), rows), rng


@several(400)
@given(seed=seeds)
def test_exact_for_few_people(seed):
    codes, persons, _ = draw(seed)
    found = unicity(group_labels(codes), persons, p_max=4, draws=10**6)
    for points, ordered in ((found.as_set, False), (found.as_sequence, True)):
        assert [point.p for point in points] == list(range(1, len(points) + 1))
        for point in points:
            truth, able = brute(codes.tolist(), persons.tolist(), point.p, ordered=ordered)
            assert point.exact
            assert (point.low, point.high) == (None, None)
            assert point.share == pytest.approx(truth)
            assert point.people == able
            assert point.left_out == found.people - able
        nobody = brute(codes.tolist(), persons.tolist(), len(points) + 1, ordered=ordered)
        assert len(points) == 4 or nobody == (None, 0)


@several(300)
@given(seed=seeds)
def test_the_order_column_replaces_the_order_of_the_file(seed):
    codes, persons, rng = draw(seed)
    order = rng.permutation(codes.size)
    shuffled = unicity(group_labels(codes), persons, p_max=3, order=order)
    place = np.argsort(order)
    sorted_file = unicity(group_labels(codes[place]), persons[place], p_max=3)
    for a, b in zip(shuffled.as_sequence, sorted_file.as_sequence, strict=True):
        assert a.share == pytest.approx(b.share)


def test_sampling_comes_to_the_exact_share():
    """The 95% intervals of 40 seeds hold the truth at least about so often."""
    rng = np.random.default_rng(5)
    persons = np.repeat(np.arange(12), 9)
    codes = rng.integers(0, 11, persons.size)
    grouping = group_labels(codes)
    exact = unicity(grouping, persons, p_max=3, draws=10**6)
    held, tried = 0, 0
    for seed in range(40):
        found = unicity(grouping, persons, p_max=3, draws=60, seed=seed)
        pairs = [*zip(found.as_set, exact.as_set, strict=True)]
        pairs += zip(found.as_sequence, exact.as_sequence, strict=True)
        for point, truth in pairs:
            assert truth.exact
            if point.exact:
                assert point.share == pytest.approx(truth.share)
                continue
            held += point.low <= truth.share <= point.high
            tried += 1
    print(f"unicity: 95% intervals held the truth in {held} of {tried} cases")
    assert tried > 150
    assert held / tried > 0.9


def test_more_people_than_draws():
    rng = np.random.default_rng(1)
    persons = np.repeat(np.arange(3000), 5)
    codes = rng.integers(0, 2**8, persons.size)
    found = unicity(group_labels(codes), persons, p_max=5, draws=500, seed=3)
    again = unicity(group_labels(codes), persons, p_max=5, draws=500, seed=3)
    assert found == again
    assert found != unicity(group_labels(codes), persons, p_max=5, draws=500, seed=4)
    for points in (found.as_set, found.as_sequence):
        assert not points[0].exact
        assert points[0].draws == 500
        shares = [point.share for point in points if point.people == points[0].people]
        assert shares == sorted(shares)  # one more code never takes certainty away
    # Five codes of 256 hold two given ones with this probability; nobody of 2,999 does.
    both = 1 - 2 * (255 / 256) ** 5 + (254 / 256) ** 5
    alone = (1 - both) ** 2999
    assert found.as_set[1].low <= alone <= found.as_set[1].high


def test_people_with_many_codes_are_few():
    """New draws where hardly anybody of the first ones has so many codes."""
    persons = np.concatenate([np.arange(2000), np.repeat(np.arange(20), 30)])
    codes = np.random.default_rng(0).integers(0, 40, persons.size)
    found = unicity(group_labels(codes), persons, p_max=6, draws=300)
    assert found.as_sequence[5].people == 20
    assert found.as_sequence[5].left_out == 1980
    assert found.as_sequence[5].draws >= 150


def test_all_people_equal_are_never_unique():
    codes = np.tile(np.arange(6), 50)
    found = unicity(group_labels(codes), np.repeat(np.arange(50), 6), p_max=6, draws=100)
    assert len(found.as_set) == len(found.as_sequence) == 6
    assert all(point.share == 0 for point in (*found.as_set, *found.as_sequence))


def test_all_codes_different_are_always_unique():
    found = unicity(group_labels(np.arange(300)), np.repeat(np.arange(50), 6), p_max=3)
    assert all(point.share == 1 for point in (*found.as_set, *found.as_sequence))


def test_order_tells_apart_what_sets_do_not():
    found = unicity(group_labels(np.array([0, 1, 1, 0])), np.array([0, 0, 1, 1]), p_max=2)
    assert [point.share for point in found.as_set] == [0, 0]
    assert [point.share for point in found.as_sequence] == [0, 1]


def test_the_search_starts_anew_with_a_rarer_code():
    """Two people have B, then the rarer A; who has B alone is found first and does not fit."""
    a, b = 0, 1
    traces = [[a], [b, a], [b], [b, a], [b]]
    codes = np.array([code for trace in traces for code in trace])
    persons = np.repeat(np.arange(5), [len(trace) for trace in traces])
    found = unicity(group_labels(codes), persons, p_max=2)
    assert [point.share for point in found.as_sequence] == [0, 0]


def test_one_person_alone_is_unique():
    found = unicity(group_labels(np.zeros(5, int)), np.zeros(5, int))
    assert [point.share for point in found.as_set] == [1]
    assert len(found.as_sequence) == 5


def test_the_words_say_that_codes_add_up():
    persons = np.repeat(np.arange(40), 4)
    codes = np.random.default_rng(0).integers(0, 16, persons.size)
    found = unicity(group_labels(codes), persons, p_max=3)
    part = unicity_part(found, bits=4)
    assert "3 codes of 4 bits are not 4 bits: together they hold up to 12." in part.findings[0]
    assert "adds up" in unicity_part(found).findings[0]
    joined = unicity_part(found, bits=4, noun=code_with(["hour"]))
    assert "codes with hour of the same person" in joined.findings[0]
    assert "bits" not in joined.findings[0]  # metadata have no number of bits
    assert part.tables[0].columns[-1] == "what it means"
    assert all(row[-1].endswith(".") for row in part.tables[0].rows)
    assert len(part.measures) == 6
    assert not any(math.isnan(m.value) for m in part.measures)
    one = unicity(group_labels(np.array([0, 1])), np.array([0, 1]))
    assert "nobody has two different codes" in unicity_part(one).findings[0]


@several(300)
@given(seed=seeds)
def test_what_is_told_rests_on_half_of_the_people(seed):
    codes, persons, _ = draw(seed)
    found = unicity(group_labels(codes), persons, draws=10**6)
    have = {p: len({c for c, q in zip(codes, persons, strict=True) if q == p}) for p in persons}
    several_have = [
        p for p in range(1, 11) if 2 * sum(many >= p for many in have.values()) >= len(have)
    ]
    assert found.typical.p == max(several_have)
    assert found.typical.people == sum(many >= found.typical.p for many in have.values())


def test_one_person_with_many_codes_is_not_the_headline():
    """97 people with three codes, of whom one has ten more: p = 10 rests on one person."""
    persons = np.concatenate([np.repeat(np.arange(97), 3), np.zeros(10, int)])
    codes = np.concatenate([np.tile(np.arange(3), 97), np.arange(3, 13)])
    part = unicity_part(unicity(group_labels(codes), persons), bits=10)
    assert "3 known codes of the same person 1% of the 97 people" in part.findings[0]
    assert "for p = 10, rests on 1 of 97 people" in part.warnings[-1]
    few = unicity(group_labels(np.arange(6)), np.array([0, 1, 2, 3, 4, 4]))
    assert "100% of the 1 of 5 people who have so many" in unicity_part(few).findings[0]


def test_bad_settings():
    grouping = group_labels(np.arange(3))
    for options in ({"p_max": 0}, {"draws": 0}):
        with pytest.raises(InputError, match="at least 1"):
            unicity(grouping, np.arange(3), **options)
    for order in (np.arange(2), np.array([0, 1, np.nan])):
        with pytest.raises(InputError, match="in order"):
            unicity(grouping, np.arange(3), order=order)
    with pytest.raises(InputError, match="one a record"):
        unicity(grouping, np.arange(4))

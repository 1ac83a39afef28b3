"""k in people against sets, and what the words say."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity.grouping import group_labels, join
from privkit.anonymity.people import (
    people_anonymity,
    people_part,
    smallest_classes,
)
from privkit.anonymity.quantiles import PERCENTS, quantiles
from privkit.errors import InputError

many = settings(
    max_examples=700, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 2**32)
THRESHOLDS = (2, 5, 10)


def brute(codes, persons):
    """The k of each person, by sets."""
    hidden = defaultdict(set)
    for code, person in zip(codes, persons, strict=True):
        hidden[code].add(person)
    return {
        person: min(len(hidden[c]) for c, p in zip(codes, persons, strict=True) if p == person)
        for person in dict.fromkeys(persons)
    }


def draw(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 50))
    return (
        rng.integers(0, int(rng.integers(1, 12)), rows),
        rng.integers(0, int(rng.integers(1, 15)), rows),
        rng,
    )


@many
@given(seed=seeds)
def test_agrees_with_sets(seed):
    codes, persons, _ = draw(seed)
    grouping = group_labels(codes)
    truth = brute(codes.tolist(), persons.tolist())
    own = sorted(truth.values())
    assert smallest_classes(grouping, persons).tolist() == list(truth.values())
    found = people_anonymity(grouping, persons, THRESHOLDS)
    assert (found.people, found.records) == (len(truth), len(codes))
    assert found.k == own[0] == grouping.people(persons).sizes.min()
    assert found.k <= found.k_records == grouping.sizes().sizes.min()
    assert found.unique == own.count(1)
    assert found.quantiles == tuple(own[max(0, -(-p * len(own) // 100) - 1)] for p in PERCENTS)
    sizes = grouping.sizes().sizes[grouping.labels]
    for below in found.below:
        assert below.people == sum(k < below.k for k in own)
        assert below.share == pytest.approx(below.people / len(own))
        assert below.records == pytest.approx((sizes < below.k).mean())
    assert dict(zip(found.ks.tolist(), found.people_of_k.tolist(), strict=True)) == {
        k: own.count(k) for k in own
    }


@many
@given(seed=seeds)
def test_more_columns_never_protect_people(seed):
    codes, persons, rng = draw(seed)
    coarse = group_labels(codes)
    fine = join(coarse, group_labels(rng.integers(0, 3, codes.size)))
    before = people_anonymity(coarse, persons, THRESHOLDS)
    after = people_anonymity(fine, persons, THRESHOLDS)
    assert after.k <= before.k
    assert after.unique >= before.unique
    for a, b in zip(after.below, before.below, strict=True):
        assert a.people >= b.people
    assert (smallest_classes(fine, persons) <= smallest_classes(coarse, persons)).all()


def test_ten_rows_of_one_person_are_k_1():
    found = people_anonymity(group_labels(np.zeros(10, int)), np.zeros(10, int), THRESHOLDS)
    assert (found.k, found.k_records, found.unique, found.people) == (1, 10, 1, 1)
    part = people_part(found)
    assert part.findings[0].startswith("k = 1 in people: 1 person (100%) has at least one record")
    assert "Counted in records, k would be 10 instead of 1" in " ".join(part.warnings)


def test_one_record_a_person_is_the_same_as_rows():
    codes = np.array([0, 0, 0, 1, 1])
    found = people_anonymity(group_labels(codes), np.arange(5), THRESHOLDS)
    assert found.k == found.k_records == 2
    part = people_part(found)
    assert part.findings[0].startswith("k = 2 in people: every stored code is shared by at least")
    assert not part.warnings


def test_every_row_of_every_table_has_a_sentence():
    found = people_anonymity(group_labels(np.array([0, 0, 1])), np.array([0, 1, 1]), THRESHOLDS)
    for table in people_part(found).tables:
        assert table.columns[-1] == "what it means"
        for row in table.rows:
            assert len(row) == len(table.columns)
            assert row[-1].endswith(".")


def test_persons_of_another_length():
    with pytest.raises(InputError, match="one a record"):
        people_anonymity(group_labels(np.zeros(3, int)), np.zeros(2, int), THRESHOLDS)


def test_quantiles_of_weighted_values():
    assert quantiles(np.array([3.0, 1.0]), np.array([1, 19])).tolist() == [1, 1, 1, 1, 1, 1, 3]

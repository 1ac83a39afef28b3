"""Risks against the records and the people one by one, and against sampled populations."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import nbinom

from privkit.anonymity import ClassCounts
from privkit.anonymity.grouping import group_labels
from privkit.anonymity.people import people_anonymity
from privkit.anonymity.risks import risks, risks_of_people
from privkit.anonymity.risks_part import risks_part
from privkit.anonymity.sampled_class import ESTIMATOR, expected_inverse
from privkit.anonymity.terms import TERMS, terms_table
from privkit.errors import InputError

many = settings(
    max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
lists = st.lists(st.integers(1, 30), min_size=1, max_size=12)


def counts(*sizes):
    return ClassCounts.from_sizes(np.array(sizes))


@many
@given(sizes=lists, threshold=st.sampled_from([0, 0.05, 0.2, 1 / 3, 1]), more=st.integers(0, 900))
def test_agrees_with_the_records(sizes, threshold, more):
    f = np.array(sizes)
    population = int(f.sum()) + more
    found = risks(counts(*f), threshold=threshold, population=population)
    prosecutor = np.repeat(1 / f, f)  # of each record
    journalist = np.repeat(expected_inverse(f, f.sum() / population), f)
    assert found.prosecutor.highest == prosecutor.max()
    assert found.lowest == prosecutor.min()
    assert found.prosecutor.success_rate == pytest.approx(prosecutor.mean())
    assert found.prosecutor.at_risk == pytest.approx((prosecutor > threshold).mean())
    assert found.affected_by_highest == pytest.approx((prosecutor == prosecutor.max()).mean())
    assert found.journalist.highest == prosecutor.max()  # a class may have been sampled whole
    assert found.expected_highest == journalist.max()
    assert found.journalist.at_risk == pytest.approx((journalist > threshold).mean())
    assert found.marketer == found.journalist.success_rate == pytest.approx(journalist.mean())
    # Nothing that a population adds makes the file more exposed; it is never below ARX's bound.
    assert found.marketer <= found.prosecutor.success_rate + 1e-12
    assert found.journalist.success_rate >= f.size / population - 1e-12
    alone = risks(counts(*f), threshold=threshold)
    assert alone.journalist == alone.prosecutor
    assert alone.marketer == alone.prosecutor.success_rate
    whole = risks(counts(*f), threshold=threshold, population=int(f.sum()))
    assert (whole.journalist, whole.marketer) == (alone.journalist, alone.marketer)


@many
@given(seed=st.integers(0, 2**32), threshold=st.sampled_from([0, 0.05, 0.2, 1 / 3, 1]))
def test_people_count_once_with_their_most_exposed_record(seed, threshold):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 80))
    codes = rng.integers(0, int(rng.integers(1, 20)), rows)
    persons = rng.integers(0, int(rng.integers(1, 30)), rows)
    inside, of = defaultdict(set), defaultdict(list)
    for code, person in zip(codes, persons, strict=True):
        inside[code].add(person)
    for code, person in zip(codes, persons, strict=True):
        of[person].append(len(inside[code]))
    exposed = np.array([1 / min(ks) for ks in of.values()])
    people = people_anonymity(group_labels(codes), persons, (5,))
    found = risks_of_people(people, threshold=threshold)
    assert (found.n, found.of) == (len(of), "people")
    assert found.prosecutor.highest == exposed.max()
    assert found.lowest == exposed.min()
    assert found.prosecutor.success_rate == pytest.approx(exposed.mean())
    assert found.prosecutor.at_risk == pytest.approx((exposed > threshold).mean())
    # The share at risk above 1 in 5 is that of the people hidden among fewer than 5.
    assert risks_of_people(people).prosecutor.at_risk == people.below[0].share


def test_a_code_of_ones_own_among_many_shared_ones_is_not_averaged_away():
    """10 people with 50 records each in shared codes, and one code of their own."""
    persons = np.concatenate([np.tile(np.arange(10), 50), np.arange(10)])
    codes = np.concatenate([np.repeat(np.arange(50), 10), np.arange(50, 60)])
    found = risks_of_people(people_anonymity(group_labels(codes), persons, (2,)))
    assert found.prosecutor.at_risk == found.prosecutor.success_rate == 1
    assert "100% of the people lie above 20%" in risks_part(found).findings[0]


def test_by_hand():
    found = risks(counts(1, 4, 5))
    assert found.prosecutor.highest == 1
    assert found.prosecutor.success_rate == pytest.approx(3 / 10)
    assert found.prosecutor.at_risk == 0.5  # 1 and 1/4 exceed 0.2, 1/5 does not
    assert found.affected_by_highest == 0.1


@many
@given(f=st.integers(1, 400), fraction=st.floats(1e-9, 1))
def test_the_expectation_is_its_integral_and_between_its_bounds(f, fraction):
    (found,) = expected_inverse(np.array([f]), fraction)
    assert fraction / f <= found <= 1 / f
    integral, _ = quad(
        lambda s: fraction * np.exp(-s) / (f * fraction + f * (1 - fraction) * np.exp(-s / f)),
        0,
        np.inf,
        epsabs=0,
        epsrel=1e-10,
        limit=500,
    )
    assert found == pytest.approx(integral, rel=1e-6)


@many
@given(f=st.integers(1, 40), fraction=st.floats(0.05, 0.99))
def test_the_expectation_is_that_of_the_negative_binomial(f, fraction):
    (found,) = expected_inverse(np.array([f]), fraction)
    unseen = np.arange(int(nbinom.isf(1e-13, f, fraction)) + 50)
    assert found == pytest.approx((nbinom.pmf(unseen, f, fraction) / (f + unseen)).sum(), rel=1e-9)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.999])
def test_the_formula_of_benedetti_and_franconi(fraction):
    (one,) = expected_inverse(np.array([1]), fraction)
    assert one == pytest.approx(fraction / (1 - fraction) * -np.log(fraction), rel=1e-13)
    for f in (2, 3, 7):
        published = fraction**f / f * hyp2f1(f, f, f + 1, 1 - fraction)
        (found,) = expected_inverse(np.array([f]), fraction)
        assert found == pytest.approx(published, rel=1e-9)
    sizes = np.arange(1, 1000)
    assert (expected_inverse(sizes, 1.0) == 1 / sizes).all()


def test_the_expectation_holds_in_sampled_populations():
    """Classes of all sizes alike on a logarithmic scale, thinned: the mean 1 / F for each f."""
    rng = np.random.default_rng(3)
    fraction = 0.2
    possible = np.arange(1, 3000)
    weights = 1 / possible
    sizes = rng.choice(possible, 400_000, p=weights / weights.sum())
    sampled = rng.binomial(sizes, fraction)
    for f in (1, 2, 3, 5, 10):
        inverse = 1 / sizes[sampled == f]
        error = inverse.std() / np.sqrt(inverse.size)
        (expected,) = expected_inverse(np.array([f]), fraction)
        assert abs(inverse.mean() - expected) < 4 * error
        assert expected > fraction / f + 4 * error  # scaling up would promise too little risk


def test_bad_input():
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="from 0 to 1"):
            risks(counts(2), threshold=threshold)
    with pytest.raises(InputError, match="at least the 4 records"):
        risks(counts(1, 3), population=3)
    for fraction in (0, -1, 1.1, float("nan")):
        with pytest.raises(InputError, match="above 0 and at most 1"):
            expected_inverse(np.array([1]), fraction)


def test_words():
    part = risks_part(risks(counts(1, 9)))
    assert "at most 100%, 20% on average; 10% of the records lie above 20%" in part.findings[0]
    assert "No population was given" in part.warnings[0]
    assert len(part.tables[0].rows) == 7
    sampled = risks_part(risks(counts(1, 9), population=100))
    assert "Benedetti and Franconi" in sampled.warnings[0]
    assert "ARX computes the figures of these names from a table" in sampled.warnings[0]
    cells = {row[0]: row[1] for row in sampled.tables[0].rows}
    assert cells["journalist, highest"] == "up to 100% (a unique cannot be excluded)"
    (one,) = expected_inverse(np.array([1]), 0.1)
    assert cells["journalist, most exposed"] == f"{100 * one:.1f}%"
    bounded = risks_part(risks(counts(2, 8), population=100)).tables[0].rows
    assert dict(row[:2] for row in bounded)["journalist, highest"] == "up to 50%"
    for table in (part.tables[0], sampled.tables[0]):
        assert all(row[-1].endswith(".") for row in table.rows)
    for measure in sampled.measures:
        exact = measure.where["adversary"] == "prosecutor" or measure.name == "highest risk"
        assert measure.where["estimator"] == ("exact" if exact else ESTIMATOR)
        assert measure.where["population"] == "100"


def test_terms_are_complete():
    table = terms_table()
    assert len(table.rows) == len(TERMS)
    assert all(len(row) == 5 and row[-1].endswith(".") and all(row) for row in table.rows)
    for word in ("equivalenceClassHistogramBuckets", "kMapEstimationHistogram", "entityId"):
        assert word in str(table.rows)
    rows = {row[0]: row[1:4] for row in table.rows}
    assert rows["entropies"] == ["none"] * 3
    assert "getNumberOfSuppressedRecords" in rows["records left out"][0]

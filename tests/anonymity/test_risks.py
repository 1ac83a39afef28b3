"""Risks against the records one by one, and the table of terms."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import ClassCounts
from privkit.anonymity.risks import risks, scaled_population
from privkit.anonymity.risks_part import TERMS, risks_part, terms_table
from privkit.errors import InputError

many = settings(
    max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
lists = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 50)), min_size=1, max_size=12)


def counts(*sizes):
    return ClassCounts.from_sizes(np.array(sizes))


@many
@given(classes=lists, threshold=st.sampled_from([0, 0.05, 0.2, 1 / 3, 1]))
def test_agrees_with_the_records(classes, threshold):
    f = np.array([size for size, _ in classes])
    population = np.array([size + more for size, more in classes])
    found = risks(counts(*f), threshold=threshold, population=population)
    prosecutor = np.repeat(1 / f, f)  # of each record
    journalist = np.repeat(1 / population, f)
    assert found.prosecutor.highest == prosecutor.max()
    assert found.lowest == prosecutor.min()
    assert found.prosecutor.success_rate == pytest.approx(prosecutor.mean())
    assert found.prosecutor.at_risk == pytest.approx((prosecutor > threshold).mean())
    assert found.affected_by_highest == pytest.approx((prosecutor == prosecutor.max()).mean())
    assert found.journalist.highest == journalist.max()
    assert found.journalist.at_risk == pytest.approx((journalist > threshold).mean())
    assert found.marketer == pytest.approx(journalist.mean())
    assert found.journalist.success_rate == pytest.approx(
        max(f.size / population.sum(), journalist.mean())
    )
    # Nothing that a population adds makes the file more exposed.
    assert found.journalist.highest <= found.prosecutor.highest
    assert found.marketer <= found.prosecutor.success_rate + 1e-12
    alone = risks(counts(*f), threshold=threshold)
    assert alone.journalist == alone.prosecutor
    assert alone.marketer == pytest.approx(alone.prosecutor.success_rate)


def test_by_hand():
    found = risks(counts(1, 4, 5))
    assert found.prosecutor.highest == 1
    assert found.prosecutor.success_rate == pytest.approx(3 / 10)
    assert found.prosecutor.at_risk == 0.5  # 1 and 1/4 exceed 0.2, 1/5 does not
    assert found.affected_by_highest == 0.1


def test_scaled_population():
    sample = counts(1, 3)
    assert scaled_population(sample, 400).tolist() == [100, 300]
    found = risks(sample, population=scaled_population(sample, 400))
    assert found.journalist.highest == 0.01
    assert found.marketer == pytest.approx(2 / 400)
    assert scaled_population(sample, 4).tolist() == [1, 3]
    with pytest.raises(InputError, match="at least the 4 records"):
        scaled_population(sample, 3)


def test_bad_input():
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="from 0 to 1"):
            risks(counts(2), threshold=threshold)
    for population in (np.array([1.0]), np.array([3.0, 3.0]), np.array([float("nan")])):
        with pytest.raises(InputError, match="none below its size"):
            risks(counts(2), population=population)


def test_words():
    part = risks_part(risks(counts(1, 9)))
    assert "at most 100%, 20% on average; 10% of the records lie above 20%" in part.findings[0]
    assert "No population was given" in part.warnings[0]
    assert len(part.tables[0].rows) == 7
    assert all(row[-1].endswith(".") for row in part.tables[0].rows)
    scaled = risks(counts(1, 9), population=scaled_population(counts(1, 9), 100))
    assert "100 people" in risks_part(scaled, of="people").warnings[0]


def test_terms_are_complete():
    table = terms_table()
    assert len(table.rows) == len(TERMS)
    assert all(len(row) == 5 and row[-1].endswith(".") for row in table.rows)
    for word in ("equivalenceClassHistogramBuckets", "kMapEstimationHistogram", "entityId"):
        assert word in str(table.rows)

"""t-closeness against the definition and against the transport problem itself."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from privkit.anonymity.closeness import closeness
from privkit.anonymity.grouping import group_labels, join
from privkit.anonymity.quantiles import PERCENTS
from privkit.anonymity.sensitive import sensitive_column
from privkit.anonymity.sensitive_part import closeness_part
from privkit.errors import InputError

many = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 2**32)


def draw(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 60))
    codes = rng.integers(0, int(rng.integers(1, 7)), rows)
    return codes, rng.integers(0, int(rng.integers(1, 12)), rows) * 7 - 20, rng


def brute(codes, values):
    """Both distances of every class, in the order of the records."""
    different = np.unique(values)
    whole = np.array([(values == v).mean() for v in different])
    equal, ordered = [], []
    for code in codes:
        inside = np.array([(values[codes == code] == v).mean() for v in different])
        equal.append(0.5 * np.abs(inside - whole).sum())
        ordered.append(np.abs(np.cumsum(inside - whole)).sum() / max(1, len(different) - 1))
    return np.array(equal), np.array(ordered)


def of(codes, values):
    sensitive = sensitive_column(pa.table({"pay": values}), "pay")
    return closeness(group_labels(codes), sensitive)


@many
@given(seed=seeds)
def test_agrees_with_the_definition(seed):
    codes, values, _ = draw(seed)
    equal, ordered = brute(codes, values)
    found = of(codes, values)
    assert found.t == pytest.approx(equal.max())
    assert found.ordered == pytest.approx(ordered.max())
    assert found.ordered <= found.t + 1e-12  # t is the safer of the two
    own = np.sort(equal)
    expected = [own[max(0, -(-p * own.size // 100) - 1)] for p in PERCENTS]
    assert found.quantiles == pytest.approx(expected, abs=1e-12)
    as_text = of(codes, [f"v{value}" for value in values])
    assert as_text.ordered is None
    assert as_text.t == pytest.approx(found.t)


@many
@given(seed=seeds)
def test_merging_classes_never_moves_them_further(seed):
    codes, values, _ = draw(seed)
    fine, coarse = of(codes, values), of(codes // 2, values)
    assert coarse.t <= fine.t + 1e-12
    assert coarse.ordered <= fine.ordered + 1e-12


def test_the_transport_problem():
    """Both formulas are the least work of moving one distribution into the other."""
    rng = np.random.default_rng(2)
    codes, values = rng.integers(0, 2, 40), rng.integers(0, 5, 40)
    m = 5
    whole = np.bincount(values, minlength=m) / 40
    far = {}
    for name, ground in (
        ("equal", 1.0 - np.eye(m)),
        ("ordered", np.abs(np.subtract.outer(np.arange(m), np.arange(m))) / (m - 1)),
    ):
        works = []
        for code in (0, 1):
            inside = np.bincount(values[codes == code], minlength=m) / (codes == code).sum()
            moves = np.vstack([np.kron(np.eye(m), np.ones(m)), np.kron(np.ones(m), np.eye(m))])
            found = linprog(ground.ravel(), A_eq=moves, b_eq=np.concatenate([inside, whole]))
            works.append(found.fun)
        far[name] = max(works)
    found = of(codes, values)
    assert found.t == pytest.approx(far["equal"])
    assert found.ordered == pytest.approx(far["ordered"])


def test_the_salaries_of_the_paper():
    """Li et al., section 5.2: salaries 3k to 11k, P1 = {3, 4, 5} 0.375, P2 = {6, 8, 11} 0.167."""
    values = np.array([3, 4, 5, 6, 7, 8, 9, 10, 11])
    rest = np.array([7, 9, 10])
    codes = np.where(values <= 5, 0, np.where(np.isin(values, rest), 2, 1))
    equal, ordered = brute(codes, values)
    assert ordered[0] == pytest.approx(0.375)
    assert ordered[3] == pytest.approx(1 / 6, abs=1e-3)
    assert of(codes, values).ordered == pytest.approx(0.375)
    assert equal[0] == pytest.approx(2 / 3)


def test_what_is_ordered():
    day = datetime.date(2020, 1, 1)
    late = datetime.date(2021, 1, 1)
    table = pa.table(
        {
            "whole": [3, 1, 2],
            "float": [0.5, float("inf"), -1.0],
            "number in text": ["10", "9", "9.0"],
            "date": [late, day, day],
            "truth": [True, False, True],
            "decimal": pa.array([2, 1, 1], pa.decimal128(5, 2)),
            "category": pa.array([10, 9, 9]).dictionary_encode(),
            "text": ["10", "9", "b"],
            "not finite": ["inf", "1", "2"],
            "hole": [1, None, 2],
            "nan": [1.0, float("nan"), 2.0],
        }
    )
    labels = {
        name: sensitive_column(table, name).grouping.labels.tolist()
        for name in table.column_names
        if sensitive_column(table, name).ordered
    }
    assert labels == {
        "whole": [2, 0, 1],
        "float": [1, 2, 0],
        "number in text": [1, 0, 0],
        "date": [1, 0, 0],
        "truth": [1, 0, 1],
        "decimal": [1, 0, 0],
        "category": [1, 0, 0],
    }
    assert sensitive_column(table, "hole").missing == 1
    with pytest.raises(InputError, match="no column 'x'"):
        sensitive_column(table, "x")


def test_the_same_everywhere_is_0():
    found = of(np.array([0, 0, 1, 1]), np.array([1, 2, 2, 1]))
    assert (found.t, found.ordered) == (0, 0)
    one = of(np.array([0, 1]), np.array([5, 5]))
    assert (one.t, one.ordered, one.values) == (0, 0, 1)


def test_other_sensitive_columns_as_quasi_identifiers():
    codes, other, values = np.zeros(4, int), np.array([0, 0, 1, 1]), np.array([1, 2, 3, 4])
    sensitive = sensitive_column(pa.table({"pay": values}), "pay")
    both = join(group_labels(codes), group_labels(other))
    assert closeness(both, sensitive).t > closeness(group_labels(codes), sensitive).t == 0


@many
@given(
    values=st.lists(st.integers(-(2**80), 2**80), min_size=1, max_size=40),
    places=st.integers(0, 3),
)
def test_text_is_ordered_exactly(values, places):
    """Against Python's whole numbers, which no float rounds; the fraction is the same for all."""
    texts = [f"{value}.{'0' * places}" if places else str(value) for value in values]
    found = sensitive_column(pa.table({"pay": texts}), "pay")
    rank = {value: place for place, value in enumerate(sorted(set(values)))}
    assert found.ordered
    assert found.grouping.labels.tolist() == [rank[value] for value in values]


def test_numbers_beyond_floats_stay_apart():
    near = ["9007199254740992", "9007199254740993"]
    assert sensitive_column(pa.table({"id": near}), "id").grouping.labels.tolist() == [0, 1]
    wide = pa.table({"id": pa.array([10, 9], pa.decimal256(60, 2))})
    assert sensitive_column(wide, "id").grouping.labels.tolist() == [1, 0]


def test_words():
    found = of(np.array([0, 0, 1]), np.array([1, 2, 9]))
    part = closeness_part([found], several=True)
    assert (
        "all values equally different; 0.500 if the order of the values counts"
        in (part.findings[0])
    )
    assert "with 1 record" in part.findings[0]
    assert "counts records" in part.warnings[0]
    assert all(row[-1].endswith(".") for row in part.tables[0].rows)
    table = pa.table({"pay": pa.array([1, None, 2])})
    holes = closeness(group_labels(np.arange(3)), sensitive_column(table, "pay"))
    assert holes.ordered is None
    assert not closeness_part([holes]).warnings

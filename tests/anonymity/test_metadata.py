"""The cost of columns against tuples and counters."""

import math
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity.grouping import group_labels
from privkit.anonymity.metadata import metadata, missing_values
from privkit.anonymity.metadata_part import metadata_part
from privkit.errors import InputError

many = settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 2**32)


def brute(rows, persons, threshold):
    """k, classes, uniques and share below, of records or of people, by sets."""
    if persons is None:
        size = Counter(rows)
        own = [size[row] for row in rows]
    else:
        who, of = defaultdict(set), defaultdict(list)
        for row, person in zip(rows, persons, strict=True):
            who[row].add(person)
        for row, person in zip(rows, persons, strict=True):
            of[person].append(len(who[row]))
        own = [min(sizes) for sizes in of.values()]
    return min(own), len(set(rows)), own.count(1), sum(k < threshold for k in own) / len(own)


def found_of(a):
    return a.k, a.classes, a.uniques, a.share_below


def draw(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 50))
    names = ["camera", "hour", "town", "rows"][: int(rng.integers(1, 5))]
    columns = {name: rng.integers(0, int(rng.integers(1, 6)), rows).tolist() for name in names}
    code = rng.integers(0, 4, rows) if rng.random() < 0.7 else None
    persons = rng.integers(0, 10, rows) if rng.random() < 0.5 else None
    return columns, code, persons


@many
@given(seed=seeds)
def test_agrees_with_tuples(seed):
    columns, code, persons = draw(seed)
    grouping = None if code is None else group_labels(code)
    found = metadata(pa.table(columns), code=grouping, persons=persons, threshold=3)
    who = None if persons is None else persons.tolist()
    base = [] if code is None else [code.tolist()]

    def truth(names):
        known = [*base, *(columns[name] for name in names)]
        return brute(list(zip(*known, strict=True)), who, 3)

    assert found_of(found.metadata) == brute([*zip(*columns.values(), strict=True)], who, 3)
    assert found_of(found.joined) == truth(columns)
    assert (found.code is None) == (code is None)
    if found.code is not None:
        assert found_of(found.code) == truth([])
    for column in found.columns:
        rest = [name for name in columns if name != column.name]
        if not rest and code is None:
            assert column.without is None
        else:
            assert found_of(column.without) == truth(rest)
            # A column left out never lowers k and never makes more unique.
            assert column.without.k >= found.joined.k
            assert column.without.uniques <= found.joined.uniques
            assert column.without.share_below <= found.joined.share_below
        assert found_of(column.alone) == truth([column.name])
        assert column.values == len(set(columns[column.name]))
    part = metadata_part(found)
    for table in part.tables:
        assert all(len(row) == len(table.columns) and row[-1].endswith(".") for row in table.rows)


def test_the_column_that_costs_most():
    rows = 24
    table = pa.table(
        {
            "hour": np.arange(rows),  # tells everybody apart
            "camera": np.arange(rows) % 2,
            "floor": np.arange(rows) % 2,  # says the same as the camera
        }
    )
    found = metadata(table, code=group_labels(np.zeros(rows, int)))
    assert found.costliest.name == "hour"
    assert (found.code.k, found.joined.k, found.costliest.without.k) == (rows, 1, 12)
    text = " ".join(metadata_part(found).findings)
    assert "with hour, camera, floor beside it k = 1" in text
    assert "The column that costs most is hour: without it 0%" in text
    twins = metadata(table.select(["camera", "floor"]), code=group_labels(np.zeros(rows, int)))
    assert twins.costliest is None
    assert "Leaving out any one column changes neither" in " ".join(metadata_part(twins).findings)


def test_missing_values_are_told():
    rows = 10
    table = pa.table(
        {
            "town": pa.array(["a", None, ""] + ["b"] * 7),
            "height": pa.array([float("nan")] + [1.5 + i / 7 for i in range(9)]),
            "hour": pa.array([1] * rows).dictionary_encode(),
        }
    )
    found = metadata(table)
    assert [column.missing for column in found.columns] == [2, 1, 0]
    assert found.metadata == found.joined
    text = " ".join(metadata_part(found).warnings)
    assert "'town' has no value in 2 records (20%)" in text
    assert "'height' has no value in 1 record (10%)" in text
    assert len(metadata_part(found).tables[0].rows) == 1
    assert math.isclose(found.joined.share_below, 1)


def test_text_that_looks_like_a_missing_value_is_told():
    table = pa.table({"town": ["?", "Ulm", "n/a", None, "Ulm", " "], "age": [1, 1, 1, 2, 2, 2]})
    found = metadata(table)
    assert [(c.missing, c.marked) for c in found.columns] == [(1, 3), (0, 0)]
    said = " ".join(metadata_part(found).warnings)
    assert "'town' has a text that looks like a missing value" in said
    assert "3 records" in said


def test_missing_values_of_every_type():
    assert missing_values(pa.chunked_array([pa.array([None, "", "x"]).dictionary_encode()])) == 2
    assert missing_values(pa.chunked_array([pa.array([None, ""], pa.large_string())])) == 2
    assert missing_values(pa.chunked_array([pa.nulls(3)])) == 3
    assert missing_values(pa.chunked_array([pa.array([True, None])])) == 1


def test_other_lengths_are_refused():
    table = pa.table({"a": [1, 2, 3]})
    with pytest.raises(InputError, match="equally many records"):
        metadata(table, code=group_labels(np.arange(4)))
    with pytest.raises(InputError, match="one a record"):
        metadata(table, persons=np.arange(4))


def test_columns_that_cannot_be_weighed():
    for table in (pa.table({}), pa.table([[1], [2]], names=["a", "a"])):
        with pytest.raises(InputError, match="each of another name"):
            metadata(table)


def test_unbounded_floats_are_refused():
    with pytest.raises(InputError, match="'height' holds floats that nearly all differ"):
        metadata(pa.table({"height": np.random.default_rng(0).normal(size=50)}))

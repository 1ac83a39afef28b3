"""Groupings against dictionaries, and their counts against DuckDB's SQL."""

import math
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import count_classes
from privkit.anonymity.grouping import (
    Grouping,
    group_codes,
    group_labels,
    group_table,
    join,
    join_all,
)
from privkit.errors import InputError
from privkit.features import Codes, open_codes

many = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 2**32)


def same(grouping, records):
    """Records are together in the grouping exactly where they are equal."""
    number = {record: place for place, record in enumerate(dict.fromkeys(records))}
    assert grouping.labels.dtype == np.int64
    assert grouping.labels.tolist() == [number[record] for record in records]
    assert grouping.classes == len(number)


@many
@given(seed=seeds, bits=st.integers(1, 300))
def test_codes_of_any_width(seed, bits):
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 2, (int(rng.integers(1, 12)), bits), dtype=np.uint8)
    matrix = pool[rng.integers(0, len(pool), int(rng.integers(1, 60)))]
    codes = Codes.from_matrix(matrix)
    found = group_codes(codes)
    same(found, list(map(bytes, matrix)))
    assert sorted(found.sizes().sizes) == sorted(count_classes(codes).sizes)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i4", "u8", "bool"])
def test_integers_in_a_file(tmp_path, dtype):
    values = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 50, 500)
    values = values.astype(dtype)
    np.save(tmp_path / "c.npy", values)
    same(group_codes(open_codes(tmp_path / "c.npy")), values.tolist())


CELLS = (
    (None, "", "x"),
    (None, 0.0, -0.0, math.nan, math.inf, 1.5),
    (None, True, False),
    (None, 2**63 - 1, 2**62, -1),
)


def random_table(rng):
    rows = int(rng.integers(1, 50))
    drawn = [[cells[i] for i in rng.integers(0, len(cells), rows)] for cells in CELLS]
    texts, floats, truths, integers = drawn
    columns = {
        "a": pa.array(texts).dictionary_encode() if rng.random() < 0.5 else pa.array(texts),
        "b": pa.array(np.array(floats, dtype=object), pa.float64(), from_pandas=False),
        "c": pa.array(truths, pa.bool_()),
        "d": pa.array(integers, pa.int64()),
    }
    parts = [pa.table(columns).slice(0, rows // 2), pa.table(columns).slice(rows // 2)]
    records = [
        tuple("nan" if isinstance(v, float) and math.isnan(v) else v for v in row)
        for row in zip(*drawn, strict=True)
    ]
    return pa.concat_tables(parts), records


@many
@given(seed=seeds)
def test_tables_with_nulls_and_nan_in_several_chunks(seed):
    table, records = random_table(np.random.default_rng(seed))
    same(group_table(table), records)
    same(group_table(table.select(["d", "b"])), [(row[3], row[1]) for row in records])


@many
@given(seed=seeds)
def test_joins_and_people(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 60))
    a, b, persons = (rng.integers(0, 6, rows) for _ in range(3))
    both = join(group_labels(a), group_labels(b))
    same(both, list(zip(a.tolist(), b.tolist(), strict=True)))
    same(join_all([group_labels(v) for v in (a, b, persons)]), [*zip(a, b, persons, strict=True)])
    who = defaultdict(set)
    for label, person in zip(both.labels.tolist(), persons.tolist(), strict=True):
        who[label].add(person)
    found = both.people(persons * 10**12 - 3)  # the numbers of people need not be dense
    assert found.sizes.tolist() == [len(who[label]) for label in range(both.classes)]
    assert both.sizes().sizes.tolist() == [
        Counter(both.labels.tolist())[label] for label in range(both.classes)
    ]


def test_duckdb_groups_the_same():
    duckdb = pytest.importorskip("duckdb")
    rng = np.random.default_rng(4)
    for _ in range(30):
        table, _ = random_table(rng)
        persons = rng.integers(0, 4, table.num_rows)
        table = table.append_column("person", pa.array(persons))
        grouping = group_table(table.select(["a", "b", "c", "d"]))
        with duckdb.connect() as connection:
            connection.register("t", table)
            rows = connection.execute(
                "select count(*), count(distinct person) from t group by a, b + 0.0, c, d"
            ).fetchall()
        ours = zip(grouping.sizes().sizes, grouping.people(persons).sizes, strict=True)
        assert sorted(rows) == sorted((int(n), int(people)) for n, people in ours)


def test_what_cannot_be_grouped():
    nested = pa.table({"list": [[1], [2]]})
    with pytest.raises(InputError, match="column 'list'"):
        group_table(nested)
    with pytest.raises(InputError, match="nothing to group"):
        group_table(pa.table({"a": pa.array([], pa.int8())}))
    with pytest.raises(InputError, match="nothing to group"):
        group_table(pa.table({}))
    for bad in (np.zeros(0, int), np.zeros((2, 2), int), np.array([0.5])):
        with pytest.raises(InputError, match="whole numbers"):
            group_labels(bad)
    with pytest.raises(InputError, match="equally many records"):
        join(group_labels(np.arange(3)), group_labels(np.arange(4)))
    with pytest.raises(InputError, match="3, one a record"):
        group_labels(np.arange(3)).people(np.arange(4))


def test_no_overflow_with_many_classes():
    n = 200_000
    a = Grouping(np.arange(n), n)
    assert join(a, a).classes == n

"""Counting agrees with collections.Counter on 1,000 random inputs of every form."""

import csv
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import ClassCounts, count_classes, k_anonymity
from privkit.anonymity.counting import plain
from privkit.errors import InputError
from privkit.features import Codes, open_codes

thousand = settings(
    max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("codes")


def agrees(path, records, **options):
    """Compare everything that is counted with a Counter over the records, then drop the file."""
    stored = open_codes(path, **options)
    path.unlink()  # overwriting a file instead makes some file systems wait for the disk
    truth = Counter(records)
    found = count_classes(stored)
    assert sorted(found.sizes.tolist()) == sorted(truth.values())
    assert found.n == stored.n == len(records)
    sizes, many = found.sizes_of_sizes
    assert dict(zip(sizes.tolist(), many.tolist(), strict=True)) == Counter(truth.values())
    measured = k_anonymity(found, bits=stored.bits)
    own = sorted(truth[record] for record in records)
    assert measured.k == own[0]
    assert measured.largest == own[-1]
    assert measured.classes == len(truth)
    assert measured.uniques == own.count(1)
    assert [b.records for b in measured.below] == [
        sum(size < b.k for size in own) for b in measured.below
    ]
    assert [b.classes for b in measured.below] == [
        sum(size < b.k for size in truth.values()) for b in measured.below
    ]
    for percent, by_class, by_record in zip(
        measured.percents, measured.quantiles_classes, measured.quantiles_records, strict=True
    ):
        assert by_class == brute_quantile(sorted(truth.values()), percent)
        assert by_record == brute_quantile(own, percent)


def brute_quantile(ordered, percent):
    """The smallest value that at least so many percent of the values do not exceed."""
    return ordered[max(0, math.ceil(Fraction(percent * len(ordered), 100)) - 1)]


def random_codes(seed, bits, most=60):
    """Draw codes of ``bits`` bits that repeat often enough to form classes."""
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 2, (int(rng.integers(1, 12)), bits), dtype=np.uint8)
    return pool[rng.integers(0, len(pool), int(rng.integers(1, most)))]


seeds = st.integers(0, 2**32)


@pytest.mark.parametrize(
    "dtype", [*(pytest.param(d, marks=pytest.mark.slow) for d in ("u1", "u2", "u4")), "u8"]
)
@thousand
@given(seed=seeds)
def test_unsigned_integers(folder, dtype, seed):
    check_integers(folder, dtype, seed)


@pytest.mark.slow
@thousand
@given(seed=seeds, dtype=st.sampled_from(["i1", "i2", "i4", "i8", ">u2", ">u4", ">i8"]))
def test_signed_and_swapped_integers(folder, dtype, seed):
    check_integers(folder, dtype, seed)


def check_integers(folder, dtype, seed):
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    top = np.iinfo(kind).max
    pool = rng.integers(0, min(top, 10 ** int(rng.integers(1, 20))), 9, endpoint=True, dtype="u8")
    values = rng.choice(pool, int(rng.integers(1, 60))).astype(kind)
    bits = int(rng.integers(max(1, int(values.max()).bit_length()), 70))
    np.save(folder / "i.npy", values)
    agrees(folder / "i.npy", values.tolist(), bits=bits if rng.random() < 0.5 else None)


@pytest.mark.slow
@thousand
@given(seed=seeds, bits=st.integers(1, 150))
def test_zero_one_matrix(folder, seed, bits):
    matrix = random_codes(seed, bits)
    dtype = ["bool", "u1", "i8"][seed % 3]
    np.save(folder / "m.npy", matrix.astype(dtype))
    agrees(folder / "m.npy", [tuple(row) for row in matrix.tolist()])


@thousand
@given(seed=seeds, bits=st.integers(1, 150))
def test_plus_minus_one_matrix(folder, seed, bits):
    matrix = random_codes(seed, bits)
    np.save(folder / "s.npy", matrix.astype(["i1", "f4", "f2"][seed % 3]) * 2 - 1)
    agrees(folder / "s.npy", [tuple(row) for row in matrix.tolist()])


@thousand
@given(seed=seeds, bits=st.integers(2, 200))
def test_packed_bytes(folder, seed, bits):
    matrix = random_codes(seed, bits)
    np.save(folder / "p.npy", np.packbits(matrix, axis=1))
    agrees(folder / "p.npy", [tuple(row) for row in matrix.tolist()], bits=bits)


@thousand
@given(seed=seeds, bits=st.integers(1, 150))
def test_npz(folder, seed, bits):
    matrix = random_codes(seed, bits)
    Codes.from_matrix(matrix).save(folder / "c.npz")
    agrees(folder / "c.npz", [tuple(row) for row in matrix.tolist()])


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
texts = st.lists(st.tuples(words, words), min_size=1, max_size=12).flatmap(
    lambda pool: st.lists(st.sampled_from(pool), min_size=1, max_size=30)
)


@pytest.mark.slow
@thousand
@given(rows=texts, columns=st.sampled_from([["a", "rows"], ["rows", "a"], ["a"]]))
def test_csv(folder, rows, columns):
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([("a", "rows"), *rows])
    records = [row[: len(columns)] for row in rows]
    agrees(folder / "t.csv", records, columns=columns)


CELLS = (
    (None, "", "x", "é"),
    (None, -2, 0, 1),
    (None, 0.0, -0.0, 1.5, math.nan, math.inf),
    (None, True, False),
)


@thousand
@given(
    seed=seeds,
    number=st.sampled_from([pa.float64(), pa.float32(), pa.float16()]),
    names=st.sampled_from([["a", "b", "c", "d"], ["c"], ["b"], ["d", "a"]]),
)
def test_parquet(folder, seed, number, names):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 60))
    a, b, c, d = ([cells[i] for i in rng.integers(0, len(cells), rows)] for cells in CELLS)
    table = pa.table(
        {
            "a": pa.array(a, pa.string()).dictionary_encode(),
            "b": pa.array(b, pa.int8()),
            "c": pa.array(np.array(c, dtype=object), number, from_pandas=False),
            "d": pa.array(d, pa.bool_()),
        }
    )
    pq.write_table(table, folder / "t.parquet", row_group_size=7)
    cells_of = {"a": a, "b": b, "c": c, "d": d}
    chosen = [
        tuple("nan" if isinstance(v, float) and math.isnan(v) else v for v in row)
        for row in zip(*(cells_of[name] for name in names), strict=True)
    ]
    agrees(folder / "t.parquet", chosen, columns=names)


@thousand
@given(seed=seeds)
def test_parquet_codes(folder, seed):
    values = np.random.default_rng(seed).integers(0, 20, 1 + seed % 50)
    pq.write_table(pa.table({"code": values}), folder / "c.parquet")
    agrees(folder / "c.parquet", values.tolist(), bits=5)


def test_nulls_are_a_value_of_their_own_and_counted(folder):
    pq.write_table(pa.table({"a": [1, None, None], "b": [None, 2, 2]}), folder / "n.parquet")
    stored = open_codes(folder / "n.parquet", columns=["a", "b"])
    assert stored.nulls == 3
    assert sorted(count_classes(stored).sizes.tolist()) == [1, 2]


def test_more_classes_than_the_declared_bits(folder):
    pq.write_table(pa.table({"a": [1, 2, 3], "b": [1, 1, 1]}), folder / "d.parquet")
    with pytest.raises(InputError, match="3 classes, more than 1 bits allow"):
        count_classes(open_codes(folder / "d.parquet", columns=["a", "b"], bits=1))


def test_many_blocks(folder):
    """More than one block, in the histogram, the sort and the table."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 3000, 300_000)
    for dtype, offset in (("u2", 0), ("u4", 0), ("u4", 2**25), ("u8", 2**60)):
        np.save(folder / "b.npy", values.astype(dtype) + np.array(offset, dtype))
        found = count_classes(open_codes(folder / "b.npy"))
        assert sorted(found.sizes) == sorted(Counter(values.tolist()).values())
    table = pa.table({"a": values, "b": values // 7})
    pq.write_table(table, folder / "b.parquet", row_group_size=1000)
    found = count_classes(open_codes(folder / "b.parquet", columns=["a", "b"]))
    assert sorted(found.sizes) == sorted(Counter(values.tolist()).values())


def test_rows_stay_exact_when_hashes_collide(monkeypatch):
    monkeypatch.setattr(plain, "_ODD", np.uint64(0))  # every row now has the same hash
    matrix = random_codes(3, 130, most=500)
    found = count_classes(Codes.from_matrix(matrix))
    assert sorted(found.sizes) == sorted(Counter(map(bytes, matrix)).values())


def test_frequencies_and_sizes_are_one_thing():
    sizes = np.array([5, 1, 70_000, 1, 5, 5])
    plain_counts = ClassCounts.from_sizes(sizes)
    short = ClassCounts.from_frequencies(*plain_counts.sizes_of_sizes)
    assert (short.n, short.classes) == (plain_counts.n, plain_counts.classes) == (70_017, 6)
    assert short.sizes.tolist() == sorted(sizes.tolist())
    assert short.classes_of_size(5) == 3


@pytest.mark.parametrize(
    ("sizes", "classes"),
    [([2, 1], [1, 1]), ([1, 1], [1, 1]), ([0, 1], [1, 1]), ([1], [0]), ([], [])],
)
def test_impossible_frequencies_are_refused(sizes, classes):
    with pytest.raises(InputError):
        ClassCounts.from_frequencies(np.array(sizes, np.int64), np.array(classes, np.int64))


@pytest.mark.parametrize(
    ("sizes", "n"), [([1, 0], 1), ([], 0), ([1, 2], 4), ([0.5], 1), ([[1]], 1)]
)
def test_impossible_sizes_are_refused(sizes, n):
    with pytest.raises(InputError):
        ClassCounts(np.array(sizes), n)


def test_no_codes_in_memory():
    with pytest.raises(InputError, match="no codes"):
        count_classes(Codes(np.zeros((0, 1), np.uint8), 8))

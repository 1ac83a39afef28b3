"""Engines give the same counts as plain Python, as privkit's own counting, and as each other."""

import csv
import math
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow.csv import write_csv

from privkit.anonymity.engines import ENGINES
from privkit.anonymity.engines import duckdb as engine
from privkit.anonymity.tables import count_table
from privkit.errors import InputError
from privkit.features import open_codes, table_files
from privkit.features.stored import Form

pytest.importorskip("daft")

CELLS = {
    "text": (None, "", "x", "é", "07", "7"),
    "whole": (None, -2, 0, 1),
    "float": (None, 0.0, -0.0, 1.5, math.nan, -math.nan, math.inf),
    "flag": (None, True, False),
}
NAMES = ['a"b', "size", "person; DROP TABLE records --", "k0"]


def cases(number):
    return settings(
        max_examples=number, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )


def canonical(value):
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def random_table(seed, folder, shards=1):
    """Write a random table in some shards; return its path and its records."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 60))
    drawn = [[cells[i] for i in rng.integers(0, len(cells), rows)] for cells in CELLS.values()]
    kinds = [pa.string(), pa.int8(), [pa.float64(), pa.float32(), pa.float16()][seed % 3]]
    arrays = [
        pa.array(np.array(cells, dtype=object), kind, from_pandas=False)
        for cells, kind in zip(drawn, [*kinds, pa.bool_()], strict=True)
    ]
    table = pa.table(dict(zip(NAMES, arrays, strict=True)))
    step = -(-rows // shards)
    for i in range(0, rows, step):
        pq.write_table(table.slice(i, step), folder / f"it's {i} [x]*{{a,b}}.parquet")
    return [tuple(map(canonical, record)) for record in zip(*drawn, strict=True)]


def sizes(counts):
    return sorted(counts.sizes.tolist())


def truth(records):
    return sorted(Counter(records).values())


@cases(35)
@given(seed=st.integers(0, 2**32), in_memory=st.booleans(), shards=st.integers(1, 3))
def test_duckdb_on_random_tables(tmp_path_factory, seed, in_memory, shards):
    folder = tmp_path_factory.mktemp("t")
    records = random_table(seed, folder, shards)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "IN_MEMORY", 1 << 20 if in_memory else 0)
        stored = open_codes(folder, columns=NAMES)
    counts = ENGINES["duckdb"](stored)
    assert counts.n == len(records)
    assert sizes(counts) == truth(records) == sorted(count_table(stored).tolist())
    persons = np.random.default_rng(seed).integers(0, 5, len(records))
    people = Counter(record for record, _ in set(zip(records, persons.tolist(), strict=True)))
    assert sizes(engine.count_people(stored, persons)) == sorted(people.values())


@cases(25)
@given(seed=st.integers(0, 2**32))
def test_daft_on_random_tables(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("t")
    records = random_table(seed, folder, 1 + seed % 3)
    columns = NAMES[seed % 4 :] or NAMES
    place = NAMES.index(columns[0])
    counts = ENGINES["daft"](open_codes(folder, columns=columns))
    assert sizes(counts) == truth([record[place:] for record in records])


words = st.sampled_from(["", "x", "07", "7", 'q"q', "a,b", "two\nlines", " x", "é", "NA", "null"])


@cases(25)
@given(rows=st.lists(st.tuples(words, words), min_size=1, max_size=30))
def test_both_on_csv(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("t")
    for i, part in enumerate((rows[:5], rows[5:])):
        with (folder / f"{i}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([("a", "b b"), *part])
    stored = open_codes(folder, columns=["b b", "a"])
    assert sizes(ENGINES["duckdb"](stored)) == sizes(ENGINES["daft"](stored)) == truth(rows)
    assert stored.nulls == sum("" in row for row in rows)


@cases(40)
@given(
    seed=st.integers(0, 2**32),
    bits=st.integers(1, 300),
    form=st.sampled_from(["matrix", "signs", "packed", "integers"]),
)
def test_duckdb_on_arrays(tmp_path_factory, seed, bits, form):
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 2, (8, bits), dtype=np.uint8)
    matrix = pool[rng.integers(0, 8, int(rng.integers(1, 60)))]
    folder = tmp_path_factory.mktemp("a")
    if form == "integers":
        top = 2 ** min(bits, 64) - 1
        values = rng.integers(0, top, 8, dtype=np.uint64, endpoint=True)[rng.integers(0, 8, 50)]
        np.save(folder / "0.npy", values.astype([">u8", "<u8"][seed % 2]))
        np.save(folder / "1.npy", (values % 200).astype(np.uint8))
        records = [*values.tolist(), *(values % 200).tolist()]
    else:
        stored_as = {"matrix": matrix, "signs": 2.0 * matrix - 1, "packed": np.packbits(matrix, 1)}
        np.save(folder / "0.npy", stored_as[form])
        records = [tuple(row) for row in matrix.tolist()]
    stored = open_codes(folder, bits=bits)
    assert sizes(ENGINES["duckdb"](stored)) == truth(records)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_daft_takes_columns_from_names_of_folders(tmp_path, kind):
    records = []
    rng = np.random.default_rng(1)
    for year in ("1", "__HIVE_DEFAULT_PARTITION__", "a%20[b]", "x*", "é"):
        for month in range(2):
            folder = tmp_path / f"year={year}" / f"month={month}"
            folder.mkdir(parents=True)
            values = rng.integers(0, 4, 20).astype(str)
            table = pa.table({"text": ["x"] * 20, "c": values})
            if kind == "csv":
                write_csv(table, folder / "t {a,b}.csv")
            else:
                pq.write_table(table, folder / "t {a,b}.parquet")
            records += [(year, month, value) for value in values]
    for places in ((0,), (1,), (2,), (1, 0), (2, 0), (0, 1, 2)):
        stored = open_codes(tmp_path, columns=[("year", "month", "c")[place] for place in places])
        expected = truth([tuple(record[place] for place in places) for record in records])
        assert sizes(ENGINES["daft"](stored)) == sizes(ENGINES["duckdb"](stored)) == expected
    stored = open_codes(tmp_path, columns=["month"], bits=1)
    assert sizes(ENGINES["daft"](stored)) == [100, 100]


def test_daft_takes_many_folders(tmp_path):
    for day in range(500):
        (tmp_path / f"day={day}").mkdir()
        pq.write_table(pa.table({"c": [1, 2, 2]}), tmp_path / f"day={day}" / "t.parquet")
    stored = open_codes(tmp_path, columns=["day", "c"])
    assert sizes(ENGINES["daft"](stored)) == [1] * 500 + [2] * 500


def test_the_same_as_duckdb_asked_in_sql(tmp_path):
    rng = np.random.default_rng(5)
    columns = {"age": rng.integers(0, 90, 20_000), "zip": rng.integers(0, 300, 20_000).astype(str)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    asked = duckdb.execute(
        "SELECT count(*) FROM read_parquet(?) GROUP BY age, zip", [str(tmp_path / "t.parquet")]
    )
    expected = sorted(row[0] for row in asked.fetchall())
    stored = open_codes(tmp_path / "t.parquet", columns=["age", "zip"])
    for counts in (ENGINES["duckdb"](stored), ENGINES["daft"](stored)):
        assert sizes(counts) == expected
    assert sorted(count_table(stored).tolist()) == expected


def test_times_differ_by_a_nanosecond(tmp_path):
    times = pa.array([1, 2, 2], pa.timestamp("ns", "Europe/Berlin"))
    pq.write_table(pa.table({"t": times}), tmp_path / "t.parquet")
    stored = open_codes(tmp_path / "t.parquet", columns=["t"])
    for name in ENGINES:
        assert sizes(ENGINES[name](stored)) == [1, 2]


def test_codes_of_a_large_column_are_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "IN_MEMORY", 0)
    for values, bits, words in (([1, 16], 4, "16"), ([1, None], 4, "missing"), ([-1, 2], 4, "-1")):
        for kind in (pa.int64(), pa.string()):
            column = pa.array(values, pa.int64()).cast(kind)
            pq.write_table(pa.table({"c": column}), tmp_path / "t.parquet")
            stored = open_codes(tmp_path / "t.parquet", columns=["c"], bits=bits)
            assert stored.form is Form.INTEGERS
            with pytest.raises(InputError, match=f"{words}|missing"):
                ENGINES["daft"](stored)
            with pytest.raises(InputError, match=rf"{words}|missing|whole number"):
                ENGINES["duckdb"](stored)


def test_a_file_damaged_after_opening_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "IN_MEMORY", 0)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"c": np.arange(9), "d": np.arange(9)}), path)
    stored = open_codes(path, columns=["c", "d"])
    path.write_bytes(b"PAR1" * 9)
    for name in ENGINES:
        with pytest.raises(InputError) as caught:
            ENGINES[name](stored)
        assert "\n" not in str(caught.value)


def test_what_an_engine_cannot_take_it_says(tmp_path, monkeypatch):
    np.save(tmp_path / "c.npy", np.arange(3))
    pq.write_table(pa.table({"c": [1, 2]}), tmp_path / "c.parquet")
    for call, words in (
        (lambda: ENGINES["daft"](open_codes(tmp_path / "c.npy")), "Parquet and CSV.*duckdb"),
        (lambda: ENGINES["daft"](open_codes(tmp_path / "c.parquet"), memory=9), "no memory limit"),
        (lambda: engine.count_people(open_codes(tmp_path / "c.npy"), np.arange(4)), "one a record"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    with pytest.raises(InputError, match=r"--tmp .* a folder that you may write to.*is a file"):
        ENGINES["duckdb"](open_codes(tmp_path / "c.npy"), tmp=tmp_path / "c.npy")
    for i, names in enumerate((("a", "b"), ("b", "a"))):
        (tmp_path / f"{i}.csv").write_text(f"{names[0]},{names[1]}\n1,2\n")
    stored = open_codes(str(tmp_path / "?.csv"), columns=["a"])
    assert sizes(ENGINES["duckdb"](stored)) == [1, 1]
    with pytest.raises(InputError, match=r"header lines.*differ"):
        ENGINES["daft"](stored)
    folder = tmp_path / "h" / "year=1"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"c": [1, 2]}), folder / "c.parquet")
    hive = open_codes(tmp_path / "h", columns=["year"])
    assert sizes(ENGINES["duckdb"](hive)) == sizes(ENGINES["daft"](hive)) == [2]
    if find_spec("ray") is None:
        monkeypatch.setenv("DAFT_RUNNER", "ray")
        with pytest.raises(InputError, match=r"Ray is not installed.*privkit\[daft\]"):
            ENGINES["daft"](open_codes(tmp_path / "c.parquet"))
        monkeypatch.delenv("DAFT_RUNNER")
    monkeypatch.setitem(sys.modules, "daft", None)
    with pytest.raises(InputError, match=r"not installed.*privkit\[daft\]"):
        ENGINES["daft"](open_codes(tmp_path / "c.parquet"))


def test_duckdb_spills_and_leaves_nothing_behind(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**60, 1_500_000, dtype=np.uint64)
    np.save(tmp_path / "c.npy", values)
    stored = open_codes(tmp_path / "c.npy")
    tmp = tmp_path / "tmp"
    left = tmp / f"privkit-count-{os.getuid()}-duckdb"
    left.mkdir(parents=True)
    (left / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"of a killed run")
    counts = ENGINES["duckdb"](stored, memory=60_000_000, tmp=tmp)
    assert (counts.n, counts.classes) == (len(values), len(np.unique(values)))
    assert list(tmp.iterdir()) == []
    with pytest.raises(InputError, match="give more --memory"):
        ENGINES["duckdb"](stored, memory=2_000_000, tmp=tmp)
    assert list(tmp.iterdir()) == []


DUCKDB = """
import os, signal, sys, threading, time
from pathlib import Path
from privkit.anonymity.engines import duckdb as engine
from privkit.features import open_codes

stored, tmp = open_codes(Path(sys.argv[1])), Path(sys.argv[2])
batches = engine.key_batches
def stop():
    os.kill(os.getpid(), signal.SIGINT)
def stopped(stored):
    yield from batches(stored)
    if sys.argv[3] == "reading":
        stop()
engine.key_batches = stopped
query = engine._RECORDS
if sys.argv[3] == "counting":
    query = "SELECT count(*) AS size, 1 AS classes FROM range(1000000000000) t(i) WHERE i % 7 = 3"
    threading.Timer(0.5, stop).start()
try:
    engine._run(stored, query, None, None, tmp)
except KeyboardInterrupt as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("step", ["reading", "counting"])
def test_ctrl_c_while_duckdb_counts(tmp_path, step):
    np.save(tmp_path / "c.npy", np.arange(300_000))
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DUCKDB, tmp_path / "c.npy", tmp_path / "tmp", step],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "interrupted while counting; everything written while counting has been removed"
    )
    assert list((tmp_path / "tmp").iterdir()) == []


def test_importing_the_engines_imports_none_of_them():
    code = (
        "import sys, privkit.anonymity.engines;"
        "print({'duckdb', 'daft', 'h5py', 'numba', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_daft_reports_to_nobody(tmp_path):
    """The import itself would be reported: no thread asks for it, whatever the environment says."""
    pq.write_table(pa.table({"c": [1, 2]}), tmp_path / "c.parquet")
    code = (
        "import socket, sys\n"
        "from pathlib import Path\n"
        "def refuse(*a, **k): print('asked', a); raise OSError\n"
        "socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from privkit.anonymity.engines import ENGINES\n"
        "from privkit.features import open_codes\n"
        "print(ENGINES['daft'](open_codes(Path(sys.argv[1]))).sizes.tolist())\n"
        "from daft.scarf_telemetry import opted_out\n"
        "print(opted_out(), flush=True)\n"
        # Daft's threads may crash the interpreter while it ends, which is not asked here.
        "import os; os._exit(0)\n"
    )
    plain = {k: v for k, v in os.environ.items() if "TRACK" not in k and "ANALYTICS" not in k}
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "c.parquet")],
        capture_output=True,
        text=True,
        check=True,
        env=plain,
    )
    assert run.stdout == "[1, 1]\nTrue\n"

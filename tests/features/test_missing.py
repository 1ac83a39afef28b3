"""Missing values are never a silent class: null, NaN, empty text, and text that looks like it."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.anonymity import count_classes
from privkit.anonymity.missing import missing_warnings
from privkit.cli.app import run
from privkit.features import open_codes, table_files
from privkit.features.values import looks_missing, missing

MARKS = ["?", "NA", "n/a", "NULL", "nan", "None", " NaN ", "   "]
PLAIN = ["x", "nano", "0", "-", "unknown", " x", "N A"]
TEXT = [
    pa.string(),
    pa.large_string(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.string_view(),
]


def opened(folder, columns, names=None):
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return open_codes(folder / "t.parquet", columns=names or list(columns))


@pytest.mark.parametrize("kind", TEXT[:3])
def test_every_value_is_missing_or_looks_like_it_or_neither(kind):
    column = pa.array([None, "", *MARKS, *PLAIN]).cast(kind)
    is_missing, looks = missing(column).to_pylist(), looks_missing(column).to_pylist()
    assert is_missing == [True] * 2 + [False] * (len(MARKS) + len(PLAIN))
    assert looks == [False] * 2 + [True] * len(MARKS) + [False] * len(PLAIN)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_nan_is_missing(kind):
    column = pa.array(np.array([1.5, math.nan, 2]), kind, from_pandas=False)
    assert missing(column).to_pylist() == [False, True, False]
    assert looks_missing(column).to_pylist() == [False] * 3


@pytest.mark.parametrize("in_memory", [True, False])
def test_nan_and_empty_text_are_counted_where_the_file_says_no_null(
    tmp_path, monkeypatch, in_memory
):
    """Parquet's statistics know nulls only: 50 NaN were k = 50 without a word."""
    monkeypatch.setattr(table_files, "IN_MEMORY", 1 << 20 if in_memory else 0)
    y = np.where(np.arange(100) < 50, math.nan, 1.0)
    stored = opened(tmp_path, {"y": pa.array(y, from_pandas=False)})
    assert (stored.nulls, stored.marked) == (50, 0)
    assert sorted(count_classes(stored).sizes) == [50, 50]
    for kind in TEXT:
        stored = opened(tmp_path, {"y": pa.array(["", "x", "?"] * 30).cast(kind)})
        assert (stored.nulls, stored.marked) == (30, 30)
        assert sorted(count_classes(stored).sizes) == [30, 30, 30]


def test_a_record_counts_once_however_many_of_its_values_are_missing(tmp_path):
    columns = {
        "a": ["", "x", "NA", None],
        "b": pa.array([math.nan, 1, 2, 3], from_pandas=False),
        "c": ["?", "?", "none", "x"],
    }
    stored = opened(tmp_path, columns)
    assert (stored.nulls, stored.marked) == (2, 3)
    assert opened(tmp_path, columns, ["b"]).nulls == 1


def test_whole_numbers_are_believed_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "IN_MEMORY", 0)
    pq.write_table(pa.table({"a": [1, 2], "b": [1, 2]}), tmp_path / "t.parquet")

    def unread(*_):
        raise AssertionError

    monkeypatch.setattr("privkit.features.tables._records_with", unread)
    assert open_codes(tmp_path / "t.parquet", columns=["a", "b"]).nulls == 0


@pytest.mark.parametrize(
    ("value", "found"), [("1", (0, 0)), ("", (3, 0)), ("NA", (0, 3)), ("%20", (0, 3))]
)
def test_values_in_names_of_folders(tmp_path, value, found):
    folder = tmp_path / f"year={value}"
    folder.mkdir()
    pq.write_table(pa.table({"c": [1, 2, 3]}), folder / "t.parquet")
    stored = open_codes(tmp_path, columns=["year"])
    assert (stored.nulls, stored.marked) == found


def test_csv(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n,1\n"",1\nNA,1\n?,1\nx,1\n')
    stored = open_codes(tmp_path / "t.csv", columns=["a"])
    assert (stored.nulls, stored.marked) == (2, 2)
    assert sorted(count_classes(stored).sizes) == [1, 1, 1, 2]


def test_the_warnings():
    assert missing_warnings(0, 0) == []
    assert missing_warnings(1, 0)[0].startswith("1 record with a missing value")
    (said,) = missing_warnings(0, 30)
    assert said.startswith("30 records with a text")
    assert "looks like a missing value" in said


def test_a_sketch_warns_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"a": ["", "x", "?"] * 5}), "t.parquet")
    arguments = ["kanon", "--codes", "t.parquet", "--columns", "a", "--approximate", "--json"]
    assert run(arguments) == 0
    said = " ".join(json.loads(capsys.readouterr().out)["warnings"])
    assert "5 records with a missing value" in said
    assert "5 records with a text" in said

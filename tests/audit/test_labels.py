"""Labels of records from columns and files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from privkit.audit import labels
from privkit.audit.labels import attribute_values, only, read_labels, read_yes_no, text_labels
from privkit.errors import InputError


def written(path: Path, name: str, values: list[object]) -> str:
    path.write_text("\n".join([name, *map(str, values)]) + "\n", encoding="utf-8")
    return str(path)


def test_people_are_numbered_in_the_order_in_which_they_appear() -> None:
    labels = text_labels(np.array(["eve", "adam", "eve", "<b>"], dtype=object))
    assert labels.code.tolist() == [0, 1, 0, 2]
    assert labels.names == ("eve", "adam", "<b>")


def test_the_7_of_an_array_is_the_7_of_a_text() -> None:
    for values in (np.array([7, 8]), np.array([7.0, 8.0]), np.array(["7", "8"], dtype=object)):
        assert text_labels(values).names == ("7", "8")


@pytest.mark.parametrize("gone", ["", " ", "\t", None, float("nan")])
def test_a_missing_person_is_refused(gone: object) -> None:
    with pytest.raises(InputError, match="row 1 is missing"):
        text_labels(np.array(["a", gone], dtype=object))


def test_two_columns_are_no_person(tmp_path: Path) -> None:
    two = tmp_path / "two.csv"
    two.write_text("x,y\na,b\n")
    columns, _ = read_labels(str(two), str(tmp_path / "s.npy"), rows=1, option="--person")
    with pytest.raises(InputError, match=r"--person: it is not said which column.*columns x, y"):
        only(columns, "--person")


def test_white_space_around_a_label_is_no_part_of_it() -> None:
    people = text_labels(np.array(["Anna", " Anna", "Anna\n", "Bo B", "Bo\tB"], dtype=object))
    assert people.code.tolist() == [0, 0, 0, 1, 2]
    assert people.names == ("Anna", "Bo B", "Bo\tB")


def test_a_nul_makes_no_two_people_one(tmp_path: Path) -> None:
    """Neither within text, where Arrow cuts numpy's, nor at its end, where numpy does."""
    ended = np.array(["a", "a\0", "a\0\0"], dtype=object)
    assert text_labels(ended).names == ("a", "a\0", "a\0\0")
    for names in (np.array(["a\0b", "a\0c", "a"]), np.array([b"a\0b", b"a\0c", b"a"])):
        assert text_labels(of_npy(tmp_path, names)).code.tolist() == [0, 1, 2]


def of_npy(folder: Path, values: NDArray[np.generic]) -> NDArray[np.generic]:
    np.save(folder / "labels.npy", values)
    given, store = str(folder / "labels.npy"), str(folder / "s.npy")
    columns, _ = read_labels(given, store, rows=len(values), option="--person")
    return columns[0].values


HASHES = [b"\xff\x00\x20", b"\xfe\x80\x20", b"\xff\x00\x20"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(3)])
def test_bytes_that_are_no_text_are_read_as_hexadecimal(tmp_path: Path, kind: pa.DataType) -> None:
    for column in (pa.array(HASHES, kind), pa.array(HASHES, kind).dictionary_encode()):
        pq.write_table(pa.table({"who": column}), tmp_path / "s.parquet")
        columns, _ = read_labels("who", str(tmp_path / "s.parquet"), rows=3, option="--person")
        assert columns[0].values.tolist() == ["ff0020", "fe8020", "ff0020"]
    assert of_npy(tmp_path, np.array(HASHES)).tolist() == ["ff0020", "fe8020", "ff0020"]
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["who"] = np.array(HASHES)
    columns, _ = read_labels("who", str(tmp_path / "s.h5"), rows=3, option="--person")
    assert columns[0].values.tolist() == ["ff0020", "fe8020", "ff0020"]


def test_text_kept_as_bytes_is_text_and_numbers_are_not(tmp_path: Path) -> None:
    """People from 0 to 127 would be UTF-8 and those above not: two files have to be read alike."""
    column = pa.array([b"ann", "zoé".encode(), None])
    pq.write_table(pa.table({"who": column}), tmp_path / "s.parquet")
    columns, _ = read_labels("who", str(tmp_path / "s.parquet"), rows=3, option="--person")
    assert columns[0].values.tolist() == ["ann", "zoé", ""]
    for first, shown in ((65, "41000000"), (200, "c8000000")):
        numbers = [i.to_bytes(4, "little") for i in range(first, first + 3)]
        pq.write_table(pa.table({"who": pa.array(numbers)}), tmp_path / "s.parquet")
        columns, _ = read_labels("who", str(tmp_path / "s.parquet"), rows=3, option="--person")
        assert columns[0].values[0] == shown


NO_UNICODE = np.array([0x110000, 65], dtype="<u4").view("<U1")


@pytest.mark.parametrize(
    "values", [np.arange(2, dtype=np.longdouble), np.array(["a", "\ud800"]), NO_UNICODE]
)
def test_what_arrow_cannot_hold_is_one_line(tmp_path: Path, values: NDArray[np.generic]) -> None:
    if values.dtype == np.float64:
        pytest.skip("long doubles have 64 bits here")
    with pytest.raises(InputError, match=r"the column 'labels' cannot be read.*64 bits, or text"):
        of_npy(tmp_path, values)


def test_a_type_without_text_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    months = pa.table({"who": pa.array([pa.MonthDayNano([1, 2, 3])])})
    monkeypatch.setattr(labels, "open_columns", lambda *_, **__: months)
    with pytest.raises(InputError, match=r"--person: the column 'who' holds no labels.*interval"):
        read_labels("who", "s.parquet", rows=1, option="--person")


def test_a_few_numbers_in_text_are_names_and_many_are_numbers(tmp_path: Path) -> None:
    few = written(tmp_path / "few.csv", "class", [1, 2] * 30)
    many = written(tmp_path / "many.csv", "age", list(range(60)))
    words = written(tmp_path / "words.csv", "word", [f"w{i}" for i in range(60)])
    store = str(tmp_path / "store.npy")
    read = [
        read_labels(path, store, rows=60, option="--sensitive")[0][0].values
        for path in (few, many, words)
    ]
    assert [attribute_values(values).dtype.kind for values in read] == ["O", "f", "O"]


def test_people_are_never_taken_for_numbers(tmp_path: Path) -> None:
    """As floats, long numbers of people would be one and the same, and 007 would be 7."""
    long = [10**17 + i for i in range(60)]
    path = written(tmp_path / "people.csv", "who", [*long, "007", "7"])
    columns, _ = read_labels(path, str(tmp_path / "s.npy"), rows=62, option="--person")
    assert len(text_labels(columns[0].values).names) == 62


def test_a_column_of_the_store_and_a_file(tmp_path: Path) -> None:
    store = tmp_path / "store.csv"
    store.write_text("f0,who\n0.5,a\n0.1,b\n")
    columns, files = read_labels("who", str(store), rows=2, option="--person")
    assert files is None
    assert columns[0].values.tolist() == ["a", "b"]
    with pytest.raises(InputError, match="there is no column"):
        read_labels("whom", str(store), rows=2, option="--person")
    with pytest.raises(InputError, match="no such file"):
        read_labels("folder/whom.csv", str(store), rows=2, option="--person")
    short = written(tmp_path / "short.csv", "who", ["a"])
    with pytest.raises(InputError, match="one value for each record"):
        read_labels(short, str(store), rows=2, option="--person")


def test_yes_and_no_in_their_spellings() -> None:
    values = np.array(["True", "no", "1", "0", "YES"], dtype=object)
    assert read_yes_no(values, "x").tolist() == [True, False, True, False, True]
    assert read_yes_no(np.array([1, 0]), "x").tolist() == [True, False]
    with pytest.raises(InputError, match="row 1 does not say"):
        read_yes_no(np.array(["yes", "maybe"], dtype=object), "x")

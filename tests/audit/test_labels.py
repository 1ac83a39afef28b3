"""Labels of records from columns and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from privkit.audit.labels import attribute_values, read_labels, read_yes_no, text_labels
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


@pytest.mark.parametrize("gone", ["", None, float("nan")])
def test_a_missing_person_is_refused(gone: object) -> None:
    with pytest.raises(InputError, match="row 1 is missing"):
        text_labels(np.array(["a", gone], dtype=object))


def test_two_columns_are_no_person(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which column names the person"):
        text_labels(np.array(["a"]), columns=["x", "y"])


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

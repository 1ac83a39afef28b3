"""Values that go with each record, missing values of tables, and unbounded floats."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from privkit.errors import InputError
from privkit.features import Form, open_codes, table_files
from privkit.features.columns import identifiers, open_columns, persons_of


def people(path, **options):
    return open_columns(path, None, rows=3, option="--person", **options)


def test_every_format(tmp_path):
    names, ages = np.array(["ann", "bob", "ann"]), np.array([30, 40, 30])
    np.save(tmp_path / "who.npy", names)
    np.save(tmp_path / "two.npy", np.stack([ages, ages + 1], axis=1))
    np.savez(tmp_path / "c.npz", who=names, age=ages.astype(">i4"))
    save_file({"age": ages}, tmp_path / "c.safetensors")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["who"] = names.tolist()
        file["age"] = ages
    table = pa.table({"who": names, "age": ages})
    pq.write_table(table, tmp_path / "c.parquet")
    (tmp_path / "c.csv").write_text("who,age\nann,30\nbob,40\nann,30\n")
    who, age = names.tolist(), ages.tolist()
    assert people(tmp_path / "who.npy").to_pydict() == {"who": who}
    assert people(tmp_path / "two.npy").column("two.1").to_pylist() == [31, 41, 31]
    assert people(tmp_path / "c.safetensors").to_pydict() == {"age": age}
    for name in ("c.npz", "c.h5", "c.parquet"):
        assert people(tmp_path / name).select(["who", "age"]).to_pydict() == {
            "who": who,
            "age": age,
        }
        chosen = open_columns(tmp_path / name, ["age"], rows=None, option="--with")
        assert chosen.to_pydict() == {"age": age}
    assert people(tmp_path / "c.csv").to_pydict() == {"who": who, "age": ["30", "40", "30"]}


def test_fixed_width_text_is_not_cut_at_a_nul(tmp_path):
    np.save(tmp_path / "u.npy", np.array(["a\0b", "a\0c", ""]))
    np.save(tmp_path / "s.npy", np.array([b"\xff\0b", b"\xff\0c", b""]))
    assert people(tmp_path / "u.npy").to_pydict() == {"u": ["a\0b", "a\0c", ""]}
    assert people(tmp_path / "s.npy").to_pydict() == {"s": [b"\xff\0b", b"\xff\0c", b""]}


def test_identifiers_that_are_bytes(tmp_path):
    pq.write_table(pa.table({"id": [b"\xff\x01", b"ab"]}), tmp_path / "t.parquet")
    assert identifiers(tmp_path / "t.parquet", "id", rows=2).tolist() == ["ff01", "6162"]


def test_only_what_is_named_is_read(tmp_path):
    codes, ages = np.zeros((3, 2), np.uint8), np.array([[30, 1], [40, 2], [30, 3]])
    np.savez(tmp_path / "c.npz", codes=codes, ages=ages, cube=np.zeros((1, 1, 1)))
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["ages"], file["cube"] = ages, np.zeros((1, 1, 1))
    for name in ("c.npz", "c.h5"):
        table = open_columns(tmp_path / name, ["ages.1"], rows=3, option="--with")
        assert table.to_pydict() == {"ages.1": [1, 2, 3]}


def test_shards_of_a_column(tmp_path):
    for i in range(11):
        np.save(tmp_path / f"p{i}.npy", np.array([i]))
    table = open_columns(str(tmp_path / "p*.npy"), None, rows=11, option="--person")
    assert table.to_pydict() == {"p0": list(range(11))}


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.lists(st.text(min_size=1, max_size=2), min_size=1, max_size=20),
        st.lists(st.integers(-3, 3), min_size=1, max_size=20),
        st.lists(st.sampled_from([0.0, -0.0, 1.5]), min_size=1, max_size=20),
    )
)
def test_people_are_numbered_as_they_appear(values):
    seen = {}
    expected = [seen.setdefault(value, len(seen)) for value in values]
    column = pa.array(values)
    table = pa.table({"who": pa.chunked_array([column[:3], column[3:]])})
    assert persons_of(table).tolist() == expected


BAD = [
    (pa.array(["a", None, "b"]), "person of row 1 is missing.*1 records"),
    (pa.array([0.5, float("nan"), float("nan")]), "person of row 1 is missing.*2 records"),
]


@pytest.mark.parametrize(("column", "words"), BAD)
def test_a_record_without_a_person(column, words):
    with pytest.raises(InputError, match=words):
        persons_of(pa.table({"who": column}))


def test_bad_columns_are_one_clear_line(tmp_path):
    np.save(tmp_path / "p.npy", np.arange(4))
    np.save(tmp_path / "cube.npy", np.zeros((3, 1, 1)))
    np.savez(tmp_path / "p.npz", a=np.arange(3), b=np.arange(4))
    np.save(tmp_path / "o.npy", np.array([None, "x", 1], dtype=object), allow_pickle=True)
    (tmp_path / "p.csv").write_text('who\nann\n""\nbob\n')
    for path, columns, words in (
        ("p.npy", None, "not one value for each record.*records, 3; found: 4 values"),
        ("p.npy", ["who"], "no column 'who'.*--person names arrays.*columns p"),
        ("cube.npy", None, "one or two dimensions"),
        ("p.npz", None, "not equally long.*a: 3, b: 4"),
        ("o.npy", None, "never loaded"),
        ("p.csv", ["town"], "no column 'town'.*--person names columns"),
        ("no.csv", None, "does not exist; rule: --person names"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            open_columns(tmp_path / path, columns, rows=3, option="--person")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="row 1 is missing"):
        persons_of(people(tmp_path / "p.csv"))
    with pytest.raises(InputError, match="which column names the person"):
        persons_of(pa.table({"a": [1], "b": [2]}))


def test_empty_fields_of_csv_are_missing_and_counted(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,x\n,x\n"",x\n1,\nNA,x\n')
    stored = open_codes(tmp_path / "t.csv", columns=["a", "b"])
    assert stored.nulls == 3
    assert stored.table.to_pydict() == {"a": ["1", None, None, "1", "NA"], "b": [*"xxx", None, "x"]}
    with pytest.raises(InputError, match="row 1 is missing"):
        open_codes(tmp_path / "t.csv", columns=["a"], bits=4)


def floats(n):
    return np.random.default_rng(n).random(n)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        (floats(20), True),
        (floats(19), False),
        (np.arange(20.0), False),
        (np.repeat(floats(10), 2), False),
        (np.round(floats(500), 2), False),
        (np.concatenate([floats(30), np.full(20, np.nan)]), True),
    ],
)
def test_unbounded_floats(tmp_path, values, refused):
    pq.write_table(pa.table({"x": values, "y": values}), tmp_path / "t.parquet")
    text = "x,y\n" + "".join(f"{'' if np.isnan(v) else v},town\n" for v in values)
    (tmp_path / "t.csv").write_text(text)
    for name in ("t.parquet", "t.csv"):
        if refused:
            with pytest.raises(InputError, match=r"'x' holds floats that nearly.*bin it"):
                open_codes(tmp_path / name, columns=["y", "x"] if name == "t.csv" else ["x"])
        else:
            assert open_codes(tmp_path / name, columns=["x"]).n == len(values)


def test_large_columns_stay_in_their_files(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "IN_MEMORY", 0)
    values = np.arange(1000) % 50
    pq.write_table(pa.table({"c": values, "s": values.astype(str)}), tmp_path / "t.parquet")
    stored = open_codes(tmp_path / "t.parquet", columns=["c"])
    assert stored.form is Form.INTEGERS
    assert stored.arrays == ()
    assert np.concatenate(list(stored.chunks(7))).tolist() == values.tolist()
    text = open_codes(tmp_path / "t.parquet", columns=["s"], bits=6)
    assert np.concatenate(list(text.integer_chunks())).tolist() == values.tolist()
    small = open_codes(tmp_path / "t.parquet", columns=["c"], bits=5)
    with pytest.raises(InputError, match="row 49 has bits set above the 5"):
        list(small.chunks())
    table = open_codes(tmp_path / "t.parquet", columns=["s", "c"])
    assert not table.quasi.in_memory
    assert table.table.column("c").to_pylist() == values.tolist()


def test_the_row_is_named_in_a_later_batch(tmp_path):
    values = np.ones(200_000, np.int64)
    values[170_000] = 16
    pq.write_table(pa.table({"c": values}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="row 170000 has bits set above"):
        open_codes(tmp_path / "t.parquet", bits=4)


def test_parquet_files_of_different_schemas(tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1]}), folder / "0.parquet")
    pq.write_table(pa.table({"a": ["1"]}), folder / "1.parquet")
    with pytest.raises(InputError, match=r"1.parquet.*different types.*int64 as in .*0.parquet"):
        open_codes(folder, columns=["a"])
    pq.write_table(pa.table({"b": [1]}), folder / "1.parquet")
    with pytest.raises(InputError, match=r"1.parquet: there is no column 'a'"):
        open_codes(folder, columns=["a"])
    (folder / "1.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"1.parquet: this is not a readable Parquet"):
        open_codes(folder, columns=["a"])

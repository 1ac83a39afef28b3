"""One way to open floats or codes: what is read how, and every bad input in one line."""

import hashlib
import importlib.util
import time
import tracemalloc

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from privkit.errors import InputError
from privkit.features import Codes, open_features
from privkit.features.stored import IN_MEMORY

many = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
FLOATS = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
BITS = np.random.default_rng(1).integers(0, 2, (50, 12)).astype(np.uint8)
SIGNS = BITS * np.float32(2) - 1
PACKED = np.packbits(BITS, axis=1)
INTEGERS = Codes.from_matrix(BITS).to_integers().astype(np.uint16)


def npy(folder, array):
    np.save(folder / "f.npy", array)
    return folder / "f.npy"


def npz(folder, array):
    np.savez_compressed(folder / "f.npz", array)
    return folder / "f.npz"


def tensors(folder, array):
    save_file({"features": np.ascontiguousarray(array)}, folder / "f.safetensors")
    return folder / "f.safetensors"


def hdf5(folder, array):
    with h5py.File(folder / "f.h5", "w") as file:
        file.create_dataset("a/features", data=array, chunks=True)
    return folder / "f.h5"


def parquet(folder, array):
    columns = {f"c{i}": array[:, i] for i in range(array.shape[1])}
    pq.write_table(pa.table(columns), folder / "f.parquet", row_group_size=9)
    return folder / "f.parquet"


def lists(folder, array):
    pq.write_table(pa.table({"id": np.arange(50), "f": array.tolist()}), folder / "l.parquet")
    return folder / "l.parquet"


def fixed(folder, array):
    flat = pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), array.shape[1])
    pq.write_table(pa.table({"f": flat}), folder / "x.parquet", row_group_size=9)
    return folder / "x.parquet"


def csv(folder, array):
    rows = [",".join(repr(float(v)) for v in row) for row in array]
    head = ",".join(f"c{i}" for i in range(array.shape[1]))
    (folder / "f.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder / "f.csv"


ARRAYS = [npy, npz, tensors, hdf5]
TABLES = [parquet, lists, fixed, csv]


def same(stored, matrix):
    """Every way to read gives the same numbers."""
    assert stored.to_matrix().dtype == np.float32
    assert np.array_equal(stored.to_matrix(), matrix)
    for rows in (1, 4, None):
        assert np.array_equal(np.concatenate(list(stored.chunks(rows))), matrix)
    for index in ([], [0], [3, 3, 8, 21, 49], range(50)):
        assert np.array_equal(stored.rows(np.array(index, np.int64)), matrix[list(index)])
    assert (stored.n, stored.width) == matrix.shape


@pytest.mark.parametrize("save", ARRAYS + TABLES)
def test_floats_of_every_kind(tmp_path, save):
    stored = open_features(save(tmp_path, FLOATS))
    same(stored, FLOATS)
    assert stored.bits is None
    assert stored.sha256 == hashlib.sha256(stored.paths[0].read_bytes()).hexdigest()


@pytest.mark.parametrize("save", ARRAYS + TABLES)
def test_a_matrix_of_bits_is_codes(tmp_path, save):
    stored = open_features(save(tmp_path, BITS))
    same(stored, SIGNS)
    assert stored.bits == 12


@pytest.mark.parametrize("save", ARRAYS)
@pytest.mark.parametrize("array", [SIGNS, SIGNS.astype(np.int8), PACKED, INTEGERS])
def test_codes_of_every_form(tmp_path, save, array):
    stored = open_features(save(tmp_path, array), bits=12)
    same(stored, SIGNS)
    assert stored.bits == 12


def test_whole_numbers_in_a_column_are_codes_with_bits(tmp_path):
    pq.write_table(pa.table({"code": INTEGERS, "who": INTEGERS}), tmp_path / "c.parquet")
    stored = open_features(tmp_path / "c.parquet", bits=12, columns=["code"])
    same(stored, SIGNS)
    same(open_features(tmp_path / "c.parquet", bits=12, exclude=["who"]), SIGNS)
    (tmp_path / "c.csv").write_text("code\n" + "\n".join(map(str, INTEGERS)) + "\n")
    same(open_features(tmp_path / "c.csv", bits=12), SIGNS)


def test_bytes_are_numbers_without_bits_and_packed_with(tmp_path):
    path = npy(tmp_path, PACKED)
    stored = open_features(path)
    same(stored, PACKED.astype(np.float32))
    assert (stored.bits, stored.kind) == (None, "uint8 matrix, 2 columns")
    assert open_features(path, bits=12).kind == "packed bytes, 12 bits a code"


def test_saved_codes_need_no_bits(tmp_path):
    Codes.from_matrix(BITS).save(tmp_path / "c.npz")
    same(open_features(tmp_path / "c.npz"), SIGNS)


def test_more_dimensions_are_flattened_and_it_is_said(tmp_path):
    stored = open_features(npy(tmp_path, FLOATS.reshape(50, 1, 2, 3)))
    same(stored, FLOATS)
    assert stored.notes == ("each record of shape (1, 2, 3) is read as 6 numbers.",)


@pytest.mark.parametrize("save", ARRAYS + TABLES)
def test_shards_are_one(tmp_path, save):
    paths = []
    for i, rows in enumerate((FLOATS[:20], FLOATS[20:21], FLOATS[21:])):
        (tmp_path / str(i)).mkdir()
        if save is lists:
            pq.write_table(pa.table({"f": rows.tolist()}), tmp_path / str(i) / "l.parquet")
            paths.append(tmp_path / str(i) / "l.parquet")
        else:
            paths.append(save(tmp_path / str(i), rows))
    same(open_features(paths), FLOATS)
    same(open_features(tmp_path), FLOATS)


@many
@given(
    hnp.arrays(
        st.sampled_from(["<f2", ">f4", "<f8", "i1", ">i4", "u2"]),
        st.tuples(st.integers(1, 9), st.integers(1, 5)),
        elements={"min_value": 0, "max_value": 100},
    ),
    st.booleans(),
    st.data(),
)
def test_rows_are_those_of_the_array(tmp_path, array, fortran, data):
    plain = array.astype(np.float32)
    stored = open_features(npy(tmp_path, np.asfortranarray(array) if fortran else array))
    if stored.bits is not None:
        plain = np.where(plain > 0, 1, -1)
    index = sorted(data.draw(st.lists(st.integers(0, len(array) - 1))))
    assert np.array_equal(stored.rows(np.array(index, np.int64)), plain[index])


def test_columns_of_a_table(tmp_path):
    table = {"id": ["a", "b"], "person": [1, 2], "x": [0.5, 2], "y": [3, 4], "when": [None, "b"]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("id,person,x,y,when\na,1,0.5,3,\nb,2,2,4,b\n")
    for name in ("t.parquet", "t.csv"):
        path = tmp_path / name
        stored = open_features(path, exclude=["person"])
        assert stored.columns == ("x", "y")
        assert stored.to_matrix().tolist() == [[0.5, 3], [2, 4]]
        assert open_features(path, columns=["y"]).to_matrix().tolist() == [[3], [4]]
        assert stored.ids("id").tolist() == ["a", "b"]
        assert stored.ids("person").tolist() == ["1", "2"]


def test_ids_beside_an_array(tmp_path):
    np.savez(tmp_path / "f.npz", embedding=FLOATS, person=np.arange(50))
    stored = open_features(tmp_path / "f.npz", exclude=["person"])
    same(stored, FLOATS)
    same(open_features(tmp_path / "f.npz", columns=["embedding"]), FLOATS)
    assert stored.ids("person").tolist() == [str(i) for i in range(50)]
    with pytest.raises(InputError, match="2 arrays"):
        open_features(tmp_path / "f.npz")
    with pytest.raises(InputError, match=r"no array 'x'.*embedding, person"):
        open_features(tmp_path / "f.npz", columns=["x"])
    with pytest.raises(InputError, match="no column 'x'"):
        stored.ids("x")
    with pytest.raises(InputError, match="no numbers of their own"):
        stored.ids()


def with_value(value, dtype=np.float32):
    array = FLOATS.astype(dtype)
    array[7, 3] = value
    return array


def text(folder, content, name="f.csv"):
    (folder / name).write_text(content)
    return folder / name


def pickled(folder):
    np.save(folder / "f.npy", np.array([[1, "a"]], dtype=object), allow_pickle=True)
    return folder / "f.npy"


def table(folder, columns):
    pq.write_table(pa.table(columns), folder / "f.parquet")
    return folder / "f.parquet"


def ragged(folder):
    for i, width in enumerate((3, 4)):
        np.save(folder / f"{i}.npy", FLOATS[:, :width])
    return folder


BAD = [
    (lambda d: npy(d, with_value(np.nan)), "row 7, column 3 is not a finite.*found: nan"),
    (lambda d: npy(d, with_value(-np.inf)), "row 7, column 3 is not a finite.*found: -inf"),
    (lambda d: npy(d, with_value(1e300, np.float64)), r"row 7, column 3.*found: 1e\+300"),
    (lambda d: hdf5(d, with_value(np.nan)), "row 7, column 3"),
    (lambda d: parquet(d, with_value(np.nan)), "row 7, column 'c3'"),
    (lambda d: csv(d, with_value(np.nan)), "row 7, column 'c3'"),
    (lambda d: lists(d, with_value(np.nan)), "row 7, column 3"),
    (lambda d: npy(d, FLOATS[:0]), "no features.*shape .0, 6."),
    (lambda d: npy(d, FLOATS[:, :0]), "no features.*shape .50, 0."),
    (lambda d: npy(d, FLOATS[:, 0]), r"not features.*one number a record, \(n, 1\)"),
    (lambda d: npy(d, np.float32(3)), "not features"),
    (lambda d: npy(d, FLOATS.astype(complex)), "not features.*complex128"),
    (lambda d: npy(d, np.array([["a", "b"]])), "not features.*<U1"),
    (lambda d: npy(d, np.zeros((3, 2), "M8[s]")), "not features.*datetime64"),
    (lambda d: npy(d, np.zeros((3, 2), [("a", "f4")])), "not features"),
    (pickled, "pickled objects are never loaded"),
    (lambda d: npy(d, INTEGERS), "number of bits of these codes is not known.*--bits"),
    (ragged, "does not hold what the first one holds"),
    (lambda d: text(d, "", "f.npy"), "0 bytes"),
    (lambda d: text(d, "", "f.faiss"), "0 bytes|without faiss"),
    (lambda d: text(d, "", "f.csv"), "0 bytes"),
    (lambda d: text(d, "", "f.parquet"), "0 bytes"),
    (lambda d: text(d, "a,b\n"), "no column of numbers"),
    (lambda d: text(d, "a,b\nx,y\n"), "no column of numbers.*columns a, b"),
    (lambda d: text(d, "a,b\n1,2\n3,\n"), "row 1, column 'b' is missing"),
    (lambda d: table(d, {"a": [1.0, None]}), "row 1, column 'a' is missing"),
    (lambda d: table(d, {"a": ["x"]}), "no column of numbers"),
    (
        lambda d: table(d, {"a": [[1.0, 2.0], [3.0]]}),
        "row 1, column 'a' has another length.*found: 1",
    ),
    (lambda d: table(d, {"a": [[1.0], None]}), "row 1, column 'a' is missing"),
    (lambda d: table(d, {"a": [[1.0], [None]]}), "row 1, column 'a' is missing"),
    (lambda d: table(d, {"a": [[1.0]], "b": [[2.0]]}), "not clear which column"),
    (
        lambda d: table(
            d,
            {"a": [[], []]},
        ),
        "no column of numbers|no features",
    ),
    (lambda d: table(d, {"a": pa.array([], pa.float32())}), "no features"),
    (lambda d: d / "gone.npy", "does not exist.*--features"),
    (lambda d: text(d, "x", "f.pickle"), "kind of file is not known.*faiss"),
]


@pytest.mark.parametrize(("make", "words"), BAD)
def test_bad_files_are_one_clear_line(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        open_features(path)
    assert "\n" not in str(caught.value)


def test_text_that_is_no_number_is_named(tmp_path):
    path = text(tmp_path, "a,b\n1,2\n3,x\n")
    with pytest.raises(InputError, match=r"row 1, column 'b' is not a number; .*found: 'x'"):
        open_features(path, columns=["b"])
    same_name = text(tmp_path, "a,a\n1,2\n")
    with pytest.raises(InputError, match="is there 2 times"):
        open_features(same_name)
    with pytest.raises(InputError, match="no column 'z'"):
        open_features(path, columns=["z"])


def test_columns_do_not_go_with_npy(tmp_path):
    with pytest.raises(InputError, match="leave --columns out"):
        open_features(npy(tmp_path, FLOATS), columns=["a"])


def test_rows_out_of_order_or_range_are_a_mistake_of_the_caller(tmp_path):
    stored = open_features(npy(tmp_path, FLOATS))
    for index in ([3, 2], [-1], [50]):
        with pytest.raises(IndexError):
            stored.rows(np.array(index))


def sparse(path, shape, dtype):
    """An npy file of zeros that takes no room, or a skip."""
    np.lib.format.open_memmap(path, "w+", dtype, shape).flush()
    if path.stat().st_blocks * 512 > 1 << 27:
        path.unlink()
        pytest.skip("the file system writes zeros")
    return path


def sampled(open_it, n):
    """Time and memory of opening and reading 2,000 rows."""
    index = np.sort(np.random.default_rng(0).choice(n, 2000, replace=False))
    tracemalloc.start()
    start = time.monotonic()
    stored = open_it()
    rows = stored.rows(index)
    seconds = time.monotonic() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return stored, index, rows, seconds, peak


def test_a_large_file_is_sampled_without_being_read(tmp_path):
    n = 20_000_000
    path = sparse(tmp_path / "large.npy", (n, 256), np.float32)  # 20 GB
    assert path.stat().st_size > 20e9
    array = np.lib.format.open_memmap(path, "r+")
    array[n - 1], array[5] = 3, np.nan
    stored, index, rows, seconds, peak = sampled(lambda: open_features(path), n)
    assert rows.shape == (2000, 256)
    assert not rows[index < n - 1].any()
    assert stored.rows(np.array([n - 1])).tolist() == [[3.0] * 256]
    assert seconds < 2
    assert peak < 64 << 20
    with pytest.raises(InputError, match="row 5, column 0 is not a finite number"):
        stored.rows(np.array([4, 5]))
    with pytest.raises(InputError, match="too large to be read whole"):
        stored.to_matrix()


def test_a_million_codes_are_sampled_at_once(tmp_path):
    packed = np.random.default_rng(0).integers(0, 256, (1_000_000, 16), dtype=np.uint8)
    path = npy(tmp_path, packed)
    _, index, rows, seconds, peak = sampled(lambda: open_features(path, bits=128), len(packed))
    assert np.array_equal(np.packbits(rows > 0, axis=1), packed[index])
    assert seconds < 2
    assert peak < 64 << 20


def test_large_hdf5_reads_only_the_rows(tmp_path):
    rows = IN_MEMORY // 40 + 1000
    with h5py.File(tmp_path / "f.h5", "w") as file:
        data = file.create_dataset("features", (rows, 10), "f4", chunks=(1000, 10))
        data[::5000] = np.arange(0, rows, 5000)[:, None]
        file["rows"] = np.arange(rows)  # that the file is not far smaller than its values
    stored = open_features(tmp_path / "f.h5", columns=["features"])
    index = np.array([0, 5000, 5001, rows - 1])
    assert stored.rows(index)[:, 0].tolist() == [0, 5000, 0, 0 if (rows - 1) % 5000 else rows - 1]


faiss_there = pytest.mark.skipif(
    importlib.util.find_spec("faiss") is None, reason="needs faiss (the extra privkit[faiss])"
)


def test_without_faiss_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "f.faiss").write_bytes(b"IxFI")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'privkit\[faiss\]'"):
        open_features(tmp_path / "f.faiss")


@faiss_there
@pytest.mark.parametrize(
    ("spec", "exact"),
    [
        ("Flat", True),
        ("IVF3,Flat", True),
        ("HNSW4", True),
        ("IDMap,Flat", True),
        ("IDMap2,IVF3,Flat", True),
        ("PQ3x2", False),
        ("IVF2,PQ3x2", False),
        ("SQ8", False),
    ],
)
def test_faiss_indexes(tmp_path, spec, exact):
    import faiss

    index = faiss.index_factory(6, spec)
    index.train(FLOATS)
    numbered = "IDMap" in spec or "IVF" in spec
    if numbered:
        index.add_with_ids(FLOATS, np.arange(50)[::-1] * 3)
    else:
        index.add(FLOATS)
    faiss.write_index(index, str(tmp_path / "f.index"))
    stored = open_features(tmp_path / "f.index")
    assert stored.bits is None
    assert stored.kind.startswith("FAISS Index")
    order = np.argsort(np.array(stored.ids(), dtype=int))
    expected = FLOATS[::-1] if numbered else FLOATS
    if exact:
        assert np.array_equal(stored.to_matrix()[order], expected)
        assert stored.notes == ()
    else:
        assert np.abs(stored.to_matrix()[order] - expected).mean() < 1
        assert "approximations" in stored.notes[0]
    assert stored.ids().tolist()[order[1]] == ("3" if numbered else "1")
    assert stored.unread == (("numbers of the vectors",) if numbered else ())


@faiss_there
def test_vectors_that_were_only_counted_have_no_numbers_that_could_tell(tmp_path):
    import faiss

    index = faiss.index_factory(6, "IVF3,Flat")  # keeps its lists apart, hence its numbers
    index.train(FLOATS)
    index.add(FLOATS)
    faiss.write_index(index, str(tmp_path / "f.index"))
    assert open_features(tmp_path / "f.index").unread == ()


@faiss_there
def test_faiss_codes(tmp_path):
    import faiss

    packed = np.packbits(np.tile(BITS, (1, 2)), axis=1)
    index = faiss.IndexBinaryFlat(24)
    index.add(packed)
    faiss.write_index_binary(index, str(tmp_path / "b.faiss"))
    same(open_features(tmp_path / "b.faiss"), np.tile(SIGNS, (1, 2)))
    hashed = faiss.IndexLSH(6, 5, False)
    hashed.add(FLOATS)
    faiss.write_index(hashed, str(tmp_path / "h.faiss"))
    same(open_features(tmp_path / "h.faiss"), np.where(FLOATS[:, :5] > 0, 1, -1))


@faiss_there
def test_what_faiss_cannot_give_back_is_one_line(tmp_path):
    import faiss

    faiss.write_index(faiss.IndexFlatL2(6), str(tmp_path / "e.faiss"))
    index = faiss.IndexBinaryHash(24, 4)
    index.add(np.packbits(np.tile(BITS, (1, 2)), axis=1))
    faiss.write_index_binary(index, str(tmp_path / "h.faiss"))
    for name, words in (("e", "holds no vectors"), ("h", "not implemented")):
        with pytest.raises(InputError, match=words) as caught:
            open_features(tmp_path / f"{name}.faiss")
        assert "\n" not in str(caught.value)


@faiss_there
def test_nothing_is_left_of_a_read_index(tmp_path, monkeypatch):
    import tempfile

    import faiss

    index = faiss.IndexFlatL2(6)
    index.add(FLOATS)
    faiss.write_index(index, str(tmp_path / "f.faiss"))
    (tmp_path / "broken.faiss").write_bytes(b"IxF2" + bytes(100))
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    stored = open_features(tmp_path / "f.faiss")
    assert len(list(room.iterdir())) == 1
    same(stored, FLOATS)
    del stored
    with pytest.raises(InputError):
        open_features(tmp_path / "broken.faiss")
    assert list(room.iterdir()) == []

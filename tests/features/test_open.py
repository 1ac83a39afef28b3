"""One way to open stored codes: which form is read how, and every bad input in one line."""

import contextlib
import hashlib
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.errors import InputError
from privkit.features import Form, open_codes


def saved(folder, array, **options):
    path = folder / "codes.npy"
    np.save(path, array, **options)
    return path


@pytest.mark.parametrize(
    ("array", "bits", "form", "found_bits"),
    [
        (np.arange(5, dtype=np.uint16), None, Form.INTEGERS, None),
        (np.arange(5, dtype=np.uint16), 10, Form.INTEGERS, 10),
        (np.arange(5, dtype=np.int64), 3, Form.INTEGERS, 3),
        (np.array([True, False]), None, Form.INTEGERS, 1),
        (np.array([[1, 0], [0, 0]], dtype=np.uint8), None, Form.BITS, 2),
        (np.array([[1, 0], [0, 0]], dtype=np.uint8), 2, Form.BITS, 2),
        (np.array([[1, 0], [0, 0]], dtype=np.uint8), 15, Form.PACKED, 15),
        (np.array([[True], [False]]), None, Form.BITS, 1),
        (np.array([[1, -1]], dtype=np.int8), None, Form.SIGNS, 2),
        (np.array([[1.0, -1.0]], dtype=np.float32), 2, Form.SIGNS, 2),
        (np.array([[200], [3]], dtype=np.uint8), 8, Form.PACKED, 8),
        (np.array([[128]], dtype=np.uint8), 1, Form.PACKED, 1),
        (np.asfortranarray([[1, 2], [3, 4]], dtype=np.uint8), 16, Form.PACKED, 16),
    ],
)
def test_the_form_is_decided_by_the_rules(tmp_path, array, bits, form, found_bits):
    stored = open_codes(saved(tmp_path, array), bits=bits)
    assert (stored.form, stored.bits, stored.n) == (form, found_bits, len(array))
    if form is not Form.PACKED and array.ndim == 2:
        assert np.array_equal(stored.to_codes().to_matrix(), array > 0)


def test_npy_stays_on_disk_and_is_hashed(tmp_path):
    path = saved(tmp_path, np.arange(100, dtype=np.uint32))
    stored = open_codes(path)
    assert isinstance(stored.arrays[0].base, np.memmap)
    assert stored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stored.source == "codes.npy"


@pytest.mark.parametrize(
    "keys", [{"codes": 3}, {"anything": 3}, {"codes": 3, "names": 1}, {"codes": 3, "bits": 10}]
)
def test_npz_takes_the_named_or_the_only_array(tmp_path, keys):
    arrays = {k: np.arange(v) if k != "bits" else np.int64(v) for k, v in keys.items()}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    stored = open_codes(tmp_path / "a.npz")
    assert stored.n == 3
    assert stored.bits == keys.get("bits")


def truncated(folder):
    path = saved(folder, np.arange(1000))
    path.write_bytes(path.read_bytes()[:500])
    return path


def header_cut(folder):
    path = saved(folder, np.arange(1000))
    path.write_bytes(path.read_bytes()[:20])
    return path


def empty(folder, name="codes.npy"):
    path = folder / name
    path.write_bytes(b"")
    return path


def other(folder, name="codes.npy", content=b"this is not what it seems to be" * 9):
    path = folder / name
    path.write_bytes(content)
    return path


def npz(folder, **arrays):
    np.savez(folder / "codes.npz", **arrays)
    return folder / "codes.npz"


def truncated_npz(folder):
    path = npz(folder, codes=np.arange(1000))
    path.write_bytes(path.read_bytes()[:900])
    return path


def flipped_npz(folder):
    path = npz(folder, codes=np.arange(1000))
    data = bytearray(path.read_bytes())
    data[1000] ^= 255
    path.write_bytes(data)
    return path


def encrypted_npz(folder):
    path = npz(folder, codes=np.arange(10))
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag in the local header and in the central directory
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


def npy_as_npz(folder):
    path = saved(folder, np.arange(10))
    return path.rename(folder / "codes.npz")


def empty_zip(folder):
    with zipfile.ZipFile(folder / "codes.npz", "w"):
        pass
    return folder / "codes.npz"


OBJECTS = np.array([1, "a", None], dtype=object)
BAD_ARRAYS = [
    (lambda d: saved(d, np.array([0.5, np.nan])), None, "float64 of shape .2,., with NaN"),
    (lambda d: saved(d, np.array([[0.5, np.nan]])), None, "with NaN"),
    (lambda d: saved(d, np.array([0.5, 1.0])), None, "not codes.*binarize"),
    (lambda d: saved(d, np.array([[0.0, 1.0]])), None, "not codes"),
    (lambda d: saved(d, np.array([3, -2, 5])), None, "row 1 is negative.*found: -2"),
    (lambda d: saved(d, np.array([3, -2, 5])), 64, "row 1 is negative"),
    (lambda d: saved(d, OBJECTS, allow_pickle=True), None, "pickled objects are never loaded"),
    (lambda d: npz(d, codes=OBJECTS), None, "Python objects"),
    (lambda d: saved(d, np.array(["a", "b"])), None, "not codes"),
    (lambda d: saved(d, np.array([(1, 2)], dtype="u1,u1")), None, "not codes"),
    (lambda d: saved(d, np.zeros(0, np.uint16)), None, "at least one record"),
    (lambda d: saved(d, np.zeros((0, 8), np.uint8)), 64, "at least one record"),
    (lambda d: saved(d, np.zeros((5, 0), np.uint8)), None, "at least one record"),
    (lambda d: npz(d, packed=np.zeros((0, 1), np.uint8), bits=8), None, "at least one record"),
    (lambda d: saved(d, np.zeros((2, 2, 2), np.uint8)), None, r"shape \(2, 2, 2\)"),
    (lambda d: saved(d, np.array(7)), None, r"shape \(\)"),
    (truncated, None, "truncated"),
    (header_cut, None, "not a readable npy file"),
    (empty, None, "0 bytes"),
    (other, None, "another kind of file"),
    (lambda d: empty(d, "codes.npz"), None, "0 bytes"),
    (lambda d: other(d, "codes.npz"), None, "not a readable npz"),
    (truncated_npz, None, "not a readable npz"),
    (flipped_npz, None, "not a readable npz"),
    (encrypted_npz, None, "encrypted"),
    (npy_as_npz, None, "npy file under another name"),
    (empty_zip, None, "no array"),
    (lambda d: npz(d, a=np.arange(3), b=np.arange(3)), None, "2 arrays: a, b"),
    (lambda d: npz(d, packed=np.array([[1]], np.uint8), bits=7), None, "row 0 has bits set above"),
    (lambda d: npz(d, packed=np.array([[2]], np.uint8), bits=7), 8, "contradicts"),
    (lambda d: npz(d, packed=np.array([[2]], np.uint8), bits=0), None, "1 to 65536"),
    (lambda d: npz(d, packed=np.array([[2]], np.uint8), bits=[7, 7]), None, "1 to 65536"),
    (lambda d: npz(d, packed=np.array([[2.0]]), bits=7), None, "uint8"),
    (lambda d: saved(d, np.array([1, 1024, 3], np.uint16)), 10, "row 1 has bits.*found: 1024"),
    (lambda d: saved(d, np.array([[0], [1]], np.uint8)), 7, "row 1 has bits set above the 7"),
    (lambda d: saved(d, np.array([[9, 9]], np.uint8)), 17, "--bits 17"),
    (lambda d: saved(d, np.array([[9, 9]], np.uint8)), None, "packed bytes with --bits"),
    (lambda d: saved(d, np.array([[9, 9]], np.uint16)), 16, "packed bytes with --bits"),
    (lambda d: saved(d, np.array([[0, 1]], np.uint8)), 17, "0/1 matrix"),
    (lambda d: saved(d, np.arange(3)), 0, "1 to 65536"),
    (lambda d: saved(d, np.arange(3)), -1, "1 to 65536"),
    (lambda d: saved(d, np.arange(3)), 10**9, "1 to 65536"),
    (lambda d: d / "missing.npy", None, "does not exist"),
    (lambda d: d, None, "no file in this folder"),
    (lambda d: other(d, "codes.pickle"), None, "kind of file is not known"),
    (lambda d: other(d, "codes"), None, "no extension"),
]


@pytest.mark.parametrize(("make", "bits", "words"), BAD_ARRAYS)
def test_bad_arrays_are_one_clear_line(tmp_path, make, bits, words):
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        open_codes(path, bits=bits)
    assert "\n" not in str(caught.value)
    assert caught.value.rule


def test_columns_do_not_go_with_arrays(tmp_path):
    with pytest.raises(InputError, match="leave --columns out"):
        open_codes(saved(tmp_path, np.arange(3)), columns=["a"])


def csv(folder, text):
    path = folder / "people.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def parquet(folder, columns):
    pq.write_table(pa.table(columns), folder / "people.parquet")
    return folder / "people.parquet"


def cut_parquet(folder):
    path = parquet(folder, {"a": list(range(100))})
    path.write_bytes(path.read_bytes()[:200])
    return path


BAD_TABLES = [
    (lambda d: csv(d, "age,zip\n1,2\n"), None, ["town"], "no column 'town'.*age, zip"),
    (lambda d: csv(d, "age,zip\n1,2\n"), None, None, "--columns.*age, zip"),
    (lambda d: csv(d, "age,age\n1,2\n"), None, ["age"], "is there 2 times"),
    (lambda d: csv(d, "age,zip\n"), None, ["age"], "at least one record"),
    (lambda d: csv(d, ""), None, ["age"], "0 bytes"),
    (lambda d: csv(d, "age,zip\n1,2\n1,2,3\n"), None, ["age"], "not a readable CSV"),
    (lambda d: csv(d, b"age\n\xff\xfe\n"), None, ["age"], "UTF"),
    (lambda d: csv(d, b"a\xff,b\n1,2\n"), None, ["a"], "not a readable CSV|no column"),
    (lambda d: csv(d, "age\n1\n-2\n"), 4, ["age"], "row 1 is not a whole number.*-2"),
    (lambda d: csv(d, "age\n1\n\nx\n"), 4, ["age"], "not a whole number"),
    (lambda d: csv(d, "age\n1\n16\n"), 4, ["age"], "row 1 has bits set above.*found: 16"),
    (lambda d: parquet(d, {"a": [1, 2]}), None, ["b"], "no column 'b'.*columns a"),
    (lambda d: parquet(d, {"a": [1], "b": [2]}), None, None, "--columns"),
    (lambda d: parquet(d, {"a": [1, None]}), 4, None, "row 1 is missing"),
    (lambda d: parquet(d, {"a": [1, -1]}), 4, None, "row 1 is negative"),
    (lambda d: parquet(d, {"a": [1, 16]}), 4, None, "row 1 has bits set above"),
    (lambda d: parquet(d, {"a": [0.5, 1.0]}), 4, None, "does not hold codes"),
    (lambda d: parquet(d, {"a": [[1], [2]]}), None, None, "nested"),
    (lambda d: parquet(d, {"a": pa.array([], pa.int64())}), None, None, "at least one record"),
    (cut_parquet, None, ["a"], "not a readable Parquet"),
    (lambda d: empty(d, "p.parquet"), None, ["a"], "0 bytes"),
    (lambda d: other(d, "p.parquet"), None, ["a"], "not a readable Parquet"),
]


@pytest.mark.parametrize(("make", "bits", "columns", "words"), BAD_TABLES)
def test_bad_tables_are_one_clear_line(tmp_path, make, bits, columns, words):
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        open_codes(path, bits=bits, columns=columns)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    stored = open_codes(csv(tmp_path, b"\xef\xbb\xbfage,zip\n1,2\n"), columns=["age"])
    assert stored.columns == ("age",)


def test_one_column_with_bits_is_codes(tmp_path):
    stored = open_codes(csv(tmp_path, "code,x\n3,1\n0003,2\n"), bits=4, columns=["code"])
    assert stored.form is Form.INTEGERS
    assert stored.to_codes().to_integers().tolist() == [3, 3]


def test_broken_headers_never_escape(tmp_path):
    """Every single changed byte of an npy header gives codes or one clear line."""
    good = saved(tmp_path, np.arange(4, dtype=np.uint16)).read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "fuzz.npy"
    for place in range(128):
        for value in rng.integers(0, 256, 6):
            data = bytearray(good)
            data[place] = value
            path.write_bytes(data)
            with contextlib.suppress(InputError):
                open_codes(path)
            path.unlink()

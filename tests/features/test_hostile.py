"""Files made to do harm: they announce too much, point elsewhere, or never end."""

import io
import os
import resource
import struct
import time
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.errors import InputError
from privkit.features import numeric_tables, open_codes, open_features

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


def npy_header(shape, descr="<f4", size=100):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(size)


def npy(shape, **options):
    return lambda folder: written(folder, "f.npy", npy_header(shape, **options))


def written(folder, name, data):
    (folder / name).write_bytes(data)
    return folder / name


def peak():
    """Most bytes that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def npz_that_announces(folder):
    with zipfile.ZipFile(folder / "f.npz", "w") as archive:
        archive.writestr("features.npy", npy_header((2**50, 3)))
    return folder / "f.npz"


def npz_that_explodes(folder):
    with (
        zipfile.ZipFile(folder / "f.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("features.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy_header((75 << 20, 1), size=0))
        for _ in range(300):
            member.write(bytes(1 << 20))
    assert (folder / "f.npz").stat().st_size < 1 << 20
    return folder / "f.npz"


def npz_that_is_no_array(folder):
    with zipfile.ZipFile(folder / "f.npz", "w") as archive:
        archive.writestr("features", b"no array")
    return folder / "f.npz"


def hdf5(folder, fill):
    with h5py.File(folder / "other.h5", "w") as other:
        other["features"] = MATRIX
    with h5py.File(folder / "f.h5", "w") as file:
        fill(file)
    return folder / "f.h5"


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4, 3), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "features", shape=(4, 3))
    file.create_virtual_dataset("features", layout)


def external_link(file):
    file["features"] = h5py.ExternalLink("other.h5", "/features")


def external_bytes(file):
    file.create_dataset("features", (4, 3), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def references(file):
    file["x"] = MATRIX
    refs = file.create_dataset("features", (4,), h5py.ref_dtype)
    refs[0] = file["x"].ref


def cycle(file):
    file["features"] = h5py.SoftLink("/other")
    file["other"] = h5py.SoftLink("/features")
    group = file.create_group("g")
    group["up"] = file["/"]


def unwritten(file):
    file.create_dataset("features", (2**50, 3), "f4", chunks=(1000, 3))


def untyped(file):
    file["features"] = np.zeros(3, [("a", "f4"), ("b", "S3")])


def safetensors(folder):
    return written(folder, "f.safetensors", struct.pack("<Q", 2**63) + b"{}")


def one_line(folder):
    return written(folder, "f.csv", b"a,b\n" + b"7" * (64 << 20))


def wide_header(folder):
    return written(folder, "f.csv", b"a," * (8 << 20) + b"\n1\n")


def equal_rows(folder):
    table = pa.table({"a": np.zeros(1_000_000, np.float32)})
    with pq.ParquetWriter(folder / "f.parquet", table.schema) as writer:
        for _ in range(4):
            writer.write_table(table)
    return folder / "f.parquet"


HOSTILE = [
    (npy((2**60, 3)), "truncated|not a readable"),
    (npy((2**62, 2**62)), "not a readable"),
    (npy((-5, 3)), "not a readable"),
    (npy((4, 3), descr="|O"), "pickled objects"),
    (npy("(" * 5000), "not a readable"),
    (npy((4, 3), descr="f4" * 4000), "not a readable"),
    (npz_that_announces, "not a readable"),
    (npz_that_explodes, "unpacks from"),
    (npz_that_is_no_array, "no array"),
    (lambda d: hdf5(d, virtual), "virtual dataset"),
    (lambda d: hdf5(d, external_link), "a link"),
    (lambda d: hdf5(d, external_bytes), "bytes lie in other files"),
    (lambda d: hdf5(d, references), "objects"),
    (lambda d: hdf5(d, cycle), "a link|not clear"),
    (lambda d: hdf5(d, unwritten), "far larger than its file"),
    (lambda d: hdf5(d, untyped), "not features"),
    (safetensors, "not a readable safetensors"),
    (one_line, "not a readable CSV"),
    (wide_header, "not a readable CSV|is there|no column"),
    (equal_rows, "far more than it can hold"),
]


@pytest.mark.parametrize(("make", "words"), HOSTILE)
def test_hostile_files_are_one_line_soon_and_in_little_memory(tmp_path, monkeypatch, make, words):
    monkeypatch.setattr(numeric_tables, "_LARGE", 1 << 20)
    monkeypatch.setattr(numeric_tables, "_PACKED_AT_MOST", 100)
    path = make(tmp_path)
    before = peak()
    start = time.monotonic()
    with pytest.raises(InputError, match=words) as caught:
        open_features(path)
    seconds = time.monotonic() - start
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 3000
    assert seconds < 10
    assert peak() - before < 100 << 20


def test_an_array_of_a_group_that_a_link_leads_to_is_not_read(tmp_path):
    def fill(file):
        file["a"], file["b"] = MATRIX, MATRIX
        file.create_group("g")["link"] = h5py.ExternalLink("other.h5", "/features")

    with pytest.raises(InputError, match="no array 'g/link'"):
        open_features(hdf5(tmp_path, fill), columns=["g/link"])


def test_links_that_lead_to_themselves(tmp_path):
    (tmp_path / "a.npy").symlink_to(tmp_path / "b.npy")
    (tmp_path / "b.npy").symlink_to(tmp_path / "a.npy")
    with pytest.raises(InputError, match="does not exist"):
        open_features(tmp_path / "a.npy")
    folder = tmp_path / "folder"
    folder.mkdir()
    np.save(folder / "f.npy", MATRIX)
    (folder / "up").symlink_to(folder)
    assert open_features(folder).n == 4


def test_what_never_ends_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "f.npy")
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    for name in ("f.npy", "zero.npy"):
        for opener in (open_features, open_codes):
            with pytest.raises(InputError, match="a device, a pipe or a socket"):
                opener(tmp_path / name)


def test_a_file_that_shrinks_after_opening_is_an_error_not_a_crash(tmp_path):
    np.savez(tmp_path / "f.npz", features=MATRIX)
    stored = open_features(tmp_path / "f.npz")
    (tmp_path / "f.npz").write_bytes(b"")
    assert np.array_equal(stored.to_matrix(), MATRIX)  # it is in memory
    table = pa.table({"a": np.arange(9_000_000, dtype=np.float64)})
    pq.write_table(table, tmp_path / "f.parquet")
    large = open_features(tmp_path / "f.parquet")
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a readable Parquet"):
        large.rows(np.array([8_999_999]))


def test_a_parquet_file_that_announces_other_rows(tmp_path):
    """The number of rows of the footer is a promise only."""
    file = io.BytesIO()
    pq.write_table(pa.table({"a": np.arange(100.0)}), file, compression="none")
    data = bytearray(file.getvalue())
    footer = len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    hundred = bytes([0x16, 0xC8, 0x01])  # thrift: an i64 field, 100 as a zigzag varint
    assert data.count(hundred, footer) >= 1
    data[footer:] = data[footer:].replace(hundred, bytes([0x16, 0xCA, 0x01]))
    path = written(tmp_path, "f.parquet", bytes(data))
    with pytest.raises(InputError):
        open_features(path).to_matrix()

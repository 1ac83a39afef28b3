"""safetensors and HDF5: the same codes as in npy, and what is refused."""

import contextlib
import json
import struct

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from privkit.errors import InputError
from privkit.features import Codes, Form, forms, open_codes

many = settings(
    max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def tensors(folder, **arrays):
    save_file(arrays, folder / "c.safetensors")
    return folder / "c.safetensors"


def hdf5(folder, **arrays):
    with h5py.File(folder / "c.h5", "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    return folder / "c.h5"


@many
@given(seed=st.integers(0, 2**32), bits=st.integers(1, 200), streamed=st.booleans())
def test_every_form_in_every_format(tmp_path_factory, seed, bits, streamed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 2, (int(rng.integers(1, 50)), bits), dtype=np.uint8)
    packed = np.packbits(matrix, axis=1)
    folder = tmp_path_factory.mktemp("f")
    with h5py.File(folder / "c.hdf5", "w") as file:
        file.create_dataset(
            "deep/codes" if seed % 2 else "c", data=packed, chunks=True, compression="gzip"
        )
    paths = [
        (tensors(folder, packed=packed, bits=np.array(bits)), None),
        (hdf5(folder, codes=matrix.astype(bool), names=np.arange(3)), None),
        (folder / "c.hdf5", bits),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "IN_MEMORY", 0 if streamed else 1 << 20)
        for path, n in paths:
            stored = open_codes(path, bits=n)
            assert bool(stored.arrays) == (not streamed or path.suffix == ".safetensors")
            assert np.array_equal(stored.to_codes().to_matrix(), matrix)
            assert max(len(chunk) for chunk in stored.packed_chunks(3)) <= 3


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
def test_integers_of_every_type(tmp_path, dtype):
    values = np.array([0, 1, 1], dtype)
    for path in (tensors(tmp_path, anything=values), hdf5(tmp_path, anything=values)):
        stored = open_codes(path)
        assert stored.form is Form.INTEGERS
        assert stored.to_codes().to_integers().tolist() == [0, 1, 1] if dtype == "?" else True
        assert np.concatenate(list(stored.chunks())).tolist() == [0, 1, 1]


def test_safetensors_are_mapped_even_where_they_lie_askew(tmp_path):
    header = json.dumps({"codes": {"dtype": "U32", "shape": [3], "data_offsets": [0, 12]}})
    for spaces in range(4):
        text = header + " " * spaces
        data = struct.pack("<Q", len(text)) + text.encode() + np.arange(3, dtype="<u4").tobytes()
        (tmp_path / "c.safetensors").write_bytes(data)
        (array,) = open_codes(tmp_path / "c.safetensors").arrays
        assert array.tolist() == [0, 1, 2]
        assert array.flags.aligned


def test_hdf5_links_to_other_files_are_never_followed(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["codes"] = np.arange(5)
    raw = tmp_path / "raw.bin"
    raw.write_bytes(np.arange(5, dtype="u1").tobytes())
    layout = h5py.VirtualLayout(shape=(5,), dtype="i8")
    layout[:] = h5py.VirtualSource(str(secret), "codes", shape=(5,))
    makers = {
        "a link": lambda file: file.__setitem__("codes", h5py.ExternalLink(str(secret), "codes")),
        "virtual": lambda file: file.create_virtual_dataset("codes", layout),
        "bytes lie in other files": lambda file: file.create_dataset(
            "codes", (5,), "u1", external=[(str(raw), 0, 5)]
        ),
    }
    for words, make in makers.items():
        with h5py.File(tmp_path / "c.h5", "w") as file:
            make(file)
        with pytest.raises(InputError, match=words):
            open_codes(tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["own"] = np.arange(3)
        file["other"] = h5py.ExternalLink(str(secret), "codes")
    with pytest.raises(InputError, match=r"not clear which.*2 arrays"):
        open_codes(tmp_path / "c.h5")


def lying(folder, shape, offsets):
    text = json.dumps({"codes": {"dtype": "U8", "shape": shape, "data_offsets": offsets}})
    path = folder / "c.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + bytes(10))
    return path


def written(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def cut(path):
    return written(path.parent, path.name, path.read_bytes()[:-20])


GARBAGE = b"this is not what it seems to be" * 99
HUGE = struct.pack("<Q", 1 << 62) + b"{}"
BAD = [
    (lambda d: lying(d, [1000], [0, 1000]), "not a readable safetensors"),
    (lambda d: lying(d, [5], [0, 10]), "not a readable safetensors"),
    (lambda d: lying(d, [10], [-10, 0]), "not a readable safetensors"),
    (lambda d: written(d, "c.safetensors", HUGE), "not a readable safetensors"),
    (lambda d: written(d, "c.safetensors", GARBAGE), "not a readable safetensors"),
    (lambda d: written(d, "c.safetensors", b""), "0 bytes"),
    (lambda d: cut(tensors(d, codes=np.arange(99))), "not a readable safetensors"),
    (lambda d: tensors(d, a=np.arange(3), b=np.arange(3)), "2 arrays: a, b"),
    (lambda d: tensors(d, codes=np.arange(3) + 0.5), "not codes"),
    (lambda d: tensors(d, codes=np.zeros(0, int)), "at least one record"),
    (lambda d: tensors(d, packed=np.zeros((1, 1), "u1"), bits=np.array(0)), "1 to 65536"),
    (lambda d: written(d, "c.h5", GARBAGE), "not a readable HDF5"),
    (lambda d: written(d, "c.h5", b""), "0 bytes"),
    (lambda d: cut(hdf5(d, codes=np.arange(9999))), "not a readable HDF5"),
    (hdf5, "no array"),
    (lambda d: hdf5(d, a=np.arange(3), b=np.arange(3)), "2 arrays: a, b"),
    (lambda d: hdf5(d, codes=["a", "b"]), "not codes"),
    (lambda d: hdf5(d, codes=7), "not codes"),
    (lambda d: hdf5(d, codes=np.arange(3) + 0.5), "not codes"),
    (lambda d: hdf5(d, codes=np.arange(-1, 3)), "row 0 is negative"),
    (lambda d: hdf5(d, codes=np.zeros((0, 3), int)), "at least one record"),
]


@pytest.mark.parametrize(("make", "words"), BAD)
def test_bad_files_are_one_clear_line(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        open_codes(path)
    assert "\n" not in str(caught.value)


def test_broken_files_never_escape(tmp_path):
    """Every changed byte of a safetensors header gives codes or one clear line."""
    rng = np.random.default_rng(0)
    path = tensors(tmp_path, codes=np.arange(4, dtype=np.uint16))
    good = path.read_bytes()
    for place in range(len(good) - 8):
        for value in rng.integers(0, 256, 5):
            data = bytearray(good)
            data[place] = value
            path.write_bytes(data)
            with contextlib.suppress(InputError):
                open_codes(path)
            path.unlink()


def test_saved_codes_are_those_of_the_npz(tmp_path):
    codes = Codes.from_integers([5, 2**69, 7], 70)
    path = tensors(tmp_path, packed=codes.packed, bits=np.array(70))
    codes.save(tmp_path / "c.npz")
    assert np.array_equal(
        open_codes(path).to_codes().packed, open_codes(tmp_path / "c.npz").to_codes().packed
    )

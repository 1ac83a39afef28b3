"""Whole files of every kind that privkit opens, and ways to break them, for the fuzz tests."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from hypothesis import strategies as st
from safetensors.numpy import save

FLOATS = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
PACKED = np.random.default_rng(1).integers(0, 256, (20, 2), dtype=np.uint8)
SHAPE = (3, 2)

NAMES = (
    "f",
    "<script>alert('x')",
    "<img src=x onerror=alert(1)>&amp;",
    "naïve ﷽ \u202etxt.exe",
    "n\u0308\u0301\u200b😀",
    "line\nbreak\r\ttab",
    "\x1b[31mred",
    "\udcff\udcfe",
    "a*b?[c]",
    "key=value",
    "%s {0} ${HOME} `id` $(id)",
    "-rf",
    " ",
    "x" * 200,
)
"""Names of files, without their ending."""


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npz(write: Callable[..., None], **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    write(file, **arrays)
    return file.getvalue()


def _hdf5(**options: object) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as h5:
        h5.create_dataset("features", data=FLOATS, chunks=(4, 3), compression="gzip")
        h5["who"] = [f"p{i}" for i in range(20)]
        h5["group/link"] = h5py.SoftLink("/features")
    return file.getvalue()


def _plain_hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        h5["codes"] = PACKED
    return file.getvalue()


def _table(**more: object) -> pa.Table:
    columns = {f"c{i}": FLOATS[:, i] for i in range(3)}
    return pa.table({"who": [f"p{i % 3}" for i in range(20)], **columns, **more})


def _parquet(table: pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=7, **options)
    return file.getvalue()


def _csv() -> bytes:
    file = io.BytesIO()
    pa_csv.write_csv(_table(), file)
    return file.getvalue()


def seeds() -> dict[str, list[bytes]]:
    """Whole files by the ending of their names; those that need extras only where these are."""
    found = {
        ".npy": [_npy(FLOATS), _npy(PACKED), _npy(np.arange(9)), _npy(FLOATS.reshape(20, 1, 2, 3))],
        ".npz": [
            _npz(np.savez, features=FLOATS, who=np.arange(20)),
            _npz(np.savez_compressed, packed=PACKED, bits=np.int64(16)),
        ],
        ".safetensors": [save({"features": FLOATS}), save({"a": PACKED, "bits": np.array(16)})],
        ".h5": [_hdf5(), _hdf5(libver="latest"), _plain_hdf5()],
        ".parquet": [
            _parquet(_table()),
            _parquet(_table(), compression="none", use_dictionary=False),
            _parquet(pa.table({"f": FLOATS.tolist()}), data_page_version="2.0"),
        ],
        ".csv": [_csv(), b"code\n1\n2\n3\n", b'a,"b\nc"\r\n1,"2"\r\n'],
    }
    return found


def faiss_seeds() -> list[bytes]:
    """Whole FAISS indexes."""
    import faiss

    faiss.cvar.distance_compute_blas_threshold = 1 << 20
    files = []
    for spec in ("Flat", "IVF2,Flat", "IDMap,Flat", "PQ3x2", "IVF2,PQ3x2", "HNSW4", "SQ8", "LSH"):
        index = faiss.index_factory(6, spec)
        index.train(FLOATS)
        if "IDMap" in spec:
            index.add_with_ids(FLOATS, np.arange(20) * 3)
        else:
            index.add(FLOATS)
        files.append(faiss.serialize_index(index).tobytes())
    binary = faiss.IndexBinaryFlat(16)
    binary.add(PACKED)
    files.append(faiss.serialize_index_binary(binary).tobytes())
    return files


def onnx_seeds() -> list[bytes]:
    """Whole ONNX models of pictures of ``SHAPE``."""
    from onnx import helper, numpy_helper

    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Tanh", ["m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ["n", 1, *SHAPE])],
        [helper.make_tensor_value_info("y", 1, ["n", 6])],
        [numpy_helper.from_array(FLOATS[:6], "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    return [helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()]


def torchscript_seeds() -> list[bytes]:
    """Whole TorchScript files of pictures of ``SHAPE``."""
    import torch

    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 4), torch.nn.Tanh()).eval()
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(model, torch.zeros(2, 1, *SHAPE)), file)
    return [file.getvalue()]


def network_seeds() -> list[bytes]:
    """Whole face networks for pictures of ``SHAPE``, without and with a bottleneck."""

    from privkit.models.face_net import FaceNet
    from privkit.models.random_draws import seeded

    with seeded(0):
        networks = [FaceNet(SHAPE[0] * SHAPE[1], 3, bits) for bits in (None, 4)]
    return [
        save({name: weight.numpy() for name, weight in network.state_dict().items()})
        for network in networks
    ]


_INTERESTING = (
    0,
    1,
    127,
    255,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**62,
    2**63,
    2**64 - 1,
)

_PLACE = st.tuples(st.sampled_from(["head", "tail", "any"]), st.integers(0, 1 << 20))
_EDIT = st.one_of(
    st.tuples(st.just("set"), _PLACE, st.binary(min_size=1, max_size=9)),
    st.tuples(
        st.just("set"),
        _PLACE,
        st.builds(
            lambda value, width, order: (value % (1 << 8 * width)).to_bytes(width, order),
            st.sampled_from(_INTERESTING),
            st.sampled_from([1, 2, 4, 8]),
            st.sampled_from(["little", "big"]),
        ),
    ),
    st.tuples(st.just("insert"), _PLACE, st.binary(max_size=40)),
    st.tuples(st.just("cut"), _PLACE, st.binary(max_size=40)),
    st.tuples(st.just("repeat"), _PLACE, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("end"), _PLACE, st.just(b"")),
)


def _edited(data: bytes, edit: tuple[str, tuple[str, int], bytes]) -> bytes:
    how, (part, number), new = edit
    near = min(len(data), 400)
    start = {"head": 0, "tail": len(data) - near, "any": 0}[part]
    at = start + number % ((len(data) if part == "any" else near) + 1)
    after = at + len(new)
    return {
        "set": data[:at] + new + data[after:],
        "insert": data[:at] + new + data[at:],
        "cut": data[:at] + data[after:],
        "repeat": data[:after] + data[at:],
        "end": data[:at],
    }[how]


def _rezipped(data: bytes, edits: list[tuple[str, tuple[str, int], bytes]], member: int) -> bytes:
    """Edit what a member of an archive holds, and pack it with the right checksum."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = old.infolist()[member % len(old.infolist())]
        for item in old.infolist():
            content = old.read(item)
            for edit in edits if item is chosen else ():
                content = _edited(content, edit)
            new.writestr(item.filename, content)
    return out.getvalue()


def malformed(whole: list[bytes]) -> st.SearchStrategy[bytes]:
    """Whole files that are damaged in one to six places, and bytes of any kind."""

    def damage(data: bytes, edits: list[tuple[str, tuple[str, int], bytes]], member: int) -> bytes:
        if member >= 0 and data[:2] == b"PK":
            return _rezipped(data, edits, member)
        for edit in edits:
            data = _edited(data, edit)
        return data

    damaged = st.builds(
        damage, st.sampled_from(whole), st.lists(_EDIT, min_size=1, max_size=6), st.integers(-9, 9)
    )
    spliced = st.builds(
        lambda a, b, cut: a[: cut % (len(a) + 1)] + b[cut % (len(b) + 1) :],
        st.sampled_from(whole),
        st.sampled_from(whole),
        st.integers(0, 1 << 20),
    )
    headed = st.builds(
        lambda a, rest: a[:12] + rest, st.sampled_from(whole), st.binary(max_size=300)
    )
    return st.one_of(damaged, damaged, damaged, spliced, headed, st.binary(max_size=200))


def written(folder: Path, name: str, data: bytes) -> Path:
    """Write a file under a name that may be any; each time into a folder of its own."""
    path = Path(tempfile.mkdtemp(dir=folder)) / os.fsdecode(os.fsencode(name))
    path.write_bytes(data)
    return path

"""Reading the vectors of a FAISS index; run in a confined child, see :mod:`privkit.confined`.

It imports nothing of privkit. The vectors go into npy files of a folder, in the order of their
numbers in the index.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

_UNTYPED: Any = faiss  # its own types lack some names

_BLOCK = 1 << 22
"""Bytes of vectors that are reconstructed at a time."""
_MOST = 32 << 30
"""Bytes of vectors that are written at most: a code of 8 bytes may stand for 4,096."""


def answer(message: bytes) -> bytes:
    """Read the index ``path`` into ``folder``; both are fields of a JSON object, as is the reply.

    Returns:
        ``kind``, the name of the index; ``bits``, N where it holds codes, else null; and
        ``exact``, whether the vectors are what was added to it.
    """
    asked = json.loads(message)
    path, folder = asked["path"], Path(asked["folder"])
    with open(path, "rb") as file:  # noqa: PTH123 - the name may hold any bytes
        binary = file.read(2) == b"IB"
    read = faiss.read_index_binary if binary else faiss.read_index
    owner = read(path)  # what it holds lives as long as it
    index, ids = _plain(owner)
    index = _before_codes(index)
    _check(index, binary)
    if isinstance(index, faiss.IndexLSH):
        _codes_of_signs(index, folder)
        bits: int | None = int(index.nbits)
    else:
        own = _reconstructed(index, folder, np.uint8 if binary else np.float32)
        ids = own if ids is None else ids
        bits = int(index.d) if binary else None
    if ids is not None:
        np.save(folder / "ids.npy", ids, allow_pickle=False)
    name = type(index).__name__
    return json.dumps(
        {"kind": name, "bits": bits, "exact": bits is not None or "Flat" in name}
    ).encode()


def _plain(owner: Any) -> tuple[Any, NDArray[np.int64] | None]:
    """Take the index out of maps of numbers around it; the outermost numbers count."""
    index, ids = owner, None
    for _ in range(4):
        if not hasattr(index, "id_map"):
            return index, ids
        outer = faiss.vector_to_array(index.id_map).astype(np.int64)
        ids = outer if ids is None else ids
        inner = index.index
        downcast = faiss.downcast_index if isinstance(inner, faiss.Index) else _binary
        index = downcast(inner)
        if len(outer) != index.ntotal:
            raise ValueError(f"{len(outer)} numbers of {index.ntotal} vectors")
    raise ValueError("maps of numbers within maps of numbers")


def _before_codes(index: Any) -> Any:
    """Pass a transform by whose result is binarized: what is stored are the bits."""
    if isinstance(index, faiss.IndexPreTransform):
        inner = faiss.downcast_index(index.index)
        return inner if isinstance(inner, faiss.IndexLSH) else index
    return index


def _binary(index: Any) -> Any:
    return faiss.downcast_IndexBinary(index)


def _check(index: Any, binary: bool) -> None:
    row = index.d // 8 if binary else 4 * index.d
    if index.ntotal == 0:
        raise ValueError("the index holds no vectors")
    if index.ntotal < 0 or index.d < 1 or row * index.ntotal > _MOST:
        raise ValueError(
            f"{index.ntotal} vectors of {index.d} numbers; at most {_MOST >> 30} GiB are read"
        )


def _reconstructed(index: Any, folder: Path, dtype: type) -> NDArray[np.int64] | None:
    """Write all vectors block by block; return their numbers where these are not 0, 1, 2 ..."""
    n, width = int(index.ntotal), index.d // 8 if dtype is np.uint8 else index.d
    ids = _numbers_in_lists(index)
    if ids is not None:
        if len(ids) != n:
            raise ValueError(f"{len(ids)} vectors in the lists of {n}")
        _ivf(index).set_direct_map_type(_UNTYPED.DirectMap.Hashtable)
    out = np.lib.format.open_memmap(folder / "vectors.npy", "w+", dtype, (n, width))
    step = max(1, _BLOCK // max(1, width * out.dtype.itemsize))
    for start in range(0, n, step):
        stop = min(n, start + step)
        if ids is None:
            out[start:stop] = index.reconstruct_n(start, stop - start)
        elif dtype is np.uint8:
            out[start:stop] = [index.reconstruct(int(i)) for i in ids[start:stop]]
        else:
            out[start:stop] = index.reconstruct_batch(ids[start:stop])
    return ids


def _ivf(index: Any) -> Any:
    """Return the inverted file of an index, ``None`` where there is none."""
    if isinstance(index, faiss.IndexBinary):
        return index if isinstance(index, faiss.IndexBinaryIVF) else None
    return faiss.try_extract_index_ivf(index)


def _numbers_in_lists(index: Any) -> NDArray[np.int64] | None:
    """Return the numbers in the lists of an inverted file, sorted; ``None`` where there is none."""
    ivf = _ivf(index)
    if ivf is None:
        return None
    lists = ivf.invlists
    parts = [np.empty(0, np.int64)]
    for i in range(lists.nlist):
        size = lists.list_size(i)
        if size:
            ids = lists.get_ids(i)
            parts.append(faiss.rev_swig_ptr(ids, size).copy())
            lists.release_ids(i, ids)
    return np.sort(np.concatenate(parts))


def _codes_of_signs(index: Any, folder: Path) -> None:
    """Write the codes of locality-sensitive hashing; their first bit becomes the highest one."""
    size, n = int(index.code_size), int(index.ntotal)
    stored = faiss.vector_to_array(index.codes)
    if size != -(-index.nbits // 8) or stored.size != size * n:
        raise ValueError(f"{stored.size} bytes of {n} codes of {index.nbits} bits")
    bits = np.unpackbits(stored.reshape(n, size), axis=1, count=index.nbits, bitorder="little")
    np.save(folder / "vectors.npy", np.packbits(bits, axis=1), allow_pickle=False)

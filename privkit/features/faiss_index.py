"""Opening FAISS indexes: their vectors are read by a child process into a temporary npy file."""

from __future__ import annotations

import importlib.util
import json
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.confined import Confined, ConfinedError, memory_for
from privkit.errors import InputError
from privkit.features.shards import Shard

__all__ = ["FaissIndex", "open_faiss"]

_SCRIPT = Path(__file__).with_name("faiss_reader.py")
_SECONDS, _BYTES_A_SECOND = 60.0, 10 << 20


@dataclass(frozen=True, eq=False)
class FaissIndex:
    """The vectors of an index.

    Attributes:
        shard: the vectors, mapped: floats, or packed codes.
        name: the kind of the index, e.g. ``"IndexIVFFlat"``.
        exact: whether the vectors are what was added, not approximations of it.
        ids: the numbers of the vectors where they have some of their own.
    """

    shard: Shard
    name: str
    exact: bool
    ids: NDArray[np.int64] | None


def open_faiss(path: Path) -> FaissIndex:
    """Read an index, in a child with limits on its memory and time.

    A binary index and one of locality-sensitive hashing hold codes. All others hold floats, or
    give approximations of them back (product quantization).

    Raises:
        InputError: faiss is not installed, or it cannot read the vectors of this file.
    """
    if importlib.util.find_spec("faiss") is None:
        raise InputError(
            "FAISS indexes cannot be read without faiss",
            where=path,
            rule="faiss is installed",
            remedy="pip install 'privkit[faiss]'",
        )
    folder = Path(tempfile.mkdtemp(prefix="privkit-faiss-"))
    try:
        reply = _read(path, folder)
        values = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        numbers = folder / "ids.npy"
        ids = np.load(numbers, allow_pickle=False) if numbers.is_file() else None
    except (ConfinedError, OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        empty = path.stat().st_size == 0
        raise InputError(
            "this is not a FAISS index whose vectors can be read",
            where=path,
            rule="an index written by faiss.write_index or faiss.write_index_binary",
            found="an empty file, 0 bytes" if empty else error,
            remedy="or save the vectors themselves with np.save",
        ) from error
    weakref.finalize(values, shutil.rmtree, folder, ignore_errors=True)
    bits = reply["bits"]
    shard = Shard.of(
        path, values, bits=None if bits is None else int(bits), name="packed" if bits else ""
    )
    return FaissIndex(shard, str(reply["kind"]), bool(reply["exact"]), ids)


def _read(path: Path, folder: Path) -> dict[str, Any]:
    asked = json.dumps({"path": str(path.absolute()), "folder": str(folder)}).encode()
    seconds = _SECONDS + path.stat().st_size / _BYTES_A_SECOND
    with Confined(_SCRIPT, memory=memory_for(path)) as child:
        reply: dict[str, Any] = json.loads(child.ask(asked, seconds=seconds))
    return reply

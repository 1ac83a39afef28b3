"""Reading safetensors files, memory-mapped.

The file's own library checks the header: that the tensors lie one after the other and fill the
file exactly. Only then is the header read for the place of a tensor, which is mapped from there.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.shards import ANY, Choice, Shard, codes_and_bits, own_bits

__all__ = ["safetensors_arrays", "safetensors_shard"]

_TYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}


def safetensors_shard(path: Path, choice: Choice = ANY) -> Shard:
    """Map the tensor ``packed`` or ``codes``, or the only tensor, of a safetensors file.

    Raises:
        InputError: if it is not a whole safetensors file, or holds several tensors of other
            names.
    """
    header, start = _header(path)
    save = "save it with safetensors.numpy.save_file({'codes': array}, path)"
    name, has_bits, unread = codes_and_bits(path, list(header), save, choice)
    bits = own_bits(path, _mapped(path, "bits", header, start)) if has_bits else None
    array = _mapped(path, name, header, start)
    return Shard.of(path, array, bits=bits, name=name, unread=unread)


def safetensors_arrays(path: Path, wanted: Collection[str] | None) -> dict[str, NDArray[Any]]:
    """Map the wanted tensors of a safetensors file, or all."""
    header, start = _header(path)
    names = [name for name in header if wanted is None or name in wanted]
    return {name: _mapped(path, name, header, start) for name in names}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Return what the file says of each tensor, and where their bytes begin."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
    except (SafetensorError, OSError, ValueError) as error:
        empty = path.stat().st_size == 0
        raise InputError(
            "this is not a readable safetensors file",
            where=path,
            rule="a whole safetensors file",
            found="an empty file, 0 bytes" if empty else str(error)[:300],
        ) from error
    with path.open("rb") as raw:
        (size,) = struct.unpack("<Q", raw.read(8))
        header = json.loads(raw.read(size))
    return {name: header[name] for name in names}, 8 + size


def _mapped(path: Path, name: str, header: dict[str, Any], start: int) -> NDArray[Any]:
    kind, shape = header[name]["dtype"], tuple(header[name]["shape"])
    if kind not in _TYPES:
        raise InputError(
            f"the tensor {name!r} is of a type that numpy does not have",
            where=path,
            rule=f"one of {', '.join(_TYPES)}",
            found=kind,
            remedy="store codes as whole numbers or packed bytes",
        )
    dtype = np.dtype(_TYPES[kind])
    if 0 in shape:
        return np.empty(shape, dtype)
    offset = start + header[name]["data_offsets"][0]
    values = np.memmap(path, dtype, mode="r", offset=offset, shape=shape)
    # The format does not promise that tensors start where the processor reads them well.
    aligned: NDArray[Any] = np.require(values, requirements="A")
    return np.asarray(aligned)

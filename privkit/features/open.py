"""The one way to open stored codes: ``open_codes``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from privkit.errors import InputError
from privkit.features.arrays import npy_shard, npz_shard
from privkit.features.codes import check_bits
from privkit.features.files import Given, find_files
from privkit.features.forms import stored_arrays
from privkit.features.hdf5 import hdf5_shard
from privkit.features.shards import Shard
from privkit.features.stored import StoredCodes
from privkit.features.tables import open_table
from privkit.features.tensors import safetensors_shard

__all__ = ["open_codes"]

SHARDS: dict[str, Callable[..., Shard]] = {
    "npy": npy_shard,
    "npz": npz_shard,
    "safetensors": safetensors_shard,
    "HDF5": hdf5_shard,
}


def open_codes(
    path: Given, *, bits: int | None = None, columns: Sequence[str] | None = None
) -> StoredCodes:
    """Open stored codes, or the quasi-identifier columns of a table.

    Which files are meant is said in :mod:`privkit.features.files`, how an array's form is decided
    in :mod:`privkit.features.forms`, and how tables are read in :mod:`privkit.features.tables`.

    Args:
        path: an npy, npz, safetensors, HDF5, Parquet or CSV file, a folder or a pattern of them,
            or several paths; several files are shards of one set of records.
        bits: N, the bits of a code; needed for packed bytes and to compare with ``2**N`` classes.
        columns: the quasi-identifiers, for Parquet and CSV.

    Returns:
        The codes, checked; npy and safetensors files stay memory-mapped.

    Raises:
        InputError: if a file is missing, broken, of another kind or of another shape than the
            others, or a value is no code.
    """
    if bits is not None:
        bits = check_bits(bits, where="--bits")
    files = find_files(path, option="--codes")
    if files.kind not in SHARDS:
        return open_table(files, bits, columns)
    if columns:
        raise InputError(
            "an array has no named columns",
            where=files.paths[0],
            rule="--columns goes with Parquet and CSV",
            found=f"--columns {' '.join(columns)}",
            remedy="leave --columns out",
        )
    return stored_arrays(files, [SHARDS[files.kind](path) for path in files.paths], bits)

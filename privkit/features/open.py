"""The one way to open stored codes: ``open_codes``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from privkit.errors import InputError
from privkit.features.arrays import open_npy, open_npz
from privkit.features.codes import check_bits
from privkit.features.stored import StoredCodes
from privkit.features.tables import open_csv, open_parquet

__all__ = ["open_codes"]

ARRAYS: dict[str, Callable[[Path, int | None], StoredCodes]] = {
    ".npy": open_npy,
    ".npz": open_npz,
}
TABLES: dict[str, Callable[[Path, int | None, Sequence[str] | None], StoredCodes]] = {
    ".parquet": open_parquet,
    ".pq": open_parquet,
    ".csv": open_csv,
}


def open_codes(
    path: Path, *, bits: int | None = None, columns: Sequence[str] | None = None
) -> StoredCodes:
    """Open stored codes, or the quasi-identifier columns of a table.

    The rules by which an array's form is decided stand in :mod:`privkit.features.arrays`, those
    for tables in :mod:`privkit.features.tables`.

    Args:
        path: an npy, npz, Parquet or CSV file.
        bits: N, the bits of a code; needed for packed bytes and to compare with ``2**N`` classes.
        columns: the quasi-identifiers, for Parquet and CSV.

    Returns:
        The codes, checked; an npy file stays memory-mapped.

    Raises:
        InputError: if the file is missing, broken or of another kind, or a value is no code.
    """
    path = Path(path)
    if bits is not None:
        bits = check_bits(bits, where="--bits")
    if not path.exists():
        raise InputError(
            "the file does not exist",
            where=path,
            rule="--codes names a file of codes",
            remedy="check the path",
        )
    if not path.is_file():
        raise InputError(
            "this is not a file",
            where=path,
            rule="--codes names a file of codes",
            found="a directory" if path.is_dir() else "something else",
        )
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return TABLES[suffix](path, bits, columns)
    if suffix not in ARRAYS:
        raise InputError(
            "this kind of file is not known",
            where=path,
            rule=f"the name ends with {', '.join([*ARRAYS, *TABLES])}",
            found=path.suffix or "no extension",
        )
    if columns:
        raise InputError(
            "an array has no named columns",
            where=path,
            rule="--columns goes with Parquet and CSV",
            found=f"--columns {' '.join(columns)}",
            remedy="leave --columns out",
        )
    return ARRAYS[suffix](path, bits)

"""Counting by Daft, on one machine or many: Parquet and CSV straight from the files.

Daft runs in this process, or on a Ray cluster where its own variable ``DAFT_RUNNER=ray`` says so;
every machine of the cluster then has to see the files under the same path. The telemetry of Daft
and of Ray is switched off before they are imported. On a cluster that runs already, whose processes
have an environment of their own, set ``DO_NOT_TRACK=1`` there as well.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from privkit.anonymity.classes import ClassCounts
from privkit.errors import InputError
from privkit.features.files import KINDS
from privkit.features.stored import Form, StoredCodes

__all__ = ["count"]

_SILENT = {
    "DO_NOT_TRACK": "1",
    "DAFT_ANALYTICS_ENABLED": "0",
    "SCARF_NO_ANALYTICS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_RAY = "DAFT_RUNNER"
_RECORD = "record"
"""A column of the files that is read to count records, where the keys are all folders' names: of
CSV files of which no column is wanted Daft reads no record."""


def count(
    stored: StoredCodes, *, memory: int | None = None, tmp: Path | None = None
) -> ClassCounts:
    """Count the records in each class.

    Args:
        stored: columns of Parquet or CSV files, as ``open_codes`` returned them.
        memory: not for Daft, which decides itself.
        tmp: not for Daft, which decides itself.

    Raises:
        InputError: if Daft, or Ray where it is asked for, is not installed, the codes do not lie
            in columns of Parquet or CSV files, a memory limit or a folder is given, or Daft cannot
            read the files.
    """
    if memory is not None or tmp is not None:
        raise InputError(
            "Daft takes no memory limit and no folder to spill to",
            where="--engine daft",
            rule="--memory and --tmp go with privkit's own counting and with --engine duckdb",
            remedy="leave them out",
        )
    kinds = {KINDS.get(path.suffix.lower()) for path in stored.paths}
    if not stored.columns or not kinds <= {"Parquet", "CSV"}:
        raise InputError(
            "Daft cannot read these codes",
            where=stored.source,
            rule="--engine daft reads columns of Parquet and CSV files",
            found=stored.kind,
            remedy="leave --engine out, or use --engine duckdb",
        )
    daft = _imported()
    try:
        keys = _keys(daft, _read(daft, stored, "CSV" in kinds), stored)
        names = [f"k{place}" for place in range(len(stored.columns))]
        key, size = daft.col("k0"), daft.col("size")
        record = daft.col(_RECORD if _RECORD in keys.schema().column_names() else "k0")
        classes = keys.groupby(*names).agg(record.count(mode="all").alias("size"))
        ends = [size.count(mode="all").alias("classes")]
        if stored.form is Form.INTEGERS:
            missing = key.is_null().cast(daft.DataType.int64()).sum()
            ends += [missing.alias("missing"), key.min().alias("low"), key.max().alias("high")]
        found = classes.groupby("size").agg(*ends).to_pydict()
    except (daft.exceptions.DaftCoreException, FileNotFoundError, ValueError, OSError) as error:
        raise InputError(
            "Daft could not count this",
            where=stored.source,
            rule="whole Parquet or CSV files that every machine of the engine can read",
            found=str(error).strip().splitlines()[0][:300],
            remedy="leave --engine out",
        ) from error
    _check(stored, found)
    sizes, classes = (np.array(found[name], dtype=np.int64) for name in ("size", "classes"))
    order = np.argsort(sizes)
    return ClassCounts.from_frequencies(sizes[order], classes[order])


def _imported() -> Any:
    """Import Daft without its telemetry, which reports the import itself."""
    os.environ.update(_SILENT)
    os.environ.setdefault("DAFT_PROGRESS_BAR", "0")  # on Ray it is drawn into files as well
    try:
        import daft
    except ImportError as error:
        raise InputError(
            "Daft is not installed",
            where="--engine daft",
            rule="this engine needs the package daft",
            remedy="pip install 'privkit[daft]'",
        ) from error
    if os.environ.get(_RAY, "").lower() == "ray" and find_spec("ray") is None:
        raise InputError(
            "Ray is not installed",
            where=f"{_RAY}=ray",
            rule="several machines need the package ray as well",
            remedy="pip install 'privkit[daft]', or leave this variable unset for one machine",
        )
    return daft


def _read(daft: Any, stored: StoredCodes, csv: bool) -> Any:
    """Open the files and select the columns as k0, k1, ...; those of folders' names are text."""
    groups: dict[tuple[tuple[str, str | None], ...], list[Path]] = {}
    for path, there in zip(stored.paths, stored.keys, strict=True):
        wanted = tuple((name, there[name]) for name in stored.columns if name in there)
        groups.setdefault(wanted, []).append(path)
    schema = _csv_schema(daft, stored) if csv else None
    frames = []
    for wanted, files in groups.items():
        # Daft takes every path as a pattern; a backslash makes a character stand for itself.
        paths = [re.sub(r"([*?\[\]{}!\\])", r"\\\1", str(path.absolute())) for path in files]
        frame = (
            daft.read_csv(paths, infer_schema=False, schema=schema)
            if csv
            else daft.read_parquet(paths)
        )
        given = {name: daft.lit(value).cast(daft.DataType.string()) for name, value in wanted}
        keys = [given.get(name, daft.col(name)) for name in stored.columns]
        keys = [key.alias(f"k{place}") for place, key in enumerate(keys)]
        if len(given) == len(keys):
            keys.append(daft.col(frame.schema().column_names()[0]).alias(_RECORD))
        frames.append(frame.select(*keys))
    return _joined(frames)


def _joined(frames: Sequence[Any]) -> Any:
    """Join frames in a tree: a chain as long as there are folders would overflow Daft's stack."""
    if len(frames) == 1:
        return frames[0]
    middle = len(frames) // 2
    return _joined(frames[:middle]).concat(_joined(frames[middle:]))


def _csv_schema(daft: Any, stored: StoredCodes) -> dict[str, Any]:
    from privkit.features.table_files import csv_names

    names = csv_names(stored.paths[0])
    for path in stored.paths[1:]:
        if csv_names(path) != names:  # Daft goes by the place of a column, not by its name
            raise InputError(
                "the header lines of these CSV files differ",
                where=path,
                rule=f"--engine daft needs the same columns in the same order as {stored.paths[0]}",
                found=", ".join(csv_names(path)[:50]),
                remedy="leave --engine out, or use --engine duckdb",
            )
    return dict.fromkeys(names, daft.DataType.string())


def _keys(daft: Any, frame: Any, stored: StoredCodes) -> Any:
    """Bring the keys into the form in which equal values are equal for Daft."""
    keys = []
    schema = frame.schema()
    for name in schema.column_names():
        key, kind = daft.col(name), schema[name].dtype
        if name == _RECORD:
            pass
        elif stored.form is Form.INTEGERS and kind == daft.DataType.string():
            key = key.cast(daft.DataType.uint64())
        elif kind in (daft.DataType.float64(), daft.DataType.float32(), daft.DataType.float16()):
            key = key.cast(daft.DataType.float64())
            # To Daft, -0.0 differs from 0.0, and NaNs from each other.
            key = daft.functions.when(key.abs() == 0.0, daft.lit(0.0)).otherwise(key)
            key = key.fill_nan(daft.lit(math.nan))
        keys.append(key.alias(name))
    return frame.select(*keys)


def _check(stored: StoredCodes, found: dict[str, list[Any]]) -> None:
    """Check what ``open_codes`` leaves to the reading of large files."""
    if stored.form is not Form.INTEGERS:
        return
    limit = None if stored.bits is None else 1 << stored.bits
    low = min((value for value in found["low"] if value is not None), default=0)
    high = max((value for value in found["high"] if value is not None), default=0)
    if any(found["missing"]) or low < 0 or (limit is not None and high >= limit):
        raise InputError(
            "a value of this column is no code",
            where=f"{stored.source}: column {stored.columns[0]!r}",
            rule="codes are whole numbers from 0 below 2**N, none missing",
            found="a missing value" if any(found["missing"]) else f"from {low} to {high}",
            remedy="give the right --bits, or leave it out",
        )

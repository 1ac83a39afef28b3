"""Sketches in files: one safetensors file, written atomically, checked when it is opened.

No code and no person is in the file, only their keyed hashes, and of the key only a fingerprint.
Without the key the file shows how large the sampled classes are and which of them share people.
Whoever has the key can test for any code they can think of whether it occurs and how often, and
for any person in which of the sampled classes they are: the key is to be kept apart from the file,
or thrown away once everything is counted. A sketch made with a public seed can be tested by anyone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from privkit.anonymity.sketch.held import Held, Sample
from privkit.anonymity.sketch.key import Key
from privkit.anonymity.sketch.layout import Layout
from privkit.anonymity.sketch.sketch import Sketch
from privkit.errors import InputError
from privkit.runs import write_atomically

__all__ = ["SKETCH_SCHEMA", "load_sketch", "merge_files", "save_sketch"]

SKETCH_SCHEMA = "privkit-sketch/1"
SUFFIX = ".sketch"
_DTYPES = {
    "identities": np.uint64,
    "ranks": np.uint64,
    "records": np.int64,
    "pair_classes": np.uint64,
    "pair_people": np.uint64,
    "crowd": np.uint64,
}


def save_sketch(sketch: Sketch, path: Path) -> None:
    """Write a sketch; the file is there whole or not at all.

    Equal sketches are equal bytes.

    Raises:
        InputError: if the name does not end with ``.sketch``.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise InputError(
            "the sketch cannot be saved under this name",
            where=path,
            rule=f"it ends with {SUFFIX}",
        )
    sample = sketch.sample
    arrays = {name: getattr(sample.held, name) for name in _DTYPES if name != "crowd"}
    arrays["crowd"] = sample.crowd
    about = {
        "schema": SKETCH_SCHEMA,
        "key": sketch.fingerprint,
        "public": sketch.public,
        "layout": asdict(sketch.layout),
        "most": sketch.most,
        "people_cap": sketch.people_cap,
        "n": sample.n,
        "level": sample.level,
    }
    # One entry of metadata only: safetensors writes several in an order drawn at random.
    text = json.dumps({"about": about, "checksum": _checksum(about, arrays)}, sort_keys=True)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(
        path, lambda temporary: save_file(contiguous, temporary, metadata={"privkit": text})
    )


def load_sketch(path: Path, key: Key | None = None) -> Sketch:
    """Open a sketch.

    Args:
        path: a file of :func:`save_sketch`.
        key: its key, to count further records into it.

    Raises:
        InputError: if the file is missing, cut short, changed or no sketch, or was made under
            another key.
    """
    path = Path(path)
    metadata, arrays = _read(path)
    try:
        whole = json.loads(metadata.get("privkit", ""))
        about, checksum = whole["about"], whole.get("checksum")
        schema = about["schema"]
    except (json.JSONDecodeError, LookupError, TypeError, AttributeError):
        raise _broken(path, "another file") from None
    if schema != SKETCH_SCHEMA:
        raise _broken(path, f"the schema {schema}")
    if checksum != _checksum(about, arrays):
        raise _broken(path, "contents that were changed: the checksum is another")
    if key is not None and key.fingerprint != about.get("key"):
        raise InputError(
            "this is a sketch of another key",
            where=path,
            rule="a sketch is continued with the key that it was begun with",
            found=f"key {about.get('key')} in the file, {key.fingerprint} given",
            remedy="give the same --key",
        )
    try:
        return _rebuilt(about, arrays, key)
    except (LookupError, TypeError, ValueError, ArithmeticError, InputError) as error:
        raise _broken(path, str(error)) from error


def merge_files(paths: Iterable[Path], key: Key | None = None) -> Sketch:
    """Merge sketches from files, in any order; one is in memory at a time beside the sum.

    Raises:
        InputError: if there is no file, one is given twice, one cannot be read, or they do not
            go together; the message names the file.
    """
    names = [Path(path) for path in paths]
    if not names:
        raise InputError("there is no sketch to merge", where="merge", rule="at least one file")
    twice = [path for path in names if sum(p.resolve() == path.resolve() for p in names) > 1]
    if twice:
        raise InputError(
            "this sketch is given twice",
            where=twice[0],
            rule="every stream is counted once",
            remedy="leave it out once",
        )

    def with_next(merged: Sketch, path: Path) -> Sketch:
        try:
            return merged.merge(load_sketch(path, key))
        except InputError as error:
            if error.where == path:
                raise
            raise InputError(
                error.what,
                where=path,
                rule=error.rule,
                found=error.found,
                remedy=error.remedy,
            ) from error

    return reduce(with_next, names[1:], load_sketch(names[0], key))


def _read(path: Path) -> tuple[Mapping[str, str], dict[str, NDArray[Any]]]:
    if not path.is_file():
        raise InputError("there is no such sketch", where=path, rule="a file of privkit kanon")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {
                name: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118
            }
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise _broken(path, str(error)[:200]) from error
    return metadata, arrays


def _rebuilt(
    about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], key: Key | None
) -> Sketch:
    """Build the sketch; whoever can write a file can write a checksum, so everything is checked."""
    raw = about["layout"]
    layout = Layout(raw["bits"], tuple(raw["columns"]), tuple(raw["kinds"]), raw["persons"])
    if len(layout.kinds) not in (0, len(layout.columns)):
        raise ValueError(f"kinds {layout.kinds} for the columns {layout.columns}")
    crowd = arrays["crowd"]
    held = Held(*(arrays[name] for name in _DTYPES if name != "crowd"))
    for name, dtype in _DTYPES.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise ValueError(f"{name} is not an array of {np.dtype(dtype)}")
    sample = Sample(about["n"], about["level"], held, crowd)
    return Sketch.restored(
        layout,
        sample,
        key=key,
        fingerprint=str(about["key"]),
        public=bool(about["public"]),
        most=about["most"],
        people_cap=about["people_cap"],
    )


def _checksum(about: object, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=32)
    for name in sorted(arrays):
        head = f"{name} {arrays[name].dtype} {arrays[name].shape}\n"
        digest.update(head.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _broken(path: Path, found: object) -> InputError:
    return InputError(
        "this is not a readable sketch",
        where=path,
        rule=f"a whole file of the schema {SKETCH_SCHEMA}, as privkit wrote it",
        found="an empty file, 0 bytes" if path.stat().st_size == 0 else found,
        remedy="make the sketch again",
    )

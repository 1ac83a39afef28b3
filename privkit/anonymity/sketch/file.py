"""Sketches in files: one safetensors file, written atomically, checked when it is opened.

No code and no person is in the file, only their keyed hashes, and of the key only a fingerprint.
Without the key the file shows how large the sampled classes are and which of them share people.
Whoever has the key can test for any code they can think of whether it occurs and how often, and
for any person in which of the sampled classes they are: the key is to be kept apart from the file,
or thrown away once everything is counted. A sketch made with a public seed can be tested by anyone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from privkit.anonymity.sketch.contents import ARRAYS, SKETCH_SCHEMA, checksum, contents
from privkit.anonymity.sketch.held import Held, Sample
from privkit.anonymity.sketch.key import Key
from privkit.anonymity.sketch.layout import Layout
from privkit.anonymity.sketch.sketch import Sketch
from privkit.errors import InputError
from privkit.runs import write_atomically

__all__ = ["load_sketch", "merge_files", "records_of", "save_sketch"]

SUFFIX = ".sketch"


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
    about, arrays = contents(sketch)
    # One entry of metadata only: safetensors writes several in an order drawn at random.
    own = checksum(about, arrays)
    text = json.dumps({"about": about, "checksum": own}, sort_keys=True)
    write_atomically(
        path, lambda temporary: save_file(arrays, temporary, metadata={"privkit": text})
    )
    sketch.note_saved(own)


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
    about, said, arrays = _read(path)
    if said != checksum(about, arrays):
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
        return _rebuilt(about, said, arrays, key)
    except (LookupError, TypeError, ValueError, ArithmeticError, InputError) as error:
        raise _broken(path, str(error)) from error


def merge_files(paths: Iterable[Path], key: Key | None = None) -> Sketch:
    """Merge sketches from files, in any order; one is in memory at a time beside the sum.

    Raises:
        InputError: if there is no file, a stream is in two of them (a file given twice, a copy, a
            sum and its part), one cannot be read, or they do not go together; the message names
            the file.
    """
    names = [Path(path) for path in paths]
    if not names:
        raise InputError("there is no sketch to merge", where="merge", rule="at least one file")
    merged = load_sketch(names[0], key)
    seen = dict.fromkeys(merged.streams, names[0])
    for path in names[1:]:
        sketch = load_sketch(path, key)
        for source in sketch.streams:
            if source in seen:
                raise _twice(path, seen[source])
        seen |= dict.fromkeys(sketch.streams, path)
        try:
            merged = merged.merge(sketch)
        except InputError as error:
            raise InputError(
                error.what,
                where=path,
                rule=error.rule,
                found=error.found,
                remedy=error.remedy,
            ) from error
    return merged


def records_of(path: Path) -> int:
    """Return how many records a sketch was made of, by what its file says of itself.

    Raises:
        InputError: if this is no sketch.
    """
    return int(_read(path, with_arrays=False)[0]["n"])


def _twice(path: Path, first: Path) -> InputError:
    return InputError(
        "the stream of this sketch is counted already",
        where=path,
        rule="every stream is counted once; a copy, or a sum beside its part, counts it twice",
        found=f"records that are in {first} too",
        remedy="leave one of the two out; count streams that are equal by chance into one sketch",
    )


def _read(
    path: Path, *, with_arrays: bool = True
) -> tuple[dict[str, Any], object, dict[str, NDArray[Any]]]:
    """Read what a file says of itself, its checksum, and the arrays if they are wanted."""
    if not path.is_file():
        raise InputError("there is no such sketch", where=path, rule="a file of privkit kanon")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            names = file.keys() if with_arrays else []
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise _broken(path, str(error)[:200]) from error
    try:
        whole = json.loads(metadata.get("privkit", ""))
        about, said, schema = whole["about"], whole.get("checksum"), whole["about"]["schema"]
    except (json.JSONDecodeError, LookupError, TypeError, AttributeError):
        raise _broken(path, "another file") from None
    if schema != SKETCH_SCHEMA:
        raise _broken(path, f"the schema {schema}")
    return about, said, arrays


def _rebuilt(
    about: Mapping[str, Any], said: str, arrays: Mapping[str, NDArray[Any]], key: Key | None
) -> Sketch:
    """Build the sketch; whoever can write a file can write a checksum, so everything is checked."""
    raw = about["layout"]
    layout = Layout(raw["bits"], tuple(raw["columns"]), tuple(raw["kinds"]), raw["persons"])
    if len(layout.kinds) not in (0, len(layout.columns)):
        raise ValueError(f"kinds {layout.kinds} for the columns {layout.columns}")
    crowd = arrays["crowd"]
    held = Held(*(arrays[name] for name in ARRAYS if name != "crowd"))
    for name, dtype in ARRAYS.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise ValueError(f"{name} is not an array of {np.dtype(dtype)}")
    sample = Sample(about["n"], about["level"], held, crowd)
    sources = about["sources"]
    if sources != sorted({text for text in sources if re.fullmatch("[0-9a-f]{64}", text)}):
        raise ValueError("the sources are not different checksums, ascending")
    return Sketch.restored(
        layout,
        sample,
        key=key,
        fingerprint=str(about["key"]),
        public=bool(about["public"]),
        most=about["most"],
        people_cap=about["people_cap"],
        sources=frozenset(sources),
        checksum=said,
    )


def _broken(path: Path, found: object) -> InputError:
    return InputError(
        "this is not a readable sketch",
        where=path,
        rule=f"a whole file of the schema {SKETCH_SCHEMA}, as privkit wrote it",
        found="an empty file, 0 bytes" if path.stat().st_size == 0 else found,
        remedy="make the sketch again",
    )

"""``privkit kanon --approximate``: counting a stream that is too long to keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privkit.cli.kanon.sketch_file import check_sketch_out
from privkit.result import DataUsed, Result

if TYPE_CHECKING:
    from privkit.features.stored import StoredCodes

__all__ = ["count_approximately"]


def count_approximately(
    stored: StoredCodes,
    persons: Any,
    thresholds: Sequence[int],
    data: Sequence[DataUsed],
    command: str,
    key: Path | None,
    seed: int,
    keep: Path | None,
) -> Result:
    """Count a keyed sample of the classes.

    Args:
        stored: the codes.
        persons: a table of one column that names the person of each record, or ``None``.
        thresholds: the k's below which classes count as small.
        data: what was counted.
        command: the command line, for the record.
        key: file with the secret; ``None`` derives it from the seed.
        seed: of the key, where there is no file.
        keep: where to keep the sketch.

    Raises:
        InputError: if the key or the name for the sketch cannot be used.
    """
    from privkit.anonymity.missing import missing_warnings
    from privkit.anonymity.parts import Part
    from privkit.anonymity.report import part_result
    from privkit.anonymity.sketch import Key, save_sketch, sketch_stored
    from privkit.anonymity.sketch.part import sketch_part

    check_sketch_out(keep)
    secret = Key.from_seed(seed) if key is None else Key.from_file(key)
    people = None if persons is None else persons.column(0)
    sketch = sketch_stored(stored, secret, persons=people)
    part = sketch_part(sketch, tuple(thresholds))
    if keep is not None:
        save_sketch(sketch, keep)
    return part_result(
        [part, Part(warnings=missing_warnings(stored.nulls, stored.marked))],
        command=command,
        data=data,
        configuration={"codes": stored.source, "form": stored.kind, "k": list(thresholds)},
        seed=seed if key is None else None,
    )

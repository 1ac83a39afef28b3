"""``Layout``: what the records of a stream are; only sketches of one layout can be merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from privkit.anonymity.sketch.hashing import hash_codes, hash_tuples, kind_of
from privkit.anonymity.sketch.key import Key
from privkit.errors import InputError
from privkit.features.codes import Codes

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """What the records are.

    Attributes:
        bits: N of the codes; ``None`` for tuples.
        columns: the quasi-identifiers, for tuples.
        kinds: ``"number"`` or ``"text"`` for each column; empty before the first record.
        persons: the kind of what names a person; empty where people are not known.
    """

    bits: int | None
    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    persons: str = ""

    @property
    def name(self) -> str:
        """In words, e.g. ``"codes of 10 bits, with people named by a number"``."""
        typed = zip(self.columns, self.kinds or ("any",) * len(self.columns), strict=True)
        columns = ", ".join(f"{column} ({kind})" for column, kind in typed)
        what = f"tuples of {columns}" if self.columns else f"codes of {self.bits} bits"
        return f"{what}, {f'with people by {self.persons}' if self.persons else 'without people'}"

    def of(self, rows: Any, persons: Any) -> Layout:
        """The layout of this chunk of records."""
        kinds = tuple(kind_of(column) for column in rows.columns) if self.columns else ()
        people = "" if persons is None else kind_of(pa.array(persons[:1]))
        return Layout(self.bits, self.columns, kinds, people)

    def rows(self, chunk: Any) -> Any:
        """Bring a chunk into the form that is hashed: packed rows, or a table.

        Raises:
            InputError: if it holds other things than this layout says.
        """
        if not self.columns:
            return _packed(chunk, self.bits or 0)
        if not isinstance(chunk, pa.Table) or not set(self.columns) <= set(chunk.column_names):
            raise InputError(
                "this chunk does not hold the columns",
                where="update",
                rule=f"a pyarrow.Table with the columns {', '.join(self.columns)}",
                found=getattr(chunk, "column_names", type(chunk).__name__),
            )
        return chunk.select(list(self.columns))

    def hashed(self, rows: Any, key: Key) -> NDArray[np.uint64]:
        """Hash rows to ranks and identities, shape ``(2, n)``."""
        return hash_tuples(rows, key) if self.columns else hash_codes(rows, self.bits or 0, key)


def _packed(chunk: Codes | NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Pack codes of any form; equal codes become equal rows."""
    if isinstance(chunk, Codes):
        codes = chunk
    else:
        array = np.asarray(chunk)
        if array.ndim == 1 and array.dtype.kind in "iu":
            codes = Codes.from_integers(array, bits)
        elif array.ndim == 2 and array.dtype.kind == "b":
            codes = Codes.from_matrix(array)
        else:
            codes = Codes.from_packed(array, bits)
    if codes.bits != bits:
        raise InputError(
            "these are codes of another N",
            where="update",
            rule=f"codes of {bits} bits",
            found=f"{codes.bits} bits",
        )
    return codes.packed

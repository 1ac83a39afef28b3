"""Items of sensitive information, and how many values each can take.

The value space of an item is a product of powers, e.g. ``26^3*10^4``; its bits are the base-2
logarithm. Each item states where the size of its space comes from.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privkit.errors import InputError

__all__ = ["PAPER_LEVELS", "SENSITIVE_ITEMS", "Item", "ValueSpace", "parse_space", "read_items"]

_FACTOR = re.compile(r"^(\d{1,40})(?:\^(\d{1,12}))?$")
_EXACT_BITS = 10_000_000  # above this a value space is compared by its logarithm alone


@dataclass(frozen=True)
class ValueSpace:
    """The set of values that an item can take, as a product of powers.

    Attributes:
        factors: ``((base, exponent), …)``; the size is the product of ``base ** exponent``.
    """

    factors: tuple[tuple[int, int], ...]

    @property
    def bits(self) -> float:
        """Base-2 logarithm of the size."""
        return math.fsum(exponent * math.log2(base) for base, exponent in self.factors)

    def fits(self, bits: int) -> bool:
        """Whether ``2 ** bits`` codes are enough to give every value a code of its own."""
        estimate = self.bits
        if abs(estimate - bits) > 1e-6 * max(1.0, estimate) or estimate > _EXACT_BITS:
            return estimate <= bits
        size: int = math.prod(int(base) ** exponent for base, exponent in self.factors)
        return size <= 1 << bits  # exactly at the edge, where the logarithm rounds

    def __str__(self) -> str:
        return " × ".join(f"{b:,}" if e == 1 else f"{b:,}^{e:,}" for b, e in self.factors)


@dataclass(frozen=True)
class Item:
    """One piece of sensitive information.

    Attributes:
        name: what it is.
        space: the values that it can take.
        source: where the size of the space comes from.
    """

    name: str
    space: ValueSpace
    source: str


def parse_space(text: str, *, where: object) -> ValueSpace:
    """Read ``"26^3*10^4"``; underscores, spaces and commas in numbers are allowed.

    Raises:
        InputError: not a product of positive whole numbers and powers, or a space of size below 1.
    """
    factors = []
    for part in re.sub(r"[\s,_]", "", text).split("*"):
        match = _FACTOR.match(part)
        if match is None or int(match[1]) < 1:
            raise InputError(
                "the size of a value space cannot be read",
                where=where,
                rule="a product of whole numbers above 0 and powers, such as 26^3*10^4",
                found=repr(text[:60]),
            )
        factors.append((int(match[1]), int(match[2] or 1)))
    return ValueSpace(tuple(factors))


def read_items(path: Path) -> list[Item]:
    """Read a user's items from a CSV with the columns ``item``, ``values`` and ``source``.

    Raises:
        InputError: unreadable, a missing column, an empty cell or a bad value space.
    """
    required = ("item", "values", "source")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [c for c in required if c not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"column {missing[0]!r} is missing",
                    where=path,
                    rule="the columns are item, values, source",
                    found=", ".join(reader.fieldnames or ()) or "an empty file",
                )
            # The line on which a row ends, by which an editor finds it.
            items = [_of_row(row, f"{path}, line {reader.line_num}") for row in reader]
    except FileNotFoundError:
        raise InputError("there is no such file", where=path, remedy="check --items") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "the items cannot be read", where=path, rule="a CSV in UTF-8", found=error
        ) from None
    if not items:
        raise InputError("there are no items", where=path, rule="at least one row")
    return items


def _of_row(row: Mapping[str | None, Any], where: str) -> Item:
    """One row of a CSV; a row that is too long has its rest under ``None``."""
    if None in row:
        raise InputError(
            "the row has more cells than the header",
            where=where,
            rule="a cell that holds a comma stands in double quotes",
            found=",".join(row[None])[:60],
        )
    name, values, source = (str(row[c] or "").strip() for c in ("item", "values", "source"))
    for column, cell in (("item", name), ("source", source)):
        if not cell:
            raise InputError(f"column {column!r} is empty", where=where, rule="every cell is set")
    return Item(name, parse_space(values, where=f"{where}, column 'values'"), source)


def _item(name: str, space: str, source: str) -> Item:
    return Item(name, parse_space(space, where=name), source)


#: Bits per video that the paper trains (section 4), and its floating-point feature of a TGIF clip:
#: 1 × 12 × 12 × 768 floats of 16 bits, rounded by the paper to 1.8M.
PAPER_LEVELS: Sequence[int] = (1, 2, 4, 10, 100, 1000, 12 * 12 * 768 * 16)

#: Ordered by the size of their value space.
SENSITIVE_ITEMS: Sequence[Item] = (
    _item("one yes/no answer", "2", "definition"),
    _item("sex as recorded", "4", "ISO/IEC 5218: not known, male, female, not applicable"),
    _item("blood group (ABO and RhD)", "8", "4 ABO groups × 2 RhD types"),
    _item("month of birth", "12", "calendar"),
    _item("one of 40 people (AT&T Faces)", "40", "people in the data set"),
    _item("state of residence, USA", "51", "50 states and the District of Columbia"),
    _item("age in years", "123", "0 to 122, the oldest age documented"),
    _item("country", "249", "ISO 3166-1 codes"),
    _item("4-digit PIN", "10^4", "ISO 9564 shortest PIN, digits"),
    _item("date of birth", "40177", "days in 110 years"),
    _item("ZIP code, USA", "10^5", "5 digits"),
    _item("surname, USA", "162253", "surnames borne by 100 or more people, US Census 2010"),
    _item("Social Security number, USA", "898*99*9999", "SSA: area, group and serial ranges"),
    _item("telephone number, North America", "8*10^2*8*10^2*10^4", "NANP: NXX-NXX-XXXX"),
    _item("one living person", "8200000000", "UN World Population Prospects 2024, for 2025"),
    _item("home position to 10 m, on land", "1489400000000", "148.94 million km² / 100 m²"),
    _item("payment card number", "10^15", "ISO/IEC 7812: 16 digits, the last is a check digit"),
    _item("password of 8 characters", "95^8", "printable ASCII"),
    _item("fingerprint template", "2^720", "ISO/IEC 19794-2 compact card: 30 minutiae × 24 bits"),
    _item("face embedding, 128 bytes", "256^128", "FaceNet, Schroff et al. 2015, section 5"),
    _item("iris code", "2^2048", "Daugman 2004, section 2"),
    _item("face photo, 92×112 grey", "256^10304", "AT&T Faces picture format, uncompressed"),
)

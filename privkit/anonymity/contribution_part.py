"""What each bit adds, arranged for the result of ``privkit kanon``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.contribution import Contribution
from privkit.anonymity.parts import Part
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["contribution_part"]

MOST_ROWS = 64
"""Bits in the table for people; the measures hold every bit."""

_NOTHING = 1e-9  # bits; what rounding leaves of an entropy of 0


def contribution_part(found: Contribution) -> Part:
    """Say which bits single people out, and which say nothing that the others do not."""
    return Part(
        findings=_findings(found),
        warnings=[
            "Bits are left out one at a time: two bits that say the same thing each look as if "
            "they added nothing, and cannot both be left out for nothing."
        ],
        measures=_measures(found),
        tables=[_table(found)],
    )


def _findings(f: Contribution) -> list[str]:
    most = int(_by_cost(f)[0])
    k, uniques = int(f.whole.sizes.min()), f.whole.classes_of_size(1)
    if f.entropy_lost[most] < _NOTHING:
        said = ["No single bit adds anything: the others always say the same."]
    else:
        said = [
            f"The bit that adds most is bit {most}: without it {number(int(f.uniques[most]))} "
            f"instead of {counted(uniques, 'record')} would be unique, and k would be "
            f"{_instead(int(f.k[most]), k)}."
        ]
    constant = np.flatnonzero(f.own_entropy == 0)
    if constant.size:
        said.append(
            f"{counted(constant.size, 'bit')} of {f.bits} {'has' if constant.size == 1 else 'have'}"
            " the same value in every record and tells nobody apart."
        )
    repeats = int(((f.entropy_lost < _NOTHING) & (f.own_entropy > 0)).sum())
    if repeats:
        said.append(
            f"{counted(repeats, 'bit')} could be left out, any one of them, without a change to "
            "any class: in these records the other bits say the same."
        )
    return said


def _instead(k: int, whole: int) -> str:
    return f"{number(k)} as with it" if k == whole else f"{number(k)} instead of {number(whole)}"


def _by_cost(f: Contribution) -> NDArray[np.intp]:
    """Return the bits by the uniques they make, then by the entropy they add, then by place."""
    return np.lexsort((np.arange(f.bits), -f.entropy_lost, f.uniques))


def _measures(f: Contribution) -> list[Measure]:
    rows: list[Measure] = []
    lost = f.entropy_lost
    for bit in range(f.bits):
        where = {"bit": str(bit)}
        rows += [
            Measure(
                "k without the bit",
                int(f.k[bit]),
                "records",
                "higher protects",
                f.n,
                method="exact count",
                where=where,
            ),
            Measure(
                "unique without the bit",
                float(f.uniques[bit] / f.n),
                "share",
                "lower protects",
                f.n,
                successes=int(f.uniques[bit]),
                method="exact count",
                where=where,
            ),
            Measure(
                "entropy lost without the bit",
                float(lost[bit]),
                "bits",
                "neither",
                f.n,
                method="plug-in, H(bit | other bits)",
                where=where,
            ),
            Measure(
                "entropy of the bit",
                float(f.own_entropy[bit]),
                "bits",
                "neither",
                f.n,
                method="plug-in",
                where=where,
            ),
            Measure(
                "ones of the bit",
                float(f.ones[bit]),
                "share",
                "neither",
                f.n,
                method="exact count",
                where=where,
            ),
        ]
        rows += [
            Measure(
                "records below k without the bit",
                float(below / f.n),
                "share",
                "lower protects",
                f.n,
                successes=int(below),
                method="exact count",
                where={**where, "k": str(k)},
            )
            for k, below in zip(f.thresholds, f.below[:, bit], strict=True)
        ]
    return rows


def _table(f: Contribution) -> Table:
    bits = np.arange(f.bits)
    note = "Bit 0 is the first of the code. Without the bit: all others are stored."
    if f.bits > MOST_ROWS:
        bits = _by_cost(f)[:MOST_ROWS]
        note += f" The {MOST_ROWS} bits that add most; the JSON holds all {f.bits}."
    shown = [(place, k) for place, k in enumerate(f.thresholds) if k > 1][-1:]
    lost = f.entropy_lost
    rows = [
        [
            str(bit),
            share(float(f.ones[bit])),
            number(int(f.k[bit])),
            number(int(f.uniques[bit])),
            *(share(float(f.below[place, bit] / f.n)) for place, _ in shown),
            f"{lost[bit]:.3f}",
            _meaning(f, bit, float(lost[bit])),
        ]
        for bit in bits.tolist()
    ]
    return Table(
        "What each bit adds",
        [
            "bit",
            "ones",
            "k without it",
            "unique without it",
            *(f"below {number(k)} without it" for _, k in shown),
            "entropy it adds, in bits",
            "what it means",
        ],
        rows,
        note=note,
    )


def _meaning(f: Contribution, bit: int, lost: float) -> str:
    fewer = f.whole.classes_of_size(1) - int(f.uniques[bit])
    if f.own_entropy[bit] == 0:
        return "It is the same in every record."
    if lost < _NOTHING:
        return "The other bits say the same: leaving it out changes nothing."
    if not fewer:
        return "It splits classes, but makes no record unique."
    verb = "is" if fewer == 1 else "are"
    return f"{counted(fewer, 'record')} {verb} unique because of this bit."

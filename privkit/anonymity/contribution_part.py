"""What each bit adds, arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.contribution import Contribution
from privkit.anonymity.parts import Part
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["contribution_part"]

MOST_ROWS = 64
"""Bits in the table for people; the measures hold every bit."""

_NOTHING = 1e-9  # bits; what rounding leaves of an entropy of 0


def contribution_part(found: Contribution, noun: ClassNoun = CODE) -> Part:
    """Say which bits single people out, and which say nothing that the others do not.

    Args:
        found: the classes without each bit, of people as well where they are known.
        noun: what a class is.
    """
    return Part(
        findings=_findings(found, noun),
        warnings=[
            "Bits are left out one at a time: two bits that say the same thing each look as if "
            "they added nothing, and cannot both be left out for nothing.",
            *(
                [
                    "The part of each bit was counted in records: where a person has several, it "
                    "is another in people; say whose each record is with --person."
                ]
                if found.people is None
                else []
            ),
        ],
        measures=_measures(found),
        tables=[_table(found, noun)],
    )


@dataclass(frozen=True, eq=False)
class _Counted:
    """What the sentences are about: people where they are known, else records."""

    who: str
    n: int
    whole_k: int
    whole_uniques: int
    k: NDArray[np.int64]
    uniques: NDArray[np.int64]
    below: NDArray[np.int64]

    def many(self, value: int) -> str:
        """Write a count with its noun."""
        one = {"people": "person", "records": "record"}[self.who]
        return f"{number(value)} {one if value == 1 else self.who}"


def _counted(f: Contribution) -> _Counted:
    p = f.people
    if p is not None:
        return _Counted("people", p.n, p.whole_k, p.whole_uniques, p.k, p.uniques, p.below)
    smallest, alone = int(f.whole.sizes.min()), f.whole.classes_of_size(1)
    return _Counted("records", f.n, smallest, alone, f.k, f.uniques, f.below)


def _findings(f: Contribution, noun: ClassNoun) -> list[str]:
    c = _counted(f)
    others = _others(noun)
    most = int(_by_cost(f)[0])
    if f.entropy_lost[most] < _NOTHING:
        said = [f"No single bit adds anything in {c.who}: {others} always say the same."]
    else:
        said = [
            f"The bit that adds most, counted in {c.who}, is bit {most}: without it "
            f"{number(int(c.uniques[most]))} instead of {c.many(c.whole_uniques)} would be unique, "
            f"and k would be {_instead(int(c.k[most]), c.whole_k)}."
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
            f"any class: in these records {others} say the same."
        )
    return said


def _others(noun: ClassNoun) -> str:
    return "the other bits and the metadata" if noun.joined else "the other bits"


def _instead(k: int, whole: int) -> str:
    return f"{number(k)} as with it" if k == whole else f"{number(k)} instead of {number(whole)}"


def _by_cost(f: Contribution) -> NDArray[np.intp]:
    """Return the bits by the uniques they make, then by the entropy they add, then by place."""
    return np.lexsort((np.arange(f.bits), -f.entropy_lost, _counted(f).uniques))


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
        rows += _people_measures(f, bit)
    return rows


def _people_measures(f: Contribution, bit: int) -> list[Measure]:
    p, where, how = f.people, {"bit": str(bit)}, "distinct people, exact count"
    if p is None:
        return []
    k, unique = int(p.k[bit]), int(p.uniques[bit])
    down = partial(Measure, unit="share", better="lower protects", n=p.n, method=how)
    name = "k in people without the bit"
    return [
        Measure(name, k, "people", "higher protects", p.n, method=how, where=where),
        down("unique people without the bit", unique / p.n, successes=unique, where=where),
        *(
            down(
                "people below k without the bit",
                int(below) / p.n,
                successes=int(below),
                where={**where, "k": str(limit)},
            )
            for limit, below in zip(f.thresholds, p.below[:, bit], strict=True)
        ),
    ]


def _table(f: Contribution, noun: ClassNoun) -> Table:
    c = _counted(f)
    bits = np.arange(f.bits)
    note = (
        f"Counted in {c.who}. Bit 0 is the first of the code. Without the bit: all others are "
        f"stored{', and the metadata' if noun.joined else ''}."
    )
    if f.bits > MOST_ROWS:
        bits = _by_cost(f)[:MOST_ROWS]
        note += f" The {MOST_ROWS} bits that add most; the JSON holds all {f.bits}."
    shown = [(place, k) for place, k in enumerate(f.thresholds) if k > 1][-1:]
    lost = f.entropy_lost
    rows = [
        [
            str(bit),
            share(float(f.ones[bit])),
            number(int(c.k[bit])),
            number(int(c.uniques[bit])),
            *(share(float(c.below[place, bit] / c.n)) for place, _ in shown),
            f"{lost[bit]:.3f}",
            _meaning(f, bit, float(lost[bit]), noun),
        ]
        for bit in bits.tolist()
    ]
    return Table(
        f"What each bit adds, in {c.who}",
        [
            "bit",
            "ones",
            "k without it",
            f"{c.who} unique without it",
            *(f"{c.who} below {number(k)} without it" for _, k in shown),
            "entropy it adds, in bits",
            "what it means",
        ],
        rows,
        note=note,
    )


def _meaning(f: Contribution, bit: int, lost: float, noun: ClassNoun) -> str:
    c = _counted(f)
    fewer = c.whole_uniques - int(c.uniques[bit])
    if f.own_entropy[bit] == 0:
        return "It is the same in every record."
    if lost < _NOTHING:
        others = _others(noun)
        return f"{others[0].upper()}{others[1:]} say the same: leaving it out changes nothing."
    if not fewer:
        one = "person" if f.people is not None else "record"
        return f"It splits classes, but makes no {one} unique."
    verb = "is" if fewer == 1 else "are"
    return f"{c.many(fewer)} {verb} unique because of this bit."

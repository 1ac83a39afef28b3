"""Anonymity at every prefix length, arranged for the result of ``privkit kanon``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.longest_prefix import longest_table
from privkit.anonymity.parts import Part
from privkit.anonymity.prefixes import Prefixes
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["prefixes_part"]

MOST_ROWS = 33
"""Lengths in the table for people; the measures hold every length at which something changes."""


def prefixes_part(found: Prefixes, noun: ClassNoun = CODE) -> Part:
    """Say how many leading bits keep which k, and what holds at each length.

    Args:
        found: the counts, within the metadata where the classes have any.
        noun: what a class is.
    """
    return Part(
        findings=[_finding(found, noun)],
        warnings=_warnings(found, noun),
        measures=[*_longest_measures(found), *_length_measures(found)],
        tables=[longest_table(found, noun), _lengths(found, noun)],
    )


def _finding(f: Prefixes, noun: ClassNoun) -> str:
    source, who = (f, "records") if f.people is None else (f.people, "people")
    said = []
    for k in f.thresholds:
        bits = source.longest(k)
        if k > 1:
            said.append(
                f"k >= {number(k)}: {'not even 0 bits' if bits is None else counted(bits, 'bit')}"
            )
    listed = f" The most leading bits that keep, in {who}, {'; '.join(said)}." if said else ""
    beside = f" A class is a prefix of the {noun.one}." if noun.joined else ""
    return f"Storing fewer of the {f.bits} bits hides people better.{beside}{listed}"


def _warnings(f: Prefixes, noun: ClassNoun) -> list[str]:
    said = [
        "A prefix length chosen on these records keeps its k for these records only; other or "
        "fewer people at the same length may have less."
    ]
    if f.people is None:
        said.append(
            "Prefixes were counted in records: where a person has several, k in people is smaller."
        )
    if noun.joined:
        said.append(
            "What each record could keep at a length of its own is chosen of codes alone and was "
            "not found here; leave --with out for it."
        )
    return said


def _longest_measures(f: Prefixes) -> list[Measure]:
    rows = []
    for who, source in (("records", f), ("people", f.people)):
        if source is not None:
            rows += [
                Measure(
                    "longest prefix that keeps k",
                    source.longest(k),
                    "bits",
                    "higher is useful",
                    n=source.n,
                    method="exact; no value where all together are fewer than k",
                    where={"k": str(k), "of": who},
                )
                for k in f.thresholds
            ]
    who = "records" if f.people is None else "people"
    for own in f.own:
        where = {"k": str(own.k), "of": who}
        how = "a length of its own for each record, as --enforce K --method truncate-each, exact"
        rows += [
            Measure(
                "bits kept at own lengths",
                own.bits,
                "bits",
                "higher is useful",
                f.n - own.left_out,
                method=how,
                where=where,
            ),
            Measure(
                "records left out at own lengths",
                own.left_out / f.n,
                "share",
                "neither",
                f.n,
                successes=own.left_out,
                method=how,
                where=where,
            ),
        ]
    return rows


def _length_measures(f: Prefixes) -> list[Measure]:
    rows: list[Measure] = []
    for bits in _changes(f).tolist():
        where = {"prefix": f"{bits} bits"}
        method = "exact count"
        rows += [
            Measure(
                "k of prefixes",
                int(f.k[bits]),
                "records",
                "higher protects",
                f.n,
                method=method,
                where=where,
            ),
            Measure(
                "classes of prefixes",
                int(f.classes[bits]),
                "classes",
                "lower protects",
                f.n,
                method=method,
                where=where,
            ),
            Measure(
                "unique prefixes",
                float(f.uniques[bits] / f.n),
                "share",
                "lower protects",
                f.n,
                successes=int(f.uniques[bits]),
                method=method,
                where=where,
            ),
            Measure(
                "Shannon entropy of prefixes",
                float(f.entropy[bits]),
                "bits",
                "neither",
                f.n,
                method="plug-in",
                where=where,
            ),
        ]
        rows += [
            Measure(
                "records below k by prefix",
                float(below / f.n),
                "share",
                "lower protects",
                f.n,
                successes=int(below),
                method=method,
                where={**where, "k": str(k)},
            )
            for k, below in zip(f.thresholds, f.below[:, bits], strict=True)
        ]
        p = f.people
        if p is not None:
            rows.append(
                Measure(
                    "k of prefixes in people",
                    int(p.k[bits]),
                    "people",
                    "higher protects",
                    p.n,
                    method=method,
                    where=where,
                )
            )
            rows += [
                Measure(
                    "people below k by prefix",
                    float(below / p.n),
                    "share",
                    "lower protects",
                    p.n,
                    successes=int(below),
                    method=method,
                    where={**where, "k": str(k)},
                )
                for k, below in zip(p.thresholds, p.below[:, bits], strict=True)
            ]
    return rows


def _changes(f: Prefixes) -> NDArray[np.intp]:
    """Return the lengths at which the classes differ from those of one bit less, and 0 and N.

    The number of classes says it: a longer prefix only splits classes.
    """
    differ = np.flatnonzero(np.diff(f.classes)) + 1
    return np.unique([0, *differ, f.bits]).astype(np.intp)


def _lengths(f: Prefixes, noun: ClassNoun) -> Table:
    lengths = _changes(f)
    note = "Lengths that are not listed have the same classes as the next shorter one."
    if lengths.size > MOST_ROWS:
        picked = np.linspace(0, lengths.size - 1, MOST_ROWS).round().astype(np.intp)
        lengths = lengths[picked]
        note = f"{MOST_ROWS} of the lengths at which classes split; the JSON holds them all."
    limits = [k for k in f.thresholds if k > 1]
    rows = []
    for bits in lengths.tolist():
        row = [number(bits), number(int(f.classes[bits])), number(int(f.k[bits]))]
        if f.people is not None:
            row.append(number(int(f.people.k[bits])))
        row.append(share(f.uniques[bits] / f.n))
        source = f if f.people is None else f.people
        for place, k in enumerate(f.thresholds):
            if k in limits[-1:]:
                row.append(share(source.below[place, bits] / source.n))
        rows.append([*row, f"{f.entropy[bits]:.2f}", _meaning(f, bits, noun)])
    who = "records" if f.people is None else "people"
    return Table(
        "Anonymity by prefix length",
        [
            "bits stored",
            "classes",
            "k",
            *([] if f.people is None else ["k in people"]),
            "records unique",
            *(f"{who} below {number(k)}" for k in limits[-1:]),
            "entropy in bits",
            "what it means",
        ],
        rows,
        note=note,
    )


def _meaning(f: Prefixes, bits: int, noun: ClassNoun) -> str:
    k = int(f.k[bits]) if f.people is None else int(f.people.k[bits])
    who = "record" if f.people is None else "person"
    if bits == 0 and not noun.joined:
        return "Nothing is stored: everybody is alike."
    what = "prefix"
    if noun.joined:
        what = "metadata" if bits == 0 else "prefix with the metadata"
    if k == 1:
        return f"At least one {who} is singled out by the {what} alone."
    others = "other record" if f.people is None else "other"
    return f"Every {who} shares the {what} with at least {counted(k - 1, others)}."

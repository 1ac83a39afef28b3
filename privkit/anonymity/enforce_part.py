"""Enforced k-anonymity and its cost, arranged for the result of ``privkit kanon``."""

from __future__ import annotations

import numpy as np

from privkit.anonymity.enforce import METHODS, Enforced
from privkit.anonymity.enforced_file import Verified
from privkit.anonymity.parts import Part
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["enforce_part"]


def enforce_part(found: Enforced, verified: Verified) -> Part:
    """Say what was enforced, what it cost and what was counted in the written file."""
    who = "records" if verified.people is None else "people"
    cost = [
        f"{found.bits_kept:.2f} of {found.bits} bits are kept on average",
        f"{counted(found.suppressed, 'record')} ({share(found.suppressed / found.n)}) left out",
    ]
    if found.people is not None and found.people_kept is not None:
        gone = found.people - found.people_kept
        cost.append(f"{number(gone)} of {number(found.people)} people left out altogether")
    return Part(
        findings=[
            f"Enforced k >= {number(found.k)} by {METHODS[found.method].words}: counted again in "
            f"the written file, k = {number(verified.k)} {who}. The cost: {'; '.join(cost)}."
        ],
        warnings=_warnings(found),
        measures=_measures(found, verified, who),
        tables=[_table(found, verified, who)],
    )


def _warnings(f: Enforced) -> list[str]:
    said = []
    if f.people is None:
        said.append(
            "K was enforced in records: where a person has several, fewer than K people may share "
            "a stored code."
        )
    else:
        said.append(
            "Every stored code is shared by at least K people. Several records of one person "
            "together may still single that person out."
        )
    if f.suppressed:
        said.append(
            "The file of row numbers says which records were kept. It is for joining other columns "
            "and need not be handed on: that a record is missing says that its code was rare."
        )
    if METHODS[f.method].own_length:
        said.append(
            f"Each stored code is a prefix, then a 1, then zeros: {f.bits + 1} bits. The length "
            "belongs to the class; it may not be dropped or published apart from the code."
        )
    return said


def _measures(f: Enforced, verified: Verified, who: str) -> list[Measure]:
    where = {"method": f.method, "k": str(f.k)}
    rows = [
        Measure(
            "k after enforcing",
            verified.k,
            who,
            "higher protects",
            int(f.rows.size),
            method="counted in the written file",
            where=where,
        ),
        Measure(
            "bits kept",
            f.bits_kept,
            "bits",
            "higher is useful",
            int(f.rows.size),
            method="mean over the records kept",
            where=where,
        ),
        Measure(
            "share of all bits kept",
            f.share_of_bits,
            "share",
            "higher is useful",
            f.n,
            method="over all records, those left out included",
            where=where,
        ),
        Measure(
            "records left out",
            f.suppressed / f.n,
            "share",
            "neither",
            f.n,
            successes=f.suppressed,
            method="exact count",
            where=where,
        ),
        Measure(
            "classes after enforcing",
            verified.records.classes,
            "classes",
            "neither",
            int(f.rows.size),
            method="counted in the written file",
            where=where,
        ),
    ]
    if f.people is not None and f.people_kept is not None:
        gone = f.people - f.people_kept
        rows.append(
            Measure(
                "people left out",
                gone / f.people,
                "share",
                "neither",
                f.people,
                successes=gone,
                method="no record of theirs is kept",
                where=where,
            )
        )
    return rows


def _table(f: Enforced, verified: Verified, who: str) -> Table:
    low, high = int(np.min(f.lengths)), int(np.max(f.lengths))
    rows = [
        [
            "k",
            f"{number(verified.k)} {who}",
            f"Counted in the written file: no code in it belongs to fewer {who}.",
        ],
        [
            "bits kept, mean",
            f"{f.bits_kept:.2f} of {f.bits}",
            "How much of each kept code is left to work with.",
        ],
        [
            "bits kept, fewest to most",
            f"{low} to {high}",
            _cut(f.bits, low, high),
        ],
        [
            "records left out",
            f"{number(f.suppressed)} ({share(f.suppressed / f.n)})",
            "Their codes are not in the file at all.",
        ],
        ["classes", number(verified.records.classes), "Different codes in the written file."],
    ]
    if f.people is not None and f.people_kept is not None:
        gone = f.people - f.people_kept
        rows.insert(
            4,
            [
                "people left out",
                f"{number(gone)} ({share(gone / f.people)})",
                "Nobody can find them in the file; they are not served by it either.",
            ],
        )
    return Table(
        f"Enforced: k >= {number(f.k)} by {f.method}", ["", "found", "what it means"], rows
    )


def _cut(bits: int, low: int, high: int) -> str:
    if low == bits:
        return "No code that is kept was cut."
    return "All codes are cut alike." if low == high else "Rare codes are cut shorter."

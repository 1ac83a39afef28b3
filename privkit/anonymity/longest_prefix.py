"""The table of the longest prefixes that keep k: one length for all, and a length for each."""

from __future__ import annotations

from privkit.anonymity.class_noun import ClassNoun
from privkit.anonymity.prefixes import Prefixes
from privkit.anonymity.words import counted, number, share
from privkit.result import Table

__all__ = ["longest_table"]


def longest_table(f: Prefixes, noun: ClassNoun) -> Table:
    """One row a threshold.

    Args:
        f: the counts, with lengths of their own where codes stand alone.
        noun: what a class is.
    """
    own = {one.k: one for one in f.own}
    rows = []
    for k in f.thresholds:
        best = f.longest(k)
        cells = [number(k), _bits(best)]
        if f.people is not None:
            best = f.people.longest(k)
            cells.append(_bits(best))
        if own:
            bits = own[k].bits
            left = own[k].left_out
            cells += [
                "–" if bits is None else f"{bits:.2f}",
                f"{number(left)} ({share(left / f.n)})",
            ]
        rows.append([*cells, _meaning(f, k, best, noun)])
    people = [] if f.people is None else ["bits, k in people"]
    each = ["mean bits, a length each", "records left out"] if own else []
    who = "records" if f.people is None else "people"
    return Table(
        "The longest prefix that keeps k",
        ["k at least", "bits, k in records", *people, *each, "what it means"],
        rows,
        note=(
            "A length each: every record is stored as long as possible with every stored prefix, "
            f"its length included, shared by at least k {who}; records that find no others are "
            "left out. --enforce K --method truncate-each writes it."
        )
        if own
        else "",
    )


def _bits(value: int | None) -> str:
    return "–" if value is None else number(value)


def _meaning(f: Prefixes, k: int, bits: int | None, noun: ClassNoun) -> str:
    who = "records" if f.people is None else "people"
    what = "prefix with its metadata" if noun.joined else "prefix"
    if bits is None:
        if noun.joined:
            return f"The metadata alone leave some class to fewer than {number(k)} {who}."
        return f"There are fewer than {number(k)} {who} in all."
    if bits == 0:
        return f"Even one bit leaves some {what} to fewer than {number(k)} {who}."
    if bits == f.bits:
        return (
            f"All {f.bits} bits can be stored: every {noun.one} belongs to at least {number(k)} "
            f"{who}."
        )
    return (
        f"With the first {counted(bits, 'bit')} every stored {what} belongs to at least "
        f"{number(k)} {who}; with one more it does not."
    )

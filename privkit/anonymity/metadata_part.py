"""The cost of metadata arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from privkit.anonymity.metadata import Anonymity, Column, Metadata
from privkit.anonymity.parts import Part
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["metadata_part"]


def metadata_part(found: Metadata) -> Part:
    """Say what the columns cost, and which one costs most."""
    return Part(
        findings=_findings(found),
        warnings=_warnings(found),
        measures=_measures(found),
        tables=[_sets(found), _columns(found)],
    )


def _findings(f: Metadata) -> list[str]:
    said = []
    below = f"k below {number(f.threshold)}"
    if f.code is not None:
        said.append(
            f"The code alone has k = {number(f.code.k)} in {f.of}; with "
            f"{', '.join(column.name for column in f.columns)} beside it k = "
            f"{number(f.joined.k)}. {share(f.code.share_below)} of the {f.of} have {below} by the "
            f"code alone, {share(f.joined.share_below)} with the columns."
        )
    worst = f.costliest
    if worst is not None and worst.without is not None:
        k = f"k is {number(worst.without.k)} instead of {number(f.joined.k)}"
        if worst.without.k == f.joined.k:
            k = f"k stays {number(f.joined.k)}"
        said.append(
            f"The column that costs most is {worst.name}: without it "
            f"{share(worst.without.share_below)} of the {f.of} have {below} instead of "
            f"{share(f.joined.share_below)}, and {k}."
        )
    elif any(column.without is not None for column in f.columns):
        said.append(
            f"Leaving out any one column changes neither k, nor the unique {f.of}, nor the share "
            f"with {below}: what one column says, the others say as well."
        )
    return said


def _warnings(f: Metadata) -> list[str]:
    return [
        f"The column {column.name!r} has no value in {counted(column.missing, 'record')} "
        f"({share(column.missing / f.records)}): missing counts as a value of its own, equal to "
        "missing, while an adversary may treat it as 'could be anyone'."
        for column in f.columns
        if column.missing
    ] + [
        f"The column {column.name!r} has a text that looks like a missing value (?, NA, N/A, NULL, "
        f"NaN, None or white space) in {counted(column.marked, 'record')}: each such text counts "
        "as a value of its own. If it stands for a missing value, leave the field empty."
        for column in f.columns
        if column.marked
    ]


def _measures(f: Metadata) -> list[Measure]:
    sets = [("metadata alone", f.metadata), ("code and metadata", f.joined)]
    if f.code is not None:
        sets.insert(0, ("code alone", f.code))
    rows = [m for name, a in sets for m in _of(f, a, {"known": name})]
    for column in f.columns:
        if column.without is not None:
            rows += _of(f, column.without, {"known": "all but", "column": column.name})
        rows += _of(f, column.alone, {"known": "added alone", "column": column.name})
    return rows


def _of(f: Metadata, a: Anonymity, where: dict[str, str]) -> list[Measure]:
    below = {**where, "k": str(f.threshold)}
    exact = "exact count"
    return [
        Measure("k with metadata", a.k, f.of, "higher protects", f.n, method=exact, where=where),
        Measure(
            "unique with metadata",
            a.share_unique,
            "share",
            "lower protects",
            f.n,
            successes=a.uniques,
            method=exact,
            where=where,
        ),
        Measure(
            "below k with metadata",
            a.share_below,
            "share",
            "lower protects",
            f.n,
            method=exact,
            where=below,
        ),
    ]


def _sets(f: Metadata) -> Table:
    rows = [
        [
            "metadata alone",
            *_cells(f.metadata),
            f"Whoever knows the columns but not the code looks among at least "
            f"{counted(f.metadata.k, 'candidate')}.",
        ],
        [
            "code and metadata",
            *_cells(f.joined),
            f"Whoever knows both looks among at least {counted(f.joined.k, 'candidate')}.",
        ],
    ]
    if f.code is not None:
        row = [
            "code alone",
            *_cells(f.code),
            f"Whoever knows the code alone looks among at least {counted(f.code.k, 'candidate')}.",
        ]
        rows.insert(0, row)
    else:
        rows.pop()  # without a code both are the same
    columns = ["known", "k", f"unique {f.of}", "share unique", f"k below {number(f.threshold)}"]
    return Table(
        "k with and without metadata",
        [*columns, "what it means"],
        rows,
        note=f"k and shares are counted in {f.of}.",
    )


def _columns(f: Metadata) -> Table:
    rows = []
    for column in f.columns:
        if column.without is not None:
            rows.append(
                [column.name, "left out", *_cells(column.without), _left_out(f, column.without)]
            )
        rows.append([column.name, "added alone", *_cells(column.alone), _added(f, column)])
    columns = ["column", "", "k", f"unique {f.of}", "share unique"]
    return Table(
        "What each column costs",
        [*columns, f"k below {number(f.threshold)}", "what it means"],
        rows,
        note=(
            "Left out: everything else is known. Added alone: only this column is known"
            + (" beside the code." if f.code is not None else ".")
        ),
    )


def _cells(a: Anonymity) -> list[str]:
    return [number(a.k), number(a.uniques), share(a.share_unique), share(a.share_below)]


def _left_out(f: Metadata, without: Anonymity) -> str:
    fewer = f.joined.uniques - without.uniques
    if fewer == 0 and without.k == f.joined.k and without.share_below == f.joined.share_below:
        return "Leaving it out changes none of these."
    k = f"k stays {number(without.k)}"
    if without.k != f.joined.k:
        k = f"k becomes {number(without.k)} instead of {number(f.joined.k)}"
    return f"Leaving it out makes {number(fewer)} fewer {f.of} unique, and {k}."


def _added(f: Metadata, column: Column) -> str:
    if f.code is None:
        return f"By itself it leaves {number(column.alone.uniques)} {f.of} unique."
    more = column.alone.uniques - f.code.uniques
    return f"Beside the code alone it makes {number(more)} more {f.of} unique."

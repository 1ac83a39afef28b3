"""``privkit kanon``: how many records share each stored code."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from privkit.cli.console import JsonOption, OutOption, Output, QuietOption, command_line, deliver

__all__ = ["kanon"]

#: More records than anybody stores, and few enough to count with.
_MOST = 10**15


def kanon(
    context: typer.Context,
    codes: Annotated[
        Path, typer.Option("--codes", help="npy, npz, Parquet or CSV file of stored codes.")
    ],
    bits: Annotated[
        int | None,
        typer.Option("--bits", help="N, the bits of a code; needed for packed bytes."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns", help="Quasi-identifier column of Parquet or CSV; repeat for several."
        ),
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option(
            "--k",
            min=1,
            max=_MOST,
            help="Count records in classes smaller than this; repeat. [2, 5, 10, 100]",
        ),
    ] = None,
    population: Annotated[
        int | None,
        typer.Option(
            "--population", min=1, max=_MOST, help="Estimate k and uniques among so many people."
        ),
    ] = None,
    fail_under: Annotated[
        int | None,
        typer.Option(
            "--fail-under", min=1, max=_MOST, help="Exit with 1 when k is smaller than this."
        ),
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Count the equivalence classes of stored codes: k, small classes, uniques, entropy.

    One column a code, or several quasi-identifiers of a table. Which form an array has is decided
    by its shape, type and --bits; what is ambiguous is refused.
    """
    from privkit.anonymity.classes import count_classes
    from privkit.anonymity.report import THRESHOLDS, kanon_result
    from privkit.features.open import open_codes
    from privkit.report.class_sizes import draw_class_sizes

    output = Output(out, as_json, quiet)
    thresholds = tuple(k) if k else THRESHOLDS
    started = time.perf_counter()
    stored = open_codes(codes, bits=bits, columns=columns)
    counts = count_classes(stored)
    output.seconds["open and count"] = time.perf_counter() - started
    result = kanon_result(
        stored,
        counts,
        command=command_line(context),
        thresholds=thresholds,
        population=population,
        fail_under=fail_under,
    )
    return deliver(
        "kanon",
        result,
        output,
        draw=lambda folder: draw_class_sizes(
            folder, counts, bits=stored.bits, thresholds=thresholds
        ),
    )

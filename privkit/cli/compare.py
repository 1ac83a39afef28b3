"""``privkit compare``: what changed between two audits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privkit.cli.console import (
    JsonOption,
    OutOption,
    Output,
    QuietOption,
    SeedOption,
    command_line,
    deliver,
)

__all__ = ["compare"]


def compare(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="RUN", help="Run of the earlier audit.")],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Run of the later audit.")],
    fail_if_worse: Annotated[
        bool,
        typer.Option(
            "--fail-if-worse",
            help="Exit with 1 when a verdict got worse, or an attack is shown to succeed more.",
        ),
    ] = False,
    seed: SeedOption = 0,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Say what changed between two audits: policies and inputs, verdicts, success of attacks.

    The success of each attack that both ran is compared person by person, with a permutation test
    over the people of both.
    """
    from privkit.audit.compare import compare_runs, read_run
    from privkit.audit.compare_result import comparison_result
    from privkit.report.audit_change import draw_changes

    output = Output(out, as_json, quiet)
    found = compare_runs(read_run(first), read_run(second), seed=seed)
    result = comparison_result(
        found, command=command_line(context), seed=seed, fail_if_worse=fail_if_worse
    )
    return deliver(
        "compare",
        result,
        output,
        draw=lambda folder: draw_changes(folder, found, result.notices),
    )

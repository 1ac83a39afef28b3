"""What every command shares: output options, progress, and the delivery of a result."""

from __future__ import annotations

import io
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privkit.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from privkit.audit.findings import Audit
    from privkit.report.html import Picture
    from privkit.result import Result, Table

__all__ = [
    "DeviceOption",
    "JsonOption",
    "OutOption",
    "Output",
    "QuietOption",
    "SeedOption",
    "command_line",
    "deliver",
    "reader_may_leave",
    "say_audit",
]

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", help="New folder for the run; by default the next free one below reports/."
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, alone, on standard output.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the run's folder and errors only.")
]
#: Leaves room for --seeds below the 64 bits that the generators take.
_MAX_SEED = 2**62

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=_MAX_SEED, help="Seed of all random draws.")
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu or cuda; auto takes cuda where there is one.")
]

#: Options that say where the output goes; they are not part of what was measured.
_OUTPUT_FLAGS = {"--json", "--quiet", "-q"}

#: Seconds.
_WORTH_A_LINE = 1.0

#: Columns; wider than any table, which is drawn no wider than its content.
_UNWRAPPED = 100_000


@dataclass
class Output:
    """Where a command's output goes, and the clock of its steps."""

    out: Path | None = None
    as_json: bool = False
    quiet: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from privkit.runs import check_out

        check_out(self.out)

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, int, int], None]]:
        """Yield ``tick(step, done, total)``, which draws one bar a step with the time left.

        On a terminal the bars are drawn on standard error; elsewhere each finished step that took
        a second is a line.
        """
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        console = _console(stderr=True)
        last = time.perf_counter()
        bars: dict[str, Any] = {}
        drawn = console.is_terminal and not self.quiet
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not drawn,
        )

        def tick(step: str, done: int, total: int) -> None:
            nonlocal last
            now = time.perf_counter()
            # Steps take turns: the time since the last tick belongs to this one.
            self.seconds[step] = self.seconds.get(step, 0.0) + now - last
            last = now
            if step not in bars:
                bars[step] = bar.add_task(step, total=total)
            bar.update(bars[step], completed=done, total=total)
            if (
                done >= total
                and not drawn
                and not self.quiet
                and self.seconds[step] >= _WORTH_A_LINE
            ):
                console.print(f"{step}: {total} done in {self.seconds[step]:.1f} s")

        with bar:
            yield tick


def command_line(context: typer.Context) -> str:
    """The command as typed, without output options and without the folders of this machine.

    Files keep their names only: results are passed on, and a path tells whose machine it was.
    """
    kept: list[str] = []
    arguments = iter(context.obj or ())
    for argument in arguments:
        if argument in _OUTPUT_FLAGS or argument.startswith("--out="):
            continue
        if argument == "--out":
            next(arguments, None)
            continue
        kept.append(_without_folders(argument))
    return shlex.join(["privkit", *kept])


def _without_folders(argument: str) -> str:
    """``--codes=/home/anna/codes.npy`` as ``--codes=codes.npy``."""
    option, equals, value = (
        argument.partition("=") if argument.startswith("--") else ("", "", argument)
    )
    if not equals and option:
        return argument
    return option + equals + (Path(value).name or value if "/" in value else value)


def check_device(device: str) -> str:
    """Resolve ``auto`` and refuse a device that is not there.

    Raises:
        InputError: an unknown name, or cuda without a usable GPU.
    """
    choices = ("auto", "cpu", "cuda")
    if device not in choices:
        raise InputError(
            "unknown device", where="--device", rule=f"one of {', '.join(choices)}", found=device
        )
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "no usable GPU", where="--device", found=device, remedy="use --device cpu or auto"
        )
    return device


def deliver(
    name: str,
    result: Result,
    output: Output,
    draw: Callable[[Path], Sequence[Picture]] | None = None,
    write: Callable[[Path], None] | None = None,
) -> int:
    """Write the run folder, print the result, and return the exit code.

    Args:
        name: the command's short name, which names the default folder.
        result: what was found.
        output: where it goes.
        draw: writes the figures into a folder and says which they are.
        write: writes further files of the run, e.g. reconstructions as an array.

    Returns:
        0, or 1 when a gate that the user set failed.
    """
    from privkit.report.html import write_report
    from privkit.runs import write_run, write_times

    def fill(folder: Path) -> None:
        started = time.perf_counter()
        pictures = draw(folder) if draw is not None else ()
        if write is not None:
            write(folder)
        (folder / "result.json").write_text(result.to_json(), encoding="utf-8")
        write_report(folder / "report.html", result, pictures)
        output.seconds["figures and report"] = time.perf_counter() - started
        write_times(folder, output.seconds)

    folder = write_run(name, output.out, fill)
    with reader_may_leave():
        _print(result, folder, output)
    return result.exit_code


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Print to a reader who may have left, as ``| head`` does."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich turns a closed pipe into SystemExit(1)
        # The run is written, and 1 would mean a failed gate.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # Piped output is read by programs and kept in files: never wrapped to a terminal's width.
    width = None if stream.isatty() else _UNWRAPPED
    return Console(file=stream, width=width, highlight=False, soft_wrap=True)


def _print(result: Result, folder: Path, output: Output) -> None:
    console = _opened(result, folder, output)
    if console is None:
        return
    for finding in result.findings:
        console.print(f"• {finding}", markup=False)
    _warn(console, result)
    for table in result.tables:
        _print_table(console, table)
    for gate in result.gates:
        word, style = ("passed", "green") if gate.passed else ("FAILED", "bold red")
        console.print(
            f"Gate {word}: {gate.name}: {gate.rule}, found {gate.found:,.10g}",
            style=style,
            markup=False,
        )
    _where(console, folder)


def _opened(found: Result | Audit, folder: Path, output: Output) -> Console | None:
    """Print what is asked for alone, or the notices and give the console for the rest."""
    if output.as_json:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as JSON demands (RFC 8259, section 8.1)
        sys.stdout.write(found.to_json())
        if not output.quiet:
            _console(stderr=True).print(f"run: {folder}", markup=False)
        return None
    console = _console()
    if output.quiet:
        console.print(str(folder), markup=False)
        return None
    for notice in found.notices:
        console.print(f"NOTE: {notice}", style="bold yellow", markup=False)
    return console


def _warn(console: Console, found: Result | Audit) -> None:
    for warning in found.warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False)


def _where(console: Console, folder: Path) -> None:
    console.print(f"\nrun: {folder}   report: {folder / 'report.html'}", markup=False)


def say_audit(audit: Audit, folder: Path, output: Output) -> None:
    """Print what an audit found: the headline, a line a risk, what limits it."""
    console = _opened(audit, folder, output)
    if console is None:
        return
    console.print(audit.headline, style="bold", markup=False)
    console.print(audit.store, markup=False)
    for finding in audit.risks:
        style = _VERDICT_STYLE.get(finding.verdict, "")
        console.print(f"• {finding.title}: {finding.sentence}", style=style, markup=False)
    _warn(console, audit)
    _where(console, folder)


_VERDICT_STYLE = {"leaks": "bold red", "attack invalid": "magenta", "no leak found": "green"}


def _print_table(console: Console, table: Table) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        title=Text(table.title),
        title_justify="left",
        box=box.SIMPLE_HEAD if console.is_terminal else None,
    )
    for n, column in enumerate(table.columns):
        drawn.add_column(Text(column), justify="left" if n == 0 else "right", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print()
    console.print(drawn, soft_wrap=False)
    if table.note:
        console.print(Text(table.note))

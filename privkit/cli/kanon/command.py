"""``privkit kanon``: the options, and which way of counting they ask for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from privkit.cli.kanon.contradictions import (
    given_options,
    refuse_before_command,
    refuse_contradictions,
)
from privkit.cli.kanon.inputs import With, column_names, memory_bytes, open_stored
from privkit.errors import InputError

if TYPE_CHECKING:
    from privkit.anonymity.analyses import Analyses
    from privkit.anonymity.grouped import Beside, Classes
    from privkit.features.stored import StoredCodes
    from privkit.result import DataUsed

__all__ = ["kanon"]

#: More records than anybody stores, and few enough to count with.
_MOST = 10**15
_ENGINES = ("privkit", "duckdb", "daft")


@dataclass(frozen=True)
class _Asked:
    """What the options ask for, beside the files."""

    command: str
    thresholds: tuple[int, ...]
    population: int | None
    fail_under: int | None
    seed: int
    prefixes: bool
    memory: int | None
    settings: dict[str, Any]


def kanon(
    context: typer.Context,
    codes: Annotated[
        str | None,
        typer.Option(
            "--codes",
            help="Stored codes: an npy, npz, safetensors, HDF5, Parquet or CSV file, a folder of "
            "shards or a pattern.",
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option("--bits", help="N, the bits of a code; needed for packed bytes."),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option("--code", help="Column of the table --codes that holds the code."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            help="Quasi-identifiers of --with, or else of the table --codes: age,sex,… [all]",
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            help="Whose record each is: a file, or a column of --with or of the table. k then "
            "counts people.",
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            "--with", help="Table of quasi-identifiers that are stored with the codes, a row each."
        ),
    ] = None,
    sensitive: Annotated[
        list[str] | None,
        typer.Option(
            "--sensitive",
            help="File or column of what a class may give away: l-diversity, t-closeness; repeat.",
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
    prefixes: Annotated[
        bool,
        typer.Option(
            "--prefixes", help="Count every prefix length and bit of a very large file too."
        ),
    ] = False,
    enforce: Annotated[
        int | None,
        typer.Option(
            "--enforce",
            min=1,
            max=_MOST,
            help="Write codes of which each is shared by at least so many, to --out FILE.npy.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option("--method", help="How to enforce: truncate, truncate-each or suppress."),
    ] = None,
    approximate: Annotated[
        bool,
        typer.Option("--approximate", help="Count a keyed sample of the classes, in 64 MB."),
    ] = False,
    sketch: Annotated[
        Path | None,
        typer.Option(
            "--sketch", help="Keep the sketch of --approximate in FILE.sketch, for kanon merge."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", help="File with the secret of --approximate; by default derived from --seed."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help=f"Who counts the classes: {', '.join(_ENGINES)}.")
    ] = _ENGINES[0],
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            help="Working memory, e.g. 600MB; what is more goes to disk or is refused. [half]",
        ),
    ] = None,
    tmp: Annotated[
        Path | None, typer.Option("--tmp", help="Folder for what does not fit into memory.")
    ] = None,
    fail_under: Annotated[
        int | None,
        typer.Option(
            "--fail-under",
            min=1,
            max=_MOST,
            help="Exit with 1 when k, in people where they are known, is smaller than this.",
        ),
    ] = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int | None:
    """Count how many people hide behind each stored code: k, small classes, uniques, entropy.

    One column a code, or several quasi-identifiers of a table. Which form an array has is decided
    by its shape, type and --bits; what is ambiguous is refused.
    """
    given = given_options(context)
    if context.invoked_subcommand is not None:
        refuse_before_command(given, context.invoked_subcommand)
        return None
    refuse_contradictions(given, engine)
    if codes is None:  # refused above
        return 2
    from privkit.anonymity.prefix_premise import check_prefixes
    from privkit.anonymity.report import THRESHOLDS

    room = memory_bytes(memory)
    output = Output(None if enforce else out, as_json, quiet)
    if enforce is not None:
        from privkit.anonymity.enforced_file import check_enforce_out

        if out is None:
            raise InputError(
                "it is not said where to write the codes",
                where="--enforce",
                rule="--out names an npy file that does not exist",
                remedy="add --out safe.npy",
            )
        check_enforce_out(out)
    chosen = column_names(columns)
    started = time.perf_counter()
    with output.progress() as tick:
        stored = open_stored(codes, bits=bits, code=code, columns=chosen, metadata=beside)
        files = With(stored, codes, beside)
        asked = _Asked(
            command_line(context),
            tuple(k) if k else THRESHOLDS,
            population,
            fail_under,
            seed,
            prefixes,
            room,
            {
                "codes": stored.source,
                "form": stored.kind,
                "bits": stored.bits,
                "code": code,
                "columns": chosen or list(stored.columns),
                "person": person,
                "with": beside,
                "sensitive": sensitive,
                "population": population,
                "engine": engine,
            },
        )
        if approximate:
            from privkit.cli.kanon.approximate import count_approximately

            persons = None if person is None else files.values(person, "--person", "people")
            data = [_data(stored), *files.data]
            result = count_approximately(
                stored, persons, asked.thresholds, data, asked.command, key, seed, sketch
            )
            return deliver("kanon", result, output)
        known = files.beside(person, sensitive, chosen)
        data = [_data(stored), *files.data]
        if enforce is not None and method is not None and out is not None:
            return _enforce(stored, known, enforce, method, out, asked, data, output)
        if prefixes:
            check_prefixes(stored, known, room)
        classes = _count(stored, known, engine, room, tmp, tick)
    output.seconds["open and count"] = time.perf_counter() - started
    return _report(stored, classes, known, asked, data, output)


def _data(stored: StoredCodes) -> DataUsed:
    from privkit.result import DataUsed

    return DataUsed(stored.source, "codes", stored.sha256 or "", stored.n)


def _count(
    stored: StoredCodes,
    known: Beside,
    engine: str,
    room: int | None,
    tmp: Path | None,
    tick: Any,
) -> Classes:
    from privkit.anonymity.classes import check_fits, count_classes
    from privkit.anonymity.grouped import Classes, count_people_apart, group_records

    if engine not in _ENGINES:
        raise InputError(
            "this engine is not known",
            where="--engine",
            rule=f"one of {', '.join(_ENGINES)}",
            found=engine,
        )
    if engine != _ENGINES[0]:
        from privkit.anonymity.engines import ENGINES

        counts = ENGINES[engine](stored, memory=room, tmp=tmp)
        check_fits(counts, stored)
        if known.persons is None:
            return Classes(counts)
        return count_people_apart(stored, counts, known.persons, memory=room, tmp=tmp)
    if known.anything:
        classes = group_records(stored, known, memory=room, tmp=tmp)
        if classes.code is None:
            check_fits(classes.counts, stored)
        return classes
    return Classes(count_classes(stored, memory=room, tmp=tmp, progress=tick))


def _report(
    stored: StoredCodes,
    classes: Classes,
    known: Beside,
    asked: _Asked,
    data: list[DataUsed],
    output: Output,
) -> int:
    from privkit.anonymity.analyses import analyse
    from privkit.anonymity.report import kanon_result
    from privkit.report.kanon import draw_kanon

    found = analyse(
        stored,
        classes,
        known,
        thresholds=asked.thresholds,
        population=asked.population,
        prefixes=asked.prefixes,
        memory=asked.memory,
        seed=asked.seed,
    )
    # With metadata a class is no longer one code, of which there are 2^N.
    bits = stored.bits if classes.code is None else None
    drawn = found.known_codes is not None or asked.population is not None
    result = kanon_result(
        classes.counts,
        command=asked.command,
        data=data,
        configuration=asked.settings,
        seed=asked.seed if drawn else None,
        bits=bits,
        nulls=stored.nulls,
        marked=stored.marked,
        thresholds=asked.thresholds,
        parts=list(found.parts(stored.bits)),
        fail_under=asked.fail_under,
        people_k=_people_k(found, classes),
        noun=found.noun,
    )
    return deliver(
        "kanon",
        result,
        output,
        draw=lambda folder: draw_kanon(
            folder, classes.counts, found, bits=bits, thresholds=asked.thresholds, noun=found.noun
        ),
    )


def _people_k(found: Analyses, classes: Classes) -> int | None:
    if found.people is not None:
        return found.people.k
    return None if classes.people is None else int(classes.people.sizes_of_sizes[0][0])


def _enforce(
    stored: StoredCodes,
    known: Beside,
    k: int,
    method: str,
    path: Path,
    asked: _Asked,
    data: list[DataUsed],
    output: Output,
) -> int:
    from privkit.anonymity.enforce import enforce
    from privkit.anonymity.enforce_part import enforce_part
    from privkit.anonymity.enforced_file import write_enforced
    from privkit.anonymity.report import part_result
    from privkit.report.class_sizes import draw_class_sizes

    made = enforce(stored, k, method, persons=known.persons)
    verified = write_enforced(path, made)
    result = part_result(
        [enforce_part(made, verified)],
        command=asked.command,
        data=data,
        configuration={**asked.settings, "enforce": k, "method": method, "written": path.name},
        seed=None,
    )
    counts = verified.people or verified.records
    return deliver(
        "kanon",
        result,
        output,
        draw=lambda folder: draw_class_sizes(folder, counts, bits=None, thresholds=(k,)),
    )

"""``privkit audit``: is a store of features de-identified?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privkit.cli.console import (
    JsonOption,
    OutOption,
    Output,
    QuietOption,
    command_line,
    reader_may_leave,
    say_audit,
)
from privkit.errors import InputError

if TYPE_CHECKING:
    from privkit.audit.audit import Audited
    from privkit.audit.inputs import Opened

__all__ = ["audit"]


def _print_policy(wanted: bool) -> None:
    if wanted:
        from privkit.audit.policy import default_policy_text

        typer.echo(default_policy_text(), nl=False)
        raise typer.Exit


def audit(
    context: typer.Context,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--features",
            help="The store: npy, npz, safetensors, HDF5, Parquet, CSV or a FAISS index, floats or "
            "codes; a file, a folder of shards or a pattern. Repeat for several.",
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option("--bits", help="N of codes that are packed bytes or whole numbers."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", help="Feature columns of a table; by default all numeric ones."),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option("--person", help="Whose each record is: a column of the store, or a file."),
    ] = None,
    sensitive: Annotated[
        list[str] | None,
        typer.Option(
            "--sensitive", help="An attribute that must not be told: a column or a file; repeat."
        ),
    ] = None,
    members: Annotated[
        str | None,
        typer.Option(
            "--members",
            help="Whether each record was in the network's training set: a column or a file of "
            "true and false.",
        ),
    ] = None,
    gallery: Annotated[
        str | None,
        typer.Option("--gallery", help="Other records of the same people, with their names."),
    ] = None,
    gallery_person: Annotated[
        str | None,
        typer.Option(
            "--gallery-person", help="Names of the gallery; by default --person's column."
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            help="The picture of each record, in order: a folder of people, att, olivetti or "
            "generated.",
        ),
    ] = None,
    image_size: Annotated[
        str,
        typer.Option("--image-size", help="HEIGHTxWIDTH in pixels that pictures are brought to."),
    ] = "112x92",
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            help="What turns pictures into features: module:function, a TorchScript or ONNX file, "
            "or a network of privkit invert. It is run: give none that you do not trust.",
        ),
    ] = None,
    public: Annotated[
        str | None,
        typer.Option(
            "--public",
            help="What an adversary learns from: records of other people, or with --encoder a "
            "folder of their pictures.",
        ),
    ] = None,
    public_person: Annotated[
        str | None,
        typer.Option("--public-person", help="Names of the public records."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="TOML file of limits and settings; see --show-policy."),
    ] = None,
    _show_policy: Annotated[
        bool,
        typer.Option(
            "--show-policy",
            callback=_print_policy,
            is_eager=True,
            help="Print the default policy and exit.",
        ),
    ] = False,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Say whether a store of features is de-identified, risk by risk, with evidence.

    Runs the attacks that the given material allows, on the store and on three controls, and judges
    the strongest of each risk against the policy. Exit codes: 0 within the policy, 1 not, 3 the
    audit cannot say, 2 bad input.
    """
    from privkit.audit.policy import read_policy

    output = Output(out, as_json, quiet)
    if not features:
        raise InputError(
            "it is not said what to audit",
            where="--features",
            rule="the files of the store",
            remedy="privkit audit --features codes.npy --person people.csv",
        )
    settings = read_policy(policy)

    from privkit.audit.audit import run_audit
    from privkit.audit.given import Given
    from privkit.audit.inputs import open_material
    from privkit.data.locations import cache_folder

    opened = open_material(
        Given(
            features=features,
            bits=bits,
            columns=[c for one in columns for c in one.split(",") if c] if columns else None,
            person=person,
            sensitive=sensitive or (),
            members=members,
            gallery=gallery,
            gallery_person=gallery_person,
            public=public,
            public_person=public_person,
            images=images,
            image_size=_size(image_size),
            encoder=encoder,
            seed=settings.seeds[0],
        )
    )
    with output.progress() as tick:
        audited = run_audit(
            opened.material,
            settings,
            command=command_line(context),
            store=opened.store,
            data=opened.record.data,
            warnings=opened.record.warnings,
            cache=cache_folder() / "audits",
            tick=tick,
        )
    return _deliver(audited, opened, output)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()) or not (
        16 <= int(height) <= 1024 and 16 <= int(width) <= 1024
    ):
        raise InputError(
            "the size of pictures cannot be used",
            where="--image-size",
            rule="HEIGHTxWIDTH, each from 16 to 1024 pixels, e.g. 112x92",
            found=text,
        )
    return int(height), int(width)


def _deliver(audited: Audited, opened: Opened, output: Output) -> int:
    """Write the run, print what was found, and return the exit code."""
    from privkit.report.audit_run import write_audit
    from privkit.runs import write_run

    folder = write_run(
        "audit",
        output.out,
        lambda work: write_audit(
            work,
            audited.audit,
            audited.evidence,
            audited.trials,
            output.seconds,
            people=opened.material.people,
        ),
    )
    with reader_may_leave():
        say_audit(audited.audit, folder, output)
    return audited.audit.exit_code

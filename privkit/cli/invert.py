"""``privkit invert``: attack stored face features, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privkit.cli.console import (
    DeviceOption,
    JsonOption,
    OutOption,
    Output,
    QuietOption,
    SeedOption,
    check_device,
    command_line,
    deliver,
)

if TYPE_CHECKING:
    from attacks.inversion import Study
    from privkit.data.face_set import Faces
    from privkit.report.html import Picture
    from privkit.result import Result

__all__ = ["invert"]


def invert(
    context: typer.Context,
    bits: Annotated[
        list[int] | None,
        typer.Option(
            "--bits",
            help="Width of the stored feature in bits; 1280 is the undefended 40 floats. Repeat "
            "for several. Without --bits and --round: 1280, rounded 0.01, 1024, 128, 16.",
        ),
    ] = None,
    rounding: Annotated[
        list[float] | None,
        typer.Option("--round", help="Round the 40 floats to multiples of STEP; repeatable."),
    ] = None,
    attack: Annotated[
        list[str] | None,
        typer.Option("--attack", help="Attack by name; repeatable. Default: all."),
    ] = None,
    faces: Annotated[
        str,
        typer.Option(
            "--faces",
            help="auto, att, olivetti, generated, or a folder of photos. auto takes the AT&T "
            "Faces where they are found, else generated faces.",
        ),
    ] = "auto",
    person_pattern: Annotated[
        str | None,
        typer.Option(
            "--person-pattern",
            help="For a folder of photos in one place: a regular expression with a group named "
            "'person', matched against the file's name.",
        ),
    ] = None,
    seed: SeedOption = 0,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, help="Pool so many seeds, from --seed on.")
    ] = 1,
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Rebuild faces from stored features, and name the people behind them.

    Trains the paper's two-layer network at each level, stores features, attacks them, and scores
    the attacks with an evaluator that shares nothing with the network, beside baselines that
    ignore the feature.
    """
    from privkit.models.defenses import defenses_for

    output = Output(out, as_json, quiet)
    defenses = defenses_for(bits or (), rounding or ())

    from attacks import attacks_named
    from attacks.findings import study_result
    from attacks.inversion import run_study
    from privkit.data.faces import open_faces
    from privkit.data.locations import cache_folder

    chosen = attacks_named(attack or [])
    place = check_device(device)
    opened = open_faces(faces, seed=seed, person_pattern=person_pattern)
    all_seeds = range(seed, seed + seeds)
    with output.progress() as tick:
        study = run_study(
            opened,
            defenses,
            chosen,
            seeds=all_seeds,
            cache=cache_folder() / "networks",
            device=place,
            tick=tick,
        )
    result = study_result(
        study, opened, command=command_line(context), seeds=all_seeds, device=place
    )
    return deliver(
        "invert",
        result,
        output,
        draw=lambda folder: _draw(folder, study, result),
        write=lambda folder: _write(folder, study, opened),
    )


def _draw(folder: Path, study: Study, result: Result) -> list[Picture]:
    from attacks.baselines import BASELINES
    from attacks.scenes import NEW
    from privkit.report.inversion import draw_identification, draw_levels

    gallery = study.gallery
    pictures = [draw_identification(folder, result, NEW, study.people, list(BASELINES))]
    if any(attack.makes == "pictures" for attack in study.attacks.values()):
        pictures += draw_levels(
            folder,
            gallery.originals,
            gallery.made,
            gallery.recognised,
            gallery.shape,
            result,
            NEW,
            list(BASELINES),
        )
    return pictures


def _write(folder: Path, study: Study, faces: Faces) -> None:
    """The records target by target; stores for ``privkit audit``, codes for ``privkit kanon``.

    A store holds all photos, and beside it lie whose each is, whether the network was trained on
    it, and the encoder. Of the codes one a person: with several photos of each, a class of k codes
    would not be k people.
    """
    import numpy as np

    from privkit.models.face_network_file import save_face_network
    from privkit.report.inversion import level_in_file_name

    study.records.to_csv(folder / "records.csv", index=False)
    people = [faces.people[person] for person in faces.person]
    _column(folder / "person.csv", "person", people)
    for defense in study.defenses:
        store = study.stores[defense.name]
        features = store.features
        if defense.bottleneck_bits is not None:
            features = (features > 0).astype(np.uint8)
            codes = features[store.one_a_person]
            np.save(folder / f"codes-{defense.bottleneck_bits}.npy", codes, allow_pickle=False)
        name = level_in_file_name(defense.name)
        np.save(folder / f"store-{name}.npy", features, allow_pickle=False)
        _column(folder / "trained.csv", "trained", store.trained.tolist())
        save_face_network(store.network, folder / f"encoder-{name}.safetensors")


def _column(path: Path, name: str, values: Sequence[object]) -> None:
    """A CSV file of one column."""
    import pandas as pd

    pd.DataFrame({name: values}).to_csv(path, index=False)

"""The paper's Figure 5: face inversion from 1,280, 1,024, 128 and 16 bits, with its numbers.

    python benchmarks/paper/figure5.py --faces att --seeds 5 --out reports/figure5

Writes ``result.json``, the tables as ``figure5.md``, ``records.csv`` with what each attack did to
each target (numbers and words, no pictures) and ``identification.png``. The grid of reconstructions
shows faces: it is written beside them for generated faces alone. For photographs of people,
``--pictures FOLDER`` writes it there, a place that is not published.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from attacks import attacks_named
from attacks.baselines import BASELINES
from attacks.findings import study_result
from attacks.inversion import Study, run_study
from attacks.scenes import NEW
from privkit.cli.console import Output, check_device
from privkit.data.faces import Faces, open_faces
from privkit.data.locations import cache_folder
from privkit.errors import PrivkitError
from privkit.models.defenses import defenses_for
from privkit.report.inversion import draw_identification, draw_reconstructions
from privkit.report.markdown import keep_result, result_markdown
from privkit.result import Result


def main(arguments: list[str] | None = None) -> int:
    """Run the study and write it; exit with 2 where the faces or an option are not usable."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faces", default="att", help="as for privkit invert")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from --seed on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bits", type=int, nargs="+", default=[], help="default: the paper's")
    parser.add_argument("--attack", nargs="+", default=[], help="default: all")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--pictures", type=Path, help="folder for reconstructions.png")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds: at least 1")
    try:
        faces, study, result = studied(options)
    except PrivkitError as error:
        sys.stderr.write(f"figure5: error: {error}\n")
        return 2
    write(options.out, options.pictures, faces, study, result)
    return 0


def studied(options: argparse.Namespace) -> tuple[Faces, Study, Result]:
    """Run what ``privkit invert`` runs.

    Raises:
        PrivkitError: the faces or an option are not usable.
    """
    defenses = defenses_for(options.bits, ())
    device = check_device(options.device)
    attacks = attacks_named(options.attack)
    faces = open_faces(options.faces, seed=options.seed)
    seeds = range(options.seed, options.seed + options.seeds)
    with Output().progress() as tick:
        study = run_study(
            faces,
            defenses,
            attacks,
            seeds=seeds,
            cache=cache_folder() / "networks",
            device=device,
            tick=tick,
        )
    command = command_line(options, faces)
    return faces, study, study_result(study, faces, command=command, seeds=seeds, device=device)


def command_line(options: argparse.Namespace, faces: Faces) -> str:
    """The command in words that hold on any machine: a folder of faces by its name alone."""
    words = ["python", "benchmarks/paper/figure5.py", "--faces"]
    words.append(
        Path(options.faces).name if faces.source.startswith("face folder") else options.faces
    )
    words += ["--seeds", str(options.seeds), "--seed", str(options.seed)]
    for name in ("bits", "attack"):
        given = getattr(options, name)
        words += [f"--{name}", *map(str, given)] if given else []
    return shlex.join(words)


def write(out: Path, pictures: Path | None, faces: Faces, study: Study, result: Result) -> None:
    """Write the study's files; the grid of faces only where it may lie."""
    text = result_markdown("Face inversion (the paper's Figure 5)", result)
    keep_result(out, "figure5", result, text)
    study.records.to_csv(out / "records.csv", index=False)
    draw_identification(out, result, NEW, study.people, list(BASELINES))
    place = pictures if pictures is not None else out if faces.generated else None
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
        shown = study.gallery
        draw_reconstructions(
            place, shown.originals, shown.made, shown.recognised, shown.shape, result.notices
        )
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())

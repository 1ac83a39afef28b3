"""Choose MI-FACE's step and gradient on generated faces, never on the faces that are reported.

    python benchmarks/attacks/mi_face_settings.py --out reports/mi_face_settings

It runs every start, gradient and step on every level and prints how often the independent
evaluator recognises the reconstruction of a new photo.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from attacks.inversion import run_study
from attacks.mi_face import MIFace
from attacks.scenes import NEW
from privkit.capacity.report import table_to_markdown
from privkit.data.faces import open_faces
from privkit.evaluation.intervals import share_over_people
from privkit.models.defenses import defenses_for
from privkit.result import Table

STEPS = (30.0, 100.0, 300.0)


def main() -> None:
    """Run the grid and write ``settings.csv`` and ``settings.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", default="generated")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    chosen = parser.parse_args()
    faces = open_faces(chosen.faces, seed=chosen.seed)
    grid = {
        f"{start} | {through} | {step:g}": MIFace(start=start, through=through, step=step)
        for start in ("black", "mean")
        for through in ("tanh", "straight-through")
        for step in STEPS
    }
    study = run_study(
        faces,
        defenses_for((1280, 128, 16), ()),
        grid,
        seeds=range(chosen.seed, chosen.seed + chosen.seeds),
        cache=None,
        tick=lambda step, done, total: print(f"{step} {done}/{total}", flush=True),
    )
    new = study.records[(study.records["group"] == NEW) & study.records["attack"].isin(list(grid))]
    rows = []
    for (level, name), own in new.groupby(["level", "attack"], sort=False):
        start, through, step = str(name).split(" | ")
        share = share_over_people(own["identity"], own["person"])
        rows.append([str(level), start, through, step, share.percent(), f"{own['mse'].mean():.3f}"])
    columns = ["level", "start", "gradient", "step", "recognised", "pixel MSE"]
    note = f"{faces.source}, {len(study.ceiling)} new photos over {chosen.seeds} seeds."
    chosen.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_csv(chosen.out / "settings.csv", index=False)
    text = table_to_markdown(Table("MI-FACE settings", columns, rows, note))
    text += f"\nMade by `python benchmarks/attacks/mi_face_settings.py --out {chosen.out}`.\n"
    (chosen.out / "settings.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

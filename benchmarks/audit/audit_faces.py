"""Audits of face features: what each level of the paper's Figure 5 gives away, risk by risk.

    python benchmarks/audit/audit_faces.py --faces att --seeds 5 --out reports/audit_faces

For each seed and level the two-layer network is trained on about 40% of each person's photos, the
features of all photos are stored, and the store is audited with everything that ``privkit audit``
can be given: people, pictures, encoder, and which photos the network was trained on. Beside the
levels stand stores whose answer is known: a constant, random codes, and an encoder that stores the
pixels; pictures are rebuilt from these on the first seed alone.

Finished attacks are kept in privkit's cache, so that a run that was killed goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from attacks.split import split_faces
from privkit.audit.audit import Audited, run_audit
from privkit.audit.material import Material, Pictures
from privkit.audit.policy import read_policy
from privkit.audit.pooling import pooled
from privkit.audit.rebuilding import ConstantEncoder, PixelEncoder
from privkit.audit.risks import RISK_NAMES, RISKS
from privkit.data.faces import Faces, open_faces
from privkit.data.locations import cache_folder
from privkit.evaluation.rates import Rate, rate_of
from privkit.models.defenses import Defense, defenses_for
from privkit.models.train_faces import train_face_net
from privkit.report.markdown import keep_result, result_markdown
from privkit.result import DataUsed, Measure, Result, Table

KNOWN_ANSWERS = ("constant", "random 16-bit codes", "pixels (identity encoder)")
_RANDOM_BITS = 16


def levels() -> dict[str, Defense | None]:
    """The paper's levels, and the stores whose answer is known."""
    return {d.name: d for d in defenses_for((), ())} | dict.fromkeys(KNOWN_ANSWERS)


def stored(faces: Faces, level: str, seed: int) -> Material:
    """A store of all photos at a level."""
    split = split_faces(faces, seed)
    pixels = faces.pixels()
    pictures = Pictures(pixels, faces.shape)
    people = tuple(faces.people)
    defense = levels()[level]
    if defense is None:
        return known_answer(level, pictures, faces.person, people, seed)
    network, _ = train_face_net(
        split.train.pixels,
        split.train.person,
        people=len(people),
        bits=defense.bottleneck_bits,
        seed=seed,
        data_sha256=faces.sha256,
        cache=cache_folder() / "networks",
    )
    member = np.zeros(faces.n, dtype=bool)
    member[split.train.photo] = True
    return Material(
        defense.apply(network.store(pixels)),
        defense.bottleneck_bits,
        faces.person,
        people,
        member=member,
        pictures=pictures,
        encoder=network,
        defense=defense,
    )


class Hashed:
    """An encoder that says nothing, by codes: random bits drawn from the picture's own bytes."""

    differentiable = True

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def store(self, pixels: np.ndarray) -> np.ndarray:
        """Codes of 16 bits, the same for the same picture and unrelated for any two others."""
        draws = [
            np.random.default_rng([self.seed, *hashlib.sha256(row.tobytes()).digest()])
            for row in np.ascontiguousarray(pixels, dtype=np.float32)
        ]
        codes = [rng.choice(np.array([-1.0, 1.0], np.float32), _RANDOM_BITS) for rng in draws]
        return np.array(codes, np.float32).reshape(len(pixels), _RANDOM_BITS)

    def relaxed(self, pixels: torch.Tensor, through: str = "tanh") -> torch.Tensor:  # noqa: ARG002
        """The codes, whose gradient is zero: they stay the same, or jump to any other."""
        codes = torch.from_numpy(self.store(pixels.detach().cpu().numpy())).to(pixels)
        return codes + 0.0 * pixels.sum(1, keepdim=True)


def known_answer(
    level: str, pictures: Pictures, person: np.ndarray, people: tuple[str, ...], seed: int
) -> Material:
    """A store that must leak everything, or nothing."""
    encoder, bits = {
        KNOWN_ANSWERS[0]: (ConstantEncoder(), None),
        KNOWN_ANSWERS[1]: (Hashed(seed), _RANDOM_BITS),
        KNOWN_ANSWERS[2]: (PixelEncoder(pictures.shape), None),
    }[level]
    features = encoder.store(pictures.pixels)
    if seed:  # rebuilding, which takes longest, on the first seed alone
        return Material(features, bits, person, people)
    return Material(features, bits, person, people, pictures=pictures, encoder=encoder)


def audited(faces: Faces, budget: float, job: tuple[str, int]) -> Audited:
    """Audit one level of one seed."""
    level, seed = job
    policy = replace(read_policy(None), seeds=(seed,), budget_minutes=budget)
    found = run_audit(
        stored(faces, level, seed),
        policy,
        command=f"level {level}, seed {seed}",
        store=f"{faces.n} faces of {len(faces.people)} people, {level}",
        data=[DataUsed(faces.source, "images", faces.sha256, faces.n, faces.notice)],
        cache=cache_folder() / "audits",
    )
    sys.stderr.write(f"{level}, seed {seed}: {found.audit.headline}\n")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Audit every level of every seed and write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faces", default="att", help="as for privkit invert")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--level", action="append", help="by name; default: all")
    parser.add_argument("--budget", type=float, default=60.0, help="minutes for an audit")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    faces = open_faces(options.faces)
    chosen = options.level or list(levels())
    jobs = [(level, seed) for seed in range(options.seeds) for level in chosen]
    with ProcessPoolExecutor(options.jobs, initializer=partial(threadpool_limits, 1)) as pool:
        audits = list(pool.map(partial(audited, faces, options.budget), jobs))
    result = tabulated(dict(zip(jobs, audits, strict=True)), options)
    text = result_markdown("Audits of face features", result)
    keep_result(options.out, "audit_faces", result, text)
    sys.stdout.write(text)
    return 0


Audits = dict[tuple[str, int], Audited]


def tabulated(audits: Audits, options: argparse.Namespace) -> Result:
    """Verdicts by level and risk, and every attack pooled over the seeds."""
    chosen = list(dict.fromkeys(level for level, _ in audits))
    rates = {level: pooled_rates(audits, level) for level in chosen}
    tables = [verdict_table(audits, chosen), strongest_table(rates), power_table(audits, chosen)]
    pictures = inversion_table(rates)
    tables += [pictures] if pictures is not None else []
    measures = [
        Measure(rate.measure, rate.value, "share", "lower protects", rate.trials, None, rate.low,
                rate.high, rate.confidence,
                where={"level": level, "risk": risk, "attack": rate.attack})
        for level, risks in rates.items() for risk, own in risks.items() for rate in own
    ]  # fmt: skip
    command = f"python benchmarks/audit/audit_faces.py --faces {Path(options.faces).name}"
    command += f" --seeds {options.seeds}"
    first = next(iter(audits.values())).audit
    return Result(
        command,
        {"policy": read_policy(None).to_dict(), "seeds": options.seeds},
        0,
        list(first.data),
        findings(audits, rates),
        measures,
        tables,
    )


def pooled_rates(audits: Audits, level: str) -> dict[str, list[Rate]]:
    """By risk every attack's rate over all seeds, the strongest first."""
    own = [audited for (name, _), audited in audits.items() if name == level]
    out = {}
    for risk in RISK_NAMES:
        trials = pooled(a.trials.get(risk, ()) for a in own)
        if trials:
            found = [rate_of(t, family=len(trials)) for t in trials]
            out[risk] = sorted(found, key=lambda r: -r.residual)
    return out


def verdict_table(audits: Audits, chosen: Sequence[str]) -> Table:
    """Which verdict how often."""
    rows = []
    for level in chosen:
        own = [a.audit for (name, _), a in audits.items() if name == level]
        cells = []
        for risk in RISK_NAMES:
            counts = pd.Series([a.finding(risk).verdict for a in own]).value_counts()
            cells.append("; ".join(f"{verdict} ({n})" for verdict, n in counts.items()))
        rows.append([level, *cells])
    return Table(
        "Verdicts (of so many seeds)",
        ["stored of a face", *(RISKS[r].title for r in RISK_NAMES)],
        rows,
    )


def strongest_table(rates: dict[str, dict[str, list[Rate]]]) -> Table:
    """The strongest attack of each risk."""
    rows = [
        [level, RISKS[risk].title, own[0].name, cell(own[0]), f"{own[0].baseline:.1%}",
         f"{own[0].control:.1%}", f"{own[0].people}", f"{own[0].trials:,}"]
        for level, risks in rates.items() for risk, own in risks.items()
    ]  # fmt: skip
    columns = ["stored of a face", "risk", "strongest attack", "rate (95%)", "baseline",
               "control", "people", "trials"]  # fmt: skip
    return Table("The strongest attack on each risk, seeds pooled over people", columns, rows)


def power_table(audits: Audits, chosen: Sequence[str]) -> Table:
    """What a 'no leak found' could have shown, over the seeds."""
    large = read_policy(None).large_leak
    rows = []
    for level in chosen:
        own = [a.audit for (name, _), a in audits.items() if name == level]
        for risk in RISK_NAMES:
            found = [a.finding(risk) for a in own]
            quiet = [f for f in found if f.verdict == "no leak found"]
            if quiet:
                power = min(f.power for f in quiet if f.power is not None)
                size = max(f.detectable for f in quiet if f.detectable is not None)
                rows.append([level, RISKS[risk].title, f"{len(quiet)} of {len(found)}",
                             f"{power:.1%}", f"{size:.0%}"])  # fmt: skip
    return Table(
        "What 'no leak found' could have shown: the least of all seeds",
        ["stored of a face", "risk", "audits", f"power for a leak of {large:.0%}",
         "smallest leak shown with a probability of 80%"],
        rows,
    )  # fmt: skip


def inversion_table(rates: dict[str, dict[str, list[Rate]]]) -> Table | None:
    """Every picture attack at every level."""
    with_pictures = {
        level: {r.attack: r for r in risks["reconstruction"]}
        for level, risks in rates.items() if "reconstruction" in risks
    }  # fmt: skip
    if not with_pictures:
        return None
    attacks = list(dict.fromkeys(a for own in with_pictures.values() for a in own))
    rows = [
        [attack, *(cell(own[attack]) if attack in own else "not run"
                   for own in with_pictures.values())]
        for attack in sorted(attacks)
    ]  # fmt: skip
    return Table(
        "Reconstructions on which an independent evaluator recognises the person",
        ["attack", *with_pictures],
        rows,
        note="An attack is not run where it lacks what it needs: enumeration short codes, the "
        "gradient attacks an encoder.",
    )


def findings(audits: Audits, rates: dict[str, dict[str, list[Rate]]]) -> list[str]:
    """What stands in the tables, in sentences."""
    out = []
    for level, risks in rates.items():
        own = [a.audit for (name, _), a in audits.items() if name == level]
        said = sum(a.finding("linkability").verdict == "leaks" for a in own)
        best = risks["linkability"][0]
        line = f"{level}: {said} of {len(own)} audits say 'leaks: linkability' ({cell(best)})"
        if "reconstruction" in risks:
            pictures = risks["reconstruction"]
            line += f"; strongest inversion {pictures[0].attack}, {cell(pictures[0])}"
            plain = {r.attack: r for r in pictures}
            if {"ridge_decoder", "mi_face"} <= set(plain):
                line += f" (ridge {cell(plain['ridge_decoder'])}, MI-FACE {cell(plain['mi_face'])})"
        out.append(line + ".")
    return out


def cell(rate: Rate) -> str:
    """E.g. ``70% (61-78)``."""
    return f"{100 * rate.value:.0f}% ({100 * rate.low:.0f}-{100 * rate.high:.0f})"


if __name__ == "__main__":
    sys.exit(main())

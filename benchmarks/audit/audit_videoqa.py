"""Audits of the codes of videos: what no question asked, by task and by bits.

    python benchmarks/defenses/videoqa.py --stores stores --out reports/defenses_videoqa
    python benchmarks/audit/audit_videoqa.py --stores stores --out reports/audit_videoqa

Each store holds what a model trained for one task stores of every video of the generated set;
beside it lie attributes that no question asks about. Each video is a person of its own: the drawn
figures are nobody.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from privkit.audit.audit import run_audit
from privkit.audit.findings import Audit
from privkit.audit.given import Given
from privkit.audit.inputs import open_material
from privkit.audit.policy import read_policy
from privkit.data.locations import cache_folder
from privkit.evaluation.rates import Rate
from privkit.report.markdown import keep_result, result_markdown
from privkit.result import Measure, Result, Table

SECRETS = ("identity", "background", "side")
#: Files of a store by what they hold.
LEVELS = {
    "floats": "4-096-bits-256-floats.npy",
    "1,000 bits": "FeatComp-1000-bits.npy",
    "100 bits": "FeatComp-100-bits.npy",
    "10 bits": "FeatComp-10-bits.npy",
    "4 bits": "FeatComp-4-bits.npy",
    "2 bits": "FeatComp-2-bits.npy",
    "1 bit": "FeatComp-1-bit.npy",
    "10 bits, flipped with ε 20 a code": "flipped-10-bits-20-2-a-bit.npy",
}
NOTICE = "Generated videos of drawn figures, not recordings of people."

Cell = tuple[str, str]


def audited(stores: Path, cell: Cell) -> Audit:
    """Audit one store."""
    task, level = cell
    attributes = stores / task / "attributes.csv"
    opened = open_material(
        Given([str(stores / task / LEVELS[level])], sensitive=[f"{attributes}"], seed=0)
    )
    asked = {name: opened.material.sensitive[name] for name in SECRETS}
    audit = run_audit(
        replace(opened.material, sensitive=asked),
        read_policy(None),
        command=f"{task}, {level}",
        store=opened.store,
        data=opened.record.data,
        warnings=opened.record.warnings,
        cache=cache_folder() / "audits",
    ).audit
    sys.stderr.write(f"{task}, {level}: {audit.finding('inference').sentence}\n")
    return audit


def strongest(audit: Audit, secret: str) -> Rate:
    """The attack on one secret that has the highest bound."""
    rates = [r for r in audit.finding("inference").rates if r.measure.endswith(f" {secret}")]
    return max(rates, key=lambda r: (r.bound, r.residual))


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the stores of every task and level, and write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stores", type=Path, required=True, help="of defenses/videoqa.py")
    parser.add_argument("--task", action="append", help="default: every folder of --stores")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    tasks = options.task or sorted(p.name for p in options.stores.iterdir() if p.is_dir())
    cells = [(task, level) for task in tasks for level in LEVELS]
    with ProcessPoolExecutor(options.jobs, initializer=partial(threadpool_limits, 1)) as pool:
        audits = dict(zip(cells, pool.map(partial(audited, options.stores), cells), strict=True))
    result = tabulated(audits, tasks)
    text = result_markdown("Audits of video codes", result)
    keep_result(options.out, "audit_videoqa", result, text)
    sys.stdout.write(text)
    return 0


def tabulated(audits: dict[Cell, Audit], tasks: Sequence[str]) -> Result:
    """A row for each task and level, a column for each secret."""
    rows, measures, findings = [], [], []
    for (task, level), audit in audits.items():
        own = {secret: strongest(audit, secret) for secret in SECRETS}
        rows.append([
            task, level, *(cell_of(own[secret]) for secret in SECRETS),
            audit.finding("inference").verdict,
        ])  # fmt: skip
        measures += [
            Measure(r.measure, r.value, "share", "lower protects", r.trials, None, r.low, r.high,
                    r.confidence, where={"task": task, "level": level, "attack": r.attack})
            for r in own.values()
        ]  # fmt: skip
    for level in LEVELS:
        said = [audits[task, level].finding("inference").verdict for task in tasks]
        counts = ", ".join(f"{v} ({said.count(v)})" for v in dict.fromkeys(said))
        findings.append(f"{level}: inference {counts} of {len(said)} tasks.")
    table = Table(
        "The strongest attack on what no question asked: rate (95%), residual risk",
        ["task", "stored of a video", *SECRETS, "verdict"],
        rows,
        note="Balanced accuracy or accuracy, whichever attack has the highest bound; all attacks "
        "learn from other videos. The verdict is of the three secrets together.",
    )
    data = [replace(d, notice=NOTICE) for d in next(iter(audits.values())).data]
    command = "python benchmarks/audit/audit_videoqa.py --stores stores"
    return Result(command, {"policy": read_policy(None).to_dict()}, 0, data, findings, measures,
                  [table])  # fmt: skip


def cell_of(rate: Rate) -> str:
    """E.g. ``83% (78-87), residual 82%``."""
    return (
        f"{100 * rate.value:.0f}% ({100 * rate.low:.0f}-{100 * rate.high:.0f}), "
        f"residual {100 * rate.residual:.0f}%"
    )


if __name__ == "__main__":
    sys.exit(main())

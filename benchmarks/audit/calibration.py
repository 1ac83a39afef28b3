"""Is the audit calibrated? Its verdicts and intervals on simulated stores whose leak is known.

    python benchmarks/audit/calibration.py --out reports/audit_calibration

In a simulated store a share of the people have the same random code in all their records, and an
attribute that the code's first bits tell; the records of all others are random. The share is 0
(none), 0.05 (small: below the policy's limit of 0.1) or 0.5 (large). Each store is attacked as
``privkit audit`` does, and judged by the default policy.

- **False leaks**: stores judged 'leaks' on a risk whose true residual risk is at most the limit.
- **Coverage**: how often the 95% interval of an attack's rate holds that attack's true rate, which
  is its mean over all stores of that leak.
- **False comfort**: 'no leak found' where the true residual risk of the strongest attack exceeds
  the detectable size that the audit states.

Beside privkit's interval stands the percentile bootstrap over people on the same trials.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from privkit.audit.inferring import try_inference
from privkit.audit.linking import try_linking
from privkit.audit.material import Material
from privkit.audit.policy import read_policy
from privkit.audit.risks import RiskName
from privkit.audit.verdicts import judge
from privkit.evaluation.rates import rate_of
from privkit.evaluation.trials import Trials
from privkit.report.markdown import keep_result, result_markdown
from privkit.result import Measure, Result, Table

LEAKS = {"none": 0.0, "small": 0.05, "large": 0.5}
RISKS: Sequence[RiskName] = ("singling_out", "linkability", "inference")
_BITS = 16
_TELLING = 3
_RESAMPLES = 1000
#: Stores of an attack from which a variance is told.
_FEWEST_STORES = 20


@dataclass(frozen=True)
class Job:
    """One store to simulate and to audit."""

    leak: str
    seed: int
    people: int
    records: int = 4


def one_thread() -> None:
    """A process a core: the threads of small matrices only wait for each other."""
    threadpool_limits(1)


def simulated(job: Job) -> Material:
    """A store whose leak is known."""
    rng = np.random.default_rng([job.seed, *job.leak.encode()])
    person = np.repeat(np.arange(job.people), job.records)
    own = rng.choice([-1.0, 1.0], (job.people, _BITS))[person]
    noise = rng.choice([-1.0, 1.0], (len(person), _BITS))
    tells = (rng.random(job.people) < LEAKS[job.leak])[person]
    value = rng.permutation(np.arange(job.people) % 2)[person]
    own[:, :_TELLING] = (2 * value - 1)[:, None]
    features = np.where(tells[:, None], own, noise).astype(np.float32)
    labels = np.array(["no", "yes"], dtype=object)[value]
    return Material(features, _BITS, person, sensitive={"attribute": labels})


def audited(job: Job) -> list[dict[str, object]]:
    """Attack one store and judge it: a row for each risk and attack."""
    material, policy = simulated(job), read_policy(None)
    tried = [
        try_linking(material, job.seed, policy.targets, details=False),
        try_inference(material, "inference", "attribute", job.seed, bounds=False),
    ]
    trials = {risk: [t for one in tried for t in one.trials.get(risk, ())] for risk in RISKS}
    family = sum(map(len, trials.values()))
    rows: list[dict[str, object]] = []
    for risk in RISKS:
        finding = judge(risk, trials[risk], policy, family=family)
        for one in trials[risk]:
            rate = rate_of(one, confidence=policy.confidence, family=family)
            low, high = bootstrap(one, job.seed)
            rows.append({
                "leak": job.leak, "seed": job.seed, "risk": risk, "attack": rate.name,
                "value": rate.value, "low": rate.low, "high": rate.high,
                "residual": rate.residual, "bound": rate.bound,
                "independent": independent_variance(one),
                "bootstrap low": low, "bootstrap high": high,
                "verdict": finding.verdict, "detectable": finding.detectable,
            })  # fmt: skip
    return rows


def independent_variance(trials: Trials) -> float:
    """The variance of a rate if people were independent, and what is learned no part of it."""
    people, code = np.unique(trials.person, return_inverse=True)
    off = np.bincount(code, trials.weight * (trials.hit - trials.mean())) / trials.weight.sum()
    return float((off**2).sum()) * len(people) / (len(people) - 1)


def bootstrap(trials: Trials, seed: int) -> tuple[float, float]:
    """The percentile bootstrap over people of a rate."""
    rng = np.random.default_rng([seed, 99])
    people, code = np.unique(trials.person, return_inverse=True)
    hits = np.bincount(code, trials.weight * trials.hit)
    weights = np.bincount(code, trials.weight)
    drawn = rng.multinomial(len(people), [1 / len(people)] * len(people), size=_RESAMPLES)
    low, high = np.quantile((drawn @ hits) / (drawn @ weights), [0.025, 0.975])
    return float(low), float(high)


def main(arguments: list[str] | None = None) -> int:
    """Simulate, audit, tabulate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stores", type=int, default=200, help="of each leak")
    parser.add_argument("--people", type=int, default=60, help="in each store")
    parser.add_argument("--records", type=int, default=4, help="of each person, 2 at least")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    jobs = [
        Job(leak, seed, options.people, options.records)
        for leak in LEAKS for seed in range(options.stores)
    ]  # fmt: skip
    rows: list[dict[str, object]] = []
    with ProcessPoolExecutor(options.jobs, initializer=one_thread) as pool:
        for n, found in enumerate(pool.map(audited, jobs, chunksize=4), 1):
            rows += found
            if n % 50 == 0:
                sys.stderr.write(f"{n} of {len(jobs)} stores\n")
    result = tabulated(pd.DataFrame(rows), options)
    text = result_markdown("Calibration of the audit", result)
    keep_result(options.out, "calibration", result, text)
    sys.stdout.write(text)
    return 0


def tabulated(rows: pd.DataFrame, options: argparse.Namespace) -> Result:
    """What the stores say."""
    rows = with_truth(rows)
    limits = read_policy(None).limits
    stores = rows.drop_duplicates(["leak", "seed", "risk"])
    strongest = rows.groupby(["leak", "risk"])["true residual"].max()
    verdicts, cover, measures = [], [], []
    false_leaks = comfort = 0
    for (leak, risk), own in stores.groupby(["leak", "risk"], sort=False):
        truth = float(strongest[leak, risk])
        counts = own["verdict"].value_counts()
        leaks, none = int(counts.get("leaks", 0)), int(counts.get("no leak found", 0))
        wrong = leaks if truth <= limits[risk] else 0
        above = own["detectable"].isna() | (own["detectable"] < truth)
        blind = int(((own["verdict"] == "no leak found") & above).sum())
        false_leaks, comfort = false_leaks + wrong, comfort + blind
        size = own["detectable"].median()
        verdicts.append([
            str(leak), str(risk), f"{truth:.1%}", f"{len(own)}", f"{leaks}", f"{none}",
            f"{len(own) - leaks - none}", "none" if pd.isna(size) else f"{size:.0%}",
            f"{wrong} ({wrong / len(own):.1%})" if truth <= limits[risk] else "–", f"{blind}",
        ])  # fmt: skip
        where = {"leak": str(leak), "risk": str(risk)}
        measures.append(Measure("judged leaks", leaks / len(own), "share", "neither", len(own),
                                leaks, where=where))  # fmt: skip
        measures.append(Measure("judged no leak found", none / len(own), "share", "neither",
                                len(own), none, where=where))  # fmt: skip
    for (leak, risk), own in rows.groupby(["leak", "risk"], sort=False):
        cells = [str(leak), str(risk), f"{len(own):,}"]
        for name, low, high in (("interval", "low", "high"),
                                ("bootstrap", "bootstrap low", "bootstrap high")):  # fmt: skip
            below, above = own[high] < own["truth"], own[low] > own["truth"]
            covered = 1 - (below | above).mean()
            cells += [f"{covered:.1%}", f"{below.mean():.1%}"]
            measures.append(Measure(f"coverage of the {name}", float(covered), "share", "neither",
                                    len(own), where={"leak": str(leak), "risk": str(risk)},
                                    method="of the mean over all stores"))  # fmt: skip
        cover.append([*cells, spread(own)])
    quiet = stores[stores.apply(lambda r: strongest[r["leak"], r["risk"]] <= limits[r["risk"]], 1)]
    audits = quiet.groupby(["leak", "seed"])["verdict"].apply(lambda v: (v == "leaks").any())
    whole = rows["truth"].between(rows["low"], rows["high"]).mean()
    findings = [
        f"Of {len(audits)} audits of stores without a leak above the limit, {int(audits.sum())} "
        f"({audits.mean():.1%}) say 'leaks' on any risk.",
        f"The 95% intervals of single attacks cover the true rate in {whole:.1%} of {len(rows):,} "
        "cases.",
        f"'no leak found' was said {comfort} times where the true residual risk exceeds the stated "
        "detectable size.",
    ]
    tables = [
        Table(
            "Verdicts",
            ["leak", "risk", "true residual risk, strongest attack", "stores", "leaks",
             "no leak found", "inconclusive", "detectable, median", "false leaks",
             "no leak found above the detectable size"],
            verdicts,
        ),
        Table(
            "Coverage of 95% intervals",
            ["leak", "risk", "intervals", "privkit", "upper end too low", "bootstrap over people",
             "its upper end too low", "variance over stores, times that of independent trials"],
            cover,
            note="An upper end below the truth is the error that calls a leaking store safe; 2.5% "
            "is promised. The attacks of one store go together, so the intervals are not as many "
            f"independent cases. The last column is of {options.people} people with "
            f"{options.records} records each and 5 folds, by attack; independent trials would have "
            "1, and the intervals of inference allow for 1.8.",
        ),
    ]  # fmt: skip
    command = "python benchmarks/audit/calibration.py"
    command += f" --stores {options.stores} --people {options.people} --records {options.records}"
    configuration = {"leaks": LEAKS, "records a person": options.records, "bits": _BITS,
                     "stores": options.stores, "people": options.people}  # fmt: skip
    return Result(command, configuration, 0, [], findings, measures, tables)


def spread(own: pd.DataFrame) -> str:
    """How the rates of attacks vary from store to store, times what independent trials would."""
    attacks = own.groupby("attack").filter(lambda rows: len(rows) >= _FEWEST_STORES)
    groups = attacks.groupby("attack")
    times = groups["value"].var() / groups["independent"].mean()
    times = times[np.isfinite(times)]
    return f"{times.min():.1f} to {times.max():.1f}, mean {times.mean():.1f}" if len(times) else "–"


def with_truth(rows: pd.DataFrame) -> pd.DataFrame:
    """The true rate of each attack: its mean over the *other* stores of the same leak."""
    groups = rows.groupby(["leak", "risk", "attack"])
    n = groups["value"].transform("size")
    out = rows.copy()
    for column, name in (("value", "truth"), ("residual", "true residual")):
        out[name] = (groups[column].transform("sum") - rows[column]) / (n - 1)
    return out


if __name__ == "__main__":
    sys.exit(main())

"""Is the audit calibrated? Its verdicts and intervals on simulated stores whose leak is known.

    python benchmarks/audit/calibration.py --out reports/audit_calibration

In a simulated store a share of the people have the same random code in all their records, and an
attribute that the code's first bits tell; the records of all others are random. The share is 0
(none), 0.02 to 0.08 (small: below the policy's limit of 0.1) or 0.15 to 0.7 (large). In stores
whose leak is partial these people's records are their own with a probability of 0.7 only. Each
store is attacked as ``privkit audit`` does, and judged by the default policy.

Coverage at a single share goes up and down with it, since few people are counted in whole numbers
(Brown, Cai and DasGupta, Statistical Science 2001); a leak therefore has several shares.

- **False leaks**: stores judged 'leaks' on a risk whose true residual risk is at most the limit.
- **Coverage**: how often the 95% interval of an attack's rate holds that attack's true rate, which
  is its mean over the other stores of that share.
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
from privkit.evaluation.rates import rate_of, variance_in_folds
from privkit.evaluation.trials import Trials
from privkit.report.markdown import keep_result, result_markdown
from privkit.result import Measure, Result, Table

#: Shares of the people who leak, in turn.
LEAKS: dict[str, Sequence[float]] = {
    "none": (0.0,),
    "small": (0.02, 0.035, 0.05, 0.065, 0.08),
    "large": (0.15, 0.25, 0.4, 0.55, 0.7),
    "partial": (0.15, 0.3, 0.5, 0.7),
}
#: The probability that a record of somebody who leaks is their own.
DEPTH = {"partial": 0.7}
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

    @property
    def share(self) -> float:
        """Of the people, who leak."""
        return LEAKS[self.leak][self.seed % len(LEAKS[self.leak])]


def one_thread() -> None:
    """A process a core: the threads of small matrices only wait for each other."""
    threadpool_limits(1)


def simulated(job: Job) -> Material:
    """A store whose leak is known."""
    rng = np.random.default_rng([job.seed, *job.leak.encode()])
    person = np.repeat(np.arange(job.people), job.records)
    own = rng.choice([-1.0, 1.0], (job.people, _BITS))[person]
    noise = rng.choice([-1.0, 1.0], (len(person), _BITS))
    leaks = (rng.random(job.people) < job.share)[person]
    tells = leaks & (rng.random(len(person)) < DEPTH.get(job.leak, 1.0))
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
                "leak": job.leak, "share": job.share, "seed": job.seed, "risk": risk,
                "attack": rate.name, "value": rate.value, "low": rate.low, "high": rate.high,
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
    parser.add_argument("--stores", type=int, default=200, help="of each leak, its shares in turn")
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
    stores = judged(rows)
    measures = [
        Measure(f"judged {verdict}", float((own["verdict"] == verdict).mean()), "share", "neither",
                len(own), int((own["verdict"] == verdict).sum()),
                where={"leak": str(leak), "people who leak": f"{share:.1%}", "risk": str(risk)})
        for (leak, share, risk), own in stores.groupby(["leak", "share", "risk"], sort=False)
        for verdict in ("leaks", "no leak found")
    ]  # fmt: skip
    measures += [
        Measure("coverage of the 95% interval", covered(own), "share", "neither", len(own),
                where={"leak": str(leak), "people who leak": f"{share:.1%}", "risk": str(risk)},
                method="of the mean over the other stores")
        for (leak, share, risk), own in rows.groupby(["leak", "share", "risk"], sort=False)
    ]  # fmt: skip
    quiet = stores.groupby(["leak", "seed"]).filter(lambda of: bool(of["harmless"].all()))
    audits = quiet.groupby(["leak", "seed"])["verdict"].apply(lambda v: (v == "leaks").any())
    by_kind = rows.groupby(["leak", "risk"]).apply(covered, include_groups=False)
    findings = [
        f"Of {len(audits)} audits of stores without a leak above the limit, {int(audits.sum())} "
        f"({audits.mean():.1%}) say 'leaks' on any risk.",
        f"The 95% intervals of single attacks cover the true rate in {covered(rows):.1%} of "
        f"{len(rows):,} cases, by leak and risk in {by_kind.min():.1%} to {by_kind.max():.1%}.",
        f"'no leak found' was said {int(stores['blind'].sum())} times where the true residual risk "
        f"exceeds the stated detectable size, and {int(stores['missed'].sum())} times where it "
        "exceeds the policy's limit.",
    ]
    command = "python benchmarks/audit/calibration.py"
    command += f" --stores {options.stores} --people {options.people} --records {options.records}"
    configuration = {"people who leak": LEAKS, "records that are their own": DEPTH,
                     "records a person": options.records, "bits": _BITS, "stores": options.stores,
                     "people": options.people}  # fmt: skip
    tables = [verdicts(stores), coverage(rows, options), coverage_by_share(rows)]
    return Result(command, configuration, 0, [], findings, measures, tables)


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each store and risk, with whether its verdict is wrong."""
    limits = read_policy(None).limits
    stores = rows.drop_duplicates(["leak", "seed", "risk"]).copy()
    strongest = rows.groupby(["leak", "share", "risk"])["true residual"].max()
    stores["truth"] = strongest.loc[stores.set_index(["leak", "share", "risk"]).index].to_numpy()
    stores["harmless"] = stores["truth"] <= stores["risk"].map(limits)
    stores["false leak"] = stores["harmless"] & (stores["verdict"] == "leaks")
    unseen = stores["detectable"].isna() | (stores["detectable"] < stores["truth"])
    cleared = stores["verdict"] == "no leak found"
    stores["missed"], stores["blind"] = cleared & ~stores["harmless"], cleared & unseen
    return stores


def verdicts(stores: pd.DataFrame) -> Table:
    """What was said of the stores, and how often wrongly."""
    cells = []
    for (leak, risk), own in stores.groupby(["leak", "risk"], sort=False):
        size, harmless = own["detectable"].median(), own["harmless"]
        said = [str(int((own["verdict"] == v).sum()))
                for v in ("leaks", "no leak found", "inconclusive")]  # fmt: skip
        wrong = int(own["false leak"].sum())
        cells.append([
            str(leak), str(risk), a_range(own["truth"]), f"{len(own)}", *said,
            "none" if pd.isna(size) else f"{size:.0%}",
            f"{wrong} of {harmless.sum()}" if harmless.any() else "–",
            f"{own['missed'].sum()} of {(~harmless).sum()}" if not harmless.all() else "–",
            f"{own['blind'].sum()}",
        ])  # fmt: skip
    return Table(
        "Verdicts",
        ["leak", "risk", "true residual risk, strongest attack", "stores", "leaks",
         "no leak found", "inconclusive", "detectable, median",
         "false leaks, of stores below the limit", "no leak found, of stores above the limit",
         "no leak found above the detectable size"],
        cells,
        note="The true residual risk is that of the attack that finds most on average over all "
        "stores of a share; it is measured on these stores, and the largest of several means is "
        "rather too large.",
    )  # fmt: skip


def coverage(rows: pd.DataFrame, options: argparse.Namespace) -> Table:
    """How often the intervals hold the truth, beside the bootstrap's."""
    cells = []
    for (leak, risk), own in rows.groupby(["leak", "risk"], sort=False):
        cells.append([str(leak), str(risk), f"{own['seed'].nunique()}", f"{len(own):,}"])
        for before in ("", "bootstrap "):
            below = own[f"{before}high"] < own["truth"]
            cells[-1] += [f"{covered(own, before):.1%}", f"{below.mean():.1%}"]
        cells[-1].append(spread(own))
    return Table(
        "Coverage of 95% intervals",
        ["leak", "risk", "stores", "intervals", "privkit", "upper end too low",
         "bootstrap over people", "its upper end too low",
         "variance over stores, times that of independent trials"],
        cells,
        note="An upper end below the truth is the error that calls a leaking store safe; 2.5% "
        "is promised. The attacks of one store go together, so the intervals are not as many "
        "independent cases: rather as many as there are stores. The last column is of "
        f"{options.people} people with {options.records} records each and 5 folds, by attack and "
        "share; independent trials would have 1, and the intervals of inference allow for "
        f"{variance_in_folds(5):.2f}.",
    )  # fmt: skip


def coverage_by_share(rows: pd.DataFrame) -> Table:
    """The same at each share of people who leak."""
    risks = list(dict.fromkeys(rows["risk"]))
    cells = [
        [str(leak), f"{share:.1%}", f"{own['seed'].nunique()}",
         *(f"{covered(own[own['risk'] == risk]):.1%}" for risk in risks)]
        for (leak, share), own in rows.groupby(["leak", "share"], sort=False)
    ]  # fmt: skip
    return Table(
        "Coverage by share of people who leak",
        ["leak", "people who leak", "stores", *map(str, risks)],
        cells,
        note="Of few stores each: the standard error of a coverage of 95% is "
        f"{(0.95 * 0.05 / rows.groupby(['leak', 'share'])['seed'].nunique().min()) ** 0.5:.1%} at "
        "most.",
    )


def covered(rows: pd.DataFrame, before: str = "") -> float:
    """The share of intervals that hold the truth."""
    return float(rows["truth"].between(rows[f"{before}low"], rows[f"{before}high"]).mean())


def a_range(values: pd.Series) -> str:
    """From the least to the most."""
    low, high = f"{values.min():.1%}", f"{values.max():.1%}"
    return low if low == high else f"{low} to {high}"


def spread(own: pd.DataFrame) -> str:
    """How the rates of attacks vary from store to store, times what independent trials would."""
    attacks = own.groupby(["share", "attack"]).filter(lambda rows: len(rows) >= _FEWEST_STORES)
    groups = attacks.groupby(["share", "attack"])
    times = groups["value"].var() / groups["independent"].mean()
    times = times[np.isfinite(times)]
    return f"{times.min():.1f} to {times.max():.1f}, mean {times.mean():.1f}" if len(times) else "–"


def with_truth(rows: pd.DataFrame) -> pd.DataFrame:
    """The true rate of each attack: its mean over the *other* stores of the same share."""
    groups = rows.groupby(["leak", "share", "risk", "attack"])
    n = groups["value"].transform("size")
    out = rows.copy()
    for column, name in (("value", "truth"), ("residual", "true residual")):
        out[name] = (groups[column].transform("sum") - rows[column]) / (n - 1)
    return out


if __name__ == "__main__":
    sys.exit(main())

"""Is the audit calibrated? Its verdicts and intervals on simulated stores whose leak is known.

    python benchmarks/audit/calibration.py --out reports/audit_calibration

In a simulated store a share of the people have the same random code in all their records, and an
attribute that the code's first bits tell; the records of all others are random. The share is 0
(none), 0.02 to 0.08 (small: below the policy's limit of 0.1) or 0.15 to 0.7 (large). In stores
whose leak is partial these people's records are their own with a probability of 0.7 only. Each
store is attacked as ``privkit audit`` does, and judged by the default policy.

So few people never suffice to say 'no leak found' of inference. It is therefore attacked alone, by
its three quickest models, in stores of 600 and 1,500 people with one record each, with shares just
above the limit (near: 0.11 to 0.2) too, where saying it wrongly is likeliest.

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

from attacks.attribute_inference import AttributeInference, infer_trials
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

#: Shares of the people who leak, in turn, in stores of few people with several records each.
LEAKS: dict[str, Sequence[float]] = {
    "none": (0.0,),
    "small": (0.02, 0.035, 0.05, 0.065, 0.08),
    "large": (0.15, 0.25, 0.4, 0.55, 0.7),
    "partial": (0.15, 0.3, 0.5, 0.7),
}
#: The same in stores of many people with one record each, of which inference alone is asked.
LEAKS_OF_MANY: dict[str, Sequence[float]] = {
    "none": (0.0,),
    "small": LEAKS["small"],
    "near": (0.11, 0.13, 0.16, 0.2),
    "large": (0.25, 0.4, 0.7),
}
MANY: Sequence[int] = (600, 1500)
#: Models that end within a second of so many people.
_QUICK = ("linear", "discriminant", "table")
#: The probability that a record of somebody who leaks is their own.
DEPTH = {"partial": 0.7}
RISKS: Sequence[RiskName] = ("singling_out", "linkability", "inference")
_BITS = 16
_TELLING = 3
_RESAMPLES = 1000
#: What tells a store from others, and stores of one share of people who leak from others.
_STORE = ["store", "leak", "seed"]
_SHARE = ["store", "leak", "share", "risk"]
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
        shares = (LEAKS_OF_MANY if self.records == 1 else LEAKS)[self.leak]
        return shares[self.seed % len(shares)]

    @property
    def store(self) -> str:
        """Its size in words."""
        return f"{self.people:,} × {self.records}"


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


def attacked(job: Job) -> dict[RiskName, list[Trials]]:
    """The trials of the attacks on one store, by risk."""
    material, policy = simulated(job), read_policy(None)
    if job.records == 1:
        values = material.sensitive["attribute"]
        outcome = infer_trials(
            material.features, material.owners, values, name="attribute", seed=job.seed,
            settings=AttributeInference(models=_QUICK),
        )  # fmt: skip
        return {"inference": list(outcome.trials)}
    tried = [
        try_linking(material, job.seed, policy.targets, details=False),
        try_inference(material, "inference", "attribute", job.seed, bounds=False),
    ]
    return {risk: [t for one in tried for t in one.trials.get(risk, ())] for risk in RISKS}


def audited(job: Job) -> list[dict[str, object]]:
    """Attack one store and judge it: a row for each risk and attack."""
    policy, trials = read_policy(None), attacked(job)
    family = sum(map(len, trials.values()))
    rows: list[dict[str, object]] = []
    for risk, several in trials.items():
        finding = judge(risk, several, policy, family=family)
        for one in several:
            rate = rate_of(one, confidence=policy.confidence, family=family)
            low, high = bootstrap(one, job.seed)
            rows.append({
                "store": job.store, "leak": job.leak, "share": job.share, "seed": job.seed,
                "risk": risk, "attack": rate.name, "value": rate.value, "low": rate.low,
                "high": rate.high, "residual": rate.residual, "bound": rate.bound,
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
    parser.add_argument("--people", type=int, default=60, help="in each store of few people")
    parser.add_argument("--records", type=int, default=4, help="of each of them, 2 at least")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    jobs = [
        Job(leak, seed, options.people, options.records)
        for leak in LEAKS for seed in range(options.stores)
    ]  # fmt: skip
    jobs += [
        Job(leak, seed, people, records=1)
        for people in MANY for leak in LEAKS_OF_MANY for seed in range(options.stores)
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
                len(own), int((own["verdict"] == verdict).sum()), where=where(key))
        for key, own in stores.groupby(_SHARE, sort=False)
        for verdict in ("leaks", "no leak found")
    ]  # fmt: skip
    measures += [
        Measure("coverage of the 95% interval", covered(own), "share", "neither", len(own),
                where=where(key), method="of the mean over the other stores")
        for key, own in rows.groupby(_SHARE, sort=False)
    ]  # fmt: skip
    quiet = stores.groupby(_STORE).filter(lambda of: bool(of["harmless"].all()))
    audits = quiet.groupby(_STORE)["verdict"].apply(lambda v: (v == "leaks").any())
    by_kind = rows.groupby(["store", "leak", "risk"]).apply(covered, include_groups=False)
    cleared = stores["verdict"] == "no leak found"
    findings = [
        f"Of {len(audits)} audits of stores without a leak above the limit, {int(audits.sum())} "
        f"({audits.mean():.1%}) say 'leaks' on any risk.",
        f"The 95% intervals of single attacks cover the true rate in {covered(rows):.1%} of "
        f"{len(rows):,} cases, by store, leak and risk in {by_kind.min():.1%} to "
        f"{by_kind.max():.1%}.",
        *said_of_inference(stores),
        f"'no leak found' was said {int(stores['blind'].sum())} times where the true residual risk "
        f"exceeds the stated detectable size, and {int(stores['missed'].sum())} of "
        f"{int(cleared.sum())} times where it exceeds the policy's limit.",
    ]
    command = "python benchmarks/audit/calibration.py"
    command += f" --stores {options.stores} --people {options.people} --records {options.records}"
    configuration = {"people who leak": LEAKS, "records that are their own": DEPTH,
                     "records a person": options.records, "bits": _BITS, "stores": options.stores,
                     "people": options.people, "many people": list(MANY),
                     "of many, who leak": LEAKS_OF_MANY}  # fmt: skip
    tables = [verdicts(stores), coverage(rows), coverage_by_share(rows)]
    return Result(command, configuration, 0, [], findings, measures, tables)


def where(key: tuple[str, str, float, str]) -> dict[str, str]:
    """Which stores a measure is of."""
    store, leak, share, risk = key
    return {"people × records": store, "leak": leak, "people who leak": f"{share:.1%}",
            "risk": risk}  # fmt: skip


def said_of_inference(stores: pd.DataFrame) -> list[str]:
    """How often 'no leak found' is said of inference, by the size of the stores."""
    said = []
    for store, own in stores[stores["risk"] == "inference"].groupby("store", sort=False):
        cleared, harmless = own["verdict"] == "no leak found", own["harmless"]
        said.append(
            f"Of inference in stores of {store} people and records each, 'no leak found' was said "
            f"of {int((cleared & harmless).sum())} of {int(harmless.sum())} without a leak above "
            f"the limit, and of {int((cleared & ~harmless).sum())} of {int((~harmless).sum())} "
            "others."
        )
    return said


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each store and risk, with whether its verdict is wrong."""
    limits = read_policy(None).limits
    stores = rows.drop_duplicates([*_STORE, "risk"]).copy()
    strongest = rows.groupby(_SHARE)["true residual"].max()
    stores["truth"] = strongest.loc[stores.set_index(_SHARE).index].to_numpy()
    stores["harmless"] = stores["truth"] <= stores["risk"].map(limits)
    stores["false leak"] = stores["harmless"] & (stores["verdict"] == "leaks")
    unseen = stores["detectable"].isna() | (stores["detectable"] < stores["truth"])
    cleared = stores["verdict"] == "no leak found"
    stores["missed"], stores["blind"] = cleared & ~stores["harmless"], cleared & unseen
    return stores


def verdicts(stores: pd.DataFrame) -> Table:
    """What was said of the stores, and how often wrongly."""
    cells = []
    for (store, leak, risk), own in stores.groupby(["store", "leak", "risk"], sort=False):
        size, harmless = own["detectable"].median(), own["harmless"]
        said = [str(int((own["verdict"] == v).sum()))
                for v in ("leaks", "no leak found", "inconclusive")]  # fmt: skip
        wrong = int(own["false leak"].sum())
        cells.append([
            str(store), str(leak), str(risk), a_range(own["truth"]), f"{len(own)}", *said,
            "none" if pd.isna(size) else f"{size:.0%}",
            f"{wrong} of {harmless.sum()}" if harmless.any() else "–",
            f"{own['missed'].sum()} of {(~harmless).sum()}" if not harmless.all() else "–",
            f"{own['blind'].sum()}",
        ])  # fmt: skip
    return Table(
        "Verdicts",
        ["people × records", "leak", "risk", "true residual risk, strongest attack", "stores",
         "leaks",
         "no leak found", "inconclusive", "detectable, median",
         "false leaks, of stores below the limit", "no leak found, of stores above the limit",
         "no leak found above the detectable size"],
        cells,
        note="The true residual risk is that of the attack that finds most on average over all "
        "stores of a share; it is measured on these stores, and the largest of several means is "
        "rather too large.",
    )  # fmt: skip


def coverage(rows: pd.DataFrame) -> Table:
    """How often the intervals hold the truth, beside the bootstrap's."""
    cells = []
    for (store, leak, risk), own in rows.groupby(["store", "leak", "risk"], sort=False):
        stores = f"{own['seed'].nunique()}"
        cells.append([str(store), str(leak), str(risk), stores, f"{len(own):,}"])
        for before in ("", "bootstrap "):
            below = own[f"{before}high"] < own["truth"]
            cells[-1] += [f"{covered(own, before):.1%}", f"{below.mean():.1%}"]
        cells[-1].append(spread(own))
    return Table(
        "Coverage of 95% intervals",
        ["people × records", "leak", "risk", "stores", "intervals", "privkit", "upper end too low",
         "bootstrap over people", "its upper end too low",
         "variance over stores, times that of independent trials"],
        cells,
        note="An upper end below the truth is the error that calls a leaking store safe; 2.5% "
        "is promised. The attacks of one store go together, so the intervals are not as many "
        "independent cases: rather as many as there are stores. The last column is by attack and "
        "share, of inference with 5 folds; independent trials would have 1, and the intervals of "
        f"inference allow for {variance_in_folds(5):.2f}.",
    )  # fmt: skip


def coverage_by_share(rows: pd.DataFrame) -> Table:
    """The same at each share of people who leak."""
    risks = list(dict.fromkeys(rows["risk"]))
    fewest = rows.groupby(["store", "leak", "share"])["seed"].nunique().min()
    cells = [
        [str(store), str(leak), f"{share:.1%}", f"{own['seed'].nunique()}",
         *(f"{covered(own[own['risk'] == r]):.1%}" if (own["risk"] == r).any() else "–"
           for r in risks)]
        for (store, leak, share), own in rows.groupby(["store", "leak", "share"], sort=False)
    ]  # fmt: skip
    return Table(
        "Coverage by share of people who leak",
        ["people × records", "leak", "people who leak", "stores", *map(str, risks)],
        cells,
        note="Of few stores each: the standard error of a coverage of 95% is "
        f"{(0.95 * 0.05 / fewest) ** 0.5:.1%} at most.",
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
    groups = rows.groupby([*_SHARE, "attack"])
    n = groups["value"].transform("size")
    out = rows.copy()
    for column, name in (("value", "truth"), ("residual", "true residual")):
        out[name] = (groups[column].transform("sum") - rows[column]) / (n - 1)
    return out


if __name__ == "__main__":
    sys.exit(main())

"""A made-up audit with every verdict, judged by the real rules, for the tests of what is written.

Nothing here was measured: hits are drawn at random around the rates that are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from privkit.audit.controls import check
from privkit.audit.evidence import MEAN_FACE, Evidence
from privkit.audit.findings import Audit, Curve, Group, NotRun, RiskFinding
from privkit.audit.policy import Policy, read_policy
from privkit.audit.risks import RiskName
from privkit.audit.verdicts import judge
from privkit.evaluation.rates import rate_of
from privkit.evaluation.trials import Trials
from privkit.result import DataUsed, Table

PEOPLE = 40
SHAPE = (28, 23)
LABELS = tuple(f"s{n + 1:02d}" for n in range(PEOPLE))
#: Names that a page, a spreadsheet, an XML reader or a terminal could fall for.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "a\x00b\x1b[31mc\x07\nd\re\tf",
    "x" * 10_000,
    "\u202egpj.exe",
    "bad \udcff surrogate",
    "| a | b |\n|---|---|\n# head [x](javascript:alert(1)) ![i](x) `c` *b* $x^2$ $",
    "]]></property><evil/>&lol;",
    "Zoë 王小明 محمد",
)


def some_trials(
    attack: str,
    measure: str,
    rate: float,
    *,
    baseline: float = 1 / PEOPLE,
    people: int = PEOPLE,
    each: int = 5,
    seed: int = 0,
    folds: int = 1,
) -> Trials:
    """Trials that hit at about a rate, clustered by person."""
    draw = np.random.default_rng([seed, *map(ord, attack + measure)])
    person = np.repeat(np.arange(people), each)
    own = draw.beta(8 * rate + 1e-3, 8 * (1 - rate) + 1e-3, people)
    return Trials(
        attack=attack,
        measure=measure,
        person=person,
        hit=(draw.random(len(person)) < own[person]).astype(float),
        baseline=np.full(len(person), baseline),
        control=(draw.random(len(person)) < baseline).astype(float),
        folds=folds,
    )


def the_trials(*, seed: int = 0, linkability: float = 0.7) -> dict[RiskName, list[Trials]]:
    """Of all risks that can be run without membership."""
    link = [
        some_trials("linkage_lda", "rank-1", linkability, seed=seed),
        some_trials("linkage_nearest", "rank-1", linkability - 0.15, seed=seed),
        some_trials("linkage_metric", "TPR at FPR 1e-2", 0.35, baseline=0.01, seed=seed),
    ]
    return {
        "singling_out": [
            some_trials("nearest_code", "isolated", 0.12, people=12, each=3, seed=seed)
        ],
        "linkability": link,
        "inference": [
            some_trials("logistic", "balanced accuracy of sex", 0.52, baseline=0.5, people=600),
            some_trials(
                "boosting", "balanced accuracy of sex", 0.50, baseline=0.5, people=600, folds=5
            ),
        ],
        "reconstruction": [
            some_trials("decoder", "person recognised", 0.3, seed=seed),
            some_trials("ridge", "person recognised", 0.25, seed=seed),
            some_trials("mi_face", "person recognised", 0.05, seed=seed),
        ],
        "membership": [],
    }


def findings(
    trials: dict[RiskName, list[Trials]], policy: Policy, *, hostile: str = ""
) -> list[RiskFinding]:
    """Judged by the rules of the audit."""
    good = {
        name: some_trials("linkage_lda", "rank-1", rate, seed=3)
        for name, rate in (
            ("identity encoder", 0.98),
            ("constant encoder", 0.0),
            ("shuffled labels", 0.0),
        )
    }
    controls = [check(name, [t]) for name, t in good.items()]
    failed = [check("identity encoder", [some_trials("decoder", "person recognised", 0.1)])]
    ranks = np.arange(1, 11)
    left = {
        "membership": [
            NotRun(
                "likelihood_ratio",
                "it is not known who was in the network's training set",
                "--members FILE: the training set's records",
            )
        ],
        "inference": [
            NotRun("boosting", f"the column {hostile or 'age'} has one value", "a column of two")
        ],
    }
    out = []
    for risk, several in trials.items():
        made = judge(
            risk,
            several,
            policy,
            controls=failed if risk == "reconstruction" else controls if several else [],
            not_run=left.get(risk, []),
            family=9,
        )
        if risk == "linkability":
            made = replace(
                made,
                groups=_groups(several),
                curves=[
                    Curve("rank", name, ranks.tolist(),
                          (1 - (1 - top) * 0.7 ** (ranks - 1)).tolist(),
                          (ranks / PEOPLE).tolist(), "candidates looked at",
                          "right person among them, share of trials")
                    for name, top in (("linkage_lda", 0.7), ("linkage_nearest", 0.55))
                ]
                + [
                    Curve("roc", "linkage_lda", [0.001, 0.01, 0.1, 1.0], [0.21, 0.45, 0.8, 1.0],
                          [0.001, 0.01, 0.1, 1.0], "false alarms (share, log scale)",
                          "true positives, share of right pairs")
                ],
                tables=[
                    Table(
                        "How much a stored feature tells of the person",
                        ("quantity", "bits", "95% interval"),
                        (
                            ("min-entropy leakage", "4.1", "3.8 to 4.3"),
                            ("mutual information, corrected", "3.2", "3.0 to 3.5"),
                            ("least error of any attack (Fano)", "18%", "15 to 21%"),
                        ),
                        "Of 5.3 bits that name one of 40 people.",
                    )
                ],
                notes=["People whom the network was trained on are among those attacked."],
            )  # fmt: skip
        if hostile and risk == "inference":
            made = replace(
                made,
                notes=[f"The attribute {hostile} has few values.", hostile],
                groups=[Group(hostile, rate_of(several[0]))],
                tables=[Table(hostile, (hostile, "n"), ((hostile, "3"),), hostile)],
            )
        out.append(made)
    return out


def _groups(trials: Sequence[Trials]) -> list[Group]:
    first = trials[0]
    return [
        Group("people in the training set", rate_of(first.take(first.person < PEOPLE // 2))),
        Group("people not in the training set", rate_of(first.take(first.person >= PEOPLE // 2))),
    ]


def an_audit(
    *, hostile: str = "", seed: int = 0, linkability: float = 0.7, **changes: Any
) -> Audit:
    """An audit with all five verdicts.

    Args:
        hostile: a text that stands wherever a user chooses one.
        seed: of the trials.
        linkability: rate of the strongest linkage attack.
        **changes: fields to replace.
    """
    policy = read_policy(None)
    trials = the_trials(seed=seed, linkability=linkability)
    made = Audit(
        command="privkit audit --features codes.npy --person people.csv "
        f"--sensitive {hostile or 'sex.csv'}",
        store=f"{hostile or 'codes.npy'}: 400 codes of 16 bits, 40 people",
        data=[
            DataUsed(hostile or "codes.npy", "features", "a" * 64, 400),
            DataUsed("people.csv", "person", "b" * 64, 400),
            DataUsed(
                hostile or "sex.csv", "sensitive", "c" * 64, 400, "These are made-up numbers."
            ),
        ],
        policy=policy.to_dict(),
        headline="Not de-identified: it leaks (linkability). Not examined: membership.",
        verdict="leaks",
        risks=findings(trials, policy, hostile=hostile),
        premises=[
            "A failed attack proves nothing about a stronger one: 'no leak found' speaks of the "
            "attacks that were run.",
            "Intervals cover 95% and count people rather than records.",
        ],
        warnings=[f"{hostile or 'people.csv'}: 3 records without a person were left out."],
    )
    return replace(made, **changes)


def with_verdicts(audit: Audit, *verdicts: str) -> Audit:
    """The same with other verdicts on its risks, in order; its own verdict follows."""
    from privkit.audit.findings import worst

    risks = [replace(f, verdict=v) for f, v in zip(audit.risks, verdicts, strict=True)]
    ran = [f.verdict for f in risks if f.verdict != "not run"]
    required = audit.policy["required"]
    if not ran or any(f.verdict == "not run" and f.risk in required for f in risks):
        ran.append("inconclusive")
    return replace(audit, risks=risks, verdict=worst(ran))


def some_evidence(*, people: Sequence[str] = LABELS[:8], seed: int = 0) -> Evidence:
    """Smooth random pictures, and blurred and noisy ones of them."""
    from scipy.ndimage import gaussian_filter

    draw = np.random.default_rng(seed)
    k = len(people)
    raw = gaussian_filter(draw.standard_normal((k, *SHAPE)), (0, 3, 3))
    pictures = np.clip(raw / np.abs(raw).max((1, 2), keepdims=True), -1, 1).reshape(k, -1)

    def of(values: Any) -> Any:
        return np.clip(values, -1, 1).astype(np.float32)

    noise = 0.4 * draw.standard_normal(pictures.shape)
    return Evidence(
        of(pictures),
        {
            MEAN_FACE: of(np.repeat(pictures.mean(0, keepdims=True), k, 0)),
            "decoder": of(pictures * 0.7),
            "ridge": of(pictures + noise),
        },
        {
            MEAN_FACE: np.zeros(k, bool),
            "decoder": np.arange(k) % 2 == 0,
            "ridge": np.arange(k) % 3 == 0,
        },
        SHAPE,
        people,
    )

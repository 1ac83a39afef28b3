"""The tables of an inversion study."""

from __future__ import annotations

from attacks.baselines import BASELINES
from attacks.inversion import Study
from attacks.measures import FULL_BITS, Key
from attacks.scenes import NEW
from privkit.evaluation.intervals import Interval
from privkit.result import Table

__all__ = ["group_table", "store_table"]

#: Stands under the first table and holds for all groups.
_NOTE = (
    "Person right: for naming attacks the share of targets whose person is named first "
    "of {people}; for reconstructions the share that an evaluator which shares nothing with the "
    "network, fitted on other photos, recognises. It recognises {ceiling} of real unseen photos. "
    "'Another's code' is the control: the outcome for another person's stored feature, scored "
    "against this target. MSE: pixels in [-1, 1]. Intervals allow for several photos of one person."
)


def group_table(
    study: Study, intervals: dict[Key, Interval], group: str, ceiling: Interval
) -> Table:
    """Every level and attack on one group of targets, baselines last.

    Args:
        study: the study.
        intervals: its measures.
        group: which targets.
        ceiling: what the evaluator reaches on real photos.
    """

    def cell(key: Key, form: str) -> str:
        interval = intervals.get(key)
        return "" if interval is None else format(interval.value, form)

    rows = []
    for defense in study.defenses:
        for attack in (*study.attacks, *BASELINES):
            if (defense.name, attack) in study.passed_over:
                continue
            key = (defense.name, attack, group)
            right = intervals.get((*key, "identity")) or intervals[(*key, "rank-1")]
            control = (
                intervals.get((*key, "identity (shuffled)"))
                or intervals[(*key, "rank-1 (shuffled)")]
            )
            rows.append(
                [
                    defense.name,
                    attack + (" (baseline)" if attack in BASELINES else ""),
                    right.percent(),
                    f"{control.value:.0%}",
                    cell((*key, "rank-5"), ".0%"),
                    cell((*key, "mse"), ".3f"),
                    cell((*key, "psnr"), ".1f"),
                    cell((*key, "ssim"), ".2f"),
                    str(right.n),
                ]
            )
    return Table(
        f"{group[0].upper()}{group[1:]}",
        [
            "stored",
            "attack",
            "person right (95%)",
            "another's code",
            "among 5",
            "pixel MSE",
            "PSNR dB",
            "SSIM",
            "targets",
        ],
        rows,
        note=_note(study, ceiling) if group == NEW else "",
    )


def _note(study: Study, ceiling: Interval) -> str:
    note = _NOTE.format(people=study.people, ceiling=ceiling.percent())
    for (level, attack), missing in study.passed_over.items():
        note += f" Not run on {level}: {attack}, which needs {missing}."
    return note


def store_table(study: Study) -> Table:
    """What each level stores, on paper and as measured."""
    rows = []
    for defense in study.defenses:
        stored = study.measured[defense.name]
        accuracy = study.networks.loc[
            study.networks["level"] == defense.name, "training accuracy"
        ].min()
        rows.append(
            [
                defense.name,
                f"{defense.nominal_bits:,}",
                f"{FULL_BITS / defense.nominal_bits:,.3g}×",
                f"{stored.distinct} of {stored.rows}",
                f"{stored.entropy_bits:.1f}" + (" (ceiling)" if stored.at_ceiling else ""),
                f"{accuracy:.1%}",
            ]
        )
    return Table(
        "What is stored",
        [
            "stored",
            "nominal bits",
            "smaller than floats",
            "distinct features",
            "entropy, bits",
            "training accuracy",
        ],
        rows,
        note=(
            "Entropy is the plug-in estimate over all photos; n photos cannot show more than "
            "log2 n bits, marked as ceiling. Training accuracy is the lowest of the networks of "
            "that level; each must reach 97.5%."
        ),
    )

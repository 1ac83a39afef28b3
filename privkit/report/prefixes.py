"""Figures of prefixes and single bits: anonymity against stored bits, and what each bit adds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.contribution import Contribution
from privkit.anonymity.entropy import shannon
from privkit.anonymity.prefixes import Prefixes
from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture

__all__ = ["draw_contribution", "draw_prefixes"]

_STYLES = ("-", "--", ":", "-.")


def draw_prefixes(folder: Path, found: Prefixes, noun: ClassNoun = CODE) -> list[Picture]:
    """Draw k, the share below each threshold and the entropy against the prefix length.

    Args:
        folder: where ``prefixes.png`` is written.
        found: the counts at each length.
        noun: what a class is.
    """
    who, source = ("records", found) if found.people is None else ("people", found.people)
    # Beyond the last split nothing changes; a little of that shows that it is so.
    last = int(np.flatnonzero(np.diff(found.classes, prepend=0))[-1])
    shown = np.arange(min(found.bits, last + max(2, last // 8)) + 1)
    with new_figure(13.0, 4.2) as figure:
        k, below, entropy = figure.subplots(1, 3)
        if noun.alone:  # metadata have no number of values that all could take
            k.plot(
                shown,
                np.ldexp(float(found.n), -shown),
                color=COLOURS[6],
                linestyle=":",
                label="records / 2^L (uniform codes)",
            )
        k.plot(shown, found.k[shown], color=COLOURS[0], label="k in records")
        if found.people is not None:
            k.plot(
                shown, found.people.k[shown], color=COLOURS[1], linestyle="--", label="k in people"
            )
        k.set(yscale="log", ylim=(0.7, 1.5 * found.n), ylabel="smallest class (number)")
        for place, limit in enumerate(source.thresholds):
            below.plot(
                shown,
                source.below[place, shown] / source.n,
                label=f"k below {limit:,}",
                color=COLOURS[place % 6],
                linestyle=_STYLES[place % 4],
            )
        below.set(ylim=(-0.02, 1.05), ylabel=f"{who} below k (share)")
        most = np.full(shown.size, np.log2(found.n))
        ceiling = np.minimum(shown, most) if noun.alone else most
        entropy.plot(
            shown,
            ceiling,
            color=COLOURS[6],
            linestyle=":",
            label=f"most that is possible: {'min(L, log2 n)' if noun.alone else 'log2 n'}",
        )
        entropy.plot(shown, found.entropy[shown], color=COLOURS[0], label="as counted (plug-in)")
        entropy.set(ylabel="Shannon entropy (bits)")
        for axes in (k, below, entropy):
            axes.set(xlabel="leading bits stored (L)")
            axes.xaxis.get_major_locator().set_params(integer=True)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="best", fontsize=8)
        path = save(figure, folder / "prefixes.png")
    dotted = "codes of which all are equally likely" if noun.alone else "what n records could hold"
    return [
        Picture(
            path,
            caption=(
                "What holds if only the first L bits of every code are stored"
                f"{', with the metadata' if noun.joined else ''}: the smallest "
                f"class, the share of the {who} that fall below each k, and the entropy of what "
                f"is stored. Dotted: {dotted}. A good length is the "
                "largest one at which k is still high."
            ),
            alt=(
                f"k falls from {int(source.k[0]):,} {who} at 0 bits to {int(source.k[-1]):,} at "
                f"{found.bits} bits."
            ),
        )
    ]


def draw_contribution(folder: Path, found: Contribution) -> list[Picture]:
    """Draw for each bit the people, or records, that it makes unique and the entropy it adds.

    Args:
        folder: where ``bits.png`` is written.
        found: the classes without each bit.
    """
    bits = np.arange(found.bits)
    if found.people is not None:
        who = "people"
        made = (found.people.whole_uniques - found.people.uniques) / found.people.n
    else:
        who = "records"
        made = (found.whole.classes_of_size(1) - found.uniques) / found.n
    with new_figure(10.0, 6.0) as figure:
        unique, entropy = figure.subplots(2, 1, sharex=True)
        unique.bar(bits, made, width=0.8, color=COLOURS[0])
        unique.axhline(0, color=COLOURS[6], linewidth=0.8)
        unique.set(ylabel=f"unique because of the bit\n(share of {who})", ylim=(0, None))
        entropy.bar(
            bits, found.entropy_lost, width=0.8, color=COLOURS[0], label="added to the other bits"
        )
        entropy.plot(
            bits, found.own_entropy, "_", color=COLOURS[6], markersize=6, label="the bit alone"
        )
        entropy.set(
            xlabel="bit (0 is the first)",
            ylabel="Shannon entropy (bits)",
            xlim=(-0.8, found.bits - 0.2),
            ylim=(0, 1.05),
        )
        figure.legend(loc="outside upper center", ncols=2)
        entropy.xaxis.get_major_locator().set_params(integer=True)
        path = save(figure, folder / "bits.png")
    best = int(np.argmax(made))
    return [
        Picture(
            path,
            caption=(
                f"What each single bit adds. Above: the share of the {who} that are unique and "
                "would not be if that bit were not stored. Below: the entropy that the bit adds to "
                "all the others, and the entropy of the bit alone; a bit that adds far less than "
                "its own repeats what the others say, or finds the records unique already."
            ),
            alt=(
                f"{found.bits} bits; all together hold {shannon(found.whole):.2f} bits of entropy. "
                f"Leaving out bit {best} makes the most difference to unique {who}."
            ),
        )
    ]

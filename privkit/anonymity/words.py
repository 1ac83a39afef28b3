"""The measures of k-anonymity in sentences that a privacy officer can act on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.entropy import near_ceiling

if TYPE_CHECKING:
    from privkit.anonymity.kanon import KAnonymity

__all__ = ["findings", "number", "share", "warnings"]

LOW_COVERAGE = 0.95
FAR_EXTRAPOLATION = 3


def number(value: float) -> str:
    """Write a number for people: whole ones with separators, others to three digits."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if 0 < value < 0.01:
        return "less than 0.01"
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    return f"{value:.3g}"


def counted(value: int, noun: str) -> str:
    """Write a count with its noun in the right number, e.g. ``1 record``."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number(value)} {noun}{'' if value == 1 else ending}"


def about(value: float) -> str:
    """Write an estimate, without ``about less than``."""
    return f"{'fewer than 0.01' if 0 < value < 0.01 else 'about ' + number(value)} people"


def share(value: float) -> str:
    """Write a share in percent without rounding a few records away to 0% or 100%."""
    if 0 < value < 0.0001:
        return "less than 0.01%"
    if 0.9999 < value < 1:
        return "more than 99.99%"
    digits = 2 if value < 0.01 or value > 0.99 else 1
    return f"{100 * value:.{digits}f}%".replace(".00%", "%").replace(".0%", "%")


def findings(measured: KAnonymity, noun: ClassNoun = CODE) -> list[str]:
    """Say what was found, the most important first.

    Args:
        measured: the measures in records.
        noun: what a class is.
    """
    m = measured
    said = [_headline(m, noun)]
    small = [
        f"{share(b.share)} ({number(b.records)}) in classes smaller than {number(b.k)}"
        for b in m.below
        if b.k > 1
    ]
    if small:
        said.append(f"Of {number(m.n)} records: {'; '.join(small)}.")
    typical = m.quantiles_records[m.percents.index(50)]
    said.append(
        f"Half of the records share their {noun.one} with at most {number(typical - 1)} others; "
        f"the largest class holds {counted(m.largest, 'record')}."
    )
    if m.ideal is not None:
        said.append(_ideal(m))
    e = m.entropies
    limit = "" if m.bits is None else f" of at most {m.bits}"
    collision = (
        "not measurable (no two records share a class)"
        if e.collision is None
        else f"{e.collision:.2f}"
    )
    said.append(
        f"Entropy in bits{limit}: Shannon {e.shannon:.2f} as counted, {e.miller_madow:.2f} "
        f"(Miller-Madow) and {e.chao_shen:.2f} (Chao-Shen) corrected; collision {collision}; "
        f"min-entropy {e.minimum:.2f} as counted, {e.minimum_nist:.2f} at its lower 99% bound "
        f"(NIST SP 800-90B). The more entropy, the more a {noun.one} can tell people apart. "
        f"The best single guess of it is right for {share(2.0**-e.minimum)} of these records."
    )
    return said


def _headline(m: KAnonymity, noun: ClassNoun) -> str:
    classes = f"{counted(m.n, 'record')} in {counted(m.classes, 'equivalence class')}"
    if m.k == 1:
        verb = "is" if m.uniques == 1 else "are"
        stored = "stored " if noun.codes else ""
        return (
            f"k = 1: {counted(m.uniques, 'record')} ({share(m.uniques / m.n)}) {verb} unique, "
            f"singled out by the {stored}{noun.one} alone; {classes}."
        )
    return (
        f"k = {number(m.k)}: no record shares its {noun.one} with fewer than "
        f"{number(m.k - 1)} others; {classes}."
    )


def _ideal(m: KAnonymity) -> str:
    if m.ideal is None or m.bits is None:  # pragma: no cover - the caller has looked
        return ""
    i, e = m.ideal, m.entropies
    possible = number(2**m.bits) if m.bits <= 40 else f"2^{m.bits}"
    used = f"{number(m.classes)} of {possible} possible codes occur"
    if i.k < 1:
        return (
            f"{used}. Even uniform codes would give fewer than one record a code "
            f"(n / 2^{m.bits} = {i.k:.3g}): {m.bits} bits are too many to hide "
            f"{counted(m.n, 'record')}."
        )
    return (
        f"{used}. Uniform codes would give every class n / 2^{m.bits} = {number(i.k)} records; "
        f"k = {number(m.k)}, counted over the codes that occur, is {i.ratio:.2g} of that. The "
        f"codes are {i.distance:.3f} from uniform (total variation distance, 0 to 1; "
        f"{i.distance_by_chance:.3f} is expected by chance), and hold {e.miller_madow:.2f} of "
        f"{m.bits} bits."
    )


def warnings(measured: KAnonymity, *, people: bool = False, noun: ClassNoun = CODE) -> list[str]:
    """Say what limits the findings or would mislead.

    Args:
        measured: the measures in records.
        people: whether k in people stands beside them.
        noun: what a class is.
    """
    m = measured
    from privkit.anonymity.missing import missing_warnings  # it takes its numbers from here

    said = [
        ""
        if people
        else "k counts records, not people: where a person has several records, say whose each is "
        "with --person. "
    ]
    said[0] += (
        "A class of k people who all share a secret still gives the secret away, and "
        f"k counts equal {noun.many} only: similar ones can be linked as well."
    )
    if m.coverage < LOW_COVERAGE:
        said.append(
            f"The sample is too small to know the distribution: {share(1 - m.coverage)} of the "
            "records are alone in their class, and about as many of any further records would have "
            f"a {noun.one} not seen before (Good-Turing"
            + (
                f"; at least {number(math.ceil(m.unseen))} classes unseen, Chao 1984"
                if m.unseen
                else ""
            )
            + "). k and the entropies describe this file, not the population."
        )
    if near_ceiling(m.entropies.shannon, m.n):
        said.append(
            f"The entropy as counted lies within 1 bit of log2 n = {m.entropies.ceiling:.2f}, "
            "which no count of n records can exceed: the true entropy may be far higher."
        )
    if m.entropies.collision is None:
        said.append("No two records share a class: the collision entropy cannot be estimated.")
    if m.bits is None and noun.alone:
        said.append(
            "The number of bits is not known, so k is not compared with n / 2^N; give --bits."
        )
    elif m.ideal is not None and 1 <= m.ideal.k < 10:
        said.append(
            f"There are only {number(m.ideal.k)} records a possible code: chance alone then makes "
            "some classes small or empty, even with uniform codes."
        )
    said += missing_warnings(m.nulls, m.marked)
    if m.classes == 1 and m.n > 1:
        said.append(
            f"All {number(m.n)} records share one value, so it tells nobody in this file apart. "
            "That shows nothing about records that are not in it."
        )
    return said

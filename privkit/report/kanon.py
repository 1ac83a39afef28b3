"""The figures of ``privkit kanon``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privkit.anonymity.analyses import Analyses
from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.classes import ClassCounts
from privkit.report.class_sizes import draw_class_sizes
from privkit.report.html import Picture
from privkit.report.people import draw_columns, draw_people, draw_unicity
from privkit.report.prefixes import draw_contribution, draw_prefixes

__all__ = ["draw_kanon"]


def draw_kanon(
    folder: Path,
    counts: ClassCounts,
    found: Analyses,
    *,
    bits: int | None,
    thresholds: Sequence[int],
    noun: ClassNoun = CODE,
) -> list[Picture]:
    """Draw what was found, in reading order.

    Args:
        folder: where the PNG files are written.
        counts: the class sizes in records.
        found: the other analyses.
        bits: N, to draw the ideal; ``None`` without one.
        thresholds: the k's to mark.
        noun: what a class is.
    """
    pictures = [] if found.people is None else draw_people(folder, found.people, counts, noun)
    pictures += draw_class_sizes(folder, counts, bits=bits, thresholds=thresholds)
    if found.known_codes is not None:
        pictures += draw_unicity(folder, found.known_codes, noun)
    if found.prefixes is not None:
        pictures += draw_prefixes(folder, found.prefixes, noun)
    if found.columns is not None:
        pictures += draw_columns(folder, found.columns)
    if found.bits is not None:
        pictures += draw_contribution(folder, found.bits)
    return pictures

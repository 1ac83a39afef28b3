"""What was found about the words that codes hold."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from privkit.evaluation.intervals import CONFIDENCE, share_over_people, wilson
from privkit.result import Measure, Result, Table
from privkit.videoqa.findings_bits import (
    data_used,
    described,
    left_out_warnings,
    start_warnings,
)
from privkit.videoqa.methods import bits_words
from privkit.videoqa.paired import SIGNIFICANT
from privkit.videoqa.task import Task, TaskSource
from privkit.videoqa.words import NEIGHBOURS, PHRASE, SHUFFLES, WordStudy

__all__ = ["words_result", "write_words"]


def words_result(
    study: WordStudy,
    task: Task,
    source: TaskSource,
    *,
    shown: Sequence[int],
    bits: int,
    least: int,
    seed: int,
    command: str,
) -> Result:
    """The result of a study of words.

    Args:
        study: the words.
        task: whose words they are.
        source: where the task comes from.
        shown: places of the words in the table.
        bits: N.
        least: training videos that a word must have.
        seed: of the training and the shufflings.
        command: the command line.
    """
    strong = study.p < SIGNIFICANT
    all_words = len(study.words)
    findings = [
        f"{int(strong.sum())} of {all_words} content words of {task.questions.task} move the "
        f"{bits_words(bits)} of their videos further than any word does by chance "
        f"(p < {SIGNIFICANT} for all words together).",
        *_found_again(study),
        *_examples(study, strong, shown),
    ]
    warnings = [*start_warnings([task]), *left_out_warnings([task])]
    if not strong.any():
        warnings.append("No word stands out from chance: the neighbours in the table say nothing.")
    return Result(
        command,
        described(source, [seed], task=task.questions.task, bits=bits, least=least),
        seed,
        [data_used(task)],
        findings,
        _measures(study, bits),
        [_table(study, shown, bits)],
        warnings,
    )


def write_words(path: Path, study: WordStudy) -> None:
    """Write every word with its count, p value, neighbours and code as CSV."""
    bits = study.codes.shape[1]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["word", "training_videos", "p", "chance_cosine"]
            + [f"{name}_{n + 1}" for n in range(NEIGHBOURS) for name in ("nearest", "cosine")]
            + [f"bit_{n}" for n in range(bits)]
        )
        for n, word in enumerate(study.words):
            row = [word, study.counts[n], f"{study.p[n]:.4g}", f"{study.chance[n]:.3f}"]
            for k in range(NEIGHBOURS):
                there = k < study.nearest.shape[1] and study.nearest[n, k] >= 0
                near = study.words[study.nearest[n, k]] if there else ""
                row += [near, f"{study.cosine[n, k]:.3f}" if there else ""]
            writer.writerow([*row, *(f"{value:.4f}" for value in study.codes[n])])


def _found_again(study: WordStudy) -> list[str]:
    if not len(study.found):
        return []
    found = share_over_people(study.found, np.arange(len(study.found)), unit="words")
    return [
        f"The code of a word on unseen videos is nearest to its own code on training videos for "
        f"{found.successes} of {found.n} words, {found.percent()}; with shuffled codes for "
        f"{study.found_by_chance:.0%}."
    ]


def _examples(study: WordStudy, strong: np.ndarray, shown: Sequence[int]) -> list[str]:
    pairs = [
        f"'{study.words[n]}' and '{study.words[study.nearest[n, 0]]}' ({study.cosine[n, 0]:.2f}, "
        f"chance {study.chance[n]:.2f})"
        for n in shown
        if strong[n] and study.nearest[n, 0] >= 0 and study.cosine[n, 0] > study.chance[n]
    ]
    if not pairs:
        return ["No word of the table has a neighbour that is nearer than chance brings one."]
    return [f"Words that lie nearer than by chance: {', '.join(pairs[:5])}."]


def _measures(study: WordStudy, bits: int) -> list[Measure]:
    strong = int((study.p < SIGNIFICANT).sum())
    low, high = wilson(strong, len(study.words))
    where = {"bits": str(bits)}
    out = [
        Measure(
            "words that move the code",
            strong / len(study.words),
            "share",
            "neither",
            n=len(study.words),
            successes=strong,
            low=low,
            high=high,
            confidence=CONFIDENCE,
            method=f"largest distance of any word over {SHUFFLES} shufflings; Wilson 95% of words",
            where=where,
        )
    ]
    if len(study.found):
        found = share_over_people(study.found, np.arange(len(study.found)), unit="words")
        out.append(
            Measure(
                "word found again",
                found.value,
                "share",
                "higher is useful",
                n=found.n,
                successes=found.successes,
                low=found.low,
                high=found.high,
                confidence=CONFIDENCE,
                method=found.method,
                where=where,
            )
        )
        out.append(
            Measure(
                "word found again by chance",
                study.found_by_chance,
                "share",
                "neither",
                n=SHUFFLES * found.n,
                method=f"mean over {SHUFFLES} shufflings",
                where=where,
            )
        )
    return out


def _table(study: WordStudy, shown: Sequence[int], bits: int) -> Table:
    rows = []
    for n in shown:
        bar = study.chance[n] if study.p[n] < SIGNIFICANT else np.inf
        near = [
            f"{study.words[k]} {cosine:.2f}{'*' if cosine > bar else ''}"
            for k, cosine in zip(study.nearest[n], study.cosine[n], strict=True)
            if k >= 0
        ]
        rows.append(
            [
                study.words[n],
                f"{study.counts[n]:,}",
                f"{study.p[n]:.3f}",
                f"{study.chance[n]:.2f}",
                *near,
                *[""] * (NEIGHBOURS - len(near)),
            ]
        )
    nearest = ["nearest", *(f"{n}." for n in range(2, NEIGHBOURS + 1))]
    return Table(
        f"Words with the nearest codes of {bits_words(bits)} (the paper's Table 3)",
        ["word", "videos", "p", "by chance", *nearest],
        rows,
        "A number is the cosine of two words' mean codes, less the mean of all videos. p: whether "
        "the word moves the code at all. 'by chance': the cosine of the nearest word that 95% of "
        "the shufflings stay below. *: above it, for a word that moves the code. Words that share "
        f"more than {PHRASE:.0%} of their videos are no neighbours, and words of more than "
        f"{PHRASE:.0%} of all videos are left out.",
    )

"""The sentences, numbers and tables that results of training, evaluating and encoding share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from privkit.data.questions.record import QuestionSet
from privkit.evaluation.guessing import Guess, shown
from privkit.result import DataUsed, Measure, Table
from privkit.videoqa.batches import QuestionBatches
from privkit.videoqa.evaluate import Predictions, accuracy_measures
from privkit.videoqa.methods import Variant, bits_words
from privkit.videoqa.starting import Loaded

__all__ = [
    "accuracy_table",
    "count_measures",
    "cut_words",
    "data_used",
    "guess_table",
    "left_out_table",
    "left_out_words",
    "loaded_table",
    "outside_words",
    "split_measures",
    "stored_bits",
    "stored_words",
    "variant_settings",
]

#: Videos that are named in a table; the rest is counted, and all are in a file of the run.
_SHOWN = 10
#: Bits of a float as it is kept in the cache.
_FLOAT_BITS = 16


def cut_words(splits: Mapping[str, QuestionBatches], max_tokens: int) -> list[str]:
    """That texts are longer than the model reads, by split."""
    cut = {split: batches.text.cut for split, batches in splits.items() if batches.text.cut}
    if not cut:
        return []
    texts = {split: math.prod(splits[split].text.ids.shape[:2]) for split in cut}
    said = ", ".join(f"{n:,} of {texts[split]:,} texts of {split}" for split, n in cut.items())
    return [
        f"{said} are longer than text.max_tokens = {max_tokens} and were cut: the end of the "
        "question first, of an option only where it is too long alone."
    ]


def stored_words(variant: Variant, shape: Sequence[int], times: int) -> str:
    """What is stored of a video, in a sentence; ``times`` groups of T clips each."""
    if not variant.method.video:
        return "Nothing is stored of a video: the model sees none."
    if variant.bits is None:
        floats = math.prod(shape) * times
        return (
            f"{floats:,} floats are stored of a video, {floats * _FLOAT_BITS:,} bits at "
            f"{_FLOAT_BITS} bits each: no few-bit code."
        )
    return f"{bits_words(variant.bits * times)} are stored of a video."


def stored_bits(variant: Variant, shape: Sequence[int], times: int) -> Measure:
    """Bits that are stored of a video; floats count as they are kept, at 16 bits."""
    bits = variant.bits if variant.bits is not None else math.prod(shape) * _FLOAT_BITS
    return Measure(
        "bits stored a video",
        bits * times if variant.method.video else 0,
        "bits",
        "lower protects",
        method="exact count",
        where={"variant": variant.label},
    )


def split_measures(found: Mapping[str, Predictions], labels: Mapping[str, str]) -> list[Measure]:
    """Accuracy by split and answer type."""
    return [
        measure
        for split, predictions in found.items()
        for measure in accuracy_measures(predictions, {**labels, "split": split})
    ]


def count_measures(
    found: Mapping[str, Predictions], left_out: Mapping[str, str], open_ended: bool
) -> list[Measure]:
    """How many videos are left out, and how many answers no model could give."""
    counts = [
        Measure("videos left out", len(left_out), "videos", "neither", method="exact count"),
    ]
    if open_ended:
        counts += [
            Measure(
                "answers outside the vocabulary",
                predictions.outside,
                "questions",
                "neither",
                n=len(predictions.questions),
                method="exact count; every one counts as wrong",
                where={"split": split},
            )
            for split, predictions in found.items()
        ]
    return counts


def outside_words(found: Mapping[str, Predictions], open_ended: bool) -> list[str]:
    """Sentences about answers that are not in the vocabulary of an open-ended task."""
    return [
        f"{count:,} of the {len(predictions.questions):,} {split} questions have an answer that is "
        "not in the model's vocabulary; they count as wrong."
        for split, predictions in found.items()
        if open_ended and (count := predictions.outside)
    ]


def left_out_words(left_out: Mapping[str, str]) -> list[str]:
    """A sentence about the videos that are left out, with the first names."""
    if not left_out:
        return []
    named = ", ".join(shown(name) for name in list(left_out)[:_SHOWN])
    more = f" and {len(left_out) - _SHOWN:,} more" if len(left_out) > _SHOWN else ""
    return [
        f"{len(left_out):,} videos are left out, with their questions, because they are not there "
        f"or cannot be decoded: {named}{more}. All are in left-out.csv."
    ]


def left_out_table(left_out: Mapping[str, str]) -> Table | None:
    """The first videos that are left out, and why; ``None`` without any."""
    if not left_out:
        return None
    rows = [[shown(name), shown(why)] for name, why in list(left_out.items())[:_SHOWN]]
    return Table(f"The first of {len(left_out):,} videos that are left out", ["video", "why"], rows)


def loaded_table(loaded: Sequence[Loaded]) -> Table | None:
    """What became of the files of given weights; ``None`` without any."""
    if not loaded:
        return None
    return Table(
        "Weights that the networks started from",
        ["file", "kind", "used", "unused", "missing"],
        [
            [
                shown(entry.file),
                entry.kind,
                f"{len(entry.report.used):,}",
                f"{len(entry.report.unused):,}",
                f"{len(entry.report.missing):,}",
            ]
            for entry in loaded
        ],
        note="Unused: in the file, and without a place here. Missing: not in the file; drawn. "
        "initial-weights.csv names them all.",
    )


def accuracy_table(found: Mapping[str, Predictions], labels: Mapping[str, str]) -> Table | None:
    """Accuracy by split and answer type; ``None`` where nothing was answered."""
    if not found:
        return None
    rows = [
        [
            measure.where["split"],
            shown(measure.where["answer type"]),
            f"{measure.n:,}",
            f"{measure.value:.1%} ({100 * (measure.low or 0):.1f}-{100 * (measure.high or 0):.1f})",
        ]
        for measure in split_measures(found, labels)
    ]
    return Table(
        f"Accuracy by answer type, {labels['variant']}",
        ["split", "answer type", "questions", "right"],
        rows,
        note="In brackets the 95% interval, which counts videos, not questions, as independent.",
    )


def guess_table(guessed: Sequence[Guess]) -> Table | None:
    """The guesses that see no video; ``None`` without any."""
    if not guessed:
        return None
    return Table(
        f"Guessing without the video, {guessed[0].split} split",
        ["guess", "answer type", "questions", "right"],
        [
            [
                g.rule,
                shown(g.answer_type),
                f"{g.accuracy.n:,}",
                f"{g.accuracy.value:.1%} ({100 * g.accuracy.low:.1f}-{100 * g.accuracy.high:.1f})",
            ]
            for g in guessed
        ],
    )


def data_used(questions: QuestionSet) -> DataUsed:
    """The questions, for the record."""
    name = f"{questions.name} {questions.task}"
    rows = len(questions.questions)
    return DataUsed(name, "questions", questions.sha256, rows, questions.notice)


def variant_settings(variant: Variant) -> dict[str, object]:
    """The method and its bits, for the record."""
    return {"method": variant.method.name, "bits": variant.bits}

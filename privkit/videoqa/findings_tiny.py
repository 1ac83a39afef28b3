"""What was found about tiny data sets: the bytes, and what can be answered from them."""

from __future__ import annotations

from privkit.evaluation.intervals import CONFIDENCE
from privkit.result import Measure, Result, Table
from privkit.videoqa.evaluate import accuracy, accuracy_measures
from privkit.videoqa.findings_bits import (
    SIGNIFICANT,
    data_used,
    described,
    left_out_warnings,
    start_warnings,
)
from privkit.videoqa.methods import METHODS, bits_words
from privkit.videoqa.paired import paired, points, pooled
from privkit.videoqa.stored_sizes import MPEG4_QUANTISER, Size
from privkit.videoqa.task import TaskSource
from privkit.videoqa.tiny import TinyStudy

__all__ = ["tiny_result"]


def tiny_result(study: TinyStudy, source: TaskSource, *, mpeg4_videos: int, command: str) -> Result:
    """The result of a study of a tiny set."""
    task = study.task.questions.task
    own = pooled(study.from_codes)
    beside = {name: pooled(runs) for name, runs in study.beside.items()}
    against = {name: paired(own, found) for name, found in beside.items()}
    labels = {name: METHODS[name].label for name in beside} | {"featcomp": "FeatComp end to end"}
    where = {"task": task, "bits": str(study.bits)}
    measures = accuracy_measures(own, {**where, "variant": "stored codes"})
    for name, found in beside.items():
        measures += accuracy_measures(found, {"task": task, "variant": labels[name]})
    for name, compared in against.items():
        difference = compared.difference
        measures.append(
            Measure(
                f"accuracy from stored codes above {labels[name]}",
                difference.value,
                "share",
                "higher is useful",
                n=difference.n,
                low=difference.low,
                high=difference.high,
                confidence=CONFIDENCE,
                method=difference.method,
                where=where,
            )
        )
    measures += [_size_measure(size, study) for size in study.sizes]
    rows = [["stored codes alone", accuracy(own).percent(), "", ""]]
    rows += [
        [
            labels[name],
            accuracy(beside[name]).percent(),
            points(against[name].difference),
            _p(against[name].p),
        ]
        for name in beside
    ]
    return Result(
        command,
        described(
            source,
            study.seeds,
            task=task,
            bits=study.bits,
            mpeg4_quantiser=MPEG4_QUANTISER,
            mpeg4_videos=mpeg4_videos,
        ),
        study.seeds[0],
        [data_used(study.task)],
        [_size_finding(study), _accuracy_finding(study, labels)],
        measures,
        [
            _size_table(study),
            Table(
                f"Accuracy on {task} from what is stored",
                ["trained from", "accuracy", "stored codes against it", "p"],
                rows,
                "95% intervals over videos; exact sign test over videos.",
            ),
        ],
        [
            *start_warnings([study.task]),
            *_extrapolated(study),
            *left_out_warnings([study.task]),
        ],
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def _named(study: TinyStudy, start: str) -> Size:
    return next(size for size in study.sizes if size.name.startswith(start))


def _size_finding(study: TinyStudy) -> str:
    codes, tiny = study.sizes[0], _named(study, "tiny set")
    mpeg4, floats = _named(study, "videos as MPEG-4"), _named(study, "float16")
    return (
        f"{study.videos:,} videos at {bits_words(study.bits)} take {codes.total:,.0f} bytes "
        f"(and a header of {codes.header}): {mpeg4.total / codes.total:,.0f} times less than as "
        f"MPEG-4 ({mpeg4.total:,.0f}), {floats.total / codes.total:,.0f} times less than as "
        f"float16 features ({floats.total:,.0f}). With names and questions the set takes "
        f"{tiny.total:,.0f} bytes."
    )


def _accuracy_finding(study: TinyStudy, labels: dict[str, str]) -> str:
    own = pooled(study.from_codes)
    said = []
    for name, runs in study.beside.items():
        found = paired(own, pooled(runs))
        sure = "" if found.p < SIGNIFICANT else ", not told apart from chance"
        said.append(
            f"{labels[name]} {accuracy(pooled(runs)).percent()} ({points(found.difference)}{sure})"
        )
    return (
        f"A model trained from the stored codes alone is right in {accuracy(own).percent()} of "
        f"{study.task.questions.task}; against it: {'; '.join(said)}."
    )


def _size_measure(size: Size, study: TinyStudy) -> Measure:
    mean = size.mean
    scale = study.videos
    return Measure(
        "bytes",
        size.total,
        "bytes",
        "neither",
        n=study.videos if mean is None else size.measured,
        low=None if mean is None else mean.low * scale,
        high=None if mean is None else mean.high * scale,
        confidence=None if mean is None else CONFIDENCE,
        method="size of the files, without their header"
        if mean is None
        else f"mean of {size.measured:,} videos, times {study.videos:,}",
        where={
            "stored as": size.name,
            "videos": str(study.videos),
            "header bytes": str(size.header),
        },
    )


def _size_table(study: TinyStudy) -> Table:
    mpeg4 = _named(study, "videos as MPEG-4")
    return Table(
        f"Bytes of {study.videos:,} videos (the paper's Table 4)",
        ["stored as", "bytes", "header", "bytes a video", "bits a video", "less than MPEG-4"],
        [
            [
                size.name,
                f"{'≈ ' if size.mean is not None else ''}{size.total:,.0f}",
                f"{size.header:,}",
                f"{size.total / study.videos:,.2f}",
                f"{8 * size.total / study.videos:,.1f}",
                f"{mpeg4.total / size.total:,.1f}×",
            ]
            for size in study.sizes
        ],
        "Files that were written and measured. The header of a file does not grow with the videos "
        "and is not part of the bytes; compressed files and videos are counted whole. "
        f"MPEG-4 is MPEG-4 part 2 at a fixed quantiser of {MPEG4_QUANTISER}, without sound.",
    )


def _extrapolated(study: TinyStudy) -> list[str]:
    return [
        f"{size.name}: {size.measured:,} of {study.videos:,} videos were encoded, drawn at random; "
        f"the total is their mean times {study.videos:,}, between "
        f"{size.mean.low * study.videos:,.0f} and {size.mean.high * study.videos:,.0f} bytes (95%)."
        for size in study.sizes
        if size.mean is not None
    ]

"""What was found about tiny data sets: the bytes, and what can be answered from them."""

from __future__ import annotations

from privkit.evaluation.intervals import CONFIDENCE
from privkit.result import Measure, Result, Table
from privkit.videoqa.evaluate import accuracy, accuracy_measures
from privkit.videoqa.findings_bits import (
    data_used,
    described,
    left_out_warnings,
    start_warnings,
)
from privkit.videoqa.methods import METHODS, bits_words
from privkit.videoqa.paired import over_seeds, paired, points
from privkit.videoqa.seeds import intervals_over, shown_where
from privkit.videoqa.stored_sizes import MPEG4_QUANTISER, Size
from privkit.videoqa.task import TaskSource
from privkit.videoqa.tiny import TinyStudy

__all__ = ["tiny_result"]

#: Files of a tiny set that hold its videos.
_DELIVERED = "codes and names as delivered (codes.npy, videos.txt)"


def tiny_result(study: TinyStudy, source: TaskSource, *, mpeg4_videos: int, command: str) -> Result:
    """The result of a study of a tiny set."""
    task = study.task.questions.task
    own = over_seeds(study.from_codes)
    beside = {name: over_seeds(runs) for name, runs in study.beside.items()}
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
    measures += [_size_measure(size, study) for size in _sizes(study)]
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
                f"{intervals_over(len(study.seeds))}; exact sign test over videos."
                f"{shown_where(len(study.seeds))}",
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


def _delivered(study: TinyStudy) -> Size:
    """What is trained from: ``codes.npy`` with its header, and the names in ``videos.txt``."""
    codes = next(size for size in study.sizes if "(codes.npy)" in size.name)
    # videos.txt holds nothing but a name and a line feed for each video, so this is its size.
    names = sum(len(name.encode()) + 1 for name in study.task.features.row)
    return Size(_DELIVERED, codes.total + codes.header + names, 0, study.videos)


def _sizes(study: TinyStudy) -> list[Size]:
    """What is delivered first, then what it is compared with."""
    return [_delivered(study), *study.sizes]


def _size_finding(study: TinyStudy) -> str:
    stored, tight, tiny = _delivered(study), study.sizes[0], _named(study, "tiny set")
    mpeg4, floats = _named(study, "videos as MPEG-4"), _named(study, "float16")
    return (
        f"{study.videos:,} videos at {bits_words(study.bits)} take {stored.total:,.0f} bytes on "
        "the disk, codes.npy with its header and the names in videos.txt: "
        f"{mpeg4.total / stored.total:,.1f} times less than as MPEG-4 ({mpeg4.total:,.0f}), "
        f"{floats.total / stored.total:,.1f} times less than as float16 features "
        f"({floats.total:,.0f}). The paper's arithmetic, {study.bits:,} × {study.videos:,} / 8, "
        f"counts the bits alone: {tight.total:,.0f} bytes, {mpeg4.total / tight.total:,.1f} times "
        f"less than as MPEG-4. With the questions the set takes {tiny.total:,.0f} bytes."
    )


def _accuracy_finding(study: TinyStudy, labels: dict[str, str]) -> str:
    own = over_seeds(study.from_codes)
    said = []
    for name, runs in study.beside.items():
        other = over_seeds(runs)
        found = paired(own, other)
        sure = "" if found.shows(found.p) else ", not told apart from chance"
        said.append(
            f"{labels[name]} {accuracy(other).percent()} ({points(found.difference)}{sure})"
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
        method=f"size of the files, {'without' if size.header else 'with'} their header"
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
            for size in _sizes(study)
        ],
        "Files that were written and measured. The first row is what is delivered and trained "
        "from; a tiny set has the questions and a README.md besides. Bit after bit is the paper's "
        "arithmetic, N × videos / 8, as a file that is not delivered. The header of a file does "
        "not grow with the videos and is not part of the bytes, but of the delivered files, which "
        "are counted whole, as are compressed files and videos. "
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

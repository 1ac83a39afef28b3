"""Tiny data sets (the paper's Table 4): what is left on the disk when videos become codes.

A tiny set is codes, names and questions; somebody can train from it who never had the videos. Every
size is that of a file that was written (:mod:`privkit.videoqa.stored_sizes`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from privkit.errors import InputError
from privkit.features.open import open_codes
from privkit.videoqa.encode import StoredVideos, write_codes
from privkit.videoqa.evaluate import Predictions
from privkit.videoqa.from_codes import answer_from_codes, end_to_end, trained_codes
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.stored_sizes import Size, measure_sizes
from privkit.videoqa.task import Task, TaskSource

__all__ = ["BESIDE", "TinyStudy", "read_tiny_set", "study_tiny", "write_tiny_set"]

Tick = Callable[[str, int, int], None]

#: Answered beside the stored codes, on the same test questions.
BESIDE = ("featcomp", "floats", "question-only")


@dataclass(frozen=True)
class TinyStudy:
    """A tiny set, its sizes, and what can be answered from it.

    Attributes:
        task: made ready.
        bits: N.
        seeds: of the trainings; the set that is kept is the first one's.
        videos: their number.
        sizes: the codes first, the videos last.
        from_codes: answers of models that were trained on the set read back, one a seed.
        beside: the same for the models of :data:`BESIDE`.
    """

    task: Task
    bits: int
    seeds: tuple[int, ...]
    videos: int
    sizes: list[Size]
    from_codes: list[Predictions]
    beside: dict[str, list[Predictions]]


def study_tiny(
    source: TaskSource,
    folder: Path,
    *,
    bits: int,
    seeds: Sequence[int],
    mpeg4_videos: int,
    tick: Tick | None = None,
) -> TinyStudy:
    """Write a tiny set, measure everything, read the set back and train from it.

    Args:
        source: of the task.
        folder: empty; afterwards ``tiny`` in it is the set.
        bits: N.
        seeds: of the trainings.
        mpeg4_videos: most videos that are encoded as MPEG-4.
        tick: progress.

    Raises:
        InputError: the task cannot be opened, or a video cannot be encoded.
    """
    task = source.open(tick)
    device = source.device
    beside: dict[str, list[Predictions]] = {name: [] for name in BESIDE}
    from_codes: list[Predictions] = []
    done, trainings = 0, len(seeds) * (1 + len(BESIDE))
    for n, seed in enumerate(seeds):
        for name in BESIDE:
            variant = Variant(METHODS[name], bits if METHODS[name].bottleneck else None)
            beside[name].append(end_to_end(task, variant, seed=seed, device=device))
            done += 1
            if tick is not None:
                tick("trainings", done, trainings)
        written = folder / ("tiny" if n == 0 else f"tiny-{seed}")
        write_tiny_set(written, task, trained_codes(task, bits, seed=seed, device=device))
        stored = read_tiny_set(written, bits)
        from_codes.append(answer_from_codes(task, stored, seed=seed, device=device))
        done += 1
        if tick is not None:
            tick("trainings", done, trainings)
    first = folder / "tiny"
    sizes = measure_sizes(
        task,
        read_tiny_set(first, bits),
        first,
        folder / "scratch",
        mpeg4_videos=mpeg4_videos,
        seed=seeds[0],
        tick=tick,
    )
    return TinyStudy(task, bits, tuple(seeds), len(task.features.row), sizes, from_codes, beside)


def write_tiny_set(folder: Path, task: Task, stored: StoredVideos) -> None:
    """Write ``codes.npy``, ``videos.txt``, ``questions.jsonl``, ``README.md`` and any notice.

    The questions are in privkit's own format; their videos are rows of the codes.
    """
    folder.mkdir()
    write_codes(folder, stored)
    with (folder / "questions.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for question in task.questions.questions:
            file.write(json.dumps(question.to_dict()) + "\n")
    text = _README.format(
        videos=len(stored.videos), bits=stored.codes.bits, task=task.questions.task
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    if task.questions.notice:
        (folder / "notice.txt").write_text(task.questions.notice + "\n", encoding="utf-8")


def read_tiny_set(folder: Path, bits: int) -> StoredVideos:
    """Read the codes and their names back.

    Raises:
        InputError: a file is broken, or there are not as many names as codes.
    """
    codes = open_codes(folder / "codes.npy", bits=bits).to_codes()
    names = _names(folder / "videos.txt")
    if len(names) != len(codes):
        raise InputError(
            "names and codes do not belong together",
            where=folder,
            rule=f"one line of videos.txt for each of the {len(codes):,} codes",
            found=f"{len(names):,} lines",
        )
    return StoredVideos(codes, names)


def _names(path: Path) -> tuple[str, ...]:
    """A name a line; only a line feed ends one, as U+2028 and the like may be part of a name."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the names cannot be read", where=path, rule="UTF-8, a name a line", found=error
        ) from None
    return tuple(text.removesuffix("\n").split("\n")) if text else ()


_README = """\
# A tiny VideoQA set

{videos:,} videos as codes of {bits:,} bits each, learned for the questions of the task `{task}`.

- `codes.npy`: row n is the code of the video that line n of `videos.txt` names; bytes of eight
  bits, the first bit is the highest. In Python:
  `privkit.features.open.open_codes(Path("codes.npy"), bits={bits})`.
- `questions.jsonl`: a question a line, with its video, split, options and answer.

That a code is short does not mean that it tells nothing about the people in the video:
`privkit kanon --codes codes.npy --bits {bits}` counts how many videos share each code.
"""

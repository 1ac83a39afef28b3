"""The embedded VideoQA set: real video files of a drawn figure, with questions and attributes.

It stands in where no real set is at hand, and it has what real sets lack: labels that no question
asks about, so that what a stored feature gives away can be measured.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

import av.error

from privkit.data.videos.drawing import draw_scene
from privkit.data.videos.encode import write_gif, write_mp4
from privkit.data.videos.scene import HATS, scene_of, split_of
from privkit.data.videos.scene_questions import questions_of, video_name
from privkit.errors import InputError
from privkit.runs import check_out, write_run
from privkit.workers import end_with_parent, usable_cores

__all__ = ["MAX_VIDEOS", "NOTICE", "generate_videos", "usable_cores"]

NOTICE = (
    "These are generated videos, drawn from parameters, not recordings of people; "
    "results on them do not replace results on real ones."
)
#: The names have six digits.
MAX_VIDEOS = 1_000_000
#: Videos that one worker writes at a time; a smaller set is written without workers.
_PART = 50
_WRITERS = {"mp4": write_mp4, "gif": write_gif}
_ATTRIBUTES = ("video", "identity", "hat", "badge", "background", "side", "split")


def generate_videos(
    folder: Path,
    *,
    videos: int = 3000,
    seed: int = 0,
    tick: Callable[[str, int, int], None] | None = None,
    processes: int | None = None,
) -> None:
    """Write a generated set: ``videos/``, ``questions.jsonl``, ``attributes.csv``, ``notice.txt``.

    Half of the videos are MP4, half GIF, in every split; each has 16 frames of 64 × 64 pixels at
    10 a second; ``README.md`` says what it all is. A video and its questions depend on the seed
    and its number only: a larger set contains the smaller ones. On one machine the bytes are the
    same on every run, whatever the number of processes. The folder appears when it is complete.

    Args:
        folder: to write; must not exist.
        videos: how many.
        seed: of the set, not negative.
        tick: called with a step, the videos done, and all videos.
        processes: to share the work; by default one a usable core. They are started anew
            (spawned), so a script that calls this needs ``if __name__ == "__main__":``.

    Raises:
        InputError: the folder exists or cannot be created, a number is out of its range, or a
            video cannot be written.
    """
    for name, value, low, high in (
        ("videos", videos, 1, MAX_VIDEOS),
        ("seed", seed, 0, 2**63 - 1),
        ("processes", 1 if processes is None else processes, 1, 1024),
    ):
        if not low <= value <= high:
            rule = f"a whole number from {low:,} to {high:,}"
            raise InputError(f"{name} is out of range", rule=rule, found=value)
    if os.path.lexists(folder):
        raise InputError("the folder exists already", where=folder, remedy="name a new folder")
    check_out(folder)
    workers = processes or usable_cores()
    write_run("generate", folder, lambda work: _fill(work, videos, seed, tick, workers))


def _fill(
    work: Path,
    videos: int,
    seed: int,
    tick: Callable[[str, int, int], None] | None,
    workers: int,
) -> None:
    (work / "videos").mkdir()
    parts = [range(start, min(start + _PART, videos)) for start in range(0, videos, _PART)]
    done = 0
    for part in _each(partial(_write_part, work / "videos", seed), parts, workers):
        done += part
        if tick is not None:
            tick("generate videos", done, videos)
    numbers = range(videos)
    with (work / "questions.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for question in chain.from_iterable(questions_of(seed, n) for n in numbers):
            file.write(json.dumps(question.to_dict()) + "\n")
    with (work / "attributes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_ATTRIBUTES)
        writer.writerows(_attributes(seed, n) for n in numbers)
    (work / "notice.txt").write_text(NOTICE + "\n", encoding="utf-8")
    readme = _README.format(notice=NOTICE, videos=videos, seed=seed, identities=len(HATS) * 4)
    (work / "README.md").write_text(readme, encoding="utf-8")


def _each(write: Callable[[range], int], parts: Iterable[range], workers: int) -> Iterator[int]:
    """``write`` of all parts in order, in this process or in several."""
    parts = list(parts)
    workers = min(workers, len(parts))
    if workers == 1:
        yield from map(write, parts)
        return
    # Spawned, not forked: a fork of a process that runs torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin) as pool:
        yield from pool.map(write, parts)


def _begin() -> None:
    """Let the parent alone answer Ctrl-C; it stops the workers after their part."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def _write_part(folder: Path, seed: int, part: range) -> int:
    for number in part:
        # Alternates, and shifts every ten videos, as the splits repeat every ten.
        ending = ("mp4", "gif")[(number + number // 10) % 2]
        path = folder / f"{video_name(number)}.{ending}"
        try:
            _WRITERS[ending](path, draw_scene(scene_of(seed, number)))
        except (av.error.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError("the video cannot be written", where=path, found=reason) from error
    return len(part)


def _attributes(seed: int, number: int) -> tuple[str | int, ...]:
    scene = scene_of(seed, number)
    shown = (scene.identity, scene.hat, scene.badge, scene.background, scene.side)
    return video_name(number), *shown, split_of(number)


_README = """\
# A generated VideoQA set

{notice}

Made by `privkit videoqa generate --videos {videos} --seed {seed}`; no real person, no recording.

- `videos/`: MP4 and GIF files, 64 × 64 pixels, 16 frames at 10 a second. A figure does one action
  2, 3 or 4 times and then another one, once. Beside it stands a kind of thing, 1, 2 or 3 times, on
  the floor or on the shelf.
- `questions.jsonl`: one question a line, eight a video: task `action` (1, five options),
  `transition` (2, five options), `frameqa` (4, open-ended) and `yesno` (1). Keys: `question_id`,
  `video`, `task`, `split`, `question`, `answer`, `options`, `correct` (index), `answer_type`.
- `attributes.csv`: what no question asks about, by video: who the figure is (`identity`,
  {identities} of them: hat and badge), background, and the side on which it stands.
- `notice.txt`: words that stand wherever results on the set are shown.

Of each ten videos 7 train, 1 validates and 2 test. All parameters are independent and uniform, but
for the second action: with probability 0.3 it is the fixed partner of the first. Options are drawn
uniformly, and every wording of a yes/no question is as often true as false, so that a model that
does not see the video stays near chance (transition: about 35%, by the partners; chance is 20%).
"""

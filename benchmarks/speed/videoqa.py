"""Reading cached features against decoding videos, and how much of a training step is compute.

Reading: in every round a batch of videos is drawn, and its cached features are read and its frames
are decoded, in turn, by what the training itself reads with (``GridFeatures.take``, and
``Frames.take`` with its two threads). The files are in the machine's memory for all of them. The
length of a video is found by decoding it once more, when it is first met, and then remembered:
decoding is timed with and without. The wanted ratio is judged against the faster.

Training: privkit's own loop, FeatComp at 10 bits. Between two steps the loop waits for the next
batch; the rest is compute. ``--end-to-end`` measures the training from frames as well, whose
batches worker processes decode ahead.

    python benchmarks/speed/videoqa.py --end-to-end --out reports/speed_videoqa

The weights are as drawn: how long a step takes does not depend on them. Without ``--data`` a
generated set is written to a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from featcomp import machine, median_interval, settings

from privkit.data.questions.open import open_questions
from privkit.data.questions.record import QuestionSet
from privkit.data.videos import decode
from privkit.data.videos.generated import generate_videos
from privkit.errors import PrivkitError
from privkit.videoqa.batches import Batch, Part, QuestionBatches
from privkit.videoqa.configuration import Configuration, load_configuration
from privkit.videoqa.distributed import Processes
from privkit.videoqa.frames import Frames, frame_batches, open_frames
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.task import Task, prepare
from privkit.videoqa.train import Training, train

WANTED_RATIO = 20.0  # times as fast to read features as to decode
WANTED_SHARE = 0.8  # of a step is compute
CACHED = "read cached features"
FIRST, LATER = "decode, length unknown", "decode, length known"
THROUGH = "decode, length known, and backbone"
FEATURES, FRAMES = "cached features", "frames (--end-to-end)"
WARM_UP = 5  # steps at the beginning that are not counted: workers start, memory is taken
DRAWS = 2000

Batches = Callable[[Iterator[Part]], Iterable[Batch]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit with 1 where a wanted value is missed, with 2 on bad input."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of questions and videos")
    parser.add_argument("--task", default="action")
    parser.add_argument("--videos", type=int, default=500, help="of a generated set")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings")
    parser.add_argument("--rounds", type=int, default=15, help="of reading, at least 6")
    parser.add_argument("--steps", type=int, default=60, help="of training, counted")
    parser.add_argument("--end-to-end", action="store_true", help="train from frames, too")
    parser.add_argument("--workers", type=int, default=2, help="processes that decode")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for videoqa.json and videoqa.md")
    options = parser.parse_args(given)
    if options.rounds < 6:
        parser.error("--rounds: at least 6, or the median has no 95% interval")
    try:
        with tempfile.TemporaryDirectory(prefix="privkit-bench-") as folder:
            report = measured(Path(folder), options)
    except PrivkitError as error:
        sys.stderr.write(f"videoqa: error: {error}\n")
        return 2
    report = {
        "command": shlex.join(["python", "benchmarks/speed/videoqa.py", *without_folder(given)]),
        "seed": options.seed,
        "machine": machine(),
        **report,
    }
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (options.out / "videoqa.json").write_text(text, encoding="utf-8")
        (options.out / "videoqa.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def without_folder(arguments: Sequence[str]) -> list[str]:
    """The arguments as they hold on any machine: no ``--out``, and of ``--data`` the name."""
    kept = settings(arguments)
    for n, argument in enumerate(kept):
        if n and kept[n - 1] == "--data":
            kept[n] = Path(argument).name
        elif argument.startswith("--data="):
            kept[n] = f"--data={Path(argument.partition('=')[2]).name}"
    return kept


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Prepare the data in a temporary folder and measure everything.

    Raises:
        PrivkitError: the data or a setting is not usable.
    """
    data = options.data
    if data is None:
        data = folder / "generated"
        generate_videos(data, videos=options.videos, seed=options.seed, processes=1)
    fixed = ["training.pretraining_steps=0", "training.validations=1", *options.set]
    configuration = load_configuration("small", fixed)
    questions = open_questions(data, task=options.task, seed=options.seed)
    task = prepared(questions, configuration, folder, options.seed)
    reading = read_times(task, options.rounds, options.seed)
    rows = reading_rows(reading)
    trainings = [training_row(FEATURES, task, options)]
    if options.end_to_end:
        frames = prepared(questions, configuration, folder, options.seed, end_to_end=True)
        trainings.append(training_row(FRAMES, frames, options))
    ratio = next(row["ratio"] for row in rows if row["contender"] == LATER)
    checks = [check(f"{LATER}, over {CACHED}", ratio, WANTED_RATIO)]
    checks += [check(f"compute, {row['from']}", row["compute"], WANTED_SHARE) for row in trainings]
    video = configuration.video
    return {
        "data": questions.name,
        "videos": len(task.features.row),
        "batch": configuration.training.batch,
        "frames": {"size": video.size, "clips": video.clips, "frames": video.frames},
        "feature": list(task.features.shape),
        "rounds": options.rounds,
        "workers": options.workers,
        "reading": rows,
        "training": trainings,
        "checks": checks,
        "passed": all(c["met"] for c in checks),
    }


def prepared(
    questions: QuestionSet,
    configuration: Configuration,
    cache: Path,
    seed: int,
    *,
    end_to_end: bool = False,
) -> Task:
    """The task, with cached features or, end to end, with frames."""
    return prepare(questions, configuration, cache=cache, seed=seed, end_to_end=end_to_end)


def read_times(task: Task, rounds: int, seed: int) -> dict[str, list[float]]:
    """Seconds that each contender takes for the batch of each round."""
    names = sorted(task.features.row)
    files = {name: task.questions.videos[name] for name in names}
    frames = open_frames(files, task.backbone, task.configuration.video)
    size = min(task.configuration.training.batch, len(names))

    def first(batch: list[str]) -> None:
        decode._probe.cache_clear()  # the lengths that are remembered
        frames.take(batch)

    @torch.no_grad()
    def through(batch: list[str]) -> None:
        task.backbone.clip_features(frames.take(batch))

    contenders: dict[str, Callable[[list[str]], object]] = {
        CACHED: task.features.take,
        FIRST: first,
        LATER: frames.take,
        THROUGH: through,
    }
    draw = np.random.default_rng(seed)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for n in range(rounds + 1):  # the first is not counted
        batch = [names[row] for row in draw.choice(len(names), size, replace=False)]
        for name, run in contenders.items():
            started = time.perf_counter()
            run(batch)
            if n:
                times[name].append(time.perf_counter() - started)
    return times


def reading_rows(times: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Medians, and the median ratio of the same rounds with its interval."""
    rows = []
    for name, seconds in times.items():
        ratios = [a / b for a, b in zip(seconds, times[CACHED], strict=True)]
        low, high = median_interval(ratios)
        rows.append(
            {
                "contender": name,
                "ms_per_batch": round(1e3 * statistics.median(seconds), 3),
                "ratio": round(statistics.median(ratios), 1),
                "ratio_low": round(low, 1),
                "ratio_high": round(high, 1),
            }
        )
    return rows


def training_row(source: str, task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """Train for some steps and say what share of them was compute."""
    variant = Variant(METHODS["featcomp"], 10)
    questions = task.batches("train", variant)
    places = len(questions.known)
    a_pass = places // min(task.configuration.training.batch, places)
    epochs = -(-(options.steps + WARM_UP + 1) // a_pass)
    how = task.configuration.with_training(epochs=epochs).training
    watch = Watch(batches_of(task, questions, options))
    training = Training(
        variant,
        how,
        task.model(variant, seed=options.seed),
        questions,
        task.batches("validation", variant),
        task.features,
        options.seed,
        task.identity,
        watch.batches,
    )
    train(training, group=Processes())
    # The last step ends with the validation, and nobody asks for a batch after it.
    waited = np.array(watch.waited[WARM_UP : WARM_UP + options.steps])
    computed = np.array(watch.computed[WARM_UP : WARM_UP + options.steps])
    low, high = share_interval(waited, computed, options.seed)
    return {
        "from": source,
        "steps": len(computed),
        "ms_waiting": round(1e3 * float(np.median(waited)), 3),
        "ms_computing": round(1e3 * float(np.median(computed)), 3),
        "compute": round(float(computed.sum() / (computed + waited).sum()), 4),
        "compute_low": round(low, 4),
        "compute_high": round(high, 4),
    }


def batches_of(task: Task, questions: QuestionBatches, options: argparse.Namespace) -> Batches:
    """The batches as a training makes them, of frames or of cached features."""
    source = task.features
    if isinstance(source, Frames):
        return frame_batches(questions, source, seed=options.seed, workers=options.workers)
    return lambda parts: (questions.batch(p.rows, source, weight=p.weight) for p in parts)


class Watch:
    """Times what lies between two batches.

    Args:
        made: makes the batches.

    Attributes:
        waited: seconds from the request of a batch to the batch.
        computed: seconds from a batch to the request of the next one.
    """

    def __init__(self, made: Batches) -> None:
        self.made = made
        self.waited: list[float] = []
        self.computed: list[float] = []

    def batches(self, parts: Iterator[Part]) -> Iterator[Batch]:
        """The batches, on the clock."""
        source = iter(self.made(parts))
        while True:
            asked = time.perf_counter()
            batch = next(source, None)
            if batch is None:
                return
            ready = time.perf_counter()
            self.waited.append(ready - asked)
            yield batch
            self.computed.append(time.perf_counter() - ready)


def share_interval(
    waited: np.ndarray, computed: np.ndarray, seed: int, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of the compute share when steps are drawn again (percentile bootstrap)."""
    rows = np.random.default_rng(seed).integers(len(waited), size=(DRAWS, len(waited)))
    shares = computed[rows].sum(1) / (computed + waited)[rows].sum(1)
    low, high = np.quantile(shares, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def check(name: str, found: float, wanted: float) -> dict[str, Any]:
    """One wanted value, at least, beside what was found."""
    return {"name": name, "found": found, "wanted": wanted, "met": found >= wanted}


def markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    of, frames = report["machine"], report["frames"]
    lines = [
        "# Reading cached features, and compute in a training step",
        "",
        f"{of['cpu']}, {of['cores']} cores, {of['threads']} threads, Python {of['python']}, torch "
        f"{of['torch']}; seed {report['seed']}. {report['data']}, {report['videos']} videos; "
        f"{frames['clips']} × {frames['frames']} frames of {frames['size']} pixels a video, "
        f"features of {' × '.join(map(str, report['feature']))}; {report['batch']} a batch.",
        "",
        f"    {report['command']}",
        "",
        f"Median of {report['rounds']} alternating rounds; the ratio is of the same round, with "
        "the 95% interval of its median. A video of unknown length is decoded twice, to find its "
        "length first.",
        "",
        "| of one batch | ms | times as long as reading | 95% |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['contender']} | {row['ms_per_batch']} | {row['ratio']} "
        f"| {row['ratio_low']} to {row['ratio_high']} |"
        for row in report["reading"]
    ]
    lines += [
        "",
        f"Training, FeatComp at 10 bits; frames are decoded by {report['workers']} worker "
        f"processes. The first {WARM_UP} steps are not counted; 95% intervals by drawing steps "
        "again.",
        "",
        "| batches from | steps | ms waiting | ms computing | compute | 95% |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['from']} | {row['steps']} | {row['ms_waiting']} | {row['ms_computing']} "
        f"| {row['compute']:.1%} | {row['compute_low']:.1%} to {row['compute_high']:.1%} |"
        for row in report["training"]
    ]
    lines += ["", "| wanted, at least | value | found | |", "|---|---|---|---|"]
    lines += [
        f"| {c['name']} | {c['wanted']:g} | {c['found']:g} | {'met' if c['met'] else 'MISSED'} |"
        for c in report["checks"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

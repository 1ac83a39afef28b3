"""Real questions and real videos through the whole path: import, decode, train, encode, evaluate.

    python benchmarks/paper/real_questions.py --out reports/real_questions

Reads below ``PRIVKIT_DATA``: the MSVD-QA annotations (``msvd_qa/``), the five clips they ask about
(``videos/msvd_5/``) and twelve GIFs without questions (``videos/tgif_12/``). It shows that the
path works on them, and counts what goes through. Of five clips nothing can be said about accuracy.

Writes ``result.json``, ``real_questions.md``, and the codes of all videos as ``codes.npy`` with
``videos.txt``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from fight_surv import named_data

from privkit.cli.console import Output, check_device
from privkit.data.locations import cache_folder
from privkit.data.questions.open import open_questions
from privkit.data.questions.record import SPLITS, QuestionSet
from privkit.data.questions.splits import seeded_order
from privkit.data.questions.videos import VIDEO_ENDINGS
from privkit.data.videos.decode import probe
from privkit.errors import InputError, PrivkitError
from privkit.features.codes import Codes
from privkit.report.markdown import result_markdown
from privkit.result import DataUsed, Measure, Result, Table
from privkit.videoqa.configuration import load_configuration
from privkit.videoqa.distributed import Processes
from privkit.videoqa.encode import StoredVideos, encode, write_codes
from privkit.videoqa.evaluate import Predictions, accuracy, accuracy_measures, predict
from privkit.videoqa.grid_cache import cached_features
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.task import Task, prepare
from privkit.videoqa.trained import trained

BITS = 10
SETTINGS = ("training.batch=16",)
TRAINED_ON = 3  # of the videos, where none of them is in the official train split
NO_CLAIM = (
    "Accuracy on the questions of one or two videos, after training on those of a few, says "
    "nothing about how well few-bit codes answer questions: this run shows that the path works."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the path and write it; exit with 2 where the data is not usable."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        result, stored = run(options)
    except PrivkitError as error:
        sys.stderr.write(f"real_questions: error: {error}\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "result.json").write_text(result.to_json(), encoding="utf-8")
    text = result_markdown("Real questions, real videos", result)
    (options.out / "real_questions.md").write_text(text, encoding="utf-8")
    write_codes(options.out, stored)
    sys.stdout.write(text)
    return 0


def run(options: argparse.Namespace) -> tuple[Result, StoredVideos]:
    """Import, decode, train, evaluate and encode.

    Raises:
        PrivkitError: the data or a setting is not usable.
    """
    clips, gifs = named_data("videos/msvd_5"), named_data("videos/tgif_12")
    device = check_device(options.device)
    group = Processes(device=device)
    every = open_questions(named_data("msvd_qa"), videos=clips, seed=options.seed)
    asked = with_videos(every)
    questions = with_splits(asked, options.seed)
    pictures = {f.stem: f for f in sorted(gifs.iterdir()) if f.suffix.lower() in VIDEO_ENDINGS}
    configuration = load_configuration("small", [*SETTINGS, *options.set])
    variant = Variant(METHODS["featcomp"], BITS)
    with Output().progress() as tick:
        task = prepare(
            questions,
            configuration,
            cache=cache_folder(),
            seed=options.seed,
            device=device,
            tick=tick,
        )
        found = trained(task, variant, seed=options.seed, group=group, tick=tick)
        predictions = {
            split: predict(found.model, task.batches(split, variant), task.features, group)
            for split in SPLITS
            if task.questions.split(split)
        }
        shown = cached_features(
            pictures,
            task.backbone,
            configuration.video,
            cache=cache_folder(),
            device=device,
            tick=tick,
        )
    videos = sorted(task.features.row)
    of_clips = encode(found.model, videos, task.features, device=device)
    of_gifs = encode(found.model, sorted(shown.row), shown, device=device)
    stored = StoredVideos(
        Codes.from_packed(np.concatenate([of_clips.codes.packed, of_gifs.codes.packed]), BITS),
        of_clips.videos + of_gifs.videos,
    )
    files = {**{v: questions.videos[v] for v in videos}, **{v: pictures[v] for v in shown.row}}
    left_out = {**task.left_out, **shown.skipped}
    result = summary(options, every, asked, task, predictions, stored, files, left_out)
    return result, stored


def with_videos(questions: QuestionSet) -> QuestionSet:
    """Only the questions whose video is there.

    Raises:
        InputError: there is none.
    """
    return questions.with_questions([q for q in questions.questions if q.video in questions.videos])


def with_splits(questions: QuestionSet, seed: int) -> QuestionSet:
    """The official splits where some video trains; else the videos are dealt out: 3, 1, 1.

    Raises:
        InputError: too few videos.
    """
    if questions.split("train"):
        return questions
    names = seeded_order(questions.video_names(), seed)
    if len(names) < TRAINED_ON:
        raise InputError(
            "there are too few videos to train on", rule=f"at least {TRAINED_ON}", found=len(names)
        )
    place = {name: n for n, name in enumerate(names)}
    dealt = [
        replace(q, split=SPLITS[max(0, min(place[q.video] - TRAINED_ON + 1, 2))])
        for q in questions.questions
    ]
    return questions.with_questions(dealt)


def summary(
    options: argparse.Namespace,
    every: QuestionSet,
    asked: QuestionSet,
    task: Task,
    predictions: Mapping[str, Predictions],
    stored: StoredVideos,
    files: Mapping[str, Path],
    left_out: Mapping[str, str],
) -> Result:
    """What went through, and the counts of right answers."""
    used = task.questions
    labels = {"variant": f"FeatComp {BITS} bits"}
    outside = {
        split: sum(task.batches(split, Variant(METHODS["floats"])).target.numpy() < 0)
        for split in predictions
    }
    shares = {split: accuracy(found) for split, found in predictions.items()}
    codes = stored.codes.to_matrix()
    facts = {name: probe(files[name]) for name in stored.videos}
    words = ["python", "benchmarks/paper/real_questions.py"]
    words += ["--set", *options.set] if options.set else []
    return Result(
        command=shlex.join([*words, "--seed", str(options.seed)]),
        configuration={"bits": BITS, "settings": task.configuration.to_dict()},
        seed=options.seed,
        data=[DataUsed(used.name, "questions about videos", used.sha256, len(used.questions))],
        findings=[
            f"Of {len(every.questions):,} {used.name} questions, {len(asked.questions)} ask about "
            f"the {len(asked.video_names())} videos that are there; {len(used.questions)} of these "
            "were answered.",
            f"{len(stored.videos)} videos were decoded, encoded to {BITS} bits and stored: "
            f"{len(used.video_names())} with questions and "
            f"{len(stored.videos) - len(used.video_names())} GIFs without.",
            *(
                f"{split}: {share.successes} of {share.n} questions right, {outside[split]} have "
                "an answer that no training question has."
                for split, share in shares.items()
            ),
        ],
        warnings=[
            NO_CLAIM,
            *(f"Left out: {name} ({why})." for name, why in sorted(left_out.items())),
        ],
        measures=[
            *(
                measure
                for split, found in predictions.items()
                for measure in accuracy_measures(found, {**labels, "split": split})
            ),
            *(
                Measure(
                    "answers outside the vocabulary",
                    int(count),
                    "questions",
                    "neither",
                    n=shares[split].n,
                    where={"split": split},
                )
                for split, count in outside.items()
            ),
            Measure("videos left out", len(left_out), "videos", "neither"),
            Measure("codes stored", len(stored.videos), "videos", "neither"),
        ],
        tables=[
            Table(
                "The videos and their codes",
                ["video", "pixels", "frames", "seconds", "questions", "split", f"{BITS} bits"],
                [
                    [
                        name,
                        f"{facts[name].width} × {facts[name].height}",
                        str(facts[name].frames),
                        f"{facts[name].seconds:.2f}",
                        str(sum(q.video == name for q in used.questions)),
                        next((q.split for q in used.questions if q.video == name), "–"),
                        "".join(map(str, codes[n])),
                    ]
                    for n, name in enumerate(stored.videos)
                ],
            )
        ],
    )


if __name__ == "__main__":
    sys.exit(main())

"""Real video: is someone fighting? Five-fold cross-validation on 200 surveillance clips.

    python benchmarks/paper/fight_surv.py --out reports/fight_surv

Reads ``PRIVKIT_DATA/videos/fight_surv`` (Aktı, Tataroğlu and Ekenel, IPTA 2019), or ``--data``.
Each fold is the test split once, the next one validates, and the other three train; the folds are
stratified by class and drawn by clip with a seed. Every clip is tested once for each variant, so
that the folds are pooled. The number of epochs and the batch were set once, for 120 training
clips, and not tuned.

Writes ``result.json``, ``fight_surv.md`` and ``answers.csv`` (each clip's name, class and what
each variant answered).
"""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from privkit.cli.console import Output, check_device
from privkit.data.locations import cache_folder, data_folder
from privkit.data.questions.open import open_questions
from privkit.data.questions.record import Question, QuestionSet, Split
from privkit.data.questions.splits import seeded_order
from privkit.errors import InputError, PrivkitError
from privkit.evaluation.intervals import Interval
from privkit.evaluation.multiplicity import holm
from privkit.report.markdown import result_markdown
from privkit.result import DataUsed, Measure, Result, Table
from privkit.videoqa.configuration import Configuration, load_configuration
from privkit.videoqa.distributed import Processes
from privkit.videoqa.evaluate import Predictions, accuracy, accuracy_measures, guess, predict
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.paired import paired, points, pooled
from privkit.videoqa.task import prepare
from privkit.videoqa.trained import trained

FOLDS = 5
SETTINGS = ("training.batch=16", "training.epochs=30")
VARIANTS = (
    Variant(METHODS["featcomp"], 1),
    Variant(METHODS["featcomp"], 10),
    Variant(METHODS["floats"]),
)
GUESS = Variant(METHODS["random"])
DRAWN = "Floats, backbone as drawn"
BACKBONE = (
    "The backbone was pre-trained on drawn figures, not on recordings: what it makes of real clips "
    "is no claim about what few-bit codes of a good backbone hold."
)
SAME_PLACE = (
    "Clips of one recording may lie in different folds, for the set does not say which clips "
    "belong together; that favours every variant alike."
)
SIGNIFICANT = 0.05

Tick = Callable[[str, int, int], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cross-validation and write it; exit with 2 where the clips are not usable."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="default: PRIVKIT_DATA/videos/fight_surv")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        result, found = run(options)
    except PrivkitError as error:
        sys.stderr.write(f"fight_surv: error: {error}\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "result.json").write_text(result.to_json(), encoding="utf-8")
    text = result_markdown("Real video: is someone fighting?", result)
    (options.out / "fight_surv.md").write_text(text, encoding="utf-8")
    write_answers(options.out / "answers.csv", found)
    sys.stdout.write(text)
    return 0


def run(options: argparse.Namespace) -> tuple[Result, dict[str, Predictions]]:
    """Cross-validate every variant.

    Raises:
        PrivkitError: the clips or a setting are not usable.
    """
    data = options.data or named_data("videos/fight_surv")
    device = check_device(options.device)
    questions = open_questions(data, seed=options.seed)
    configuration = load_configuration("small", [*SETTINGS, *options.set])
    untrained = configuration.with_training(pretraining_steps=0)
    found: dict[str, list[Predictions]] = {}
    left_out: dict[str, str] = {}
    jobs = [(v.label, v, configuration) for v in (*VARIANTS, GUESS)]
    jobs.append((DRAWN, Variant(METHODS["floats"]), untrained))
    with Output().progress() as tick:
        done = 0
        for label, variant, settings in jobs:
            for fold in range(FOLDS):
                split = in_fold(questions, fold, options.seed)
                predictions, missing = tested(split, variant, settings, device, fold, options, tick)
                found.setdefault(label, []).append(predictions)
                left_out |= missing
                done += 1
                tick("folds", done, FOLDS * len(jobs))
    together = {label: pooled(runs) for label, runs in found.items()}
    return summary(questions, together, left_out, configuration, options, device), together


def named_data(name: str) -> Path:
    """A folder below ``PRIVKIT_DATA``.

    Raises:
        InputError: ``PRIVKIT_DATA`` is not set, or holds no such folder.
    """
    folder = data_folder()
    if folder is None or not (folder / name).is_dir():
        raise InputError(
            "the data is not there",
            where="environment variable PRIVKIT_DATA",
            rule=f"it names a folder that holds {name}/",
            remedy="set it, or name the folder with --data",
        )
    return folder / name


def folds_of(questions: Iterable[Question], seed: int) -> dict[str, int]:
    """The fold of each video: dealt out class by class, in a seeded order."""
    classes: dict[str, set[str]] = {}
    for question in questions:
        classes.setdefault(question.answer, set()).add(question.video)
    out: dict[str, int] = {}
    for answer in sorted(classes):
        # Each class goes on where the last one ended, so that the folds' sizes differ by one.
        start = len(out)
        out |= {v: (start + n) % FOLDS for n, v in enumerate(seeded_order(classes[answer], seed))}
    return out


def in_fold(questions: QuestionSet, fold: int, seed: int) -> QuestionSet:
    """The set with one fold as its test split, and the next one as its validation split."""
    place = folds_of(questions.questions, seed)

    def split(question: Question) -> Split:
        distance = (place[question.video] - fold) % FOLDS
        return "test" if distance == 0 else "validation" if distance == 1 else "train"

    return questions.with_questions([replace(q, split=split(q)) for q in questions.questions])


def tested(
    questions: QuestionSet,
    variant: Variant,
    configuration: Configuration,
    device: str,
    fold: int,
    options: argparse.Namespace,
    tick: Tick,
) -> tuple[Predictions, dict[str, str]]:
    """Train on the train split and answer the test split; why videos were left out."""
    task = prepare(
        questions, configuration, cache=cache_folder(), seed=options.seed, device=device, tick=tick
    )
    test = task.batches("test", variant)
    if not variant.method.trained:
        choices = None if task.vocabulary is None else len(task.vocabulary)
        # A seed for each fold: the same draws in every fold would be 40 guesses, not 200.
        return guess(test, choices, seed=FOLDS * options.seed + fold), task.left_out
    group = Processes(device=device)
    found = trained(task, variant, seed=options.seed, group=group)
    return predict(found.model, test, task.features, group), task.left_out


def summary(
    questions: QuestionSet,
    found: dict[str, Predictions],
    left_out: dict[str, str],
    configuration: Configuration,
    options: argparse.Namespace,
    device: str,
) -> Result:
    """Accuracy of each variant over all clips, beside guessing."""
    answers = [q.answer for q in next(iter(found.values())).questions]
    most = max(answers.count(answer) for answer in set(answers)) / len(answers)
    shares = {label: accuracy(predictions) for label, predictions in found.items()}
    words = command(options)
    return Result(
        command=words,
        configuration={
            "folds": FOLDS,
            "stratified by": "class",
            "variants": list(found),
            "device": device,
            "settings": configuration.to_dict(),
        },
        seed=options.seed,
        data=[
            DataUsed(
                questions.name,
                "questions about videos",
                questions.sha256,
                len(questions.questions),
                questions.notice,
            )
        ],
        findings=findings(shares, found, most),
        warnings=warnings(left_out),
        measures=[
            *(
                measure
                for label, predictions in found.items()
                for measure in accuracy_measures(predictions, {"task": "yesno", "variant": label})
            ),
            Measure(
                "most frequent answer", most, "share", "neither", n=len(answers), method="exact"
            ),
            Measure("videos left out", len(left_out), "videos", "neither"),
        ],
        tables=[
            Table(
                "Is someone fighting? Five folds, pooled",
                ["stored", "clips", "right", "accuracy, %"],
                [
                    [label, f"{share.n}", f"{share.successes}", percent(share)]
                    for label, share in shares.items()
                ],
                note="95% intervals over clips; each clip is tested once.",
            )
        ],
    )


def findings(shares: dict[str, Interval], found: dict[str, Predictions], most: float) -> list[str]:
    """What each variant reaches, whether that is more than guessing, and the variants compared."""
    out = []
    for label, share in shares.items():
        if label == GUESS.label:
            continue
        beyond = "more" if share.low > most else "not shown to be more"
        out.append(
            f"{label}: {share.percent()} of {share.n} real clips right, {beyond} than always "
            f"giving the most frequent answer ({most:.0%})."
        )
    pairs = [
        (VARIANTS[1].label, VARIANTS[2].label),
        (VARIANTS[1].label, VARIANTS[0].label),
        (VARIANTS[2].label, DRAWN),
    ]
    compared = [paired(found[a], found[b]) for a, b in pairs]
    adjusted = holm([c.p for c in compared])
    for (a, b), pair, p in zip(pairs, compared, adjusted, strict=True):
        shown = "" if p < SIGNIFICANT else "; no difference shown"
        out.append(f"{a} against {b}, clip by clip: {points(pair.difference)}{shown}.")
    out.append(f"A random guess is right on {shares[GUESS.label].percent()}.")
    return out


def warnings(left_out: dict[str, str]) -> list[str]:
    """What limits the findings."""
    out = [BACKBONE, SAME_PLACE]
    if left_out:
        named = ", ".join(f"{name} ({why})" for name, why in sorted(left_out.items())[:5])
        out.append(f"{len(left_out)} clips were left out: {named}.")
    return out


def command(options: argparse.Namespace) -> str:
    """The command in words that hold on any machine."""
    words = ["python", "benchmarks/paper/fight_surv.py"]
    if options.data is not None:
        words += ["--data", options.data.name]
    words += ["--set", *options.set] if options.set else []
    return shlex.join([*words, "--seed", str(options.seed)])


def percent(found: Interval) -> str:
    """E.g. ``"62.5 (55.6-68.9)"``."""
    return f"{100 * found.value:.1f} ({100 * found.low:.1f}-{100 * found.high:.1f})"


def write_answers(path: Path, found: dict[str, Predictions]) -> None:
    """A line a clip: its name, its class, and for each variant whether it was right."""
    rows: dict[str, list[str]] = {}
    for predictions in found.values():
        for question, right in zip(predictions.questions, predictions.correct, strict=True):
            row = rows.setdefault(question.video, [question.video, question.answer])
            row.append(str(int(np.bool_(right))))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["clip", "answer", *(f"{label}: right" for label in found)])
        writer.writerows(rows[name] for name in sorted(rows))


if __name__ == "__main__":
    sys.exit(main())

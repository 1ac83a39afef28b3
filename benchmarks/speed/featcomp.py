"""The cost of FeatComp in a training step: one model with 10 stored bits, and without.

Both are the task model on cached backbone features, trained by privkit's own loop with the same
batches; they run alternately in one process, so that they share the machine's good and bad
moments. A third contender is the model without FeatComp once more: its ratio says how far the
machine alone moves the figure. The backbone is left out: it would only make the share smaller.

    python benchmarks/speed/featcomp.py --out reports/speed_featcomp
    python benchmarks/speed/featcomp.py --paper --rounds 9 --steps 1 --out reports/speed_paper

At the small configuration a batch is 64 questions of five options; ``--paper`` takes BERT-base,
12 × 12 × 768 features and a batch of 4 open-ended questions (about 4 GB of memory). FeatComp may
take at most 5% more time; this is reported, nothing is tuned to it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from scipy import stats
from torch import nn
from torch.nn.functional import cross_entropy

from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.words import TextBatch
from privkit.models.training import Stepping, fit
from privkit.videoqa.batches import Batch
from privkit.videoqa.configuration import Configuration, load_configuration
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.model import FewBitVideoQA, stored_form

BITS = 10
LIMIT = 0.05  # of the time of a step without FeatComp
WITH, WITHOUT, AGAIN = "FeatComp", "without", "without, again"


@dataclass(frozen=True)
class Shape:
    """The batches of a configuration.

    Attributes:
        questions: a batch.
        options: of a question; 1 for open-ended ones.
        tokens: of a text.
        answers: of an open-ended question; ``None`` for multiple choice.
    """

    questions: int
    options: int
    tokens: int
    answers: int | None


SHAPES = {"small": Shape(64, 5, 16, None), "paper": Shape(4, 1, 20, 1540)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit with 1 where FeatComp costs more than it may."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--paper", action="store_true", help="BERT-base on 12 × 12 × 768 features")
    parser.add_argument("--rounds", type=int, default=40, help="at least 6, for the interval")
    parser.add_argument("--steps", type=int, default=3, help="a round and contender")
    parser.add_argument("--batch", type=int, help="questions; by default as the docstring says")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for featcomp.json and featcomp.md")
    options = parser.parse_args(given)
    if options.rounds < 6:
        parser.error("--rounds: at least 6, or the median has no 95% interval")
    name = "paper" if options.paper else "small"
    shape = SHAPES[name]
    if options.batch is not None:
        shape = replace(shape, questions=options.batch)
    configuration = load_configuration(name)
    times = measured(configuration, shape, options.rounds, options.steps, options.seed)
    report = {
        "command": shlex.join(["python", "benchmarks/speed/featcomp.py", *settings(given)]),
        "configuration": name,
        "bits": BITS,
        "feature": list(feature(configuration)),
        "batch": vars(shape),
        "rounds": options.rounds,
        "steps": options.steps,
        "seed": options.seed,
        "machine": machine(),
        **summary(times),
    }
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (options.out / "featcomp.json").write_text(text, encoding="utf-8")
        (options.out / "featcomp.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def settings(arguments: Sequence[str]) -> list[str]:
    """The arguments without ``--out``, which says nothing about what was measured."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != "--out" and not argument.startswith("--out="):
            kept.append(argument)
        skip = argument == "--out"
    return kept


def feature(configuration: Configuration) -> tuple[int, ...]:
    """The shape ``(T, h, w, D)`` of a video's feature."""
    video = configuration.video
    return (video.clips, *configuration.model.backbone.grid(video.size))


def measured(
    configuration: Configuration, shape: Shape, rounds: int, steps: int, seed: int
) -> dict[str, list[float]]:
    """Seconds of a step, for each contender and round, after one round that is not counted."""
    torch.manual_seed(seed)
    vocabulary = configuration.model.vocabulary
    batch = made_up(configuration, shape, vocabulary)
    featcomp = Variant(METHODS["featcomp"], BITS)
    floats = Variant(METHODS["floats"])
    contenders = {
        name: Contender(configuration, shape, variant, seed)
        for name, variant in ((WITHOUT, floats), (WITH, featcomp))
    }
    # The same weights run twice a round: a third model of BERT-base would only take memory.
    turns = {WITHOUT: contenders[WITHOUT], WITH: contenders[WITH], AGAIN: contenders[WITHOUT]}
    times: dict[str, list[float]] = {name: [] for name in turns}
    for n in range(rounds + 1):
        # Every second round the other way round: who comes later finds a warmer machine.
        for name in list(turns)[:: 1 if n % 2 else -1]:
            started = time.perf_counter()
            turns[name].train(batch, steps)
            if n:
                times[name].append((time.perf_counter() - started) / steps)
    return times


class Contender:
    """A task model with its optimiser.

    Args:
        configuration: widths, depths and learning rates.
        shape: of the batches.
        variant: what is stored of a video.
        seed: of the weights.
    """

    def __init__(
        self, configuration: Configuration, shape: Shape, variant: Variant, seed: int
    ) -> None:
        how = configuration.training
        torch.manual_seed(seed)
        answerer = QuestionAnswerer(configuration.model, shape.answers)
        stored = stored_form(variant, feature(configuration))
        self.model = FewBitVideoQA(stored, answerer, clips=configuration.video.clips)
        groups = [{"params": list(answerer.parameters()), "lr": how.learning_rate}]
        if own := list(stored.parameters()):
            groups.append({"params": own, "lr": how.bottleneck_learning_rate})
        self.optimizer = torch.optim.AdamW(groups, weight_decay=how.weight_decay)
        self.stepping = Stepping(clip_norm=how.clip_norm)  # float32 on every machine

    def train(self, batch: Batch, steps: int) -> None:
        """Take some steps, all on one batch."""
        fit(self.model, repeated(batch, steps), loss, self.optimizer, stepping=self.stepping)


def repeated(batch: Batch, times: int) -> Iterator[Batch]:
    """The batch, so many times."""
    return (batch for _ in range(times))


def loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    """The task's loss."""
    return cross_entropy(model(batch.video, batch.text), batch.target)


def made_up(configuration: Configuration, shape: Shape, vocabulary: int) -> Batch:
    """Random features and words: a step takes the same time whatever they say."""
    video = torch.randn(shape.questions, *feature(configuration))
    ids = torch.randint(vocabulary, (shape.questions, shape.options, shape.tokens))
    target = torch.randint(shape.answers or shape.options, (shape.questions,))
    text = TextBatch(ids, torch.ones_like(ids, dtype=torch.bool))
    return Batch(video, text, target, torch.arange(shape.questions))


def summary(times: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, and the median of the ratios of the same rounds with its interval."""
    rows = []
    for name, seconds in times.items():
        ratios = [a / b for a, b in zip(seconds, times[WITHOUT], strict=True)]
        low, high = median_interval(ratios)
        rows.append(
            {
                "contender": name,
                "ms_per_step": round(1e3 * statistics.median(seconds), 3),
                "ratio": round(statistics.median(ratios), 4),
                "ratio_low": round(low, 4),
                "ratio_high": round(high, 4),
            }
        )
    found = next(row for row in rows if row["contender"] == WITH)
    cost = found["ratio"] - 1
    return {
        "rows": rows,
        "limit": LIMIT,
        "cost": round(cost, 4),
        "passed": cost <= LIMIT,
        "decided": not found["ratio_low"] <= 1 + LIMIT <= found["ratio_high"],
    }


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a median between two order statistics (Conover 1999, section 3.2).

    Its coverage is at least ``confidence``, whatever the distribution.
    """
    ordered, n = sorted(values), len(values)
    # The largest r with P(Binomial(n, 1/2) < r) <= (1 - confidence) / 2; 0 below 6 values.
    r = max(1, int(stats.binom.ppf((1 - confidence) / 2, n, 0.5)))
    return ordered[r - 1], ordered[n - r]


def machine() -> dict[str, Any]:
    """The machine in words that are the same for all machines of its kind."""
    cpu = platform.processor() or "unknown"
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        lines = listing.read_text(encoding="utf-8").splitlines()
        cpu = next(
            (li.partition(":")[2].strip() for li in lines if li.startswith("model name")), cpu
        )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    of, batch = report["machine"], report["batch"]
    asked = (
        f"{batch['options']} options each"
        if batch["answers"] is None
        else f"open-ended, {batch['answers']:,} answers"
    )
    lines = [
        f"# FeatComp at N = {report['bits']} in a training step ({report['configuration']})",
        "",
        f"Median of {report['rounds']} alternating rounds of {report['steps']} steps in one run: "
        f"{of['cpu']}, {of['cores']} cores, {of['threads']} threads, Python {of['python']}, torch "
        f"{of['torch']}, transformers {of['transformers']}; seed {report['seed']}.",
        "",
        f"    {report['command']}",
        "",
        f"Features {' × '.join(map(str, report['feature']))}, {batch['questions']} questions a "
        f"batch, {asked}, {batch['tokens']} tokens a text, float32. The backbone is frozen and not "
        "part of the step. The ratio is of the same round, with the 95% interval of its median; "
        f"the row '{AGAIN}' shows what the machine alone does to it.",
        "",
        "| contender | ms a step | ratio | 95% |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['contender']} | {row['ms_per_step']} | {row['ratio']:.3f} "
        f"| {row['ratio_low']:.3f} to {row['ratio_high']:.3f} |"
        for row in report["rows"]
    ]
    lines += [
        "",
        f"FeatComp costs {100 * report['cost']:+.1f}% of the step; wanted at most "
        f"{100 * report['limit']:g}%: {'met' if report['passed'] else 'MISSED'}"
        + (
            "."
            if report["decided"]
            else " by the median; the interval holds the limit, so that "
            "this run does not decide it."
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

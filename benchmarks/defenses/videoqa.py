"""Defenses of stored video features compared at equal usefulness.

    python benchmarks/defenses/videoqa.py --out reports/defenses_videoqa

The store is useful for answering one task's questions. What it gives away is what no question asks
about: identity, background and side, read by probes that learned from other videos.

Floats are defended after the fact: the answerer that was trained on floats answers from the
defended feature, decoded where the defense stores something else. FeatComp's codes are trained for
the task; randomized response flips their bits before they are stored. Defenses work on features
that are mapped onto [-1, 1] by the least and greatest value among the training videos.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from compared import Setting, command_line, deliver, findings_of, label_of, tables_of
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from privkit.cli.console import Output
from privkit.cli.videoqa.options import task_source
from privkit.evaluation.people import derangement
from privkit.evaluation.trials import Trials
from privkit.models.defenses import (
    Defense,
    FewBits,
    FittedSignProjection,
    GaussianNoise,
    Learned,
    NoDefense,
    ProductQuantization,
    RandomizedResponse,
    Rounding,
    SignProjection,
    UniformQuantization,
    fitted,
)
from privkit.models.featcomp import FeatComp
from privkit.result import DataUsed, Measure, Result
from privkit.videoqa.distributed import Processes
from privkit.videoqa.encode import encode
from privkit.videoqa.evaluate import Predictions, accuracy, predict
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.privacy import PROBES, ProbeVideos, probe_videos
from privkit.videoqa.sweep_cells import chance_of
from privkit.videoqa.task import Task
from privkit.videoqa.trained import trained
from privkit.videoqa.transfer import tasks_for

FLOATS = Variant(METHODS["floats"])
#: A stored float is of 16 bits, as the cache of features keeps it.
FLOAT_BITS = 16
CHANCE = "chance"


def float_curves(width: int) -> dict[str, Sequence[Defense | Learned]]:
    """Defenses of features of ``width`` floats."""
    bits = width * FLOAT_BITS
    return {
        "none": (NoDefense(f"{bits:,} bits ({width} floats)", nominal_bits=bits),),
        "rounding": tuple(Rounding(step, width=width) for step in (0.1, 0.5, 1.0)),
        "uniform quantization": tuple(UniformQuantization(b, width=width) for b in (4, 2, 1)),
        "product quantization": tuple(
            ProductQuantization(parts, words)
            for parts, words in ((32, 16), (16, 16), (8, 16), (4, 16), (2, 32))
        ),
        "signs of projections": tuple(SignProjection(b) for b in (256, 100, 32, 10)),
        "Gaussian noise": tuple(GaussianNoise(s, width=width) for s in (0.1, 0.3, 1.0)),
    }


#: FeatComp's N, and of the codes of which N bits are flipped with which epsilon a bit.
LEVELS = (1, 2, 4, 10, 100, 1000)
FLIPPED = 10
EPSILONS = (4, 2, 1)


@dataclass(frozen=True)
class Stored:
    """What is stored of the videos, and what the answerer reads of it.

    Attributes:
        defense: the curve.
        name: of the setting.
        bits: a video, on paper.
        values: ``(videos, width)``, what is stored: floats or ±1.
        read: ``(videos, T, h, w, D)``, what the answerer is given.
        model: reads that as it is.
        of_task: whether what is stored was learned for the task: floats are the same for all.
    """

    defense: str
    name: str
    bits: int
    values: NDArray[np.float32]
    read: NDArray[np.float32]
    model: FewBitVideoQA
    of_task: bool = False


@dataclass(frozen=True)
class Rows:
    """A source of what the answerer reads: a row a video."""

    read: NDArray[np.float32]
    row: Mapping[str, int]

    def take(self, videos: Sequence[str]) -> Tensor:
        """``(n, T, h, w, D)``."""
        return torch.from_numpy(self.read[[self.row[video] for video in videos]])


def stores(task: Task, seed: int, row: Mapping[str, int]) -> Iterator[Stored]:
    """Every store of one task's videos."""
    learned_from = sorted({row[q.video] for q in task.questions.split("train")})
    yield from float_stores(task, seed, row, learned_from)
    for bits in LEVELS:
        model = trained(task, Variant(METHODS["featcomp"], bits), seed=seed).model
        signs = encode(model, list(row), task.features).codes.to_signs().astype(np.float32)
        yield of_codes("FeatComp", FewBits(bits), signs, model)
        if bits == FLIPPED:
            for epsilon in EPSILONS:
                flipped = RandomizedResponse(bits, epsilon, seed=seed)
                yield of_codes(f"randomized response, {bits} bits", flipped, signs, model)


def float_stores(
    task: Task, seed: int, row: Mapping[str, int], learned_from: Sequence[int]
) -> Iterator[Stored]:
    """The floats and their defenses."""
    model = trained(task, FLOATS, seed=seed).model
    x = task.features.take(list(row)).flatten(1).numpy()
    low, high = x[learned_from].min(), x[learned_from].max()
    scaled = ((x - low) / (high - low) * 2 - 1).astype(np.float32)
    for curve, settings in float_curves(x.shape[1]).items():
        for recipe in settings:
            own = replace(recipe, seed=seed) if hasattr(recipe, "seed") else recipe
            defense = fitted(own, scaled[learned_from])
            values = defense.apply(scaled)
            feature = (
                defense.decode(values) if isinstance(defense, FittedSignProjection) else values
            )
            read = ((feature + 1) / 2 * (high - low) + low).astype(np.float32)
            shaped = read.reshape(-1, *task.features.shape)
            as_floats = isinstance(defense, NoDefense | GaussianNoise)
            bits = x.shape[1] * FLOAT_BITS if as_floats else defense.nominal_bits
            yield Stored(curve, label_of(defense), bits, values, shaped, model)


@torch.no_grad()
def of_codes(
    curve: str, defense: Defense, signs: NDArray[np.float32], model: FewBitVideoQA
) -> Stored:
    """Codes, flipped or not, read through FeatComp's own decoder."""
    values = defense.apply(signs)
    bottleneck = model.stored
    assert isinstance(bottleneck, FeatComp)  # noqa: S101 - of a model that was trained with one
    read = bottleneck.decode(torch.from_numpy(values)).numpy()
    plain = FewBitVideoQA(nn.Identity(), model.answerer, clips=model.clips, pooling=model.pooling)
    return Stored(
        curve, label_of(defense), defense.nominal_bits, values, read, plain.eval(), of_task=True
    )


def read_secret(
    stored: NDArray[np.float32], of: ProbeVideos, row: Mapping[str, int]
) -> list[Trials]:
    """Every probe of one secret, a trial a test video; the control is another video's answer."""
    train, test = (stored[[row[v] for v in of.videos[split]]] for split in ("train", "test"))
    right = of.labels["test"]
    n = len(right)
    other = derangement(n, np.random.default_rng(0))
    with threadpool_limits(1, user_api="blas"):
        answers = {name: run(train, of.labels["train"], test)[0] for name, run in PROBES.items()}
    return [
        Trials(
            f"probe_{name}",
            of.secret,
            np.arange(n),
            (found == right).astype(float),
            (answers[CHANCE] == right).astype(float),
            (found[other] == right).astype(float),
        )
        for name, found in answers.items()
        if name != CHANCE
    ]


def answered(task: Task, store: Stored, row: Mapping[str, int]) -> Predictions:
    """The test questions, answered from the store."""
    questions = task.batches("test", FLOATS)
    return predict(store.model, questions, Rows(store.read, row), Processes(device="cpu"))


def study_task(
    task: Task, seed: int, folder: Path | None, seen: dict[tuple[str, tuple[str, ...]], dict]
) -> Iterator[Setting]:
    """Every setting on one task.

    Args:
        task: made ready.
        seed: of the trainings, projections and noise.
        folder: where the stores are written; ``None`` for nowhere.
        seen: what was read from stores of the same name and videos: floats and what is made of
            them are the same for every task.
    """
    usable, _ = probe_videos(task.questions)
    videos = sorted({q.video for q in task.questions.questions})
    row = {video: n for n, video in enumerate(videos)}
    if folder is not None:
        write_attributes(folder, videos, usable)
    for store in stores(task, seed, row):
        key = (store.name, tuple(videos))
        leaks = None if store.of_task else seen.get(key)
        if leaks is None:
            leaks = {of.secret: read_secret(store.values, of, row) for of in usable}
            seen[key] = leaks
        if folder is not None:
            write_store(folder, store)
        useful = accuracy(answered(task, store, row))
        yield Setting(
            task.questions.task, store.defense, store.name, store.bits, useful, dict(leaks)
        )


def write_attributes(folder: Path, videos: Sequence[str], usable: Sequence[ProbeVideos]) -> None:
    """``attributes.csv``: a row for each row of the stores, with the secrets and the split."""
    table = pd.DataFrame({"video": videos}).set_index("video")
    for of in usable:
        for split in ("train", "test"):
            table.loc[list(of.videos[split]), "split"] = split
            table.loc[list(of.videos[split]), of.secret] = of.labels[split]
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "attributes.csv")


def write_store(folder: Path, store: Stored) -> None:
    """``NAME.npy``: codes as 0 and 1, uint8; floats as float32."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", store.name).strip("-")
    codes = bool(np.isin(store.values, (-1, 1)).all())
    values = (store.values > 0).astype(np.uint8) if codes else store.values
    np.save(folder / f"{name}.npy", values, allow_pickle=False)


def study(options: argparse.Namespace) -> Result:
    """Every task and setting as a result.

    Raises:
        PrivkitError: the data or an option are not usable.
    """
    source = task_source(
        options.data,
        None,
        None,
        seed=options.seed,
        config=options.config,
        settings=options.set,
        device="cpu",
        init=[],
        vocabulary=None,
        not_strict=False,
    )
    names = tasks_for(options.data, options.task, at_least=1)
    settings: list[Setting] = []
    chances: list[Measure] = []
    data: list[DataUsed] = []
    seen: dict[tuple[str, tuple[str, ...]], dict] = {}
    with Output().progress() as tick:
        for name in names:
            task = replace(source, task=name).open(tick)
            folder = None if options.stores is None else options.stores / name
            for setting in study_task(task, options.seed, folder, seen):
                settings.append(setting)
                tick("settings", len(settings), len(names) * settings_a_task(task))
            questions = task.questions
            level, _ = chance_of(task)
            chances.append(Measure("chance", level, "share", "neither", where={"task": name}))
            n = len(questions.questions)
            data.append(
                DataUsed(
                    questions.name, f"questions, {name}", questions.sha256, n, questions.notice
                )
            )
    result = Result(
        command=command_line("videoqa", options, {"out", "stores"}),
        configuration={
            "data": options.data,
            "configuration": source.configuration.to_dict(),
            "tasks": list(names),
            "seeds": [options.seed],
            "probes": [name for name in PROBES if name != CHANCE],
        },
        seed=options.seed,
        data=data,
        findings=[],
        warnings=[
            "One training of each model: the intervals are over the test videos, not over seeds.",
            "The answerer of the floats was not trained on defended features; one that is may be "
            "more useful. FeatComp's codes are trained for their task, which is their advantage.",
            "Two probes attack. A secret that they do not read is not shown to be absent.",
            f"Epsilon is of the code of one video, {FLIPPED} times that of a bit; videos of one "
            "person add up.",
        ],
        measures=[*(m for setting in settings for m in setting.measures()), *chances],
    )
    return replace(result, findings=findings_of(result), tables=tables_of(result))


def settings_a_task(task: Task) -> int:
    """How many stores there are of each task."""
    width = int(np.prod(task.features.shape))
    return sum(map(len, float_curves(width).values())) + len(LEVELS) + len(EPSILONS)


def main(given: list[str] | None = None) -> int:
    """Compare and write; exit with 2 where the data or an option are not usable."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="generated", help="generated, or a folder or file")
    parser.add_argument("--task", action="append", default=[], help="default: all that fit")
    parser.add_argument("--config", default="small")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stores", type=Path, help="folder for every store, to be audited")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(given)
    title = "Defenses of video features at equal usefulness"
    return deliver("videoqa", title, options.out, lambda: study(options))


if __name__ == "__main__":
    sys.exit(main())

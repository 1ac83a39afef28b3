"""Train on stored codes alone: the videos, their features and the encoder are gone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from privkit.models.random_draws import seeded
from privkit.videoqa.distributed import Processes
from privkit.videoqa.encode import StoredVideos, encode
from privkit.videoqa.evaluate import Predictions, predict
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.model import CodeDecoder, FewBitVideoQA
from privkit.videoqa.task import Task
from privkit.videoqa.train import Training, train
from privkit.videoqa.trained import identity_of, trained

__all__ = ["answer_from_codes", "end_to_end", "train_on_codes", "trained_codes"]

Tick = Callable[[str, int, int], None]


def train_on_codes(
    task: Task, stored: StoredVideos, *, seed: int, group: Processes | None = None
) -> FewBitVideoQA:
    """Train a new decoder and a new answerer on the codes of a task's videos.

    Both start as they do in any training of the task; the codes stay what they are. The training
    is kept in the cache, as :func:`privkit.videoqa.trained.trained` keeps others.

    Args:
        task: whose questions are answered.
        stored: the codes of its videos, whatever they were learned for.
        seed: of the initial weights and the order of the questions.
        group: the processes that share the work; this one alone by default.

    Returns:
        The model, in inference mode; it reads codes ``(B, bits)`` of ±1.

    Raises:
        TrainingError: the loss is not finite.
        InputError: too few questions.
    """
    bits = stored.codes.bits
    variant = Variant(METHODS["featcomp"], bits)
    model = task.model(Variant(METHODS["floats"]), seed=seed)
    with seeded(seed):
        model.stored = CodeDecoder(task.features.shape, bits)
    group = group or Processes()
    digest = hashlib.sha256("\n".join(stored.videos).encode())
    digest.update(stored.codes.packed.tobytes())
    training = Training(
        variant=variant,
        how=task.configuration.training,
        model=model,
        questions=task.batches("train", variant),
        validation=task.batches("validation", variant),
        source=stored,
        seed=seed,
        identity={**identity_of(task, group), "codes": digest.hexdigest()},
    )
    train(training, group=group, snapshot=training.kept_in(task.cache))
    return model


def answer_from_codes(
    task: Task, stored: StoredVideos, *, seed: int, device: str = "cpu"
) -> Predictions:
    """Train on codes alone (:func:`train_on_codes`) and answer the test questions from them."""
    group = Processes(device=device)
    model = train_on_codes(task, stored, seed=seed, group=group)
    test = task.batches("test", Variant(METHODS["featcomp"], stored.codes.bits))
    return predict(model, test, stored, group)


def end_to_end(task: Task, variant: Variant, *, seed: int, device: str = "cpu") -> Predictions:
    """Train a variant as usual, or take it from the cache, and answer the test questions."""
    group = Processes(device=device)
    model = trained(task, variant, seed=seed, group=group).model
    return predict(model, task.batches("test", variant), task.features, group)


def trained_codes(
    learned: Task,
    bits: int,
    *,
    seed: int,
    of: Task | None = None,
    device: str = "cpu",
    tick: Tick | None = None,
) -> StoredVideos:
    """The codes of all videos of a task by an encoder that is trained end to end.

    Args:
        learned: the task that FeatComp is trained on, or was: it is taken from the cache.
        bits: N.
        seed: of the training.
        of: the task whose videos are encoded; the same one by default.
        device: where the networks run.
        tick: progress.
    """
    group = Processes(device=device)
    variant = Variant(METHODS["featcomp"], bits)
    model = trained(learned, variant, seed=seed, group=group, tick=tick).model
    features = (of or learned).features
    return encode(model, sorted(features.row), features, device=device)

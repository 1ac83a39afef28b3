"""The parts of the training: gradients, learning rates, groups, precision, early stopping."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_training import a_training, same_weights, settings
from torch import Tensor
from torch.nn.functional import cross_entropy

from privkit.errors import InputError
from privkit.models.featcomp import FeatComp
from privkit.models.training import Stepping, fit
from privkit.report.training import draw_training
from privkit.videoqa.batches import parts_of, training_order
from privkit.videoqa.distributed import Processes
from privkit.videoqa.logs import write_events, write_history
from privkit.videoqa.phases import PhaseLoss, learn_only, parameter_groups, phases_of
from privkit.videoqa.pretrain import warm_up_and_decay
from privkit.videoqa.train import Training, train


def gradients(training: Training, rows: np.ndarray, accumulate: int) -> dict[str, Tensor]:
    """The gradients of one step, cut into parts as the training cuts it."""
    phase = phases_of(training.variant, training.how)[-1]
    loss = PhaseLoss(training.model, phase, Processes())
    fit(
        loss,
        [
            training.questions.batch(part.rows, training.source, weight=part.weight)
            for part in parts_of([(0, rows)], accumulate, 0, 1)
        ],
        lambda module, batch: module(batch),
        torch.optim.SGD(loss.parameters(), lr=0.0),
        stepping=Stepping(accumulate),
    )
    return {n: p.grad for n, p in training.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("accumulate", [1, 2, 3, 5, 8])
def test_accumulated_batches_are_the_one_big_batch(accumulate: int) -> None:
    """Of 17 questions, which no number of parts divides."""
    rows = np.arange(17)
    training = a_training("floats", None)
    training.model.answerer.bert.eval()
    whole = gradients(training, rows, 1)
    parts = gradients(training, rows, accumulate)
    assert whole.keys() == parts.keys()
    assert sum(float(g.abs().sum()) for g in whole.values()) > 1
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-6)


def test_a_gradient_is_that_of_the_mean_loss() -> None:
    training = a_training("floats", None)
    found = gradients(training, np.arange(6), 2)
    model = training.model
    model.zero_grad()
    batch = training.questions.batch(np.arange(6), training.source)
    cross_entropy(model(batch.video, batch.text), batch.target).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_the_learning_rate_follows_its_formula() -> None:
    """Linear warm-up over a tenth of the steps, then linear decay to 0."""
    how = settings(epochs=5, batch=4, warmup=0.1, learning_rate=0.004)
    history = train(a_training(configuration=how), group=Processes()).history
    steps = 30
    assert [row["step"] for row in history] == list(range(1, steps + 1))
    rising = math.ceil(0.1 * steps)
    for row in history:
        k = row["step"] - 1
        factor = (k + 1) / (rising + 1) if k < rising else (steps - k) / (steps - rising)
        assert row["learning_rate"] == pytest.approx(0.004 * factor)
        assert warm_up_and_decay(steps, 0.1)(k) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("name", "bits", "wanted"),
    [
        ("featcomp", 6, {"task": (0.004, 0.02)}),
        ("floats", None, {"task": (0.004, None)}),
        ("reconstruction-only", 6, {"reconstruction": (None, 0.02), "task": (0.004, None)}),
    ],
)
def test_a_rate_is_logged_for_every_part_that_learns(
    tmp_path: Path, name: str, bits: int | None, wanted: dict[str, tuple[float | None, ...]]
) -> None:
    how = settings(epochs=2, batch=8, learning_rate=0.004, bottleneck_learning_rate=0.02)
    history = train(a_training(name, bits, configuration=how), group=Processes()).history
    write_history(tmp_path / "history.csv", history)
    write_events(tmp_path, history)
    events = EventAccumulator(str(tmp_path)).Reload()
    columns = ("learning_rate", "bottleneck_learning_rate")
    written = list(csv.DictReader((tmp_path / "history.csv").open()))
    for phase, rates in wanted.items():
        steps = sum(row["phase"] == phase for row in history)
        for column, rate in zip(columns, rates, strict=True):
            of_phase = [row.get(column) for row in history if row["phase"] == phase]
            logged = [row[column] for row in written if row["phase"] == phase]
            if rate is None:
                assert set(of_phase) == {None}
                assert set(logged) == {""}
                assert f"{phase}/{column}" not in events.Tags()["scalars"]
                continue
            factor = warm_up_and_decay(steps, how.training.warmup)
            expected = [factor(k) * rate for k in range(steps)]
            assert of_phase == pytest.approx(expected)
            assert [float(text) for text in logged] == pytest.approx(expected)
            scalars = events.Scalars(f"{phase}/{column}")
            assert [scalar.value for scalar in scalars] == pytest.approx(expected)
    picture = draw_training(tmp_path, history)[0]
    assert "learning rates" in picture.caption


@pytest.mark.parametrize(("most", "taken"), [(0, 30), (7, 7), (99, 30)])
def test_a_limit_ends_the_training_and_its_decay(most: int, taken: int) -> None:
    how = settings(epochs=5, batch=4, warmup=0.1, most_steps=most)
    history = train(a_training(configuration=how), group=Processes()).history
    assert history[-1]["step"] == taken
    falling = taken - math.ceil(0.1 * taken)
    assert history[-1]["learning_rate"] == pytest.approx(how.training.learning_rate / falling)


def test_biases_and_norms_do_not_decay() -> None:
    training = a_training("featcomp", 6)
    how = replace(training.how, weight_decay=0.3, bottleneck_learning_rate=0.2, learning_rate=0.1)
    groups = parameter_groups(training.model, how)
    of = {id(p): g for g in groups for p in g["params"]}
    assert len(of) == len(list(training.model.parameters()))
    for name, parameter in training.model.named_parameters():
        group = of[id(parameter)]
        spared = name.endswith("bias") or "norm" in name.lower()
        assert group["weight_decay"] == (0.0 if spared else 0.3), name
        assert group["lr"] == (0.2 if name.startswith("stored.") else 0.1), name


def test_a_phase_trains_what_it_says_and_nothing_else() -> None:
    training = a_training("reconstruction-only", 6, configuration=settings(epochs=1, batch=8))
    first, second = phases_of(training.variant, training.how)
    frozen = learn_only(training.model, first)
    assert {id(p) for p in frozen} == {id(p) for p in training.model.answerer.parameters()}
    for parameter in frozen:
        parameter.requires_grad_(True)
    assert {id(p) for p in learn_only(training.model, second)} == {
        id(p) for p in training.model.stored.parameters()
    }


def test_the_codes_of_a_reconstruction_only_bottleneck_stay() -> None:
    """In the second phase neither its weights nor its batch statistics move."""
    how = settings(epochs=3, batch=8, reconstruction_epochs=4)
    seen: dict[str, Any] = {}
    training = a_training("reconstruction-only", 6, configuration=how)
    first = {k: v.clone() for k, v in training.model.answerer.state_dict().items()}

    def log(row: dict[str, Any]) -> None:
        if row["phase"] == "task" and row["step"] == 1:
            state = training.model.stored.state_dict()
            seen["stored"] = {k: v.clone() for k, v in state.items()}
        if row["phase"] == "reconstruction":
            assert same_weights(training.model.answerer.state_dict(), first)

    train(training, group=Processes(), log=log)
    assert same_weights(training.model.stored.state_dict(), seen["stored"])
    assert all(parameter.requires_grad for parameter in training.model.parameters())


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_featcomp_and_the_loss_stay_in_float32_under_autocast(precision: str) -> None:
    training = a_training("task+reconstruction", 6)
    types: dict[str, set[torch.dtype]] = {"logits": set(), "linear": set()}
    stored = training.model.stored
    assert isinstance(stored, FeatComp)
    stored.norm.register_forward_hook(
        lambda _m, i, o: types["logits"].update({i[0].dtype, o.dtype})
    )
    linear = training.model.answerer.bert.pooler.dense
    linear.register_forward_hook(lambda _m, _i, o: types["linear"].add(o.dtype))
    phase = phases_of(training.variant, training.how)[0]
    batch = training.questions.batch(np.arange(8), training.source)
    dtype = getattr(torch, precision)
    with torch.autocast("cpu", dtype=dtype):
        loss = PhaseLoss(training.model, phase, Processes())(batch)
    assert types == {"logits": {torch.float32}, "linear": {dtype}}
    assert loss.dtype == torch.float32
    how = settings(epochs=2, batch=8, precision=precision)
    progress = train(a_training(configuration=how), group=Processes())
    assert all(math.isfinite(row["loss"]) for row in progress.history)


def test_it_learns_and_ends_with_its_best_weights() -> None:
    how = settings(epochs=80, batch=8, validations=10, learning_rate=0.003)
    training = a_training("floats", None, configuration=how)
    progress = train(training, group=Processes())
    scores = [r["validation_accuracy"] for r in progress.history if "validation_accuracy" in r]
    assert progress.best == max(scores) >= 0.9
    assert not training.model.training
    batch = training.validation.batch(np.arange(9), training.source)
    found = training.model(batch.video, batch.text).argmax(1)
    assert float((found == batch.target).float().mean()) == pytest.approx(progress.best)


def test_patience_ends_a_training() -> None:
    """A model that sees nothing of the video cannot get better for long."""
    how = settings(epochs=50, batch=8, validations=50, patience=3)
    progress = train(a_training("question-only", None, configuration=how), group=Processes())
    assert progress.finished
    assert progress.history[-1]["step"] == progress.best_step + 3 * 3
    assert progress.history[-1]["step"] < 150


def test_an_untrained_method_is_left_as_it_is() -> None:
    training = a_training("random", None)
    before = {k: v.clone() for k, v in training.model.state_dict().items()}
    progress = train(training, group=Processes())
    assert progress.finished
    assert progress.history == []
    assert same_weights(training.model.state_dict(), before)


@pytest.mark.parametrize("train_questions", [0, 1])
def test_too_few_questions_are_refused(train_questions: int) -> None:
    with pytest.raises(InputError, match="too few training questions"):
        train(a_training(train=train_questions), group=Processes())


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"training.batch.*at least 2.*found: 1"):
        settings(batch=1)
    how = settings(epochs=1, batch=8, accumulate=4)
    with pytest.raises(InputError, match="at least 2 questions"):
        train(a_training(train=7, configuration=how), group=Processes())


def test_the_key_changes_with_everything_that_decides_the_outcome() -> None:
    keys = {
        a_training().key,
        a_training(seed=4).key,
        a_training("featcomp", 7).key,
        a_training("task+reconstruction", 6).key,
        a_training(configuration=settings(epochs=5, batch=8)).key,
        replace(a_training(), identity={"data": "other"}).key,
    }
    assert len(keys) == 6
    assert a_training().key == a_training().key


def test_an_epoch_leaves_out_its_incomplete_last_batch() -> None:
    order = list(training_order(np.arange(10), 4, seed=0, steps=4))
    assert [len(rows) for _, rows in order] == [4, 4, 4, 4]
    assert [epoch for epoch, _ in order] == [0, 0, 1, 1]

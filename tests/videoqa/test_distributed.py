"""Two processes train and answer as one does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_training import SHAPE, a_training, forked, same_weights, settings
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from privkit.errors import InputError, PrivkitError
from privkit.models.featcomp import FeatComp
from privkit.videoqa.distributed import Processes, processes
from privkit.videoqa.evaluate import accuracy_measures, predict
from privkit.videoqa.shared_batches import SharedBatchNorm, share_batches
from privkit.videoqa.train import train

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

ROWS = 7  # uneven: the processes get 4 and 3


def trained(name: str, bits: int | None, **named: Any) -> dict[str, Any]:
    """Train and evaluate in this process, or in all of those that torchrun started."""
    training = a_training(name, bits, **named)
    with processes("cpu") as group:
        progress = train(training, group=group)
        found = predict(training.model, training.validation, training.source, group)
    return {
        "weights": training.model.state_dict(),
        "gradients": {n: p.grad for n, p in training.model.answerer.named_parameters()},
        "history": progress.history,
        "chosen": found.chosen,
        "ids": [q.question_id for q in found.questions],
        "counts": {
            m.where["answer type"]: (m.n, m.successes) for m in accuracy_measures(found, {})
        },
    }


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("featcomp", 6),
        ("floats", None),
        ("question-only", None),
        ("task+reconstruction", 6),
        ("reconstruction-only", 6),
    ],
)
def test_two_processes_take_the_step_of_one(tmp_path: Path, name: str, bits: int | None) -> None:
    """One step of each phase: noise, batch statistics, loss and gradients, to the last digits.

    Some gradients are 0 but for rounding, and AdamW makes whole steps of them. So weights are not
    compared, and after some dozens of steps one and two processes part.
    """
    how = settings(epochs=1, batch=23, validations=1, reconstruction_epochs=1)
    one = trained(name, bits, configuration=how, train=23)
    two = forked(lambda _rank: trained(name, bits, configuration=how, train=23), 2, tmp_path)
    assert same_weights(two[0]["weights"], two[1]["weights"])
    largest = max(float(g.abs().max()) for g in one["gradients"].values())
    for found in two:
        assert found["ids"] == one["ids"]
        assert {kind: n for kind, (n, _) in found["counts"].items()} == {
            kind: n for kind, (n, _) in one["counts"].items()
        }
        assert found["weights"].keys() == one["weights"].keys()
        for key, value in one["gradients"].items():
            torch.testing.assert_close(
                found["gradients"][key], value, rtol=1e-3, atol=1e-4 * largest
            )
        for key in ("stored.norm.running_mean", "stored.norm.running_var"):
            if key in one["weights"]:
                torch.testing.assert_close(found["weights"][key], one["weights"][key])
    for ours, theirs in zip(one["history"], two[0]["history"], strict=True):
        assert ours.keys() == theirs.keys()
        assert theirs["loss"] == pytest.approx(ours["loss"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bits"), [("featcomp", 6), ("floats", None)])
def test_two_processes_learn_what_one_learns(tmp_path: Path, name: str, bits: int | None) -> None:
    """Trained until the task is solved, both answer all of 30 unseen questions right."""
    how = settings(epochs=60, batch=8, validations=10, learning_rate=0.003)
    one = trained(name, bits, configuration=how, validation=30)
    two = forked(lambda _rank: trained(name, bits, configuration=how, validation=30), 2, tmp_path)
    assert one["counts"] == {"all": (30, 30), "cold": (15, 15), "warm": (15, 15)}
    for found in two:
        assert found["counts"] == one["counts"]


def test_every_question_is_answered_once_whatever_the_processes(tmp_path: Path) -> None:
    """7 questions by 2 and 3 processes: no padding, no repetition."""
    still = settings(epochs=1, batch=8, learning_rate=1e-6)  # the answers are those of the start
    one = trained("floats", None, validation=7, configuration=still)
    assert one["counts"]["all"][0] == 7
    for world in (2, 3):
        folder = tmp_path / str(world)
        folder.mkdir()
        for found in forked(
            lambda _rank: trained("floats", None, validation=7, configuration=still), world, folder
        ):
            assert found["counts"] == one["counts"]
            assert np.array_equal(found["chosen"], one["chosen"])


def joint() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, 5, generator=draw) * 3 + 1
    return x, torch.randn(ROWS, 5, generator=draw)


def with_batch_norm(kind: type[nn.BatchNorm1d]) -> nn.Sequential:
    torch.manual_seed(0)
    norm = kind(4)
    nn.init.uniform_(norm.weight)
    nn.init.normal_(norm.bias)
    return nn.Sequential(nn.Linear(5, 4), norm, nn.Linear(4, 5))


def test_batch_norm_over_processes_is_that_of_the_joint_batch(tmp_path: Path) -> None:
    """Forward, all gradients, and the running statistics, against torch.nn.BatchNorm1d."""
    x, target = joint()
    whole = with_batch_norm(nn.BatchNorm1d)
    given = x.clone().requires_grad_()
    for _ in range(3):
        whole.zero_grad()
        given.grad = None
        out = whole(given)
        (out - target).square().sum().backward()

    def work(rank: int) -> dict[str, Tensor]:
        with processes("cpu") as group:
            model = with_batch_norm(SharedBatchNorm)
            ddp = DistributedDataParallel(model)
            mine = x[rank :: group.world].clone().requires_grad_()
            for _ in range(3):
                ddp.zero_grad()
                mine.grad = None
                out = ddp(mine)
                wanted = target[rank :: group.world]
                ((out - wanted).square().sum() * group.world).backward()
            assert mine.grad is not None
            gradients = {k: p.grad for k, p in model.named_parameters()}
            return {"out": out.detach(), "x": mine.grad, **gradients, **model.state_dict()} | {
                f"grad {k}": g for k, g in gradients.items()
            }

    found = forked(work, 2, tmp_path)
    for rank, mine in enumerate(found):
        torch.testing.assert_close(mine["out"], out.detach()[rank::2])
        torch.testing.assert_close(mine["x"] / 2, given.grad[rank::2])  # 2 losses were added
        for name, parameter in whole.named_parameters():
            torch.testing.assert_close(mine[f"grad {name}"], parameter.grad, rtol=1e-4, atol=1e-5)
        for name, value in whole.state_dict().items():
            torch.testing.assert_close(mine[name], value, rtol=1e-5, atol=1e-6)


def test_two_processes_draw_the_bits_that_one_would(tmp_path: Path) -> None:
    x = torch.randn(ROWS, *SHAPE, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(0)
    whole = FeatComp(SHAPE, 37)
    state = {k: v.clone() for k, v in whole.state_dict().items()}
    torch.manual_seed(11)
    wanted = [whole.signs(x) for _ in range(3)]

    def work(rank: int) -> list[Tensor]:
        with processes("cpu") as group:
            alone = FeatComp(SHAPE, 37)
            alone.load_state_dict(state)
            mine = share_batches(alone, group, seed=11)
            assert isinstance(mine, FeatComp)
            assert mine.state_dict().keys() == state.keys()
            return [mine.signs(x[rank :: group.world]).detach() for _ in range(3)]

    for rank, found in enumerate(forked(work, 2, tmp_path)):
        for step, signs in enumerate(found):
            assert torch.equal(signs, wanted[step].detach()[rank::2])


def test_a_process_alone_shares_nothing() -> None:
    module = FeatComp(SHAPE, 3)
    assert share_batches(module, Processes(), seed=0) is module
    with processes("cpu") as group:
        assert group == Processes()
        assert group.gather("x") == ["x"]
        assert group.first_alone(lambda: 5) == 5


def test_a_fault_of_the_first_process_stops_the_others(tmp_path: Path) -> None:
    def work(rank: int) -> str:
        def fails() -> None:
            if rank == 0:
                raise InputError("the videos are gone")

        with processes("cpu") as group:
            with pytest.raises(PrivkitError) as error:
                group.first_alone(fails)
            return str(error.value)

    assert forked(work, 2, tmp_path) == ["the videos are gone"] * 2


def test_a_loss_that_is_not_finite_in_one_process_stops_all(tmp_path: Path) -> None:
    def work(rank: int) -> str:
        training = a_training("floats", None)
        if rank == 1:
            training.source.x[:] = float("nan")  # type: ignore[attr-defined]
        with processes("cpu") as group, pytest.raises(PrivkitError) as error:
            train(training, group=group)
        return str(error.value)

    first, second = forked(work, 2, tmp_path)
    assert first == second
    assert "the loss is nan at step 0" in first


def test_too_small_a_batch_for_the_processes_is_refused(tmp_path: Path) -> None:
    configuration = settings(epochs=1, batch=3)

    def work(_rank: int) -> str:
        training = a_training("featcomp", 4, configuration=configuration)
        with processes("cpu") as group, pytest.raises(InputError) as error:
            train(training, group=group)
        return str(error.value)

    assert "at least 2 questions a process" in forked(work, 2, tmp_path)[0]

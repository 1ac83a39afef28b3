"""The training loop: the one place where an optimiser takes a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from privkit.errors import PrivkitError

__all__ = ["PRECISIONS", "Stepping", "TrainingError", "fit"]

Batch = TypeVar("Batch")

#: Types of the matrix products under autocast; ``None`` is no autocast.
PRECISIONS: dict[str, torch.dtype | None] = {
    "float32": None,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class TrainingError(PrivkitError):
    """A network could not be trained to what is required of it."""


@dataclass(frozen=True)
class Stepping:
    """How gradients become a step.

    Attributes:
        accumulate: batches whose mean gradient makes one step.
        clip_norm: largest norm of the gradient, or ``None``.
        precision: a key of :data:`PRECISIONS`; FeatComp stays in float32 under every one.
        learning_rate: factor on every group's learning rate by step, counted from 0.
        scaler: the loss scaler that float16 needs; its state belongs to a checkpoint.
    """

    accumulate: int = 1
    clip_norm: float | None = None
    precision: str = "float32"
    learning_rate: Callable[[int], float] | None = None
    scaler: torch.amp.GradScaler | None = None


def fit(
    model: nn.Module,
    batches: Iterable[Batch],
    loss_of: Callable[[nn.Module, Batch], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    stepping: Stepping | None = None,
    first_step: int = 0,
    after_step: Callable[[int, float], bool] | None = None,
) -> float:
    """Take one optimiser step for every ``accumulate`` batches, in training mode.

    Args:
        model: the model; left in training mode. ``DistributedDataParallel`` works: gradients are
            exchanged once a step.
        batches: what ``loss_of`` takes; its length sets the number of steps. Batches at the end
            that do not fill a step are left out.
        loss_of: the scalar loss of the model on a batch.
        optimizer: updates the model's parameters; a group may carry ``initial_lr``, which the
            learning-rate factor multiplies.
        stepping: how gradients become a step; plain steps by default.
        first_step: number of the first step, where training goes on from a checkpoint.
        after_step: called with the number of steps taken and the step's mean loss; ``False`` ends
            the training. It may change the model's mode.

    Returns:
        The loss at the last step.

    Raises:
        TrainingError: the loss is not finite; the parameters are those before the bad step.
    """
    how = stepping or Stepping()
    model.train()
    last = math.nan
    step = first_step
    source = iter(batches)
    while len(group := list(islice(source, how.accumulate))) == how.accumulate:
        if how.learning_rate is not None:
            _set_learning_rate(optimizer, how.learning_rate(step))
        optimizer.zero_grad(set_to_none=True)
        last = _gradients(model, group, loss_of, how, step)
        _step(model, optimizer, how)
        step += 1
        if after_step is not None:
            if not after_step(step, last):
                break
            model.train()
    return last


def _gradients(
    model: nn.Module,
    group: list[Batch],
    loss_of: Callable[[nn.Module, Batch], Tensor],
    how: Stepping,
    step: int,
) -> float:
    """Add up the gradients of the batches of one step; their mean loss."""
    total = 0.0
    for n, batch in enumerate(group):
        with _without_exchange(model, last=n == len(group) - 1):
            with _autocast(model, how.precision):
                loss = loss_of(model, batch) / len(group)
            value = loss.item()
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} at step {step}; rule: it stays finite; "
                    "remedy: lower the learning rate"
                )
            total += value
            scaled = how.scaler.scale(loss) if how.scaler is not None else loss
            # torch leaves Tensor.backward untyped.
            scaled.backward()  # type: ignore[no-untyped-call]
    return total


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, how: Stepping) -> None:
    if how.clip_norm is not None:
        if how.scaler is not None:
            how.scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), how.clip_norm)
    if how.scaler is not None:
        how.scaler.step(optimizer)  # leaves a step with overflown gradients out
        how.scaler.update()
    else:
        optimizer.step()


def _set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def _without_exchange(model: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
    """Processes exchange gradients at the last batch of a step only."""
    no_sync: Callable[[], AbstractContextManager[Any]] | None = getattr(model, "no_sync", None)
    return nullcontext() if last or no_sync is None else no_sync()


def _autocast(model: nn.Module, precision: str) -> AbstractContextManager[Any]:
    dtype = PRECISIONS[precision]
    if dtype is None:
        return nullcontext()
    device = next(model.parameters()).device.type
    return torch.autocast(device_type=device, dtype=dtype)

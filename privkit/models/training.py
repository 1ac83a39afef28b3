"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

from privkit.errors import PrivkitError

__all__ = ["TrainingError", "fit"]

Batch = TypeVar("Batch")


class TrainingError(PrivkitError):
    """A network could not be trained to what is required of it."""


def fit(
    model: nn.Module,
    batches: Iterable[Batch],
    loss_of: Callable[[nn.Module, Batch], Tensor],
    optimizer: torch.optim.Optimizer,
) -> float:
    """Take one optimiser step a batch, in training mode.

    Args:
        model: the model; left in training mode.
        batches: what ``loss_of`` takes; its length sets the number of steps.
        loss_of: the scalar loss of the model on a batch.
        optimizer: updates the model's parameters.

    Returns:
        The loss at the last step.

    Raises:
        TrainingError: the loss is not finite; the parameters are those before the bad step.
    """
    model.train()
    last = math.nan
    for step, batch in enumerate(batches):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model, batch)
        last = loss.item()
        if not math.isfinite(last):
            raise TrainingError(
                f"the loss is {last} at step {step}; rule: it stays finite; "
                "remedy: lower the learning rate"
            )
        # torch leaves Tensor.backward untyped.
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return last

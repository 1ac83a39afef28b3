"""The phases of a training: their loss, the weights that learn in them, and at which rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from privkit.videoqa.batches import Batch
from privkit.videoqa.configuration import TrainingConfig
from privkit.videoqa.distributed import Processes
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA

__all__ = ["Phase", "PhaseLoss", "learn_only", "parameter_groups", "phases_of"]


@dataclass(frozen=True)
class Phase:
    """A part of the training with a loss and weights of its own.

    Attributes:
        name: as in the history.
        epochs: passes over the questions, or over the videos where the task has no part.
        task: whether the task's loss counts.
        reconstruction: weight of the mean squared error between ``x_dec`` and ``x``.
        bottleneck: whether the bottleneck is trained.
        answerer: whether the answerer is trained.
    """

    name: str
    epochs: int
    task: bool = True
    reconstruction: float = 0.0
    bottleneck: bool = True
    answerer: bool = True


def phases_of(variant: Variant, how: TrainingConfig) -> tuple[Phase, ...]:
    """The phases of a variant's training; none for a method that is not trained.

    One phase for most methods: the task's loss trains the bottleneck and the answerer together. A
    reconstruction-only bottleneck has two: the bottleneck learns to rebuild the feature, then the
    answerer learns from its frozen codes (paper, section 4).
    """
    method = variant.method
    if not method.trained:
        return ()
    if method.reconstruction_loss and not method.task_loss:
        first = Phase(
            "reconstruction",
            how.reconstruction_epochs,
            task=False,
            reconstruction=1.0,
            answerer=False,
        )
        return (first, Phase("task", how.epochs, bottleneck=False))
    weight = how.reconstruction_weight if method.reconstruction_loss else 0.0
    return (Phase("task", how.epochs, reconstruction=weight),)


def learn_only(model: FewBitVideoQA, phase: Phase) -> list[nn.Parameter]:
    """Freeze what a phase does not train; DDP would wait for its gradients.

    Returns:
        The parameters that were frozen by this, to be set free after the phase.
    """
    fixed = [
        module
        for module, trained in ((model.stored, phase.bottleneck), (model.answerer, phase.answerer))
        if not trained
    ]
    frozen = [p for module in fixed for p in module.parameters() if p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    return frozen


def parameter_groups(model: FewBitVideoQA, how: TrainingConfig) -> list[dict[str, Any]]:
    """AdamW's groups of the parameters that learn.

    The bottleneck has a learning rate of its own, as in the paper; biases and the weights of
    norms, which have one dimension, do not decay.
    """
    parts: list[tuple[Iterable[nn.Parameter], float]] = [
        (model.stored.parameters(), how.bottleneck_learning_rate),
        (model.answerer.parameters(), how.learning_rate),
    ]
    if model.backbone is not None:
        parts.append((model.backbone.parameters(), how.learning_rate))
    groups: list[dict[str, Any]] = []
    for parameters, rate in parts:
        learning = [p for p in parameters if p.requires_grad]
        matrices = [p for p in learning if p.dim() > 1]
        vectors = [p for p in learning if p.dim() < 2]
        groups.append({"params": matrices, "lr": rate, "weight_decay": how.weight_decay})
        groups.append({"params": vectors, "lr": rate, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


class PhaseLoss(nn.Module):
    """The loss of a phase as a module, because DDP exchanges the gradients of a forward pass.

    Args:
        model: the model.
        phase: the phase.
        group: the processes; each gets the loss of all of them, and its own gradient.
    """

    def __init__(self, model: FewBitVideoQA, phase: Phase, group: Processes) -> None:
        super().__init__()
        self.model, self.phase_of_training, self.group = model, phase, group

    def train(self, mode: bool = True) -> PhaseLoss:
        """Set the mode; a frozen bottleneck stays in inference mode: its codes are fixed."""
        super().train(mode)
        if not self.phase_of_training.bottleneck:
            self.model.stored.eval()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """The mean loss of a batch, in float32 under autocast too, times the batch's weight."""
        phase, model = self.phase_of_training, self.model
        x = model.features(batch.video)
        x_dec = model.decoded(x)
        loss = x.new_zeros((), dtype=torch.float32)
        if phase.task:
            scores = model.scores(x_dec, batch.text)
            loss = loss + cross_entropy(scores.float(), batch.target)
        if phase.reconstruction:
            # The feature is what is rebuilt, never what gives way, where the backbone learns too.
            loss = loss + phase.reconstruction * mse_loss(x_dec.float(), x.detach().float())
        return self.group.shared_loss(batch.weight * loss)

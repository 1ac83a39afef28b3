"""Training snapshots: all that a training needs to go on bit for bit after it was killed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from privkit.errors import InputError
from privkit.runs import write_atomically

__all__ = ["Progress", "read_snapshot", "write_snapshot"]

_HEADER = "privkit-training/1"


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        phase: number of the phase under way.
        step: optimiser steps taken in that phase.
        history: one row for each logged step: phase, step, loss, learning rate, validation.
        best: the best validation accuracy so far; ``None`` before the first validation.
        best_step: the step it was reached at.
        worse: validations since then.
        finished: whether the training is over.
    """

    phase: int = 0
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float | None = None
    best_step: int = 0
    worse: int = 0
    finished: bool = False


def write_snapshot(
    path: Path,
    key: str,
    progress: Progress,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: Mapping[str, Tensor],
    random_states: Sequence[Tensor],
    scaler: torch.amp.GradScaler | None,
) -> None:
    """Write a snapshot; atomic, so that a kill leaves the one before.

    Args:
        path: the file.
        key: of the training: its configuration and data.
        progress: how far it is.
        model: its weights.
        optimizer: its averages.
        best: the weights at the best validation.
        random_states: torch's generator of every process, in the order of ranks.
        scaler: the loss scaler of float16.
    """
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in best.items()}
    tensors |= {f"random/{n}": state for n, state in enumerate(random_states)}
    state = optimizer.state_dict()["state"]
    for parameter, values in state.items():
        tensors |= {f"optimizer/{parameter}/{k}": torch.as_tensor(v) for k, v in values.items()}
    described = {
        "format": _HEADER,
        "key": key,
        "progress": asdict(progress),
        "scaler": scaler.state_dict() if scaler is not None else {},
    }
    plain = {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}
    metadata = {"privkit": json.dumps(described, sort_keys=True)}
    write_atomically(path, lambda temporary: save_file(plain, temporary, metadata=metadata))


@dataclass(frozen=True)
class Snapshot:
    """What was written; see :func:`write_snapshot`."""

    progress: Progress
    tensors: Mapping[str, Tensor]
    scaler: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors below a prefix, without it."""
        prefix = f"{name}/"
        return {k[len(prefix) :]: v for k, v in self.tensors.items() if k.startswith(prefix)}

    def restore_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Put the averages back into an optimiser of the same parameters."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in self.part("optimizer").items():
            parameter, _, key = name.partition("/")
            state.setdefault(int(parameter), {})[key] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def read_snapshot(path: Path, key: str) -> Snapshot | None:
    """Read a snapshot of the training with this key.

    Returns:
        The snapshot; ``None`` where there is no file.

    Raises:
        InputError: the file is damaged, or belongs to another training.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {}).get("privkit", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            "the snapshot of the training cannot be read",
            where=path,
            rule="a safetensors file that privkit wrote",
            found=error,
            remedy="remove it; the training starts anew",
        ) from None
    if described.get("format") != _HEADER or described.get("key") != key:
        raise InputError(
            "the snapshot belongs to another training",
            where=path,
            rule="the same configuration, data and variant",
            remedy="remove it, or name another folder",
        )
    return Snapshot(Progress(**described["progress"]), tensors, described["scaler"])

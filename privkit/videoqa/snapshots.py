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

__all__ = [
    "Progress",
    "RandomStates",
    "Snapshot",
    "read_snapshot",
    "write_finished",
    "write_snapshot",
]

_FORMAT = "privkit-training/2"


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

    def begin(self, phase: int) -> None:
        """Begin another phase; its best weights are its own."""
        self.phase, self.step = phase, 0
        self.best, self.best_step, self.worse = None, 0, 0


@dataclass(frozen=True)
class RandomStates:
    """The states of one process's generators.

    Attributes:
        states: ``"cpu"``, ``"cuda"`` where there is a GPU, ``"noise"`` where processes share it.
    """

    states: Mapping[str, Tensor]

    @classmethod
    def now(cls, noise: torch.Generator | None) -> RandomStates:
        """The states as they are."""
        states = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            states["cuda"] = torch.cuda.get_rng_state()
        if noise is not None:
            states["noise"] = noise.get_state()
        return cls(states)

    def restore(self, noise: torch.Generator | None) -> None:
        """Put the generators back into these states."""
        torch.set_rng_state(self.states["cpu"])
        if "cuda" in self.states and torch.cuda.is_available():
            torch.cuda.set_rng_state(self.states["cuda"])
        if noise is not None:
            noise.set_state(self.states["noise"])


def write_snapshot(
    path: Path,
    key: str,
    progress: Progress,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: Mapping[str, Tensor],
    random_states: Sequence[RandomStates],
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
        random_states: the generators of every process, in the order of ranks.
        scaler: the loss scaler of float16.
    """
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in best.items()}
    for rank, process in enumerate(random_states):
        tensors |= {f"random/{rank}/{k}": state for k, state in process.states.items()}
    state = optimizer.state_dict()["state"]
    for parameter, values in state.items():
        tensors |= {f"optimizer/{parameter}/{k}": torch.as_tensor(v) for k, v in values.items()}
    _write(path, key, progress, tensors, scaler.state_dict() if scaler is not None else {})


def write_finished(path: Path, key: str, progress: Progress, model: nn.Module) -> None:
    """Write the outcome of a training in place of its snapshots: the weights and the history."""
    _write(path, key, progress, {f"model/{k}": v for k, v in model.state_dict().items()}, {})


def _write(
    path: Path,
    key: str,
    progress: Progress,
    tensors: Mapping[str, Tensor],
    scaler: Mapping[str, Any],
) -> None:
    described = {
        "format": _FORMAT,
        "key": key,
        "progress": asdict(progress),
        "scaler": dict(scaler),
    }
    plain = {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}
    metadata = {"privkit": json.dumps(described, sort_keys=True)}
    write_atomically(path, lambda temporary: save_file(plain, temporary, metadata=metadata))


@dataclass(frozen=True)
class Snapshot:
    """What was written; see :func:`write_snapshot`."""

    path: Path
    progress: Progress
    tensors: Mapping[str, Tensor]
    scaler: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors below a prefix, without it."""
        prefix = f"{name}/"
        return {k[len(prefix) :]: v for k, v in self.tensors.items() if k.startswith(prefix)}

    def restore_model(self, model: nn.Module) -> None:
        """Put the weights back."""
        model.load_state_dict(self.part("model"))

    def random_states(self, rank: int, world: int) -> RandomStates:
        """The generators of one process of a training by ``world`` processes.

        Raises:
            InputError: the snapshot was made by another number of processes.
        """
        there = {name.split("/")[0] for name in self.part("random")}
        if len(there) != world:
            raise InputError(
                "the snapshot was made by another number of processes",
                where=self.path,
                rule=f"{len(there)} processes",
                found=world,
                remedy="start as many, or remove the snapshot",
            )
        return RandomStates(self.part(f"random/{rank}"))

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
            rule="a safetensors file that privkit wrote, whole",
            found=error,
            remedy="remove it; the training starts anew",
        ) from None
    if described.get("format") != _FORMAT or described.get("key") != key:
        raise InputError(
            "the snapshot belongs to another training",
            where=path,
            rule="the same configuration, data and variant",
            remedy="remove it, or name another folder",
        )
    return Snapshot(path, Progress(**described["progress"]), tensors, described["scaler"])

"""When a training under way is written down; weights that a step has spoiled never are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from privkit.models.training import TrainingError
from privkit.videoqa.distributed import Processes
from privkit.videoqa.snapshots import Progress, RandomStates, write_finished, write_snapshot

__all__ = ["SNAPSHOT_SECONDS", "Keeper"]

#: Seconds between snapshots: what a kill may cost.
SNAPSHOT_SECONDS = 30.0
#: Large models take long to write: snapshots may cost a training this share of its time.
_SHARE = 0.05
#: Steps between looks at the clock where several processes have to agree.
_LOOK = 10


@dataclass
class Keeper:
    """Writes the snapshots of one training, in the first process.

    Attributes:
        path: the file; ``None`` keeps nothing.
        key: of the training.
        group: the processes that share the work.
        every: seconds between snapshots, at least; 0 keeps every step.
    """

    path: Path | None
    key: str
    group: Processes
    every: float = SNAPSHOT_SECONDS
    _written: float = field(default_factory=time.monotonic)
    _rest: float = 0.0

    def is_due(self, step: int) -> bool:
        """Whether it is time for a snapshot; the first process decides for all."""
        if self.path is None or (self.group.world > 1 and step % _LOOK):
            return False
        wanted = max(self.every, self._rest) if self.every else 0.0
        return self.group.first_says(time.monotonic() - self._written >= wanted)

    def keep(
        self,
        progress: Progress,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        best: Mapping[str, Tensor],
        scaler: torch.amp.GradScaler | None,
        noise: torch.Generator | None,
    ) -> None:
        """Write a snapshot; see :func:`privkit.videoqa.snapshots.write_snapshot`.

        Raises:
            TrainingError: a weight is not finite.
        """
        self._check_finite(progress, model)
        states = self.group.gather(RandomStates.now(noise))
        started = time.monotonic()
        if self.group.first and self.path is not None:
            write_snapshot(self.path, self.key, progress, model, optimizer, best, states, scaler)
        self._written = time.monotonic()
        self._rest = (self._written - started) / _SHARE

    def finish(self, progress: Progress, model: nn.Module) -> None:
        """Keep the outcome, without what only a training under way needs.

        Raises:
            TrainingError: a weight is not finite.
        """
        self._check_finite(progress, model)
        if self.path is not None and self.group.first:
            write_finished(self.path, self.key, progress, model)
        self.group.gather(None)  # no process goes on before the file is there

    def last_good(self) -> str:
        """Where the last snapshot is, in words."""
        if self.path is None or not self.path.is_file():
            return "no snapshot was kept before it"
        return f"the last good snapshot is {self.path}"

    def _check_finite(self, progress: Progress, model: nn.Module) -> None:
        if not all(v.isfinite().all() for v in model.state_dict().values()):
            raise TrainingError(
                f"a weight is not finite after step {progress.step}; "
                f"remedy: lower the learning rate; {self.last_good()}"
            )

"""Several processes on one training, started by ``torchrun`` and only by it.

Without ``torchrun`` no process group is made and every function here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from privkit.errors import InputError, PrivkitError

__all__ = ["Processes", "processes"]

Made = TypeVar("Made")

#: The others wait while the first decodes videos; torch would give up after half an hour.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Processes:
    """This process among those of the training.

    Attributes:
        rank: number of this process.
        world: how many there are.
        device: the device of this process.
    """

    rank: int = 0
    world: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, in the order of their ranks, in every process."""
        if self.world == 1:
            return [value]
        out: list[Any] = [None] * self.world
        dist.all_gather_object(out, value)
        return out

    def first_says(self, value: bool) -> bool:
        """What the first process says, in every process."""
        if self.world == 1:
            return value
        said = torch.tensor([int(value)], device=self.device)
        dist.broadcast(said, src=0)
        return bool(said.item())

    def first_alone(self, work: Callable[[], Made]) -> Made:
        """Let the first process work, and the others thereafter: what it wrote, they find.

        Raises:
            PrivkitError: what the work raises; the others raise it where the first one fails.
        """
        if self.world == 1:
            return work()
        made, failed = None, ""
        if self.first:
            try:
                made = work()
            except PrivkitError as error:
                self.gather(str(error))
                raise
            self.gather("")
            return made
        failed = self.gather(None)[0]
        if failed:
            raise PrivkitError(failed)
        return work()

    def shared_loss(self, loss: Tensor) -> Tensor:
        """The mean of all processes' losses as the value, with the gradient of the own one.

        So every process sees a loss that is not finite at the same step.
        """
        if self.world == 1:
            return loss
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        return loss + (mean / self.world - loss).detach()


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Join the process group that ``torchrun`` started, for the time of a ``with`` block.

    Args:
        device: ``"cpu"`` (gloo) or ``"cuda"`` (NCCL, one GPU a process).

    Raises:
        InputError: fewer GPUs than processes.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:  # torchrun sets it; RANK alone may be a scheduler's
        yield Processes(device=device)
        return
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if device == "cuda":
        local = int(os.environ["LOCAL_RANK"])
        if local >= torch.cuda.device_count():
            raise InputError(
                "there are fewer GPUs than processes",
                where="torchrun --nproc-per-node",
                rule="one GPU a process",
                found=torch.cuda.device_count(),
            )
        torch.cuda.set_device(local)
        device = f"cuda:{local}"
    dist.init_process_group("nccl" if device != "cpu" else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(rank, world, device)
    finally:
        dist.destroy_process_group()

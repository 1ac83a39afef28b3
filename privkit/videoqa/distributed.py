"""Several processes on one training, started by ``torchrun`` and only by it.

Without ``torchrun`` no process group is made and every function here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as differentiable
from torch import Tensor, nn

from privkit.errors import InputError

__all__ = ["Processes", "processes", "synchronise_norms"]


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

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.world > 1:
            dist.barrier()


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
    dist.init_process_group("nccl" if device != "cpu" else "gloo")
    try:
        yield Processes(rank, world, device)
    finally:
        dist.destroy_process_group()


class _SharedBatchNorm(nn.BatchNorm1d):
    """Batch norm over the batches of all processes, on devices that torch's own does not serve.

    ``torch.nn.SyncBatchNorm`` is for GPUs only. Statistics are of the whole batch, so that two
    processes train as one does on the batches of both (population variance in the normalisation,
    the unbiased one in the running average, as in ``torch.nn.BatchNorm1d``).
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        sums = _sum_over_processes(torch.cat([x.sum(0), x.new_full((1,), float(len(x)))]))
        count = sums[-1]
        mean = sums[:-1] / count
        variance = _sum_over_processes((x - mean).square().sum(0)) / count
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        with torch.no_grad():
            momentum = 0.1 if self.momentum is None else self.momentum
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1), momentum)
        out: Tensor = (x - mean) * torch.rsqrt(variance + self.eps)
        return out * self.weight + self.bias if self.affine else out


def _sum_over_processes(x: Tensor) -> Tensor:
    """The sum of ``x`` over all processes, through which gradients flow."""
    total: Tensor = differentiable.all_reduce(x)  # type: ignore[no-untyped-call]
    return total


def synchronise_norms(model: nn.Module, group: Processes) -> nn.Module:
    """Let every batch norm of the model see the batches of all processes; in place.

    Weights keep their names, so that checkpoints fit both ways.
    """
    if group.world == 1:
        return model
    if group.device != "cpu":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return converted
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm1d:
                shared = _SharedBatchNorm(
                    child.num_features, child.eps, child.momentum, affine=child.affine
                )
                shared.load_state_dict(child.state_dict())
                setattr(module, name, shared)
    return model

"""What FeatComp does over a batch, done over the batch that several processes share.

Batch norm takes its statistics from the rows of all processes, and the binarizer draws for all
rows and takes those of this process: so two processes train as one does on the rows of both.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from privkit.models.featcomp import FeatComp, straight_through
from privkit.videoqa.distributed import Processes

__all__ = ["SharedBatchNorm", "SharedFeatComp", "share_batches"]


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch norm over the rows of all processes.

    ``torch.nn.SyncBatchNorm`` is for GPUs only, and there it is used. Statistics are of the whole
    batch (population variance in the normalisation, the unbiased one in the running average, as
    in ``torch.nn.BatchNorm1d``), so that two processes train as one does on the rows of both.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(rows, features)``; the other processes do the same at the same time."""
        if not self.training:
            return super().forward(x)
        sums = _sum_over_processes(torch.cat([x.sum(0), x.new_full((1,), float(len(x)))]))
        count = sums[-1]
        mean = sums[:-1] / count
        variance = _sum_over_processes((x - mean).square().sum(0)) / count
        self._keep(mean.detach(), (variance * count / (count - 1)).detach())
        out: Tensor = (x - mean) * torch.rsqrt(variance + self.eps)
        return out * self.weight + self.bias if self.affine else out

    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running averages."""
        momentum = 0.1 if self.momentum is None else self.momentum
        for average, now in ((self.running_mean, mean), (self.running_var, variance)):
            if average is not None:
                average.lerp_(now, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class SharedFeatComp(FeatComp):
    """FeatComp on this process's rows of a batch; its weights have the same names.

    Row ``n`` of the batch is row ``n // world`` of process ``n % world``. All processes draw the
    noise of all rows from generators in the same state, and each takes that of its own rows.

    Args:
        whole: the bottleneck to stand in for.
        group: the processes.
        seed: of the noise.
    """

    def __init__(self, whole: FeatComp, group: Processes, seed: int) -> None:
        super().__init__(whole.shape, whole.bits, affine=whole.norm.affine)
        kind = SharedBatchNorm if group.device == "cpu" else nn.SyncBatchNorm
        norm = whole.norm
        shared: Any = kind(norm.num_features, norm.eps, norm.momentum, affine=norm.affine)
        self.norm = shared
        self.load_state_dict(whole.state_dict())
        self.group = group
        self.noise = torch.Generator(group.device).manual_seed(seed)

    def signs(self, x: Tensor) -> Tensor:
        """The code as ±1, drawn for the rows of all processes; see :meth:`FeatComp.signs`."""
        if not self.training:
            return super().signs(x)
        soft = self.soft(x)
        rows = torch.tensor([len(x)], device=x.device)
        dist.all_reduce(rows)
        drawn = torch.rand(
            int(rows), self.bits, generator=self.noise, device=x.device, dtype=soft.dtype
        )
        mine = drawn[self.group.rank :: self.group.world]
        return straight_through(mine < (1 + soft) / 2, soft)


def share_batches(module: nn.Module, group: Processes, seed: int) -> nn.Module:
    """The module for one of several processes; itself where there is one, or nothing to share."""
    if group.world > 1 and isinstance(module, FeatComp):
        return SharedFeatComp(module, group, seed).to(group.device)
    return module


def _sum_over_processes(x: Tensor) -> Tensor:
    """The sum of ``x`` over all processes, through which gradients flow."""
    total: Tensor = _Sum.apply(x)
    return total


class _Sum(torch.autograd.Function):
    """Every process's loss depends on every summand: gradients are summed as well."""

    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        total = x.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total

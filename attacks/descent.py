"""Projected gradient descent of many pictures at once, each with its own stopping rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Descent", "descend"]

#: Targets that have stopped are dropped from the batch once they are a quarter of it: dropping
#: copies the batch, keeping them costs their share of every step.
_DROP_AT = 0.75


@dataclass(frozen=True)
class Descent:
    """Where a descent ended.

    Attributes:
        best: ``(n, pixels)``, the picture of lowest cost of each target.
        cost: ``(n,)``, its cost.
        iterations: ``(n,)``, the evaluations of the cost until it stopped.
    """

    best: Tensor
    cost: Tensor
    iterations: Tensor


@torch.no_grad()
def descend(
    cost: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    step: float,
    max_iterations: int,
    patience: int,
    threshold: float,
) -> Descent:
    """Minimise ``cost(x Wᵀ + b)`` over pictures x in the box [-1, 1].

    The first layer is linear, so the gradient with respect to a picture is the gradient with
    respect to the layer's few outputs times W. Only those few numbers go through autograd; a step
    is one matrix product forward, one back into the picture, and the projection onto the box.

    A picture is copied as the best one only when a better run of it ends, not at each of its
    steps: of two buffers the one that is not written holds the previous picture.

    Args:
        cost: maps the first layer's outputs ``(m, width)`` and the targets' row numbers ``(m,)``
            to one cost a row, ``(m,)``; differentiable in the first argument.
        start: ``(n, pixels)``.
        weight: W, ``(width, pixels)``.
        bias: b, ``(width,)``.
        step: length of a step in units of the gradient.
        max_iterations: at most so many evaluations of the cost.
        patience: a target stops after so many evaluations without a lower cost.
        threshold: a target stops when its cost is at or below this.
    """
    n = len(start)
    result = start.clone()
    final_cost = torch.full((n,), torch.inf, dtype=start.dtype, device=start.device)
    iterations = torch.zeros(n, dtype=torch.long, device=start.device)

    rows = torch.arange(n, device=start.device)  # which targets the buffers below hold
    x, other, best = start.clone(), torch.empty_like(start), start.clone()
    best_cost = final_cost.clone()
    since = torch.zeros_like(iterations)
    improving = torch.zeros(n, dtype=torch.bool, device=start.device)
    running = torch.ones_like(improving)

    for iteration in range(1, max_iterations + 1):
        now, gradient = _cost_and_gradient(cost, torch.addmm(bias, x, weight.T), rows)
        better = (now < best_cost) & running
        ended = improving & ~better  # the picture before this one was the best so far
        if ended.any():
            best[ended] = other[ended]
        improving = better
        best_cost = torch.where(better, now, best_cost)
        since = torch.where(better, 0, since + 1)

        stopping = running & ((since >= patience) | (best_cost <= threshold))
        if iteration == max_iterations:
            stopping = running
        if stopping.any():
            at_best = stopping & improving
            best[at_best] = x[at_best]
            result[rows[stopping]] = best[stopping]
            final_cost[rows[stopping]] = best_cost[stopping]
            iterations[rows[stopping]] = iteration
            running = running & ~stopping
            improving = improving & running
            left = int(running.sum())
            if left == 0:
                break
            if left <= _DROP_AT * len(rows):
                rows, x, best, best_cost = (
                    rows[running],
                    x[running],
                    best[running],
                    best_cost[running],
                )
                since, improving, gradient = since[running], improving[running], gradient[running]
                other = torch.empty_like(x)
                running = torch.ones_like(improving)
        torch.addmm(x, gradient, weight, alpha=-step, out=other).clamp_(-1.0, 1.0)
        x, other = other, x
    return Descent(result, final_cost, iterations)


def _cost_and_gradient(
    cost: Callable[[Tensor, Tensor], Tensor], activation: Tensor, rows: Tensor
) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        activation.requires_grad_()
        now = cost(activation, rows)
        (gradient,) = torch.autograd.grad(now.sum(), activation)
    return now.detach(), gradient

"""MI-FACE against a plain loop written from Algorithm 1, one target at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.adversary import Scene
from attacks.descent import descend
from attacks.mi_face import MIFace, Restarts, Start
from privkit.models.defenses import Rounding
from privkit.models.encoder import Through
from privkit.models.face_net import FaceNet


def _plain(
    network: FaceNet,
    target: torch.Tensor,
    start: torch.Tensor,
    *,
    through: Through,
    step: float,
    alpha: int,
    beta: int,
    gamma: float,
) -> tuple[torch.Tensor, float, int]:
    """Fredrikson et al. 2015, Algorithm 1, by autograd on the pixels."""
    x, best, best_cost, since = start.clone(), start.clone(), np.inf, 0
    iteration = 0
    while iteration < alpha:
        iteration += 1
        pixels = x.clone().requires_grad_()
        cost = ((network.after_first(network.first(pixels[None]), through)[0] - target) ** 2).mean()
        if cost.item() < best_cost:
            best, best_cost, since = x.clone(), cost.item(), 0
        else:
            since += 1
        if since >= beta or best_cost <= gamma:
            break
        (gradient,) = torch.autograd.grad(cost, pixels)
        x = (x - step * gradient).clamp(-1, 1)
    return best, best_cost, iteration


@pytest.mark.parametrize("bits", [None, 12])
@pytest.mark.parametrize("through", ["tanh", "straight-through"])
@pytest.mark.parametrize(("beta", "gamma"), [(5, 0.0), (1000, 0.5)])
def test_the_batched_descent_is_the_plain_loop(
    bits: int | None, through: Through, beta: int, gamma: float
) -> None:
    torch.manual_seed(0)
    network = FaceNet(60, 6, bits).eval().double().requires_grad_(False)
    targets = torch.sign(torch.randn(9, network.stored_width, dtype=torch.float64))
    start = torch.rand(60, dtype=torch.float64) * 2 - 1
    settings = {"step": 60.0, "alpha": 150, "beta": beta, "gamma": gamma}
    found = descend(
        lambda a, rows: ((network.after_first(a, through) - targets[rows]) ** 2).mean(1),
        start.expand(9, -1),
        network.first.weight,
        network.first.bias,
        step=60.0,
        max_iterations=150,
        patience=beta,
        threshold=gamma,
    )
    for n, target in enumerate(targets):
        best, cost, iterations = _plain(network, target, start, through=through, **settings)
        torch.testing.assert_close(found.best[n], best, rtol=0, atol=1e-6)
        assert found.cost[n].item() == pytest.approx(cost, rel=1e-5)
        # Where the cost has settled, rounding decides which of equal costs is the lower.
        assert abs(found.iterations[n].item() - iterations) <= (beta if gamma == 0 else 0)
    if gamma > 0:  # the case is worth its name only if the targets stop at different times
        assert len(set(found.iterations.tolist())) > 1


def test_the_best_picture_is_returned_not_the_last() -> None:
    """With a step that overshoots, the cost rises after the first picture."""
    weight, bias = torch.ones(1, 4), torch.zeros(1)
    found = descend(
        lambda a, _: (a[:, 0] - 0.1) ** 2,
        torch.zeros(1, 4),
        weight,
        bias,
        step=100.0,
        max_iterations=50,
        patience=50,
        threshold=0.0,
    )
    assert torch.equal(found.best, torch.zeros(1, 4))
    assert found.cost.item() == pytest.approx(0.01)


def test_pictures_stay_in_the_box_and_the_cost_falls(scene: Scene) -> None:
    part = scene.parts[0]
    stored, adversary = scene.stored[part.rows], part.adversary
    rng = np.random.default_rng(0)
    costs = []
    for iterations in (1, 200):
        attack = MIFace(start="mean", step=10.0, max_iterations=iterations)
        pictures = attack.run(stored, adversary, rng)
        assert np.abs(pictures).max() <= 1
        with torch.no_grad():
            computed = adversary.encoder().relaxed(torch.from_numpy(pictures)).numpy()
        costs.append(((computed - stored) ** 2).mean(1))
    assert (costs[1] < costs[0]).all()


def test_black_start_is_black(scene: Scene) -> None:
    part = scene.parts[0]
    one = MIFace(max_iterations=1).run(
        scene.stored[part.rows], part.adversary, np.random.default_rng(0)
    )
    assert (one == -1).all()


def test_restarts_never_cost_more_than_one_of_their_starts(scene: Scene) -> None:
    part = scene.parts[0]
    stored = scene.stored[part.rows]
    once = MIFace(step=100.0, max_iterations=30)
    starts: tuple[Start, ...] = ("black", "mean", "mixture")
    rng = np.random.default_rng(0)
    many = Restarts(starts, once).descend(stored, part.adversary, rng)
    rng = np.random.default_rng(0)
    each = [replace(once, start=s).descend(stored, part.adversary, rng) for s in starts]
    costs = torch.stack([e.cost for e in each])
    assert torch.equal(many.cost, costs.min(0).values)
    for n, winner in enumerate(costs.argmin(0).tolist()):
        assert torch.equal(many.best[n], each[winner].best[n])
    assert torch.equal(many.iterations, torch.stack([e.iterations for e in each]).sum(0))


def test_mixtures_are_of_other_peoples_photos_and_differ(scene: Scene) -> None:
    part = scene.parts[0]
    stored, public = scene.stored[part.rows], part.adversary.auxiliary.pixels
    starts = MIFace(start="mixture", max_iterations=1).run(
        stored, part.adversary, np.random.default_rng(0)
    )
    assert len(np.unique(starts, axis=0)) == len(starts)
    # They lie in the span of the photos, with weights that sum to 1.
    weights = np.linalg.lstsq(public.T.astype(np.float64), starts.T, rcond=None)[0]
    np.testing.assert_allclose(public.T @ weights, starts.T, atol=1e-3)
    np.testing.assert_allclose(weights.sum(0), 1, atol=0.05)


def test_a_rounded_feature_is_matched_by_all_that_round_to_it(scene: Scene) -> None:
    """A picture whose feature would be stored the same costs nothing, so it stays as it is."""
    part = scene.parts[0]
    defense = Rounding(0.25)
    network = part.adversary.network
    assert isinstance(network, FaceNet)
    if network.bottleneck is not None:
        pytest.skip("codes are not rounded")
    adversary = replace(part.adversary, defense=defense)
    start = adversary.auxiliary.pixels.mean(0)
    stored = adversary.store(start[None])
    found = MIFace(start="mean").descend(stored, adversary, np.random.default_rng(0))
    assert found.cost.item() == 0
    assert found.iterations.item() == 1
    np.testing.assert_array_equal(found.best.numpy()[0], start)
    exact = replace(adversary, defense=None)
    assert MIFace(start="mean").descend(stored, exact, np.random.default_rng(0)).iterations > 1

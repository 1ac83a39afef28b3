"""What counts as success, apart from how an attack works.

Every attack is scored on the same targets beside a control: the outcome for *another* person's
stored feature, scored against this target ("shuffled"). An attack that does no better than its
control and the baselines has used nothing of the stored feature.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attacks.adversary import Scene
from attacks.base import Outcome
from privkit.evaluation.identity import IdentityEvaluator
from privkit.evaluation.images import pixel_mse, similarity

__all__ = ["other_person", "rank_of", "score"]


def score(
    outcome: Outcome, scene: Scene, evaluator: IdentityEvaluator, *, seed: int
) -> pd.DataFrame:
    """Score an outcome target by target.

    Args:
        outcome: what the attack made.
        scene: the targets.
        evaluator: names people on pictures; it shares nothing with the target model.
        seed: of ties and of the control's shuffle.

    Returns:
        A row a target: ``group``, ``person``, ``photo``, and for pictures ``identity``, ``mse``,
        ``psnr``, ``ssim``, for names ``rank-1``, ``rank-5``; each also as ``… (shuffled)`` except
        psnr and ssim.
    """
    targets = scene.targets
    rng = np.random.default_rng(seed)
    other = other_person(targets.person, rng)
    rows: dict[str, NDArray[np.generic]] = {
        "group": scene.group,
        "person": targets.person,
        "photo": targets.photo,
    }
    values = outcome.values
    if outcome.makes == "pictures":
        shape = scene.parts[0].adversary.shape
        like = similarity(values, targets.pixels, shape)
        named = evaluator.name(values)
        rows |= {
            "identity": named == targets.person,
            "identity (shuffled)": named[other] == targets.person,
            "mse": like.mse,
            "mse (shuffled)": pixel_mse(values[other], targets.pixels),
            "psnr": like.psnr,
            "ssim": like.ssim,
        }
    else:
        rank = rank_of(values, targets.person, rng)
        shuffled = rank_of(values[other], targets.person, rng)
        rows |= {
            "rank-1": rank <= 1,
            "rank-1 (shuffled)": shuffled <= 1,
            "rank-5": rank <= 5,
            "rank-5 (shuffled)": shuffled <= 5,
        }
    return pd.DataFrame(rows)


def rank_of(
    scores: NDArray[np.float32], person: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """The rank of the right candidate, 1 for the best score; ties are broken at random.

    Args:
        scores: ``(n, people)``, the larger the likelier.
        person: ``(n,)`` the right candidates.
        rng: breaks the ties.
    """
    own = scores[np.arange(len(scores)), person][:, None]
    better = (scores > own).sum(1)
    tied = (scores == own).sum(1) - 1
    ranks: NDArray[np.int64] = 1 + better + rng.integers(0, tied + 1)
    return ranks


def other_person(person: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """For each target the row of a random target that shows another person.

    Args:
        person: ``(n,)``, at least two different people.
        rng: draws.
    """
    rows = np.arange(len(person))
    return np.array([rng.choice(rows[person != p]) for p in person], dtype=np.int64)

"""Small stores with a known leak, and a policy that small samples can decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from privkit.audit.material import Material
from privkit.audit.policy import Policy, read_policy


def store(
    linked: float, *, people: int = 40, records: int = 5, width: int = 16, seed: int = 0
) -> Material:
    """Codes that are the same in all records of a share of the people, and random else.

    Args:
        linked: probability that a person's records are all alike.
        people: how many.
        records: of each.
        width: bits.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), records)
    own = rng.choice([-1.0, 1.0], (people, width))[person]
    noise = rng.choice([-1.0, 1.0], (len(person), width))
    same = (rng.random(people) < linked)[person]
    features = np.where(same[:, None], own, noise).astype(np.float32)
    return Material(features, width, person, tuple(f"person {p}" for p in range(people)))


def with_attribute(material: Material, told: float, *, seed: int = 0) -> Material:
    """Two values that stand in the first bits of the records of a share of the people."""
    rng = np.random.default_rng([seed, 1])
    people = int(material.owners.max()) + 1
    value = np.arange(people) % 2
    features = material.features.copy()
    tells = (rng.random(people) < told)[material.owners]
    features[tells, :3] = (2 * value[material.owners][tells] - 1)[:, None]
    labels = np.array(["no", "yes"], dtype=object)[value[material.owners]]
    return replace(material, features=features, sensitive={"glasses": labels})


def policy(**changes: Any) -> Policy:
    """The default policy with changes."""
    return replace(read_policy(None), **changes)

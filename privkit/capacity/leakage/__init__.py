"""How many bits of a secret leak through a stored feature, and what no adversary can beat."""

from privkit.capacity.leakage.bounds import (
    fano_error,
    guessing_error,
    least_error,
    nearest_neighbour_bound,
)
from privkit.capacity.leakage.identity import leakage_of_people
from privkit.capacity.leakage.joint import Joint
from privkit.capacity.leakage.measured import Estimate, Leakage, leakage_of

__all__ = [
    "Estimate",
    "Joint",
    "Leakage",
    "fano_error",
    "guessing_error",
    "leakage_of",
    "leakage_of_people",
    "least_error",
    "nearest_neighbour_bound",
]

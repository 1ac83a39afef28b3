"""The base of all attacks: it validates, loops over the parts of a scene and checks the outcome.

What is attacked (:class:`attacks.adversary.Scene`), how (``run``) and what counts as success
(:mod:`attacks.scoring`) are three separate things. An author writes ``run`` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Adversary, Scene
from attacks.needs import Need, lacking
from privkit.errors import InputError

__all__ = ["Attack", "Makes", "Outcome"]

#: An attack reconstructs pictures, or names people.
Makes = Literal["pictures", "names"]


@dataclass(frozen=True)
class Outcome:
    """What an attack made of a scene.

    Attributes:
        makes: which of the two.
        values: reconstructions ``(n, h·w)`` in [-1, 1]; or for each target a score for each
            candidate, ``(n, people)``, the larger the likelier.
    """

    makes: Makes
    values: NDArray[np.float32]


class Attack(ABC):
    """One attack on stored features.

    A subclass sets the class attributes, writes :meth:`run`, and names its paper in its docstring.

    Attributes:
        makes: ``"pictures"`` or ``"names"``.
        uses_feature: ``False`` for a baseline that ignores what was stored.
        needs: what the scene must offer; see :data:`attacks.needs.Need`.
    """

    makes: ClassVar[Makes]
    uses_feature: ClassVar[bool] = True
    needs: ClassVar[frozenset[Need]] = frozenset()

    @abstractmethod
    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Attack the stored features of one part.

        Args:
            stored: ``(n, width)``.
            adversary: what the adversary holds.
            rng: the only source of random draws.

        Returns:
            ``(n, h·w)`` in [-1, 1] for pictures, ``(n, people)`` scores for names; finite.
        """

    def missing(self, scene: Scene) -> str | None:
        """What the scene lacks for this attack, in words; ``None`` if the attack can run."""
        for part in scene.parts:
            missing = lacking(self.needs, scene.stored, part.adversary)
            if missing is not None:
                return missing
        return None

    def __call__(self, scene: Scene, *, seed: int) -> Outcome:
        """Attack every part of a scene.

        Args:
            scene: what is attacked.
            seed: of all random draws; the same seed gives the same outcome.

        Raises:
            InputError: the scene lacks what the attack needs, or ``run`` returned something else
                than it promises.
        """
        missing = self.missing(scene)
        if missing is not None:
            raise InputError(
                "the attack cannot run on this store",
                where=type(self).__name__,
                rule=f"it needs {missing}",
            )
        adversary = scene.parts[0].adversary
        width = {
            "pictures": adversary.shape[0] * adversary.shape[1],
            "names": adversary.people,
        }[self.makes]
        values = np.empty((len(scene.targets), width), dtype=np.float32)
        for n, part in enumerate(scene.parts):
            rng = np.random.default_rng([seed, n])
            made = np.asarray(self.run(scene.stored[part.rows], part.adversary, rng))
            self._check(made, (len(part.rows), width))
            if self.makes == "pictures":
                self._check_own(made, part.adversary)
            values[part.rows] = made
        return Outcome(self.makes, values)

    def _check_own(self, made: NDArray[np.float32], adversary: Adversary) -> None:
        """The evaluator is fitted on the gallery: handing one of its photos back is no attack."""
        others = np.isin(adversary.gallery.person, adversary.auxiliary.person)
        known = {photo.tobytes() for photo in adversary.gallery.pixels[~others]}
        if any(picture.astype(np.float32).tobytes() in known for picture in made):
            raise InputError(
                "the attack returned a known photo of a target person",
                where=f"{type(self).__name__}.run",
                rule="a reconstruction is made, not looked up: the evaluator knows the gallery",
                remedy="name people instead (makes = 'names')",
            )

    def _check(self, made: NDArray[np.float32], shape: tuple[int, int]) -> None:
        where = f"{type(self).__name__}.run"
        if made.shape != shape:
            raise InputError(
                f"the attack returned an array of shape {made.shape}", where=where, rule=f"{shape}"
            )
        if not np.isfinite(made).all():
            raise InputError("the attack returned values that are not finite", where=where)
        if self.makes == "pictures" and (made.min() < -1.0001 or made.max() > 1.0001):
            raise InputError(
                "the attack returned pixels out of range",
                where=where,
                rule="pixels in [-1, 1]",
                found=f"{made.min():.3g} to {made.max():.3g}",
            )

"""Reconstruction: can a picture be rebuilt from the stored feature that shows the person?

Of each person some photos are known: an evaluator that shares nothing with the encoder learns from
them to name people. Others are targets: their stored features are attacked, and the evaluator is
asked whom the reconstructions show. People are split into two halves; what is learned to attack
one half is learned from photos of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from attacks import available_attacks
from attacks.adversary import Adversary, Part, Photos, Scene
from attacks.base import Attack
from attacks.baselines import MeanFace
from attacks.scoring import other_person
from privkit.audit.evidence import MEAN_FACE
from privkit.audit.findings import NotRun
from privkit.audit.material import Material
from privkit.audit.percent import percent
from privkit.audit.tasks import Task, Tried
from privkit.evaluation.identity import IdentityEvaluator
from privkit.evaluation.trials import Trials
from privkit.models.encoder import Through

__all__ = [
    "ORIGINAL",
    "ConstantEncoder",
    "PixelEncoder",
    "rebuilding_controls",
    "rebuilding_lacks",
    "rebuilding_tasks",
]

RECOGNISED = "person recognised"
#: The targets themselves, among the pictures to look at.
ORIGINAL = "original"

#: Of each person so many photos are attacked; more add little to the interval over people.
_TARGETS_A_PERSON = 2
#: A person needs two known photos for the evaluator and one to attack.
_FEWEST_PHOTOS = 3
_FEWEST_PEOPLE = 4
#: Of real photos the evaluator has to name so many: of fewer, what it fails to see is no proof.
_FEWEST_NAMED = 0.8
#: People whose photos are attacked; the decoders learn from them too.
_PEOPLE = 200
#: Reconstructions that are kept to look at.
_SHOWN = 8
#: Seconds of one attack on a hundred targets, where nobody says otherwise.
_SECONDS = 30.0


def rebuilding_lacks(material: Material) -> NotRun | None:
    """What the material lacks for reconstruction."""
    if material.pictures is None:
        return NotRun(
            "reconstruction",
            "the pictures behind the records are not given",
            "the pictures with --images, and the encoder with --encoder",
        )
    counts = np.unique(material.owners, return_counts=True)[1]
    enough = int((counts >= _FEWEST_PHOTOS).sum())
    if enough < _FEWEST_PEOPLE:
        return NotRun(
            "reconstruction",
            f"people with {_FEWEST_PHOTOS} photos or more: {enough} of {len(counts):,}, too few to "
            "judge whom a reconstruction shows",
            f"at least {_FEWEST_PHOTOS} photos of each of at least {_FEWEST_PEOPLE} people",
        )
    return None


def rebuilding_tasks(material: Material, seed: int) -> tuple[list[Task], list[NotRun]]:
    """A task for each attack that the material allows, and the attacks that it does not."""
    setting = _setting(material, seed)
    targets = setting.scene.targets
    shown = {ORIGINAL: targets.pixels[_shown(targets.person)]}
    tasks, lacks = [], []
    if material.approximate:
        lacks.append(
            NotRun(
                "attacks through the exact encoder",
                "the encoder gives only nearly what is stored",
                "the encoder with what is done to its features, with --encoder",
                weakens=True,
            )
        )
    if setting.named < _FEWEST_NAMED:
        lacks.append(
            NotRun(
                f"reconstructions of seed {seed} judged by an evaluator that knows these people",
                f"the evaluator names the person on {percent(setting.named)} of their real photos",
                f"more photos of each person: it learns from all but {_TARGETS_A_PERSON}",
                weakens=True,
            )
        )
    for name, attack in _picture_attacks().items():
        missing = attack.missing(setting.scene)
        if missing is not None:
            what, _, supply = missing.partition(": ")
            # To withhold the encoder, or its gradient, must not make the verdict easier to pass.
            encoder = material.encoder
            weakens = encoder is None or ("gradient" in attack.needs and not encoder.differentiable)
            lacks.append(NotRun(name, f"it needs {what}", supply, weakens=weakens))
            continue
        seconds = _SECONDS * (0.1 + len(targets) / 100)
        tasks.append(
            Task(
                f"reconstruction: {name}, seed {seed}",
                ("reconstruction",),
                seconds,
                partial(_attack, name, attack, setting, seed),
                shown=shown,
            )
        )
    return tasks, lacks


def rebuilding_controls(material: Material, seed: int) -> list[Task]:
    """The controls: pixels stored as they are must be rebuilt, a constant must not."""
    assert material.pictures is not None  # noqa: S101 - rebuilding_lacks has asked
    pictures = material.pictures

    def stored_by(encoder: PixelEncoder | ConstantEncoder) -> Material:
        return replace(
            material,
            features=encoder.store(pictures.pixels),
            bits=None,
            encoder=encoder,
            defense=None,
        )

    def dealt() -> Material:
        order = np.random.default_rng([seed, 24]).permutation(len(material))
        return replace(material, features=material.features[order], encoder=None)

    variants: dict[str, Callable[[], Material]] = {
        "identity encoder": lambda: stored_by(PixelEncoder(pictures.shape)),
        "constant encoder": lambda: stored_by(ConstantEncoder()),
        "shuffled labels": dealt,
    }

    def run(make: Callable[[], Material]) -> Tried:
        setting = _setting(make(), seed)
        tried = Tried()
        for name, attack in _control_attacks().items():
            if attack.missing(setting.scene) is None:
                own = _attack(name, attack, setting, seed)
                trials = [*tried.trials.get("reconstruction", ()), *own.trials["reconstruction"]]
                tried = Tried({"reconstruction": trials})
        return tried

    return [
        Task(
            f"reconstruction, {name}, seed {seed}",
            ("reconstruction",),
            _SECONDS,
            partial(run, make),
            name,
        )
        for name, make in variants.items()
    ]


def _picture_attacks() -> Mapping[str, Attack]:
    return {n: a for n, a in available_attacks().items() if a.makes == "pictures"}


def _control_attacks() -> Mapping[str, Attack]:
    """A learned and a white-box attack; the quickest of each kind."""
    every = _picture_attacks()
    return {name: every[name] for name in ("ridge_decoder", "total_variation")}


@dataclass(frozen=True, eq=False)
class _Setting:
    """A scene with what judges it.

    Attributes:
        scene: what is attacked; its people are numbered from 0.
        evaluator: names them on pictures.
        named: the share of the targets' real photos that it names rightly.
        owners: ``(people,)``, the numbers of these people in the material.
        notes: what has to be known of them, in sentences.
    """

    scene: Scene
    evaluator: IdentityEvaluator
    named: float
    owners: NDArray[np.int64]
    notes: Sequence[str]


def _setting(material: Material, seed: int) -> _Setting:
    """Split photos into known ones and targets, and people into halves."""
    assert material.pictures is not None  # noqa: S101 - rebuilding_lacks has asked
    rng = np.random.default_rng([seed, 31])
    owners = material.owners
    everyone, counts = np.unique(owners, return_counts=True)
    people = rng.permutation(everyone[counts >= _FEWEST_PHOTOS])[:_PEOPLE]
    targets: list[NDArray[np.int64]] = []
    known: list[NDArray[np.int64]] = []
    for person in people:
        own = rng.permutation(np.flatnonzero(owners == person))
        attacked = min(_TARGETS_A_PERSON, len(own) - 2)
        targets.append(own[:attacked])
        known.append(own[attacked:])
    # People are numbered anew: the evaluator's candidates are those of the scene.
    number = np.full(int(owners.max()) + 1, -1, dtype=np.int64)
    number[people] = np.arange(len(people))
    target, gallery = (_photos(material, np.concatenate(r), number) for r in (targets, known))
    everybody = _photos(material, np.flatnonzero(np.isin(owners, people)), number)
    half = np.arange(len(people)) % 2
    parts = [
        Part(
            np.flatnonzero(half[target.person] == h),
            Adversary(
                network=material.encoder,
                defense=material.defense,
                auxiliary=_with_public(everybody.take(half[everybody.person] != h), material),
                gallery=gallery,
                shape=material.pictures.shape,
                people=len(people),
                classes=np.arange(0),
            ),
        )
        for h in (0, 1)
    ]
    assert target.stored is not None  # noqa: S101 - _photos has set it
    group = np.array(["records of the store"] * len(target))
    scene = Scene(target, group, target.stored, parts)
    few = int((counts < _FEWEST_PHOTOS).sum())
    notes = [
        f"Not attacked: {few:,} of {len(everyone):,} people, with fewer than {_FEWEST_PHOTOS} "
        "photos, too few for an evaluator to know them."
    ]
    evaluator = IdentityEvaluator(gallery.pixels, gallery.person)
    named = float(evaluator.recognises(target.pixels, target.person).mean())
    return _Setting(scene, evaluator, named, people, notes if few else ())


def _photos(material: Material, rows: NDArray[np.int64], number: NDArray[np.int64]) -> Photos:
    assert material.pictures is not None  # noqa: S101 - rebuilding_lacks has asked
    return Photos(
        material.pictures.pixels[rows],
        number[material.owners[rows]],
        rows,
        stored=material.features[rows],
    )


def _with_public(own: Photos, material: Material) -> Photos:
    """Photos of other people, those that the user gave among them."""
    public = material.public
    if public is None or public.pictures is None:
        return own
    assert own.stored is not None  # noqa: S101 - _photos has set it
    n = len(public)
    return Photos(
        np.concatenate([own.pixels, public.pictures.pixels]),
        np.concatenate([own.person, own.person.max(initial=0) + 1_000_000 + public.person]),
        np.concatenate([own.photo, -1 - np.arange(n)]),
        stored=np.concatenate([own.stored, public.features]),
    )


def _attack(name: str, attack: Attack, setting: _Setting, seed: int) -> Tried:
    """Run one attack and ask the evaluator whom its pictures show."""
    scene, evaluator = setting.scene, setting.evaluator
    person = scene.targets.person
    made = attack(scene, seed=seed).values
    named = evaluator.name(made)
    # Of the same half: what was learned for the other may name somebody else whatever is stored.
    other = np.empty(len(person), dtype=np.int64)
    for n, part in enumerate(scene.parts):
        rng = np.random.default_rng([seed, 32, n])
        other[part.rows] = part.rows[other_person(person[part.rows], rng)]
    trials = Trials(
        name,
        RECOGNISED,
        setting.owners[person],
        (named == person).astype(float),
        np.full(len(person), 1 / len(setting.owners)),
        (named[other] == person).astype(float),
    )
    shown = _shown(person)
    floor = MeanFace()(scene, seed=seed).values
    ceiling = (
        f"The evaluator names the person on {percent(setting.named)} of the real photos that are "
        f"attacked (seed {seed}): more is not to be expected of a reconstruction."
    )
    return Tried(
        {"reconstruction": [trials]},
        {"reconstruction": [ceiling, *setting.notes]},
        pictures={MEAN_FACE: floor[shown], name: made[shown]},
        recognised={
            ORIGINAL: evaluator.recognises(scene.targets.pixels, person)[shown],
            MEAN_FACE: evaluator.recognises(floor, person)[shown],
            name: (named == person)[shown],
        },
    )


def _shown(person: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of a few targets of different people."""
    first = np.unique(person, return_index=True)[1]
    return first[:: max(1, len(first) // _SHOWN)][:_SHOWN]


@dataclass(frozen=True)
class PixelEncoder:
    """An encoder that hides nothing: it stores the picture at a quarter of its pixels."""

    shape: tuple[int, int]
    differentiable: bool = True

    def store(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Means of 2 × 2 pixels."""
        return self.relaxed(torch.from_numpy(pixels)).numpy()

    def relaxed(self, pixels: Tensor, through: Through = "tanh") -> Tensor:  # noqa: ARG002
        """The same, which has a gradient."""
        return avg_pool2d(pixels.reshape(-1, 1, *self.shape), 2).flatten(1)


@dataclass(frozen=True)
class ConstantEncoder:
    """An encoder that says nothing; its gradient is zero."""

    differentiable: bool = True

    def store(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Zeros."""
        return np.zeros((len(pixels), 8), dtype=np.float32)

    def relaxed(self, pixels: Tensor, through: Through = "tanh") -> Tensor:  # noqa: ARG002
        """Zeros too."""
        return 0.0 * pixels.sum(1, keepdim=True).expand(-1, 8)

"""The inversion study (ECCV 2022, section 5, Figure 5): every attack on every level.

For each seed and level two networks are attacked:

- one trained on photos of all people, attacked on its training photos and on new photos of the
  same people;
- one trained on half of the people, attacked on photos of the other half, whom it never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attacks.adversary import Photos, Scene
from attacks.base import Attack
from attacks.baselines import BASELINES
from attacks.scenes import NEW, scene_trained, scene_unseen
from attacks.scoring import score
from attacks.split import Split, split_faces
from privkit.anonymity.measured import MeasuredBits, measured_bits
from privkit.data.faces import Faces
from privkit.evaluation.identity import IdentityEvaluator
from privkit.models.defenses import Defense
from privkit.models.face_net import FaceNet
from privkit.models.train_faces import train_face_net

__all__ = ["Gallery", "Store", "Study", "run_study"]

Tick = Callable[[str, int, int], None]


def silent(step: str, done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Gallery:
    """Reconstructions to look at, of the first seed.

    Attributes:
        originals: ``(n, h·w)`` new photos.
        made: by (level, attack), ``(n, h·w)``.
        recognised: by (level, attack), ``(n,)``, by the independent evaluator.
        shape: ``(h, w)``.
    """

    originals: NDArray[np.float32]
    made: Mapping[tuple[str, str], NDArray[np.float32]]
    recognised: Mapping[tuple[str, str], NDArray[np.bool_]]
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Store:
    """What a network stores of all photos of a data set.

    Attributes:
        features: ``(n, width)``, in the order of the data set.
        trained: ``(n,)``, whether the network was trained on the photo.
        one_a_person: ``(people,)``, the row of one new photo of each person.
        network: trained on photos of all people.
    """

    features: NDArray[np.float32]
    trained: NDArray[np.bool_]
    one_a_person: NDArray[np.int64]
    network: FaceNet


@dataclass(frozen=True)
class Study:
    """What the attacks did, target by target.

    Attributes:
        records: a row for each seed, level, attack and target: the columns of
            :func:`attacks.scoring.score` with ``seed``, ``level`` and ``attack``.
        networks: a row for each seed, level and network: photos, people, training accuracy.
        ceiling: a row for each real unseen photo: whether the evaluator names it right.
        measured: by level, the bits that the store of the first seed really uses.
        stores: by level, what the first seed's network stores of all photos, and that network.
        gallery: reconstructions of the first seed.
        attacks: the attacks that were asked for, by name; baselines are not among them.
        passed_over: by (level, attack), what the level lacks for an attack that could not run on
            it.
        defenses: the levels, in order.
        people: how many candidates there were.
    """

    records: pd.DataFrame
    networks: pd.DataFrame
    ceiling: pd.DataFrame
    measured: Mapping[str, MeasuredBits]
    stores: Mapping[str, Store]
    gallery: Gallery
    attacks: Mapping[str, Attack]
    passed_over: Mapping[tuple[str, str], str]
    defenses: Sequence[Defense]
    people: int


def run_study(
    faces: Faces,
    defenses: Sequence[Defense],
    attacks: Mapping[str, Attack],
    *,
    seeds: Sequence[int],
    cache: Path | None,
    device: str = "cpu",
    tick: Tick = silent,
) -> Study:
    """Train the networks, run the attacks, score them.

    Args:
        faces: the data set.
        defenses: the levels.
        attacks: by name.
        seeds: each splits, trains and attacks anew.
        cache: folder of trained networks, or ``None``.
        device: ``"cpu"`` or ``"cuda"``.
        tick: told of progress as ``(step, done, total)``.

    Raises:
        InputError: too few people or photos, or bits that cannot tell the people apart.
        TrainingError: a network did not reach 97.5% on its training photos.
    """
    done = {"train networks": 0, "attack": 0}
    levels = len(seeds) * len(defenses)
    total = {"train networks": 2 * levels, "attack": levels * len({**BASELINES, **attacks})}

    def step(name: str) -> None:
        done[name] += 1
        tick(name, done[name], total[name])

    studies = [_study_seed(faces, defenses, attacks, seed, cache, device, step) for seed in seeds]
    return replace(
        studies[0],
        records=pd.concat([s.records for s in studies], ignore_index=True),
        networks=pd.concat([s.networks for s in studies], ignore_index=True),
        ceiling=pd.concat([s.ceiling for s in studies], ignore_index=True),
    )


def _study_seed(
    faces: Faces,
    defenses: Sequence[Defense],
    attacks: Mapping[str, Attack],
    seed: int,
    cache: Path | None,
    device: str,
    step: Callable[[str], None],
) -> Study:
    """The study of one seed; ``step`` is told of each network trained and each attack run."""
    split = split_faces(faces, seed)
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    records, networks = [], []
    measured: dict[str, MeasuredBits] = {}
    stores: dict[str, Store] = {}
    made: dict[tuple[str, str], NDArray[np.float32]] = {}
    recognised: dict[tuple[str, str], NDArray[np.bool_]] = {}
    passed_over: dict[tuple[str, str], str] = {}
    originals = split.new.pixels[:0]

    for defense in defenses:
        scenes, trained_networks = [], []
        for halves, make_scene in (((0, 1), scene_trained), ((0,), scene_unseen)):
            photos = split.train.take(np.isin(split.half[split.train.person], halves))
            network, accuracy = _trained(photos, faces, defense, seed, cache, device)
            networks.append(_network_row(seed, defense, photos, accuracy))
            scenes.append(make_scene(network, defense, split, faces, seed))
            trained_networks.append(network)
            step("train networks")
        trained = scenes[0]
        stored = trained.parts[0].adversary.store(faces.pixels())
        measured[defense.name] = measured_bits(stored)
        stores[defense.name] = Store(
            stored,
            np.isin(np.arange(faces.n), split.train.photo),
            _one_a_person(split.new),
            trained_networks[0],
        )
        shown = _shown(trained)
        originals = trained.targets.pixels[shown]
        for name, attack in {**BASELINES, **attacks}.items():
            missing = [m for m in map(attack.missing, scenes) if m is not None]
            if missing:
                passed_over[defense.name, name] = missing[0]
                step("attack")
                continue
            for scene in scenes:
                outcome = attack(scene, seed=seed)
                table = score(outcome, scene, evaluator, seed=seed)
                labels = pd.DataFrame(
                    {"seed": seed, "level": defense.name, "attack": name}, table.index
                )
                records.append(pd.concat([labels, table], axis=1))
                if scene is trained and outcome.makes == "pictures":
                    made[defense.name, name] = outcome.values[shown]
                    right = table["identity"].to_numpy(dtype=bool)
                    recognised[defense.name, name] = right[shown]
            step("attack")

    return Study(
        records=pd.concat(records, ignore_index=True),
        networks=pd.DataFrame(networks),
        ceiling=_ceiling(evaluator, split, seed),
        measured=measured,
        stores=stores,
        gallery=Gallery(originals, made, recognised, faces.shape),
        attacks=dict(attacks),
        passed_over=passed_over,
        defenses=tuple(defenses),
        people=len(faces.people),
    )


def _trained(
    photos: Photos, faces: Faces, defense: Defense, seed: int, cache: Path | None, device: str
) -> tuple[FaceNet, float]:
    """Train on these photos; the network's classes are the people on them."""
    present, label = np.unique(photos.person, return_inverse=True)
    return train_face_net(
        photos.pixels,
        label.astype(np.int64),
        people=len(present),
        bits=defense.bottleneck_bits,
        seed=seed,
        data_sha256=faces.sha256,
        cache=cache,
        device=device,
    )


def _network_row(
    seed: int, defense: Defense, photos: Photos, accuracy: float
) -> dict[str, str | int | float]:
    return {
        "seed": seed,
        "level": defense.name,
        "people": len(np.unique(photos.person)),
        "photos": len(photos),
        "training accuracy": accuracy,
    }


def _ceiling(evaluator: IdentityEvaluator, split: Split, seed: int) -> pd.DataFrame:
    """The evaluator on real photos that it was not fitted on."""
    right = evaluator.recognises(split.new.pixels, split.new.person)
    return pd.DataFrame({"seed": seed, "person": split.new.person, "identity": right})


def _shown(scene: Scene) -> NDArray[np.int64]:
    """The rows of eight new photos of different people, the same for every level."""
    new = np.flatnonzero(scene.group == NEW)
    _, first = np.unique(scene.targets.person[new], return_index=True)
    return new[first[:: max(1, len(first) // 8)][:8]]


def _one_a_person(photos: Photos) -> NDArray[np.int64]:
    """The row in the data set of one photo of each person, in the order of the people."""
    rows: NDArray[np.int64] = photos.photo[np.unique(photos.person, return_index=True)[1]]
    return rows

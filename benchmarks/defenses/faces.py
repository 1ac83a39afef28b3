"""Defenses of a face network's features compared at equal usefulness.

    python benchmarks/defenses/faces.py --out reports/defenses_faces

The store is useful for recognising enrolled people: those that the network was trained on. What it
gives away beyond that task is attacked in three ways:

- linking: two photos of a person who was never enrolled are told to be of one person;
- rebuilding: a picture is made on which an independent evaluator recognises the person;
- inferring: an attribute of the photo that is not the task (generated faces alone have labels).

Usefulness is measured in one way for every defense, so that none is favoured by the network's own
head: a logistic regression learns from the stored training photos and names the stored new photos.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from compared import Setting, command_line, deliver, findings_of, label_of, pooled, tables_of
from numpy.typing import NDArray

from attacks import ATTACKS
from attacks.adversary import Photos, Scene
from attacks.attribute_inference import AttributeInference, infer_trials
from attacks.base import Attack
from attacks.baselines import MeanFace
from attacks.link_trials import link_trials
from attacks.mi_face import MIFace
from attacks.scenes import NEW, scene_trained
from attacks.scoring import score
from attacks.split import Split, split_faces
from attacks.total_variation import TotalVariation
from privkit.cli.console import Output
from privkit.data.faces import Faces, open_faces
from privkit.data.locations import cache_folder
from privkit.evaluation.identity import IdentityEvaluator
from privkit.evaluation.intervals import share_over_people
from privkit.evaluation.probes import linear_probe
from privkit.evaluation.trials import Trials
from privkit.models.defenses import (
    Defense,
    FewBits,
    GaussianNoise,
    Learned,
    NoDefense,
    Noisy,
    PrivateTraining,
    ProductQuantization,
    RandomizedResponse,
    Rounding,
    SignProjection,
    UniformQuantization,
    fitted,
)
from privkit.models.face_net import FaceNet
from privkit.models.private_training import train_private_face_net
from privkit.models.train_faces import train_face_net
from privkit.result import DataUsed, Measure, Result
from privkit.videoqa.job_pool import run_jobs
from privkit.workers import usable_cores

TASK = "recognising enrolled people"
LINKED, REBUILT = "linking people never enrolled", "rebuilding a recognisable face"

CURVES: dict[str, Sequence[Defense | Learned]] = {
    "none": (NoDefense(),),
    "rounding": tuple(Rounding(step) for step in (0.01, 0.5, 1.0)),
    "uniform quantization": tuple(UniformQuantization(bits) for bits in (4, 2, 1)),
    "FeatComp": tuple(FewBits(bits) for bits in (1024, 128, 32, 16, 8)),
    "product quantization": tuple(
        ProductQuantization(parts, words) for parts, words in ((20, 16), (8, 16), (4, 16), (2, 16))
    ),
    "signs of projections": tuple(SignProjection(bits) for bits in (256, 64, 32, 16, 8)),
    "Gaussian noise": tuple(GaussianNoise(sigma) for sigma in (0.3, 0.6, 1.0, 2.0)),
    "randomized response, 128 bits": tuple(
        RandomizedResponse(128, epsilon) for epsilon in (3, 2, 1, 0.5)
    ),
    "randomized response, 16 bits": tuple(RandomizedResponse(16, epsilon) for epsilon in (4, 2, 1)),
    "DP-SGD": tuple(PrivateTraining(epsilon) for epsilon in (64, 8, 1)),
}

#: Without the learned decoder, which takes ten times as long as the others and finds less than the
#: best of them at every level of the paper's Figure 5.
PICTURES: dict[str, Attack] = {
    name: ATTACKS[name]
    for name in ("own_directions", "eigenface", "total_variation", "mi_face_mean", "ridge_decoder")
}
#: Trees add little on a few hundred photos and take most of the time.
INFERENCE = AttributeInference(models=("linear", "neighbours"))


@dataclass(frozen=True)
class Found:
    """What one seed found of one setting.

    Attributes:
        name: of the setting.
        bits: stored a face, on paper.
        right: ``(n,)``, whether each new photo is named right.
        person: ``(n,)``.
        leaks: by what is given away, the trials of every attack.
    """

    name: str
    bits: int
    right: NDArray[np.bool_]
    person: NDArray[np.int64]
    leaks: dict[str, list[Trials]]


class Networks:
    """The networks of one seed, each trained once: of all people, and of the half that enrols."""

    def __init__(self, faces: Faces, split: Split, seed: int) -> None:
        self._faces, self._split, self._seed = faces, split, seed
        self._made: dict[tuple[object, int], FaceNet] = {}

    def of(self, defense: Defense | Learned, people: int) -> FaceNet:
        """The network that a defense needs, trained on the photos of ``people`` halves."""
        private = defense if isinstance(defense, PrivateTraining) else None
        bits = getattr(defense, "bottleneck_bits", None)
        key = (private or bits, people)
        if key not in self._made:
            photos = self.enrolled(people)
            present, label = np.unique(photos.person, return_inverse=True)
            self._made[key] = self._train(photos.pixels, label, len(present), bits, private)
        return self._made[key]

    def enrolled(self, halves: int) -> Photos:
        """The training photos of one half of the people, or of both."""
        return self._split.train.take(self._split.half[self._split.train.person] < halves)

    def _train(
        self,
        pixels: NDArray[np.float32],
        label: NDArray[np.int64],
        people: int,
        bits: int | None,
        private: PrivateTraining | None,
    ) -> FaceNet:
        if private is not None:
            return train_private_face_net(
                pixels, label, people=people, privacy=private, seed=self._seed
            ).network
        return train_face_net(
            pixels,
            label,
            people=people,
            bits=bits,
            seed=self._seed,
            data_sha256=self._faces.sha256,
            cache=cache_folder() / "networks",
        )[0]


@dataclass(frozen=True)
class Job:
    """One curve on one split of the faces.

    Attributes:
        faces: as for ``open_faces``.
        drawn: the seed of generated faces.
        seed: of the split, the networks and the noise.
        curve: a key of :data:`CURVES`.
        attributes: that are inferred.
        rebuilds: whether pictures are rebuilt, which takes longest.
    """

    faces: str
    drawn: int
    seed: int
    curve: str
    attributes: tuple[str, ...]
    rebuilds: bool


def run(job: Job) -> list[Found]:
    """Every setting of the curve."""
    faces = open_faces(job.faces, seed=job.drawn)
    split = split_faces(faces, job.seed)
    networks = Networks(faces, split, job.seed)
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    out = []
    for recipe in CURVES[job.curve]:
        whole, half = networks.of(recipe, 2), networks.of(recipe, 1)
        # Of noise the seed is secret, of codebooks and projections it is not: all have one.
        own = replace(recipe, seed=job.seed) if hasattr(recipe, "seed") else recipe
        defense = fitted(own, whole.store(split.train.pixels))
        right, named = recognised(whole, defense, split)
        leaks = strangers(half, own, split, faces, job.attributes, job.seed)
        if job.rebuilds:
            leaks[REBUILT] = rebuilt(whole, defense, split, faces, evaluator, job.seed)
        out.append(Found(label_of(defense), defense.nominal_bits, right, named, leaks))
    return out


def recognised(
    network: FaceNet, defense: Defense, split: Split
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether a head that learned from the stored training photos names each stored new photo."""
    train, new = (defense.apply(network.store(part.pixels)) for part in (split.train, split.new))
    named = linear_probe(train, split.train.person).predict(new)
    return named == split.new.person, split.new.person


def strangers(
    network: FaceNet,
    recipe: Defense | Learned,
    split: Split,
    faces: Faces,
    attributes: Sequence[str],
    seed: int,
) -> dict[str, list[Trials]]:
    """What the store of people who were never enrolled gives away: who is who, and attributes.

    The network and its defense know half of the people; the store holds the others. The adversary
    learns from photos of the enrolled half.
    """
    enrolled = split.train.take(split.in_half(split.train, 0))
    defense = fitted(recipe, network.store(enrolled.pixels))
    probes = split.new.take(split.in_half(split.new, 1))
    known = split.known.take(split.in_half(split.known, 1))
    others = [part.take(split.in_half(part, 0)) for part in (split.known, split.new)]
    public = np.concatenate([network.store(part.pixels) for part in others])
    public_person = np.concatenate([part.person for part in others])
    stored = defense.apply(network.store(probes.pixels))
    linked = []
    for way, own in adversaries(defense):
        trials = link_trials(
            stored,
            probes.person,
            own.apply(network.store(known.pixels)),
            known.person,
            own.apply(public),
            public_person,
            seed=seed,
        )
        linked += [
            replace(one, attack=one.attack + way)
            for one in trials
            if one.measure == "rank-1" and not one.attack.endswith("_fused")
        ]
    both = np.concatenate([stored, defense.apply(network.store(known.pixels))])
    photo = np.concatenate([probes.photo, known.photo])
    public_photo = np.concatenate([part.photo for part in others])
    leaks = {LINKED: linked}
    for name in attributes:
        values = faces.attributes[name]
        outcome = infer_trials(
            both,
            faces.person[photo],
            values[photo],
            name=name,
            seed=seed,
            public=(defense.apply(public), values[public_photo]),
            settings=INFERENCE,
        )
        leaks[f"inferring {name}"] = [
            one for one in outcome.trials if one.measure.startswith("balanced")
        ]
    return leaks


def adversaries(defense: Defense) -> list[tuple[str, Defense]]:
    """How the adversary stores his own photos: as the store does, and without its noise if any.

    The noise is never that of the store: see ``storing_generator`` of the defenses.
    """
    if isinstance(defense, Noisy):
        return [("", defense), ("_clean", defense.without_noise)]
    return [("", defense)]


def rebuilt(
    network: FaceNet,
    defense: Defense,
    split: Split,
    faces: Faces,
    evaluator: IdentityEvaluator,
    seed: int,
) -> list[Trials]:
    """Pictures made of the stored new photos of enrolled people, as an evaluator names them."""
    trials = []
    for way, own in adversaries(defense):
        scene = scene_of(network, defense, own, split, faces, seed)
        floor = score(MeanFace()(scene, seed=seed), scene, evaluator, seed=seed)["identity"]
        for name, attack in PICTURES.items():
            if way and isinstance(attack, MIFace | TotalVariation):
                continue  # it stores no photo of its own, so there is no other way
            table = score(attack(scene, seed=seed), scene, evaluator, seed=seed)
            trials.append(
                Trials(
                    name + way,
                    "person recognised",
                    scene.targets.person,
                    table["identity"].to_numpy(dtype=float),
                    floor.to_numpy(dtype=float),
                    table["identity (shuffled)"].to_numpy(dtype=float),
                )
            )
    return trials


def scene_of(
    network: FaceNet, defense: Defense, own: Defense, split: Split, faces: Faces, seed: int
) -> Scene:
    """A new photo of each enrolled person; the adversary stores his own photos by ``own``."""
    scene = scene_trained(network, own, split, faces, seed)
    new = np.flatnonzero(scene.group == NEW)
    new = new[np.unique(scene.targets.person[new], return_index=True)[1]]
    place = {row: n for n, row in enumerate(new)}
    targets = scene.targets.take(new)
    return Scene(
        targets,
        scene.group[new],
        defense.apply(network.store(targets.pixels)),
        [
            replace(part, rows=np.array([place[r] for r in part.rows if r in place]))
            for part in scene.parts
        ],
    )


def study(options: argparse.Namespace) -> Result:
    """Every seed and setting, pooled into a result.

    Raises:
        PrivkitError: the faces or an option are not usable.
    """
    faces = open_faces(options.faces, seed=options.seed)
    attributes = tuple(name for name in options.attribute if name in faces.attributes)
    seeds = range(options.seed, options.seed + options.seeds)
    jobs = [
        Job(options.faces, options.seed, seed, curve, attributes, rebuilds=seed == seeds[0])
        for seed in seeds
        for curve in options.curve
    ]
    found: dict[Job, list[Found]] = {}
    with Output().progress() as tick:
        for job, outcome in run_jobs(jobs, {}, run, workers=usable_cores()):
            found[job] = outcome
            tick("curves of a seed", len(found), len(jobs))
    settings = [
        setting_of(curve, [found[job][n] for job in jobs if job.curve == curve])
        for curve in options.curve
        for n in range(len(CURVES[curve]))
    ]
    people = len(faces.people)
    result = Result(
        command=command_line("faces", options, {"out"}),
        configuration={
            "faces": faces.source,
            "settings": {curve: [s.name for s in CURVES[curve]] for curve in options.curve},
            "seeds": list(seeds),
            "linking": "every matcher of attacks.matching; rank-1, a photo, a closed gallery",
            "rebuilding": {"attacks": list(PICTURES), "seeds": [seeds[0]]},
            "inferring": list(INFERENCE.models),
            "attributes": attributes,
        },
        seed=options.seed,
        data=[DataUsed(faces.source, "faces", faces.sha256, faces.n, faces.notice)],
        findings=[],
        warnings=warnings_of(seeds),
        measures=[
            *(measure for setting in settings for measure in setting.measures()),
            Measure("chance", 1 / people, "share", "neither", where={"task": TASK}),
        ],
    )
    return replace(result, findings=findings_of(result), tables=tables_of(result))


def warnings_of(seeds: Sequence[int]) -> list[str]:
    """What limits the comparison."""
    return [
        "Epsilon of randomized response is of one stored photo's code; several photos of a person "
        "add up. That of DP-SGD is of one training photo and of the weights alone: what is stored "
        "of later photos is not what it protects, and the head that measures usefulness is "
        "trained without it.",
        "The steps of the attacks that descend a gradient were chosen on networks that are trained "
        "as usual. On those of DP-SGD a regression beats them: what can be rebuilt there is likely "
        "more than is shown.",
        f"Rebuilding, which takes longest, is of one photo of each person on one split (seed "
        f"{seeds[0]}); the rest is of {len(seeds)} splits.",
        "Attacks that fail prove nothing; the intervals are over people, and the settings on the "
        "Pareto front are chosen by their estimates.",
    ]


def setting_of(curve: str, of_seeds: Sequence[Found]) -> Setting:
    """One setting, its seeds pooled."""
    useful = share_over_people(
        np.concatenate([one.right for one in of_seeds]),
        np.concatenate([one.person for one in of_seeds]),
    )
    names = dict.fromkeys(leak for one in of_seeds for leak in one.leaks)
    leaks = {
        leak: pooled([one.leaks[leak] for one in of_seeds if leak in one.leaks]) for leak in names
    }
    first = of_seeds[0]
    return Setting(
        TASK, curve, first.name, first.bits, useful, {k: v for k, v in leaks.items() if v}
    )


def main(arguments: list[str] | None = None) -> int:
    """Compare and write; exit with 2 where the faces or an option are not usable."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faces", default="generated", help="as for privkit invert")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from --seed on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--attribute", nargs="+", default=["glasses"], help="where faces have labels"
    )
    parser.add_argument("--curve", nargs="+", choices=list(CURVES), default=list(CURVES))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds: at least 1")
    title = "Defenses of face features at equal usefulness"
    return deliver("faces", title, options.out, lambda: study(options), columns=3)


if __name__ == "__main__":
    sys.exit(main())

"""Inversion by privkit's attacks and by MIFace of adversarial-robustness-toolbox, same targets.

ART's MIFace is given what privkit's adversary has, in two ways. *Features*: a classifier's score
is ``1 - mean((feature(x) - stored)²)``, so that its ascent is a descent of the distance to what is
stored, with the steps that privkit's own MI-FACE takes. *Class*: the network's head names the class
of what is stored, and that class is inverted, once with ART's defaults and once from the mean face,
not stopped early.

ART's stopping test is reversed (it continues while the cost is at most the threshold), so with its
defaults it stops at once on a class of probability below 0.01. Where it is to run, the threshold is
above every cost. It returns its last picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from art.attacks.inference.model_inversion import MIFace
from art.estimators.classification import PyTorchClassifier
from numpy.typing import NDArray
from peers_side import Side, timed
from torch import Tensor, nn

from attacks import available_attacks
from attacks.adversary import Part, Scene
from attacks.scenes import NEW, scene_trained
from attacks.split import Split
from privkit.data.faces import Faces
from privkit.evaluation.identity import IdentityEvaluator
from privkit.evaluation.trials import Trials
from privkit.models.defenses import Defense
from privkit.models.face_net import FaceNet

__all__ = ["picture_sides"]

MEASURE = "person recognised"
NEVER = 1e6  # a threshold that no cost reaches
BATCH = 128  # pictures that ART's classifiers take at once when they predict
DEFAULT_STEP, DEFAULT_THRESHOLD, DEFAULT_WINDOW = 0.1, 0.99, 100

Pictures = NDArray[np.float32]


def picture_sides(
    faces: Faces, split: Split, network: FaceNet, defense: Defense, seed: int, steps: int
) -> Iterator[Side]:
    """Attack the stored features of new photos by every attack of either side.

    Args:
        faces: all photos.
        split: of them.
        network: trained on all people.
        defense: the level.
        seed: of draws.
        steps: of ART.
    """
    scene = of_new_photos(scene_trained(network, defense, split, faces, seed))
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    person = scene.targets.person
    every: dict[str, Callable[[], Pictures]] = {
        name: lambda attack=attack: attack(scene, seed=seed).values
        for name, attack in available_attacks().items()
        if attack.makes == "pictures" and attack.missing(scene) is None
    }
    ours = set(every)
    for name, run in {**every, **art(scene, network, steps)}.items():
        made, seconds = timed(run)
        hit = evaluator.recognises(made, person).astype(float)
        nothing = np.zeros(len(person))
        yield Side(Trials(name, MEASURE, person, hit, nothing, nothing), seconds, name in ours)


def of_new_photos(scene: Scene) -> Scene:
    """The scene without the photos that the network was trained on."""
    rows = np.flatnonzero(scene.group == NEW)
    parts = [Part(np.flatnonzero(np.isin(rows, part.rows)), part.adversary) for part in scene.parts]
    return replace(
        scene,
        targets=scene.targets.take(rows),
        group=scene.group[rows],
        stored=scene.stored[rows],
        parts=parts,
    )


class OfFeatures(nn.Module):
    """Scores each picture of a batch by how near its feature is to the one stored of its target.

    ART goes back through a network once for each class in the batch. Here all pictures are of the
    first of two classes, so that once is enough, however many targets.
    """

    def __init__(self, network: FaceNet, stored: NDArray[np.float32]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("stored", torch.from_numpy(stored))

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 2)`` of the ``n`` pictures of the targets, in their order."""
        near = 1 - ((self.network.relaxed(x) - self.stored) ** 2).mean(1)
        return torch.stack([near, torch.zeros_like(near)], 1)


class OfClasses(nn.Module):
    """The probability of each class, with a gradient through the bottleneck."""

    def __init__(self, network: FaceNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """``(n, classes)``."""
        return self.network.name(self.network.relaxed(x)).softmax(1)


def art(scene: Scene, network: FaceNet, steps: int) -> dict[str, Callable[[], Pictures]]:
    """ART's side."""
    stored, pixels = scene.stored, network.first.in_features
    black = np.full((len(stored), pixels), -1.0, dtype=np.float32)
    mean = np.empty_like(black)
    for part in scene.parts:  # each is attacked from the mean of other people
        mean[part.rows] = part.adversary.auxiliary.pixels.mean(0)

    def inverted(
        model: nn.Module, outputs: int, start: Pictures, label: NDArray[np.int64],
        step: float, threshold: float, batch: int,
    ) -> Pictures:  # fmt: skip
        classifier = PyTorchClassifier(
            model=model,
            loss=nn.CrossEntropyLoss(),
            input_shape=(pixels,),
            nb_classes=outputs,
            clip_values=(-1.0, 1.0),
            device_type="cpu",
        )
        attack = MIFace(
            classifier, max_iter=steps, window_length=DEFAULT_WINDOW, threshold=threshold,
            learning_rate=step, batch_size=batch, verbose=False,
        )  # fmt: skip
        return np.asarray(attack.infer(start, label), dtype=np.float32)

    def features(start: Pictures, step: float) -> Pictures:
        made = [
            inverted(OfFeatures(network, stored[rows]), 2, start[rows],
                     np.zeros(len(rows), dtype=np.int64), step, NEVER, len(rows))
            for rows in np.split(np.arange(len(stored)), range(BATCH, len(stored), BATCH))
        ]  # fmt: skip
        return np.concatenate(made)

    def classes(start: Pictures, step: float, threshold: float) -> Pictures:
        with torch.no_grad():
            named = network.name(torch.from_numpy(stored)).argmax(1).numpy()
        label, first, back = np.unique(named, return_index=True, return_inverse=True)
        outputs = network.last.out_features
        made = inverted(OfClasses(network), outputs, start[first], label, step, threshold, 1)
        return made[back]

    return {
        "ART MIFace, features from black": lambda: features(black, 300.0),
        "ART MIFace, features from the mean": lambda: features(mean, 100.0),
        "ART MIFace, class, its defaults": lambda: classes(
            np.zeros_like(black), DEFAULT_STEP, DEFAULT_THRESHOLD
        ),
        "ART MIFace, class from the mean": lambda: classes(mean, 1.0, NEVER),
    }

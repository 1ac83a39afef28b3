"""The network's own last layer reads the name off what is stored."""

from dataclasses import replace

import numpy as np
import torch

from attacks.adversary import Scene
from attacks.linkage import Linkage
from attacks.network_head import NetworkHead
from privkit.models.face_net import FaceNet


def test_it_is_the_networks_own_answer(scene: Scene) -> None:
    """Where nothing was rounded away, its scores are the logits of the photo itself."""
    adversary = scene.parts[0].adversary
    network = adversary.network
    assert isinstance(network, FaceNet)
    pixels = scene.targets.pixels
    stored = network.store(pixels)
    scores = NetworkHead().run(stored, adversary, np.random.default_rng(0))
    with torch.no_grad():
        logits = network(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(scores, logits, atol=1e-4)


def test_it_names_new_photos(scene: Scene) -> None:
    outcome = NetworkHead()(scene, seed=0)
    assert (outcome.values.argmax(1) == scene.targets.person).mean() >= 0.5


def test_people_it_never_saw_come_last(scene: Scene) -> None:
    adversary = scene.parts[0].adversary
    moved = replace(adversary, people=14, classes=np.arange(2, 12))
    scores = NetworkHead().run(scene.stored, moved, np.random.default_rng(0))
    unseen = [0, 1, 12, 13]
    assert scores[:, unseen].max() < scores[:, 2:12].min()


def test_linkage_by_the_mean_is_the_nearest_centroid(scene: Scene) -> None:
    adversary = scene.parts[0].adversary
    scores = Linkage(compare="mean").run(scene.stored, adversary, np.random.default_rng(0))
    known = adversary.store(adversary.gallery.pixels)
    for candidate in range(10):
        centre = known[adversary.gallery.person == candidate].mean(0)
        expected = -((scene.stored - centre) ** 2).sum(1)
        np.testing.assert_allclose(scores[:, candidate], expected, atol=1e-3)

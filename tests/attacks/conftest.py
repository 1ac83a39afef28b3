"""A small scene on generated faces: 10 people, 8 photos each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attacks.adversary import Adversary, Part, Photos, Scene
from attacks.split import Split, split_faces
from privkit.data.face_set import Faces
from privkit.data.generated_faces import generate_faces
from privkit.models.defenses import Defense, FewBits, NoDefense, Rounding
from privkit.models.train_faces import train_face_net

#: A quarter of the usual pixels: every attack is run many times.
SIZE = (56, 46)


@pytest.fixture(scope="session")
def faces() -> Faces:
    return generate_faces(people=10, photos=8, seed=5, size=SIZE)


@pytest.fixture(scope="session")
def split(faces: Faces) -> Split:
    return split_faces(faces, 0)


def make_scene(faces: Faces, split: Split, defense: Defense, cache: Path) -> Scene:
    network, _ = train_face_net(
        split.train.pixels,
        split.train.person,
        people=10,
        bits=defense.bottleneck_bits,
        seed=0,
        data_sha256=faces.sha256,
        cache=cache,
    )
    rows = np.arange(faces.n)
    everybody = Photos(faces.pixels(), faces.person, rows)
    parts = [
        Part(
            np.flatnonzero(split.in_half(split.new, half)),
            Adversary(
                network,
                defense,
                auxiliary=everybody.take(~split.in_half(everybody, half)),
                gallery=split.known,
                shape=faces.shape,
                people=10,
                classes=np.arange(10),
            ),
        )
        for half in (0, 1)
    ]
    stored = defense.apply(network.store(split.new.pixels))
    return Scene(split.new, np.array(["new photos"] * len(split.new)), stored, parts)


@pytest.fixture(
    scope="session",
    params=[NoDefense(), Rounding(0.01), FewBits(64), FewBits(8)],
    ids=lambda d: d.name,
)
def scene(
    request: pytest.FixtureRequest,
    faces: Faces,
    split: Split,
    tmp_path_factory: pytest.TempPathFactory,
) -> Scene:
    return make_scene(faces, split, request.param, tmp_path_factory.getbasetemp() / "networks")

"""Which attacks rebuild pictures of a store, and what it means where some cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from privkit.audit.material import Material, Pictures
from privkit.audit.plan import plan
from privkit.audit.policy import read_policy
from privkit.audit.rebuilding import (
    ORIGINAL,
    ConstantEncoder,
    rebuilding_lacks,
    rebuilding_tasks,
)
from privkit.audit.tasks import run_tasks
from privkit.data.generated_faces import generate_faces
from privkit.models.encoder import Through


@dataclass(frozen=True)
class Mean:
    """The mean of each quarter of a picture, with or without its gradient."""

    differentiable: bool

    def store(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        return pixels.reshape(len(pixels), 4, -1).mean(2)

    def relaxed(self, pixels: torch.Tensor, through: Through = "tanh") -> torch.Tensor:
        return pixels.reshape(len(pixels), 4, -1).mean(2)


def material(encoder: Mean | None) -> Material:
    faces = generate_faces(people=6, photos=4, size=(16, 16))
    pixels = faces.pixels()
    return Material(
        Mean(True).store(pixels), None, faces.person, pictures=Pictures(pixels, (16, 16)),
        encoder=encoder,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("encoder", "weakening"),
    [
        (Mean(True), set()),
        # What needs a gradient and is not run could have succeeded.
        (Mean(False), {"total_variation", "own_directions", "mi_face", "mi_face_mean",
                       "mi_face_restarts"}),
    ],
)  # fmt: skip
def test_an_encoder_without_gradient_never_clears(encoder: Mean, weakening: set[str]) -> None:
    tasks, lacks = rebuilding_tasks(material(encoder), 0)
    assert {lack.attack for lack in lacks if lack.weakens} == weakening
    assert {lack.attack for lack in lacks} >= {"enumerate"}
    assert any("eigenface" in task.name for task in tasks)


def test_without_the_encoder_all_that_is_missing_weakens() -> None:
    _, lacks = rebuilding_tasks(material(None), 0)
    assert lacks
    assert all(lack.weakens for lack in lacks)


def test_an_evaluator_that_knows_nobody_never_clears() -> None:
    """On pictures in which nobody can be told, of two seeds, whose evaluators are two."""
    pixels = np.random.default_rng(0).uniform(-1, 1, (80, 64)).astype(np.float32)
    person = np.repeat(np.arange(20), 4)
    noise = Material(pixels[:, :8], None, person, pictures=Pictures(pixels, (8, 8)))
    planned = plan(noise, replace(read_policy(None), seeds=(0, 1)))
    said = [n for n in planned.lacks["reconstruction"] if "knows these people" in n.attack]
    assert [n.attack[:26] for n in said] == [f"reconstructions of seed {s} " for s in (0, 1)]
    assert all(n.weakens and "of their real photos" in n.why for n in said)
    _, lacks = rebuilding_tasks(material(Mean(True)), 0)
    assert not any("knows these people" in lack.attack for lack in lacks)


def test_a_constant_has_a_gradient_of_zero() -> None:
    pixels = torch.zeros(3, 20, requires_grad=True)
    out = ConstantEncoder().relaxed(pixels)
    assert out.shape == (3, 8)
    out.sum().backward()
    assert not pixels.grad.any()


def of_people(counts: list[int]) -> Material:
    """So many photos of each person, with the encoder."""
    whole = material(Mean(True))
    rows = [np.flatnonzero(whole.owners == person)[:n] for person, n in enumerate(counts)]
    return whole.take(np.concatenate(rows))


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([4], "1 of 1"),
        ([4, 3, 3], "3 of 3"),
        ([3, 3, 3, 2, 1], "3 of 5"),
        ([2] * 6, "0 of 6"),
        ([3] * 4, None),
        ([3] * 4 + [1], None),
    ],
)
def test_too_few_photos_leave_only_reconstruction_out(counts: list[int], why: str | None) -> None:
    lack = rebuilding_lacks(of_people(counts))
    assert (lack is None) == (why is None)
    if lack is not None:
        few = f"people with 3 photos or more: {why}, too few to judge whom a reconstruction shows"
        assert lack.why == few
        assert lack.supply == "at least 3 photos of each of at least 4 people"


def test_people_with_too_few_photos_are_passed_over_and_counted() -> None:
    for counts, notes in (
        ([3, 3, 3, 3, 2, 1], ["Not attacked: 2 of 6 people, with fewer than 3 photos, too few for "
                              "an evaluator to know them."]),
        ([3, 4, 3, 4], []),
    ):  # fmt: skip
        tasks, _ = rebuilding_tasks(of_people(counts), 0)
        ridge = next(task for task in tasks if "ridge_decoder" in task.name)
        tried = ridge.run()
        (trials,) = tried.trials["reconstruction"]
        assert set(trials.person) == {0, 1, 2, 3}
        assert tried.notes["reconstruction"][1:] == notes  # the first is of the evaluator


def test_originals_are_not_kept_and_come_back_from_the_material(tmp_path: Path) -> None:
    whole = of_people([4] * 6)
    assert whole.pictures is not None
    original = []
    for _ in range(2):
        tasks, _ = rebuilding_tasks(whole, 0)
        ridge = next(task for task in tasks if "ridge_decoder" in task.name)
        done, _ = run_tasks([ridge], key={}, folder=tmp_path, budget=99.0, tick=lambda *_: None)
        tried = done[ridge.name]
        assert set(tried.pictures) == set(tried.recognised) == {
            ORIGINAL, "mean_face", "ridge_decoder",
        }  # fmt: skip
        original.append(tried.pictures[ORIGINAL])
    assert np.array_equal(*original)
    known = {row.tobytes() for row in whole.pictures.pixels}
    assert all(row.tobytes() in known for row in original[0])
    (kept,) = tmp_path.rglob("*.npz")
    with np.load(kept) as file:
        held = [row for name in file.files if name.startswith("pictures") for row in file[name]]
    assert held
    assert not any(row.tobytes() in known for row in held)

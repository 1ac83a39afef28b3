"""A record far out blinds no attack to the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from audit.stores import policy, store
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.attribute_inference import AttributeInference, infer_trials
from privkit.audit.audit import run_audit
from privkit.audit.far_out import within_reach
from privkit.audit.material import Known, Material
from privkit.audit.plan import plan


def told(far: float | None) -> Material:
    """Records that tell an attribute along one direction, and perhaps one that is broken."""
    rng = np.random.default_rng(0)
    value = np.arange(300) % 2
    direction = rng.standard_normal(12)
    direction /= np.linalg.norm(direction)
    rows = rng.standard_normal((300, 12)) + 3.0 * (value - 0.5)[:, None] * direction
    if far is not None:
        rows[7] = far
    labels = np.array(["no", "yes"], dtype=object)[value]
    return Material(rows.astype(np.float32), None, None, sensitive={"x": labels})


def read(material: Material) -> dict[str, float]:
    """How often models are right that a spread or a distance can blind."""
    found = infer_trials(
        within_reach(material)[0].features,
        material.owners,
        material.sensitive["x"],
        name="x",
        seed=0,
        settings=AttributeInference(models=("linear", "discriminant", "kernel")),
    )
    return {t.attack: t.mean() for t in found.trials if t.measure.startswith("balanced")}


def test_a_broken_record_hides_no_leak_of_the_others() -> None:
    whole, broken = read(told(None)), read(told(1e20))
    assert len(whole) == 3
    assert min(whole.values()) > 0.75
    assert all(abs(rate - broken[attack]) < 0.06 for attack, rate in whole.items())


@pytest.mark.slow
def test_an_audit_finds_the_leak_in_spite_of_it() -> None:
    audit = run_audit(
        told(1e20), policy(required=["inference"]), command="", store="", data=[], cache=None
    ).audit
    assert audit.finding("inference").verdict == "leaks"


def test_the_audit_says_so() -> None:
    material = Material(told(-3e38).features, None, np.arange(300) // 5)
    audit = run_audit(
        material, policy(budget_minutes=1e-9), command="", store="", data=[], cache=None
    ).audit
    assert audit.warnings[0].startswith("1 records lie far out: more than 1,000 times as far")
    assert "(12 of 12, the first is number 1)" in audit.warnings[0]


def people(rows: np.ndarray) -> Material:
    return Material(rows.astype(np.float32), None, np.arange(len(rows)) // 2)


def sparse(rng: np.random.Generator) -> np.ndarray:
    """A number of their own for one person in twelve in each column, beside tiny ones."""
    own = rng.uniform(5, 15, 240) * (np.arange(240)[:, None] % 12 == np.arange(12)).T
    return np.hstack([np.repeat(own.T, 2, axis=0), 1e-3 * rng.standard_normal((480, 8))])


ORDINARY = {
    "normal": lambda rng: rng.standard_normal((2000, 6)),
    "lognormal": lambda rng: np.exp(2 * rng.standard_normal((2000, 6))),
    "sparse": sparse,
    "one-hot beside small numbers": lambda rng: np.hstack(
        [np.eye(50)[rng.integers(0, 50, 2000)], 1e-4 * rng.standard_normal((2000, 4))]
    ),
    "every second one blank": lambda rng: (
        np.where(np.arange(20_000)[:, None] % 2, 1, 1e-7) * rng.standard_normal((20_000, 4))
    ),
    "whole numbers": lambda rng: rng.integers(0, 10**6, (2000, 3)),
    "all the same": lambda rng: np.full((100, 3), rng.random()),
    "confident shares": lambda rng: (
        np.eye(20)[rng.integers(0, 20, 2000)] + 1e-6 * rng.random((2000, 20))
    ),
}


@pytest.mark.parametrize("kind", list(ORDINARY))
def test_ordinary_stores_are_left_alone(kind: str) -> None:
    material = people(ORDINARY[kind](np.random.default_rng(0)))
    seen, said = within_reach(material)
    assert seen is material
    assert not said


def test_codes_are_left_alone() -> None:
    material = store(0.5)
    assert within_reach(material)[0] is material


def test_store_gallery_and_public_records_are_treated_alike() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((500, 4)).astype(np.float32)
    wide = Known(1e6 * rng.standard_normal((500, 4)).astype(np.float32), np.arange(500))
    broken = rows.copy()
    broken[3, 1] = 1e7
    # As far out as numbers of the gallery are.
    material = replace(people(broken), gallery=wide)
    assert within_reach(material)[0] is material
    alike = replace(people(broken), gallery=Known(broken, wide.person), public=wide)
    seen, _ = within_reach(replace(alike, public=Known(broken, wide.person)))
    assert seen.gallery is not None
    assert seen.public is not None
    assert np.array_equal(seen.features, seen.gallery.features)
    assert np.array_equal(seen.features, seen.public.features)
    assert 1e3 < seen.features[3, 1] < 1e5


def test_what_is_given_to_which_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing and learning see the numbers drawn in, shadow networks those that are stored."""
    seen: dict[str, float] = {}

    def spy(name: str, told_by: str) -> None:
        def note(material: Material, *_rest: object, **_more: object) -> list[object]:
            seen[name] = float(np.abs(material.features).max())
            return []

        monkeypatch.setattr(told_by, note)

    spy("linking", "privkit.audit.plan.linking_tasks")
    spy("inference", "privkit.audit.plan.inference_tasks")
    spy("membership", "privkit.audit.inferring._tasks")
    spy("shadows", "privkit.audit.inferring.shadow_tasks")
    monkeypatch.setattr("privkit.audit.plan._linking_controls", lambda *_, **__: [])
    monkeypatch.setattr("privkit.audit.plan._inference_controls", lambda *_, **__: [])
    material = replace(told(1e20), person=np.arange(300) // 2, member=np.arange(300) % 3 == 0)
    plan(material, policy())
    assert seen.pop("shadows") == np.float32(1e20)
    assert len(seen) == 3
    assert max(seen.values()) < 1e8


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(100, 200), d=st.integers(1, 5))
def test_order_and_differences_stay(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d))
    rows[7] *= 10.0 ** rng.integers(5, 30)
    material = people(rows)
    seen, said = within_reach(material)
    assert said
    moved = seen.features != material.features
    assert moved.any(1).sum() == 1
    assert (np.sign(seen.features) == np.sign(material.features)).all()
    assert (np.abs(seen.features[moved]) < np.abs(material.features[moved])).all()
    for before, after in zip(material.features.T, seen.features.T, strict=True):
        assert np.array_equal(np.argsort(before), np.argsort(after))

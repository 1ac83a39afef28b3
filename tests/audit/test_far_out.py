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
    assert audit.warnings[0].startswith("12 numbers in 1 records lie more than 1,000 times")


def test_nothing_is_touched_where_nothing_is_far_out() -> None:
    for material in (told(None), store(0.5)):
        seen, said = within_reach(material)
        assert seen.features is material.features
        assert not said


def test_a_gallery_is_measured_by_itself() -> None:
    material = told(None)
    gallery = Known(material.features * np.float32(1e6), np.arange(300))
    gallery.features[3, 0] = 1e30
    seen, said = within_reach(replace(material, gallery=gallery, public=gallery))
    assert not said
    for known in (seen.gallery, seen.public):
        assert known is not None
        assert known.features[3, 0] < 1e12
        assert np.array_equal(np.delete(known.features, 3, 0), np.delete(gallery.features, 3, 0))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 50), d=st.integers(1, 5))
def test_what_is_pulled_in_keeps_its_side_and_the_rest_its_value(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d))
    rows[rng.random((n, d)) < 0.5] = 0.0
    rows[rng.random((n, d)) < 0.05] *= 1e12
    material = Material(rows.astype(np.float32), None)
    seen = within_reach(material)[0].features
    moved = seen != material.features
    assert (np.abs(material.features[moved]) > 100).all()
    assert (np.sign(seen[moved]) == np.sign(material.features[moved])).all()
    assert (np.abs(seen[moved]) < np.abs(material.features[moved])).all()

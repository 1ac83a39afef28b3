"""The audit from end to end, on stores whose leak is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from privkit.audit.audit import Audited, run_audit
from privkit.audit.material import Known, Material
from privkit.audit.policy import Policy
from tests.audit.stores import policy, store, with_attribute


def audited(
    material: Material, settings: Policy | None = None, cache: Path | None = None
) -> Audited:
    return run_audit(
        material, settings or policy(), command="privkit audit", store="a store", data=[],
        cache=cache,
    )  # fmt: skip


def test_codes_that_name_people_leak() -> None:
    audit = audited(store(1.0)).audit
    assert audit.finding("linkability").verdict == "leaks"
    assert audit.finding("singling_out").verdict == "leaks"
    assert audit.exit_code == 1
    assert audit.headline.startswith("Not de-identified")
    assert [f.verdict for f in audit.risks[2:]] == ["not run"] * 3


@pytest.mark.parametrize("kind", ["constant", "random"])
def test_what_says_nothing_leaks_nothing_and_says_how_much_it_could_have_shown(kind: str) -> None:
    material = store(0.0, people=60)
    if kind == "constant":
        material = replace(material, features=np.zeros((300, 4), np.float32), bits=None)
    audit = audited(material).audit
    for risk in ("linkability", "singling_out"):
        finding = audit.finding(risk)  # type: ignore[arg-type]
        assert finding.verdict == "no leak found", finding.sentence
        assert finding.power is not None
        assert finding.power > 0.9
        assert all(control.passed for control in finding.controls)
        assert {control.name for control in finding.controls} == {
            "identity encoder", "constant encoder", "shuffled labels",
        }  # fmt: skip
    assert audit.exit_code == 0
    assert "Not examined: inference, reconstruction, membership" in audit.headline


def test_a_told_attribute_leaks_and_a_hidden_one_does_not_get_a_no_leak_from_few_people() -> None:
    told = audited(with_attribute(store(0.0, people=120), 1.0)).audit.finding("inference")
    assert told.verdict == "leaks"
    few = audited(with_attribute(store(0.0, people=20), 0.0)).audit.finding("inference")
    assert few.verdict == "inconclusive"
    assert few.people_needed is not None


def test_members_and_others_are_reported_apart() -> None:
    """Only the people of the training set are linked."""
    material = store(1.0, people=60)
    other = material.owners >= 30
    features = material.features.copy()
    features[other] = store(0.0, people=60, seed=3).features[other]
    material = replace(material, features=features, member=~other)
    audit = audited(material).audit
    members, others = audit.finding("linkability").groups
    assert members.rate.value > 0.9
    assert others.rate.value < 0.3
    assert members.rate.people == others.rate.people == 30


def test_membership_that_the_feature_tells_leaks() -> None:
    material = with_attribute(store(0.0, people=120), 1.0)
    member = material.sensitive["glasses"] == "yes"
    audit = audited(replace(material, sensitive={}, member=member)).audit
    assert audit.finding("membership").verdict == "leaks"


def test_a_gallery_is_what_the_store_is_linked_to() -> None:
    both = store(1.0, records=6)
    first = np.arange(len(both)) % 6 < 1
    one_each = both.take(first)
    gallery = Known(both.features[~first], both.owners[~first])
    alone = audited(one_each).audit
    assert alone.finding("linkability").verdict == "not run"
    assert alone.verdict == "inconclusive"
    assert alone.exit_code == 3
    linked = audited(replace(one_each, gallery=gallery)).audit
    assert linked.finding("linkability").verdict == "leaks"


def test_one_person_and_unknown_people_are_not_run() -> None:
    one = replace(store(1.0), person=np.zeros(200, np.int64))
    nobody = replace(store(1.0), person=None)
    for material in (one, nobody):
        audit = audited(material).audit
        assert audit.finding("linkability").verdict == "not run"
        assert audit.exit_code == 3


def test_k_that_the_policy_asks_for() -> None:
    strict = policy(k=5)
    assert audited(store(0.0, people=60), strict).audit.finding("singling_out").verdict == "leaks"
    same = replace(store(0.0, people=60), features=np.ones((300, 16), np.float32))
    finding = audited(same, strict).audit.finding("singling_out")
    assert finding.verdict == "no leak found"


def test_a_budget_that_leaves_attacks_out_never_ends_in_no_leak_found() -> None:
    audit = audited(store(0.0, people=60), policy(budget_minutes=0.01)).audit
    finding = audit.finding("linkability")
    assert finding.verdict in ("not run", "inconclusive")
    assert any("budget" in n.why for n in finding.not_run)
    assert audit.exit_code == 3


def test_the_same_audit_twice_is_the_same_and_goes_on_from_what_is_kept(tmp_path: Path) -> None:
    material = store(0.5, people=30)
    first = audited(material, cache=tmp_path).audit.to_json()
    kept = sorted(tmp_path.rglob("*.npz"))
    assert kept
    stamps = [path.stat().st_mtime_ns for path in kept]
    assert audited(material, cache=tmp_path).audit.to_json() == first
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    assert audited(material).audit.to_json() == first
    other = audited(replace(material, features=-material.features[::-1]), cache=tmp_path)
    assert other.audit.to_json() != first


def test_several_seeds_do_not_make_more_people() -> None:
    material = store(0.5, people=30)
    one = audited(material).audit.finding("linkability")
    two = audited(material, policy(seeds=(0, 1))).audit.finding("linkability")
    assert one.strongest is not None
    assert two.strongest is not None
    assert two.strongest.people == one.strongest.people == 30
    assert max(r.trials for r in two.rates) == 2 * max(r.trials for r in one.rates)
    assert two.strongest.effective <= 60

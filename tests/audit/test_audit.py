"""The audit from end to end, on stores whose leak is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit.stores import policy, store, with_attribute

from privkit.audit.audit import Audited, run_audit
from privkit.audit.controls import check
from privkit.audit.findings import Control, NotRun
from privkit.audit.linking import is_searched, try_linking
from privkit.audit.material import Known, Material
from privkit.audit.plan import plan
from privkit.audit.policy import Policy


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


@pytest.mark.parametrize("kind", ["constant", pytest.param("random", marks=pytest.mark.slow)])
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


@pytest.mark.slow
def test_a_told_attribute_leaks_and_a_hidden_one_does_not_get_a_no_leak_from_few_people() -> None:
    told = audited(with_attribute(store(0.0, people=80, records=3), 1.0)).audit.finding("inference")
    assert told.verdict == "leaks"
    few = audited(with_attribute(store(0.0, people=20), 0.0)).audit.finding("inference")
    assert few.verdict == "inconclusive"
    assert few.people_needed is not None


@pytest.mark.slow
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


@pytest.mark.slow
def test_membership_that_the_feature_tells_leaks() -> None:
    material = with_attribute(store(0.0, people=80, records=3), 1.0)
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


@pytest.mark.slow
def test_people_with_one_record_beside_a_few_with_two() -> None:
    """The controls need those who can be linked; most of the people cannot."""
    material = store(1.0, people=2000, records=2, width=32)
    second = np.arange(len(material)) % 2 == 1
    keep = ~second | (material.owners < 20)
    finding = audited(material.take(keep)).audit.finding("linkability")
    assert finding.verdict == "leaks", finding.sentence
    assert {c.name for c in finding.controls} >= {"identity encoder"}


@pytest.mark.slow
def test_people_with_many_records_do_not_break_the_controls() -> None:
    """One with many records is named more often, by chance alone."""
    rng = np.random.default_rng(0)
    person = np.concatenate([np.repeat(np.arange(10), 60), np.repeat(np.arange(10, 60), 3)])
    noise = rng.standard_normal((len(person), 8)).astype(np.float32)
    finding = audited(Material(noise, None, person)).audit.finding("linkability")
    assert all(c.passed for c in finding.controls), finding.controls
    assert finding.verdict in ("no leak found", "inconclusive")


@pytest.mark.slow
def test_a_number_as_attribute_passes_its_controls() -> None:
    material = store(0.0, people=60, records=3)
    income = np.random.default_rng(0).normal(50, 10, 60)[material.owners]
    finding = audited(replace(material, sensitive={"income": income})).audit.finding("inference")
    assert all(c.passed for c in finding.controls), finding.controls


@pytest.mark.slow
def test_an_attribute_that_cannot_be_attacked_is_said_and_takes_no_leak_found_away() -> None:
    material = with_attribute(store(0.0, people=30, records=3), 0.0)
    same = np.full(len(material), "x", dtype=object)
    alone = audited(replace(material, sensitive={"same": same})).audit.finding("inference")
    assert alone.verdict == "inconclusive"  # it was asked for
    assert "inference of same" in alone.sentence
    both = audited(replace(material, sensitive=material.sensitive | {"same": same})).audit
    (missing,) = both.finding("inference").not_run
    assert missing.attack == "inference of same"
    assert missing.weakens


@pytest.mark.slow
def test_public_people_add_attacks_and_replace_none() -> None:
    material = store(1.0, people=30)
    other = store(1.0, people=30, seed=9)
    named = Known(other.features, 100 + other.owners)
    nameless = Known(other.features, 100 + np.arange(len(other)))
    plain = {r.name for r in audited(material).audit.finding("linkability").rates}
    for public, more in ((named, True), (nameless, False)):
        found = audited(replace(material, public=public)).audit.finding("linkability")
        names = {r.name for r in found.rates}
        assert names >= plain
        assert any("_public" in name for name in names) is more


@pytest.mark.slow
def test_membership_is_never_cleared_without_shadow_networks() -> None:
    material = store(0.0, people=40, records=3)
    member = np.random.default_rng(0).random(len(material)) < 0.5
    finding = audited(replace(material, member=member)).audit.finding("membership")
    assert finding.verdict == "inconclusive"
    assert any("shadow" in n.attack for n in finding.not_run)


def test_k_of_records_is_no_k_of_people() -> None:
    same = replace(store(0.0), person=None, features=np.ones((200, 16), np.float32))
    finding = audited(same, policy(k=5)).audit.finding("singling_out")
    assert any(n.attack == "k-anonymity" for n in finding.not_run)


def test_one_person_and_unknown_people_are_not_run() -> None:
    one = replace(store(1.0), person=np.zeros(200, np.int64))
    nobody = replace(store(1.0), person=None)
    for material in (one, nobody):
        audit = audited(material).audit
        assert audit.finding("linkability").verdict == "not run"
        assert audit.exit_code == 3


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_several_seeds_do_not_make_more_people() -> None:
    material = store(0.5, people=30)
    one = audited(material).audit.finding("linkability")
    two = audited(material, policy(seeds=(0, 1))).audit.finding("linkability")
    assert one.strongest is not None
    assert two.strongest is not None
    assert two.strongest.people == one.strongest.people == 30
    assert max(r.trials for r in two.rates) == 2 * max(r.trials for r in one.rates)
    assert two.strongest.effective <= 60


def identity_control(material: Material) -> Control:
    """What is found where an encoder stores an attribute almost in the clear."""
    planned = plan(material, policy())
    (task,) = (t for t in planned.tasks if t.control == "identity encoder" and t.of)
    return check(task.control, task.run().trials["inference"], of=task.of)


def test_a_gallery_beside_an_attribute() -> None:
    """The gallery is of people; what an attribute's controls store is the attribute."""
    material = with_attribute(store(0.0, people=60, records=2), 1.0)
    known = Known(material.features[::2], material.owners[::2])
    assert identity_control(replace(material, gallery=known)).passed


def test_a_rare_value_in_a_large_store_is_controlled() -> None:
    """Of 200 people drawn at random two or so would have it, too few to learn it from."""
    labels = np.where(np.arange(2000) < 20, "rare", "usual").astype(object)
    rows = np.zeros((2000, 8), np.float32)
    assert identity_control(Material(rows, None, None, sensitive={"x": labels})).passed


@pytest.mark.parametrize(("records", "bits", "said"), [(2, None, True), (5, None, False),
                                                       (2, 30, False)])  # fmt: skip
def test_too_few_records_to_see_directions_of_little_spread(
    records: int, bits: int | None, said: bool
) -> None:
    material = replace(store(0.0, people=20, records=records, width=30), bits=bits)
    tried = try_linking(material, 0, 1000, details=False)
    notes = [n for n in tried.notes.get("linkability", ()) if "linkage_lda_unshrunk does not" in n]
    assert len(notes) == said
    assert all("from about 80 records of as many people on" in note for note in notes)


@pytest.mark.parametrize("most", [0, 5e11])
def test_wide_features_are_linked_as_well_as_narrow_ones(
    most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matchers that learn a covariance find who it is, whole or along some directions."""
    monkeypatch.setattr("privkit.audit.linking._MULTIPLICATIONS", most)
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 2)
    own = rng.standard_normal((30, 300))[person]
    features = own + 0.5 * rng.standard_normal((60, 300))
    material = Material(features.astype(np.float32), None, person)
    tried = try_linking(material, 0, 1000, details=False)
    rates = {trials.name: trials.mean() for trials in tried.trials["linkability"]}
    assert rates["linkage_plda, rank-1"] > 0.95
    assert rates["linkage_classifier, rank-1"] > 0.95
    notes = tried.notes.get("linkability", ())
    said = [n for n in notes if "linkage_lda and linkage_plda read the 256 directions" in n]
    assert len(said) == (most == 0)


def test_of_a_gallery_too_large_for_a_classifier_some_people_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("attacks.closed_set._MOST", 60_000)
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(80), 2)
    features = rng.standard_normal((80, 20))[person] + 0.1 * rng.standard_normal((160, 20))
    material = Material(features.astype(np.float32), None, person)
    tried = try_linking(material, 0, 100, details=False)
    (rank,) = (t for t in tried.trials["linkability"] if t.name == "linkage_classifier, rank-1")
    people = round(1 / rank.baseline[0])
    assert 20 < people < 80
    assert len(np.unique(rank.baseline)) == 1  # the same people in all rounds
    assert rank.mean() > 0.9
    for risk in ("singling_out", "linkability"):
        assert f"{people:,} of 80 people" in tried.notes[risk][0]


def large(monkeypatch: pytest.MonkeyPatch, *, compared: int, known: int) -> None:
    """Let a store of more than a few records count as large."""
    monkeypatch.setattr("attacks.link_trials._PAIRS", compared * known)
    monkeypatch.setattr("privkit.audit.linking._MANY", 0)


def test_in_a_large_store_every_probe_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matchers are asked about some people, a search about all, the controls by both."""
    large(monkeypatch, compared=40, known=300)
    tasks = [t for t in plan(store(0.7, people=60), policy()).tasks if "linkability" in t.risks]
    assert len(tasks) == 4
    for task in tasks:
        tried = task.run()
        trials = {t.name: t for t in tried.trials["linkability"]}
        found, asked, fused = (
            trials[f"linkage_{name}, rank-1"] for name in ("search", "nearest", "nearest_fused")
        )
        if task.control:
            assert check(task.control, [found]).passed
            assert check(task.control, list(trials.values())).passed
            # Two of five records of each are probes in the first rounds; half as many are compared.
            assert len(np.unique(asked.person)) < 60
            assert len(fused) == len(np.unique(fused.person))
            continue
        # Two of five records of each of 60 people; 50 comparisons are 25 people twice.
        assert (len(found), len(np.unique(found.person))) == (120, 60)
        assert [(len(t), len(np.unique(t.person))) for t in (asked, fused)] == [(33, 33)] * 2
        assert abs(found.mean() - 0.7) < 0.2
        (note,) = (n for n in tried.notes["linkability"] if "linkage_search" in n)
        assert note.startswith("120 records of 60 people are linked to 180 known ones.")
        assert "at most 33 of these people, drawn at random" in note


def test_people_of_two_records_are_linked_in_a_large_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large(monkeypatch, compared=40, known=300)
    tried = try_linking(store(1.0, people=150, records=2), 0, 2000, details=False)
    trials = {t.name: t for t in tried.trials["linkability"]}
    assert len(trials["linkage_search, rank-1"]) == 150
    assert trials["linkage_search, rank-1"].mean() > 0.95
    assert not any("fused" in name for name in trials)


def test_a_small_store_beside_a_large_gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    """People are asked about and not records, which are many of each; the store itself is small."""
    monkeypatch.setattr("attacks.link_trials._PAIRS", 40 * 400)
    material = store(1.0, people=40, records=5)
    rows = np.arange(200) % 5 == 0
    others = store(0.0, people=360, records=1, seed=5)
    gallery = Known(
        np.concatenate([material.features[rows], others.features]),
        np.concatenate([material.owners[rows], 1000 + others.owners]),
    )
    tried = try_linking(replace(material, gallery=gallery), 0, 2000, details=False)
    trials = {t.name: t for t in tried.trials["linkability"]}
    asked = trials["linkage_nearest_gallery, rank-1"]
    assert len(asked) == len(np.unique(asked.person)) == 20
    assert len(trials["linkage_search_gallery, rank-1"]) == 200
    assert "linkage_search, rank-1" not in trials
    assert len(trials["linkage_nearest, rank-1"]) == 200
    assert is_searched(replace(material, gallery=gallery), 2000)
    assert not is_searched(replace(material, gallery=gallery), 40)


def test_many_weak_records_of_each_leak_as_much_in_a_large_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What only all records of a person together give away is not lost there."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 60)
    rows = 0.35 * rng.standard_normal((30, 16))[person] + rng.standard_normal((1800, 16))
    material = Material(rows.astype(np.float32), None, person)

    def strongest() -> dict[bool, float]:
        tried = try_linking(material, 0, 2000, details=False).trials["linkability"]
        rates = [t for t in tried if t.measure == "rank-1"]
        return {
            fused: max(t.mean() for t in rates if ("_fused" in t.attack) == fused)
            for fused in (False, True)
        }

    small = strongest()
    large(monkeypatch, compared=120, known=1800)
    assert small[True] > 2 * small[False]
    assert strongest()[True] > 0.9 * small[True]


def test_a_classifier_of_a_large_gallery_is_asked_about_those_whom_it_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("attacks.closed_set._MOST", 100_000)
    tried = try_linking(store(1.0, people=200), 0, 20, details=False)
    (rank,) = (t for t in tried.trials["linkability"] if t.name == "linkage_classifier, rank-1")
    assert len(np.unique(rank.person)) == 4  # all who have a probe
    candidates = round(1 / rank.baseline[0])
    assert 20 < candidates < 200
    assert any(
        f"known records, of {candidates} of 200 people" in n for n in tried.notes["linkability"]
    )


def test_a_gallery_that_says_nothing_hides_no_leak_within_the_store() -> None:
    material = store(1.0, people=30, records=4)
    rng = np.random.default_rng(9)
    gallery = Known(
        rng.choice([-1.0, 1.0], (30, 16)).astype(np.float32), np.arange(30, dtype=np.int64)
    )
    tried = try_linking(replace(material, gallery=gallery), 0, 1000, details=False)
    rate = {t.name: t.mean() for t in tried.trials["linkability"]}
    assert rate["linkage_nearest_gallery, rank-1"] < 0.2
    assert rate["linkage_nearest, rank-1"] > 0.95
    assert {t.attack for t in tried.trials["singling_out"]} >= {"linkage_nearest_gallery"}


@pytest.mark.slow
def test_what_no_attack_sees_is_never_cleared() -> None:
    material = store(0.0, people=60, records=3)
    lack = NotRun(
        "attacks on what lies beside the features: email", "not read", "--columns", weakens=True
    )
    cleared, open_one = (
        audited(replace(material, unexamined=of)).audit.finding("linkability")
        for of in ((), (lack,))
    )
    assert cleared.verdict == "no leak found"
    assert open_one.verdict == "inconclusive"
    assert "email" in open_one.sentence


@pytest.mark.slow
def test_people_learned_from_in_turn_widen_the_intervals_through_the_whole_audit(
    tmp_path: Path,
) -> None:
    """Also from what was kept, and of several seeds together."""
    material = with_attribute(store(0.0, people=30), 0.5)
    for _ in range(2):
        done = run_audit(
            material, policy(seeds=(0, 1)), command="c", store="s", data=[], cache=tmp_path
        )
        assert {t.folds for t in done.trials["inference"]} == {5}
        assert {t.folds for t in done.trials["linkability"]} == {1}

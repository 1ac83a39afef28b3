"""The rules of the verdicts, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from audit.stores import policy

from privkit.audit.controls import check
from privkit.audit.findings import NotRun, RiskFinding, Unchecked
from privkit.audit.verdicts import judge
from privkit.evaluation.rates import people_needed
from privkit.evaluation.trials import Trials


def trials(hits: int, people: int = 100, attack: str = "linkage_mean") -> Trials:
    hit = (np.arange(people) < hits).astype(float)
    chance = np.full(people, 0.01)
    return Trials(attack, "rank-1", np.arange(people), hit, chance, chance)


def test_nothing_run_is_not_run() -> None:
    missing = NotRun("linkage", "no people", "--person")
    finding = judge("linkability", [], policy(), not_run=[missing], family=1)
    assert finding.verdict == "not run"
    assert "--person" in finding.sentence


def test_a_high_bound_leaks() -> None:
    finding = judge("linkability", [trials(1), trials(60, attack="best")], policy(), family=2)
    assert finding.verdict == "leaks"
    assert finding.strongest is not None
    assert finding.strongest.attack == "best"
    assert "60%" in finding.sentence


def test_a_leak_that_is_shown_is_not_said_to_be_too_small_to_see() -> None:
    """Whatever another attack could have shown, e.g. of people who were learned from in turn."""
    blind = trials(1, people=3)
    finding = judge("linkability", [blind, trials(60, attack="best")], policy(), family=2)
    assert finding.verdict == "leaks"
    assert finding.detectable is not None
    assert finding.detectable < 0.35
    assert judge("linkability", [blind, trials(1)], policy(), family=2).detectable is None


def test_low_ends_of_all_attacks_are_no_leak_found_with_power() -> None:
    finding = judge("linkability", [trials(1), trials(0)], policy(), family=2)
    assert finding.verdict == "no leak found"
    assert finding.power is not None
    assert finding.power > 0.99
    assert finding.detectable is not None
    assert 0.1 < finding.detectable < 0.35
    assert "safe" not in finding.sentence


def test_a_leak_that_is_shown_and_allowed_is_said() -> None:
    finding = judge("linkability", [trials(30, people=600)], policy(), family=2)
    assert finding.verdict == "no leak found"
    assert finding.strongest is not None
    assert 0 < finding.strongest.bound < 0.05
    assert "Shown is a leak within the limit, of 2.4% at least" in finding.sentence
    assert "Shown" not in judge("linkability", [trials(0)], policy(), family=1).sentence


def test_one_wide_interval_is_inconclusive_and_says_how_many_people() -> None:
    finding = judge("linkability", [trials(1), trials(11)], policy(), family=2)
    assert finding.verdict == "inconclusive"
    assert finding.people_needed is not None
    assert finding.people_needed > 100


def test_what_an_open_matter_needs_also_shows_a_large_leak() -> None:
    """An interval over the limit at 25 people; with so many as are needed both can be said."""
    strict = policy(large_leak=0.15)
    finding = judge("linkability", [trials(0, 25)], strict, family=20)
    assert finding.verdict == "inconclusive"
    needed = finding.people_needed
    assert needed is not None
    assert judge("linkability", [trials(0, needed)], strict, family=20).verdict == "no leak found"
    by_interval = people_needed(finding.rates[0], finding.limit)
    assert by_interval is not None
    assert by_interval < needed


def test_one_attack_above_the_limit_is_enough_to_decide() -> None:
    """Another that lies at the limit itself would take any number of people."""
    attacks = [trials(18, attack="clear"), trials(11, attack="at the limit")]
    finding = judge("linkability", attacks, policy(), family=20)
    assert finding.verdict == "inconclusive"
    clear = next(rate for rate in finding.rates if rate.attack == "clear")
    assert finding.people_needed == people_needed(clear, finding.limit)


def test_few_people_never_give_no_leak_found() -> None:
    for people in range(2, 25):
        finding = judge("linkability", [trials(0, people)], policy(), family=20)
        assert finding.verdict == "inconclusive", people


def test_a_sample_without_power_is_inconclusive() -> None:
    strict = policy(large_leak=0.12)
    finding = judge("linkability", [trials(1)], strict, family=1)
    assert finding.verdict == "inconclusive"
    assert finding.people_needed is not None
    enough = judge(
        "linkability", [trials(finding.people_needed // 100, finding.people_needed)], strict,
        family=1,
    )  # fmt: skip
    assert enough.verdict == "no leak found"


def test_what_was_given_and_failed_is_not_what_was_not_given() -> None:
    failed = NotRun("inference: sex, seed 0", "it failed: IndexError", "a report", weakens=True)
    asked = NotRun("inference", "no attribute is given", "a label with --sensitive")
    verdicts = [judge("inference", [], policy(), not_run=[n], family=1) for n in (failed, asked)]
    assert [one.verdict for one in verdicts] == ["inconclusive", "not run"]
    assert verdicts[0].sentence == "Inconclusive: not all attacks were run: inference: sex, seed 0."


def test_an_attack_left_out_for_time_takes_no_leak_found_away() -> None:
    left = NotRun("decoder", "no time", "a larger budget", weakens=True)
    only_said = NotRun("total_variation", "no gradient", "an encoder with one")
    verdicts = [
        judge("linkability", [trials(1)], policy(), not_run=[n], family=1).verdict
        for n in (left, only_said)
    ]
    assert verdicts == ["inconclusive", "no leak found"]
    assert judge("linkability", [trials(70)], policy(), not_run=[left], family=1).verdict == "leaks"


@pytest.mark.parametrize("hits", [0, 70])
@pytest.mark.parametrize(("control", "found"), [
    ("identity encoder", 20), ("constant encoder", 30), ("shuffled labels", 30),
])  # fmt: skip
def test_a_failed_control_takes_every_verdict_away(hits: int, control: str, found: int) -> None:
    failed = check(control, [trials(found)])
    assert not failed.passed
    finding = judge("linkability", [trials(hits)], policy(), controls=[failed], family=1)
    assert finding.verdict == "attack invalid"
    assert control in finding.sentence


@pytest.mark.parametrize(("control", "found"), [
    ("identity encoder", 95), ("constant encoder", 1), ("shuffled labels", 3),
])  # fmt: skip
def test_controls_pass_on_what_they_expect(control: str, found: int) -> None:
    assert check(control, [trials(found), trials(1)]).passed


def test_a_chance_control_fails_by_chance_once_in_a_thousand() -> None:
    rng = np.random.default_rng(0)
    failed = 0
    for _ in range(300):
        chance = np.full(200, 0.1)
        some = [
            Trials("a", "m", np.arange(200), (rng.random(200) < 0.1) * 1.0, chance, chance)
            for _ in range(6)
        ]
        failed += not check("shuffled labels", some).passed
    assert failed <= 2


def test_a_control_that_was_not_run_leaves_the_risk_open() -> None:
    for hits in (0, 70):
        finding = judge(
            "linkability", [trials(hits)], policy(), family=1,
            unchecked=[Unchecked("identity encoder", "it failed: MemoryError")],
        )  # fmt: skip
        assert finding.verdict == "inconclusive"
        assert "identity encoder, because it failed: MemoryError" in finding.sentence


@pytest.mark.parametrize("broken", ["failed", "missing"])
def test_a_control_of_one_attribute_hides_no_leak_of_another(broken: str) -> None:
    """Its own does; and nothing is cleared while one is open."""

    def of(name: str, hits: int) -> Trials:
        return replace(trials(hits), measure=f"accuracy of {name}")

    def found(attribute: str, *several: Trials) -> RiskFinding:
        bad = replace(check("identity encoder", [trials(2)]), of=attribute)
        good = [
            replace(check("identity encoder", [trials(90)]), of=name)
            for name in ("colour", "shade of colour") if name != attribute
        ]  # fmt: skip
        return judge(
            "inference", several, policy(), family=2,
            controls=[*good, bad] if broken == "failed" else good,
            unchecked=[Unchecked("identity encoder", "why", attribute)] * (broken == "missing"),
        )  # fmt: skip

    leak, doubtful = of("shade of colour", 70), of("colour", 90)
    finding = found("colour", leak, doubtful)
    assert finding.verdict == "leaks"
    assert finding.strongest is not None
    assert finding.strongest.measure == leak.measure
    assert "Nothing is said of attacks whose controls failed: identity encoder" in finding.sentence
    other = {"failed": "attack invalid", "missing": "inconclusive"}[broken]
    assert found("shade of colour", leak, of("colour", 2)).verdict == other
    assert found("colour", of("shade of colour", 2), doubtful).verdict == other
    assert found("", leak).verdict == other
    assert found("colour", trials(70)).verdict == other


def test_what_the_policy_demands_beside_is_a_leak() -> None:
    finding = judge("singling_out", [trials(0)], policy(), family=1, demand="k = 1, asked for 5")
    assert finding.verdict == "leaks"
    assert "k = 1" in finding.sentence
    assert judge("singling_out", [], policy(), family=1, demand="k = 1").verdict == "leaks"

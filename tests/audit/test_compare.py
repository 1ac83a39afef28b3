"""What changed between two audits: said rightly, in the right order, on the right people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit.an_audit import an_audit, with_verdicts
from audit.run_folders import EVERYBODY, a_run
from jsonschema import Draft202012Validator

from privkit.audit.compare import Change, Comparison, compare_runs, read_run, severity
from privkit.audit.compare_result import comparison_result
from privkit.errors import InputError
from privkit.evaluation.rates import rate_of
from privkit.result import Result, result_schema

LDA = ("linkability", "linkage_lda", "rank-1")


def result(found: Comparison, *, fail_if_worse: bool = True) -> Result:
    made = comparison_result(
        found, command="privkit compare a b", seed=0, fail_if_worse=fail_if_worse
    )
    Draft202012Validator(result_schema()).validate(made.to_dict())
    return made


def compared(first: Path, second: Path, seed: int = 0) -> Comparison:
    return compare_runs(read_run(first), read_run(second), seed=seed)


def change(found: Comparison) -> Change:
    return next(c for c in found.changes if c.key == LDA)


def test_a_run_with_itself(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a")
    found = compared(run, run)
    assert len(found.changes) == 9
    assert all(c.p == 1.0 and not c.significant for c in found.changes)
    assert found.policy == found.inputs == found.worse == found.only_first == []
    made = result(found)
    assert made.findings[0] == "Policy and inputs are the same in both."
    assert "The verdict of every risk is the same." in made.findings
    assert made.exit_code == 0
    assert made.warnings == []


def test_a_fall_is_shown_and_fails_no_gate(tmp_path: Path) -> None:
    found = compared(a_run(tmp_path / "a"), a_run(tmp_path / "b", linkability=0.3))
    fell = change(found)
    assert fell.significant
    assert not fell.rose
    assert fell.paired is not None
    assert fell.paired.people == 40
    assert fell.paired.difference.high < -0.2
    made = result(found)
    assert any("linkage_lda, rank-1: the success fell by" in said for said in made.findings)
    assert made.exit_code == 0


def test_a_rise_fails_the_gate(tmp_path: Path) -> None:
    found = compared(a_run(tmp_path / "a", linkability=0.3), a_run(tmp_path / "b"))
    assert change(found).rose
    assert found.worse == []
    made = result(found)
    assert [gate.passed for gate in made.gates] == [True, False]
    assert made.exit_code == 1
    assert result(found, fail_if_worse=False).exit_code == 0


def test_chance_is_not_a_change(tmp_path: Path) -> None:
    found = compared(a_run(tmp_path / "a"), a_run(tmp_path / "b", seed=1))
    assert not any(c.significant for c in found.changes)


def test_people_in_one_only_are_left_out_and_said(tmp_path: Path) -> None:
    moved = [f"new{n}" if n < 15 else label for n, label in enumerate(EVERYBODY)]
    found = compared(a_run(tmp_path / "a"), a_run(tmp_path / "b", people=moved))
    one = change(found)
    assert one.paired is not None
    assert (one.paired.people, one.alone) == (25, 30)
    assert "30 people are in one of the audits only" in result(found).warnings[0]


def test_people_are_paired_by_label_not_by_place(tmp_path: Path) -> None:
    """The same people in another order: with themselves, nothing has changed."""
    first = read_run(a_run(tmp_path / "a"))
    key = LDA
    trials = first.trials.trials[key]
    order = np.random.default_rng(0).permutation(len(first.trials.people))
    renamed = replace(
        first.trials,
        people=[first.trials.people[n] for n in np.argsort(order)],
        trials={key: replace(trials, person=order[trials.person])},
    )
    found = compare_runs(first, replace(first, trials=renamed), seed=0)
    one = change(found)
    assert one.paired is not None
    assert one.paired.difference.value == pytest.approx(0)
    assert (one.paired.rose, one.paired.fell) == (0, 0)


def test_other_people_cannot_be_paired(tmp_path: Path) -> None:
    others = [f"x{label}" for label in EVERYBODY]
    found = compared(a_run(tmp_path / "a"), a_run(tmp_path / "b", people=others, linkability=0.3))
    assert all(c.paired is None and c.p is None and not c.rose for c in found.changes)
    made = result(found)
    assert any(said.startswith("No paired test can be run") for said in made.findings)
    row = made.tables[-1].rows[1]
    assert row[-2:] == ("not paired", "no")
    one = change(found)
    assert one.unpaired.low < one.second["value"] - one.first["value"] < one.unpaired.high < 0


def test_unpaired_interval_covers() -> None:
    """MOVER of two independent samples covers about as often as it says."""
    from audit.an_audit import some_trials

    from privkit.audit.compare import _unpaired

    covered = 0
    for seed in range(150):
        rates = [
            rate_of(some_trials("a", name, rate, seed=seed))
            for name, rate in (("x", 0.7), ("y", 0.4))
        ]
        first, second = ({name: getattr(r, name) for name in ("value", "low", "high", "people",
                          "confidence")} for r in rates)  # fmt: skip
        found = _unpaired(first, second)
        covered += found.low <= -0.3 <= found.high
    assert 134 <= covered <= 150


def test_policies_that_differ_come_first(tmp_path: Path) -> None:
    audit = an_audit()
    policy = {**audit.policy, "limits": {**audit.policy["limits"], "linkability": 0.9}}
    found = compared(a_run(tmp_path / "a"), a_run(tmp_path / "b", policy=policy))
    made = result(found)
    assert made.findings[0].startswith("The policies differ (limits.linkability)")
    assert made.tables[0].rows == [("limits.linkability", "0.1", "0.9")]


def test_inputs_that_differ_are_listed(tmp_path: Path) -> None:
    audit = an_audit()
    data = [replace(audit.data[0], sha256="d" * 64), *audit.data[1:]]
    found = compared(a_run(tmp_path / "a"), a_run(tmp_path / "b", data=data))
    assert [role for role, _, _ in found.inputs] == ["features"]
    assert result(found).findings[0] == "The inputs differ: features."


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ("no leak found", "leaks", True),
        ("no leak found", "inconclusive", True),
        ("no leak found", "not run", True),
        ("inconclusive", "leaks", True),
        ("not run", "leaks", True),
        ("not run", "inconclusive", False),
        ("attack invalid", "not run", False),
        ("leaks", "inconclusive", False),
        ("leaks", "no leak found", False),
        ("leaks", "leaks", False),
    ],
)
def test_what_is_worse(tmp_path: Path, before: str, after: str, worse: bool) -> None:
    runs = [
        a_run(tmp_path / name, audit=with_verdicts(an_audit(), verdict, *["leaks"] * 3, "not run"))
        for name, verdict in (("a", before), ("b", after))
    ]
    found = compared(runs[0], runs[1])
    assert (found.worse == ["singling_out"]) == worse
    made = result(found)
    assert made.exit_code == int(worse)
    assert any("(worse)" in said for said in made.findings) == worse


def test_severity_is_that_of_the_exit_codes() -> None:
    assert [severity(v) for v in ("no leak found", "not run", "inconclusive", "leaks")] == [
        0, 1, 1, 2
    ]  # fmt: skip


def test_a_run_that_was_touched_is_said(tmp_path: Path) -> None:
    first, second = a_run(tmp_path / "a"), a_run(tmp_path / "b")
    (second / "note.txt").write_text("x")
    assert result(compared(first, second)).warnings[0].startswith("b is not as it was written")


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    runs = a_run(tmp_path / "a"), a_run(tmp_path / "b", linkability=0.6)
    assert result(compared(*runs)).to_json() == result(compared(*runs)).to_json()


def test_another_guess_is_warned_of(tmp_path: Path) -> None:
    first = read_run(a_run(tmp_path / "a"))
    audit = {**first.audit, "risks": [
        {**f, "rates": [{**r, "baseline": r["baseline"] + 0.1} for r in f["rates"]]}
        for f in first.audit["risks"]
    ]}  # fmt: skip
    found = compare_runs(first, replace(first, audit=audit), seed=0)
    assert any("compare their residual risk" in said for said in result(found).warnings)


def test_a_folder_of_another_command(tmp_path: Path) -> None:
    from privkit.manifest import write_manifest

    (tmp_path / "other").mkdir()
    write_manifest(tmp_path / "other", command="privkit kanon", data=[], versions={})
    with pytest.raises(InputError, match="this run is no audit"):
        read_run(tmp_path / "other")

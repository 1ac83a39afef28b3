"""The audit's JSON: its schema, and what must hold within it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit.an_audit import HOSTILE, an_audit, the_trials, with_verdicts
from jsonschema import Draft202012Validator, ValidationError

from privkit.audit.stored import (
    audit_schema,
    contradictions,
    read_audit,
    unlike_trials,
)
from privkit.audit.trials_file import read_trials, write_trials
from privkit.errors import InputError

SCHEMA = Draft202012Validator(audit_schema())
LINK, INFERENCE = 1, 2


def plain(**changes: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(an_audit(**changes).to_json())
    return read


def test_the_schema_is_one_and_the_audit_fits() -> None:
    Draft202012Validator.check_schema(audit_schema())
    SCHEMA.validate(plain())
    for name in HOSTILE:
        SCHEMA.validate(plain(hostile=name))


def test_all_objects_are_closed() -> None:
    """Every record of the audit is described in full; the policy and the versions are free."""

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node and "required" in node:
                assert node["additionalProperties"] is False
                assert set(node["required"]) == set(node["properties"])
            for value in node.values():
                walk(value)

    walk(audit_schema())


def without_power(audit: dict[str, Any]) -> None:
    audit["risks"][INFERENCE]["power"] = None


def without_strongest(audit: dict[str, Any]) -> None:
    audit["risks"][LINK]["strongest"] = None


def another_verdict(audit: dict[str, Any]) -> None:
    audit["risks"][LINK]["verdict"] = "safe"


def exit_code_two(audit: dict[str, Any]) -> None:
    audit["exit_code"] = 2


def share_above_one(audit: dict[str, Any]) -> None:
    audit["risks"][LINK]["rates"][0]["value"] = 1.5


def another_key(audit: dict[str, Any]) -> None:
    audit["risks"][LINK]["rates"][0]["score"] = 1


def six_risks(audit: dict[str, Any]) -> None:
    audit["risks"].append(audit["risks"][0])


@pytest.mark.parametrize(
    "spoil",
    [without_power, without_strongest, another_verdict, exit_code_two, share_above_one,
     another_key, six_risks],
)  # fmt: skip
def test_the_schema_refuses(spoil: Callable[[dict[str, Any]], None]) -> None:
    audit = plain()
    spoil(audit)
    with pytest.raises(ValidationError):
        SCHEMA.validate(audit)


def test_a_sound_audit_has_no_contradiction() -> None:
    assert contradictions(plain()) == []


def calmed(audit: dict[str, Any]) -> None:
    audit["verdict"], audit["exit_code"] = "no leak found", 0


def zero(audit: dict[str, Any]) -> None:
    audit["exit_code"] = 0


def link_calmed(audit: dict[str, Any]) -> None:
    audit["risks"][LINK]["verdict"] = "no leak found"
    audit["verdict"], audit["exit_code"] = "attack invalid", 3


def failed_control(audit: dict[str, Any]) -> None:
    audit["risks"][INFERENCE]["controls"][0]["passed"] = False


def little_power(audit: dict[str, Any]) -> None:
    audit["risks"][INFERENCE]["power"] = 0.5


def missing_attack(audit: dict[str, Any]) -> None:
    audit["risks"][INFERENCE]["not_run"][0]["weakens"] = True


def raised_limit(audit: dict[str, Any]) -> None:
    audit["risks"][INFERENCE]["limit"] = 0.5


def reordered(audit: dict[str, Any]) -> None:
    audit["risks"].reverse()


def weaker_first(audit: dict[str, Any]) -> None:
    audit["risks"][LINK]["rates"].reverse()


def required_left_out(audit: dict[str, Any]) -> None:
    for finding in audit["risks"]:
        finding["verdict"] = "not run"
    audit["risks"][INFERENCE]["verdict"] = "no leak found"
    calmed(audit)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (calmed, "the verdict is 'no leak found', and that of its risks is 'leaks'"),
        (zero, "the exit code is 0, and that of 'leaks' is 1"),
        (link_calmed, "linkability: 'no leak found' is said although an interval reaches over"),
        (failed_control, "inference: 'no leak found' is said although a control failed"),
        (little_power, "although the power is below the policy's"),
        (missing_attack, "although an attack that it rests on was not run"),
        (raised_limit, "the limit is not the policy's"),
        (reordered, "not in order"),
        (weaker_first, "the strongest attack is not the first"),
        (required_left_out, "that of its risks is 'inconclusive'"),
    ],
)
def test_contradictions_are_seen(spoil: Callable[[dict[str, Any]], None], words: str) -> None:
    audit = plain()
    spoil(audit)
    SCHEMA.validate(audit)
    found = contradictions(audit)
    assert len(found) == 1
    assert words in found[0]


def test_verdicts_of_the_factory_are_consistent() -> None:
    calm = with_verdicts(an_audit(), "leaks", "leaks", "no leak found", "leaks", "not run")
    assert contradictions(json.loads(calm.to_json())) == []


def test_rates_are_those_of_the_trials(tmp_path: Path) -> None:
    write_trials(tmp_path / "t.csv", the_trials())
    stored = read_trials(tmp_path / "t.csv")
    assert unlike_trials(plain(), stored) == []
    audit = plain()
    audit["risks"][LINK]["rates"][0]["value"] -= 0.3
    audit["risks"][LINK]["rates"][1]["attack"] = "another"
    found = unlike_trials(audit, stored)
    assert len(found) == 2
    assert "linkage_lda, rank-1: value is 0.42, and trials.csv gives 0.72" in found[0]
    assert "another, rank-1: has no trials" in found[1]


def test_reading_back(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(an_audit().to_json(), encoding="utf-8")
    assert read_audit(tmp_path) == plain()
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(InputError, match="does not fit its schema"):
        read_audit(tmp_path)

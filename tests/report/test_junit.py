"""The JUnit file: of the form that readers expect, green exactly where the exit code is 0."""

import itertools
import xml.etree.ElementTree as ET
from typing import get_args

import pytest
from audit.an_audit import HOSTILE, an_audit, with_verdicts

from privkit.audit.risks import Verdict
from privkit.report.junit import junit_xml
from privkit.report.visible import visible

#: The part of Jenkins' junit-10.xsd that is used: attributes (required ones marked) and children.
FORM: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name"}, {"tests", "failures", "errors", "time"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"skipped", "time", "timestamp", "hostname", "id", "package", "group"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}
AUDIT = an_audit()


def parsed(text: str) -> ET.Element:
    root = ET.fromstring(text.encode())  # noqa: S314 - we wrote it
    assert root.tag == "testsuites"
    for element in root.iter():
        required, others, children = FORM[element.tag]
        assert required <= set(element.attrib) <= required | others, element.tag
        assert {child.tag for child in element} <= children, element.tag
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for counted, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(counted) == str(len(suite.findall(f"testcase/{tag}")))
    return root


def test_each_verdict_has_its_outcome() -> None:
    root = parsed(junit_xml(AUDIT))
    outcomes = {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"]
        for case in root.iter("testcase")
    }
    assert outcomes == {
        "Singling out": ["error"],
        "Linkability": ["failure"],
        "Inference": [],
        "Reconstruction": ["error"],
        "Membership": ["skipped"],
    }


def test_green_exactly_where_the_exit_code_is_zero() -> None:
    seen = set()
    for verdicts in itertools.product(get_args(Verdict), repeat=3):
        audit = with_verdicts(AUDIT, *verdicts, "no leak found", "not run")
        suite = parsed(junit_xml(audit)).find("testsuite")
        assert suite is not None
        green = suite.get("failures") == suite.get("errors") == "0"
        assert green == (audit.exit_code == 0), verdicts
        assert (suite.get("failures") != "0") == (audit.exit_code == 1), verdicts
        seen.add(audit.exit_code)
    assert seen == {0, 1, 3}


def test_numbers_are_properties() -> None:
    root = parsed(junit_xml(AUDIT))
    found = {p.get("name"): p.get("value") for p in root.iter("property")}
    assert found["exit_code"] == "1"
    assert found["linkability.value"] == "0.72"
    assert found["linkability.people"] == "40"
    assert float(found["inference.power"] or 0) > 0.99
    assert "membership.value" not in found


def test_no_leak_found_carries_its_power() -> None:
    case = parsed(junit_xml(AUDIT)).findall("testsuite/testcase")[2]
    text = case.findtext("system-out") or ""
    assert text.startswith("no leak found, power over 99%")
    assert "Smallest leak that this sample shows" in text


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(name: str) -> None:
    text = junit_xml(an_audit(hostile=name))
    root = parsed(text)
    assert len(text) < 60_000
    store = next(p for p in root.iter("property") if p.get("name") == "store")
    assert (store.get("value") or "").startswith(visible(name)[:1000])

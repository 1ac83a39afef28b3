"""The audit's page: every verdict with what must stand beside it, all escaped, nothing fetched."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit.an_audit import HOSTILE, LABELS, an_audit, some_evidence, with_verdicts
from audit.stores import store
from html_page import Page
from PIL import Image

from privkit.audit.findings import Audit, Curve
from privkit.audit.linking import try_linking
from privkit.audit.policy import read_policy
from privkit.audit.risks import RISK_NAMES, RISKS
from privkit.report.audit import draw_audit, policy_toml, write_audit_page
from privkit.report.visible import shortened, visible


def page(folder: Path, audit: Audit, *, drawn: bool = False) -> Page:
    pictures = draw_audit(folder, audit, some_evidence()) if drawn else {}
    write_audit_page(folder / "report.html", audit, pictures)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?:|javascript:[^a]", text)
    return Page(text)


def words(audit: Audit, folder: Path) -> str:
    return " ".join(page(folder, audit).words.split())


def test_every_risk_is_answered(tmp_path: Path) -> None:
    audit = an_audit()
    text = words(audit, tmp_path)
    for finding in audit.risks:
        assert text.count(finding.sentence) == 2  # in the summary and in its own section
        assert text.count(RISKS[finding.risk].question) == 2
    assert audit.headline in text
    assert "72% (64 to 79%) of attempts succeed; a guess: 2.5%" in text
    assert "About 177 people would decide it; there are 12 here." in text
    assert "--members FILE" in text
    assert "1 of 1 FAILED" in text
    assert "people in the training set" in text


def test_what_leaks_of_who_it_is_stands_beside_the_attacks(tmp_path: Path) -> None:
    audit = an_audit()
    tables = try_linking(store(1.0, people=32), 0, 500).tables["linkability"]
    risks = [replace(f, tables=tables) if f.risk == "linkability" else f for f in audit.risks]
    text = words(replace(audit, risks=risks), tmp_path)
    assert "What leaks of who it is, and what no adversary can beat" in text
    for row in tables[-1].rows:
        assert all(cell in text for cell in row)
    assert "Of 160 records of 32 people. Counting the stored values finds 5.00 bits" in text


def test_no_leak_found_never_stands_without_its_power(tmp_path: Path) -> None:
    calm = with_verdicts(an_audit(), *["no leak found"] * 4, "not run")
    assert calm.verdict == "no leak found"
    text = words(calm, tmp_path)
    assert "no leak found, power 65% or more" in text  # the least of the risks
    assert text.count("no leak found, power over 99%") == 6
    assert "safe" not in text.lower()
    assert "Smallest leak that this sample shows with a probability of 80%" in text
    bare = re.findall(r"no leak found(?!, power)", text.split("What the verdicts mean")[0])
    assert bare == []


def test_a_verdict_is_told_by_more_than_colour(tmp_path: Path) -> None:
    made = page(tmp_path, an_audit())
    shapes = {
        name
        for name, attributes in made.tags
        if attributes.get("class") in ("solid", "line") and name in ("path", "rect", "circle")
    }
    assert shapes == {"path", "rect", "circle"}
    assert made.words.count("attack invalid") >= 3


def test_notices_stand_above_everything(tmp_path: Path) -> None:
    text = words(an_audit(), tmp_path)
    assert 0 < text.index("These are made-up numbers.") < text.index("The risks")


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_shown_as_text(tmp_path: Path, name: str) -> None:
    made = page(tmp_path, an_audit(hostile=name))
    assert not {"script", "iframe", "object", "embed", "base", "evil", "b"} & {
        t for t, _ in made.tags
    }
    assert made.all("img") == []
    for tag, attributes in made.tags:
        assert not [key for key in attributes if key.startswith("on")], (tag, attributes)
        for key in ("src", "href"):
            assert (attributes.get(key) or "#").startswith(("data:", "#"))
    assert shortened(visible(name), 120) in made.words
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", made.words)
    assert max(len(word) for word in made.words.split("\n")) < 12_000


@pytest.mark.parametrize("name", HOSTILE[:9], ids=range(9))
def test_hostile_names_can_be_drawn(tmp_path: Path, name: str) -> None:
    audit = an_audit(hostile=name)
    risky = replace(
        audit.risks[1],
        rates=[replace(rate, attack=name, measure=name) for rate in audit.risks[1].rates],
        curves=[Curve(name, name, [1, 2], [0.1, 0.2], [0.1, 0.1], name, name)],
    )
    audit = replace(audit, risks=[risky])
    drawn = draw_audit(tmp_path, audit, None)["linkability"]
    assert [picture.path.name for picture in drawn] == [
        "rates-linkability.png",
        "curves-linkability.png",
    ]
    for picture in drawn:
        with Image.open(picture.path) as opened:
            assert max(opened.size) < 3000


def test_all_figures_are_inside_with_words(tmp_path: Path) -> None:
    made = page(tmp_path, an_audit(), drawn=True)
    pictures = made.all("img")
    assert len(pictures) == len(list(tmp_path.glob("*.png"))) == 6
    assert all((p["src"] or "").startswith("data:image/png;base64,") for p in pictures)
    alts = [p["alt"] or "" for p in pictures]
    assert "Linkability: leaks. The strongest of 3, linkage_lda, rank-1, succeeds in 72%" in alts[1]
    assert "decoder: 4 of 8 recognised" in " ".join(alts)
    assert f"From left to right: {', '.join(LABELS[:8])}." in made.words


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        page(tmp_path / name, an_audit(), drawn=True)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


def test_an_audit_of_nothing_has_a_page(tmp_path: Path) -> None:
    audit = an_audit()
    empty = [
        replace(f, rates=(), strongest=None, verdict="not run", power=None, detectable=None,
                controls=(), groups=(), curves=(), tables=(), people_needed=None)
        for f in audit.risks
    ]  # fmt: skip
    text = words(replace(audit, risks=empty, verdict="inconclusive", data=[]), tmp_path)
    assert text.count("No attack was run.") == len(RISK_NAMES)
    assert "privkit verify RUN" in text


def test_how_to_reproduce(tmp_path: Path) -> None:
    audit = an_audit()
    text = words(audit, tmp_path)
    assert audit.command in text
    assert "privkit verify RUN --input features=codes.npy --input person=people.csv" in text
    assert all(data.sha256 in text for data in audit.data)
    assert np.__version__ in text


def test_the_policy_shown_is_the_policy() -> None:
    shown = read_policy(None).to_dict()
    assert tomllib.loads(policy_toml(shown)) == shown

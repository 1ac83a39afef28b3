"""The report: one file, everything escaped, nothing fetched, the same bytes every time."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from html_page import Page
from PIL import Image

from privkit.report.html import Picture, write_report
from privkit.result import DataUsed, Gate, Measure, Result, Table

EVIL = "<script>alert(1)</script>"
PERSON = "Anna \"the 'boss'\" O'Neill & <b>sons</b>"
NOTICE = "These are generated faces."


def result() -> Result:
    return Result(
        command=f"privkit invert --faces '{EVIL}'",
        configuration={"person": PERSON, EVIL: [EVIL, 1, None]},
        seed=7,
        data=[DataUsed(PERSON, EVIL, "0" * 64, 12345, NOTICE), DataUsed("b", "r", "1" * 64, 1)],
        findings=[f"{PERSON} is named.", EVIL],
        measures=[Measure("k", 2, "records", "higher protects")],
        tables=[Table(EVIL, ["who", EVIL, "n"], [[PERSON, EVIL, "3"], ["x", "", "–"]], EVIL)],
        warnings=[EVIL],
        gates=[Gate(EVIL, "k < 2", 1.5, True), Gate("k & more", EVIL, 1, False)],
        versions={EVIL: EVIL},
    )


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    Image.new("L", (3, 2)).save(tmp_path / "figure.png")
    return Picture(tmp_path / "figure.png", caption=EVIL, alt=PERSON)


@pytest.fixture
def text(tmp_path: Path, picture: Picture) -> str:
    write_report(tmp_path / "report.html", result(), [picture])
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_everything_is_escaped(text: str) -> None:
    page = Page(text)
    assert page.all("script") == page.all("b") == []
    assert "<script" not in text.lower()
    assert page.words.count(EVIL) >= 12
    assert PERSON in page.words
    assert page.all("img")[0]["alt"] == PERSON  # quotes do not end the attribute


def test_nothing_is_fetched(text: str) -> None:
    page = Page(text)
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "poster"):
            if name in attributes:
                assert (attributes[name] or "").startswith("data:"), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    assert {"script", "iframe", "object", "embed", "base"}.isdisjoint({tag for tag, _ in page.tags})
    assert not re.search(r"url\(|@import|https?:", text)


def test_the_policy_forbids_what_the_report_does_not_use(text: str) -> None:
    policy = [m for m in Page(text).all("meta") if m.get("http-equiv")]
    assert policy[0]["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_all_parts_are_shown(text: str) -> None:
    words = " ".join(Page(text).words.split())
    assert "Gate passed: " in words
    assert "Gate failed: k & more" in words
    assert "found 1.5." in words
    assert f"Warning: {EVIL}" in words
    assert "12,345" in words
    assert "0" * 64 in words
    assert f'["{EVIL}", 1, null]' in words


def test_a_notice_stands_above_the_findings(text: str) -> None:
    assert 0 < text.index(NOTICE) < text.index("What was found")


def test_real_data_carry_no_notice(tmp_path: Path) -> None:
    real = replace(result(), data=[DataUsed("AT&T Faces", "faces", "0" * 64, 400)])
    write_report(tmp_path / "real.html", real)
    text = (tmp_path / "real.html").read_text(encoding="utf-8")
    assert 'class="notice"' not in text
    assert Page(text).all("img") == []
    assert "AT&T Faces" in Page(text).words


def test_the_same_bytes_every_time(tmp_path: Path, picture: Picture) -> None:
    for name in ("one", "two"):
        write_report(tmp_path / name, result(), [picture])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_picture_is_inside(text: str, picture: Picture) -> None:
    assert Page(text).all("img")[0]["src"] == picture.data_uri
    assert len(picture.data_uri) > len("data:image/png;base64,")


def test_words_are_aligned_left_and_numbers_right(text: str) -> None:
    heads = [h.get("class") for h in Page(text).all("th")[:3]]
    assert heads == ["text", "text", None]


def test_a_table_without_rows(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", replace(result(), tables=[Table("empty", ["a", "b"], [])]))
    assert "empty" in (tmp_path / "r.html").read_text(encoding="utf-8")

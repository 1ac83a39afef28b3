"""The audit card: what it must say, and that no name becomes Markdown or HTML."""

import re
from html import unescape

import pytest
from audit.an_audit import HOSTILE, an_audit, with_verdicts
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from privkit.report.card import card_markdown, escaped
from privkit.report.visible import shortened, visible

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")


def test_all_parts_are_there() -> None:
    audit = an_audit()
    card = card_markdown(audit)
    assert re.findall(r"^##? (.*)$", card, re.MULTILINE) == [
        "Privacy audit card",
        "What was audited",
        "Verdicts",
        "What was not run",
        "Premises",
        "Limits",
        "How to reproduce",
    ]
    assert audit.command in card
    assert "no leak found, power over 99%" in card
    assert "> **Note:** These are made-up numbers." in card
    assert "privkit verify RUN" in card
    tables = MARKDOWN.render(card).count("<table>")
    assert tables == 3


def test_the_headline_carries_the_power() -> None:
    card = card_markdown(with_verdicts(an_audit(), *["no leak found"] * 4, "not run"))
    assert "**no leak found, power 65% or more**" in card


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(name: str) -> None:
    plain = MARKDOWN.render(card_markdown(an_audit()))
    made = MARKDOWN.render(card_markdown(an_audit(hostile=name)))
    tags = re.compile(r"</?[a-zA-Z][^>]*>")
    assert set(tags.findall(made)) <= set(tags.findall(plain))
    assert made.count("<tr>") == plain.count("<tr>")  # nobody's name makes a row or a cell
    assert made.count("<td>") == plain.count("<td>")
    assert shortened(" ".join(visible(name).split()), 200).rstrip("…")[:150] in unescape(made)


@given(st.text(st.characters(), max_size=60))
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    shown = MARKDOWN.render(f"x {escaped(text)} x")
    inner = " ".join(visible(text).split())
    assert unescape(re.sub(r"^<p>|</p>\n$", "", shown)) == " ".join(f"x {inner} x".split(" "))
    cell = MARKDOWN.render(f"| a |\n| --- |\n| {escaped(text)} |")
    assert cell.count("<td>") == 1


@given(st.text("-+=1.)# >*_`~|\t[]()!<&", max_size=12))
def test_nothing_starts_a_block(text: str) -> None:
    shown = MARKDOWN.render(escaped(text))
    assert re.fullmatch(r"(<p>[^\n]*</p>\n)?", shown), shown

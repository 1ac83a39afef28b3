"""What cannot be seen is spelt, and everything else is left alone."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privkit.report.visible import shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 王小明 محمد 👩‍👩‍👧", "Zoë 王小明 محمد 👩‍👩‍👧"),
        ("a\x00\x1b[31m\x7f\x85", r"a\x00\x1b[31m\x7f\x85"),
        ("\u202egpj.exe\u2066", r"\u202egpj.exe\u2066"),
        ("\udcff\ufffe", r"\udcff\ufffe"),
        ("a\tb\r\nc\u2028d", "a b  c d"),
        ("", ""),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))  # with surrogates and all
def test_what_is_shown_can_be_stored_and_stays(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert visible(shown) == shown


def test_shortened() -> None:
    assert shortened("x" * 80) == "x" * 80
    assert shortened("x" * 81) == "x" * 79 + "…"

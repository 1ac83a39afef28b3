"""The policy file: defaults, what is refused, what is kept."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from privkit.audit.policy import default_policy_text, read_policy
from privkit.errors import InputError


def test_the_default_policy_is_what_is_printed() -> None:
    printed = tomllib.loads(default_policy_text())
    assert read_policy(None).to_dict() == printed


def test_a_printed_policy_can_be_given_back(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(default_policy_text())
    assert read_policy(path) == read_policy(None)


def test_what_is_left_out_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("seeds = [3, 4]\n[limits]\nlinkability = 0.3\n")
    policy = read_policy(path)
    assert policy.seeds == (3, 4)
    assert policy.limits["linkability"] == 0.3
    assert policy.limits["inference"] == read_policy(None).limits["inference"]


@pytest.mark.parametrize(("text", "says"), [
    ("limit = 1", "unknown key 'limit'"),
    ("[limits]\nlinkage = 0.1", "unknown key 'linkage'"),
    ("limits = 3", "limits"),
    ("confidence = 2", "confidence"),
    ("confidence = true", "confidence"),
    ("confidence = nan", "confidence"),
    ("confidence = 0.5", "confidence"),
    ("power = 0.5", "power"),
    ("seeds = []", "seeds"),
    ("seeds = [true]", "seeds"),
    ("seeds = 3", "seeds"),
    ("targets = 1.5", "targets"),
    ('required = ["theft"]', "required"),
    ('schema = "privkit-policy/9"', "schema"),
    ("[k_anonymity]\nk = 0", "k cannot be used"),
    ("[limits]\ninference = 0.5", "above every limit"),
    ("= 3", "cannot be read"),
    ("a = " + "[" * 5000, "cannot be read"),
])  # fmt: skip
def test_what_cannot_be_used_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="policy") as caught:
        read_policy(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_policy(path)
    path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="too large"):
        read_policy(path)
    with pytest.raises(InputError, match="does not exist"):
        read_policy(tmp_path / "none.toml")

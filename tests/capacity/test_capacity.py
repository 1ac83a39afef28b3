"""What fits in N bits: exact at the edges, told where it comes from, and refused in one line."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privkit.capacity.items import (
    PAPER_LEVELS,
    SENSITIVE_ITEMS,
    Item,
    ValueSpace,
    parse_space,
    read_items,
)
from privkit.capacity.report import table_to_markdown
from privkit.capacity.tables import BOUND, levels, verdicts
from privkit.cli.app import run
from privkit.errors import InputError
from privkit.result import Table

FACTORS = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 40)), min_size=1, max_size=4)


def size(factors: list[tuple[int, int]]) -> int:
    return math.prod(base**exponent for base, exponent in factors)


@given(FACTORS, st.integers(0, 3500))
def test_a_space_fits_exactly_when_it_has_no_more_values_than_there_are_codes(
    factors: list[tuple[int, int]], bits: int
) -> None:
    space, edge = ValueSpace(tuple(factors)), (size(factors) - 1).bit_length()
    for level in (bits, edge, edge + 1, max(0, edge - 1)):
        assert space.fits(level) == (size(factors) <= 2**level)


@given(st.integers(1, 400))
def test_the_powers_of_two_and_their_neighbours(bits: int) -> None:
    assert ValueSpace(((2, bits),)).fits(bits)
    assert ValueSpace(((2**bits - 1, 1),)).fits(bits)
    assert not ValueSpace(((2**bits + 1, 1),)).fits(bits)
    assert not ValueSpace(((2, bits + 1),)).fits(bits)


@pytest.mark.parametrize("bits", [64, 1000, 10_007, 300_000])
def test_edges_where_the_logarithm_rounds(bits: int) -> None:
    over = ValueSpace(((2**bits + 1, 1),))
    assert over.bits == bits  # a comparison of logarithms alone would say that it fits
    assert not over.fits(bits)
    assert ValueSpace(((2**bits, 1),)).fits(bits)


def test_spaces_too_large_to_multiply_out_are_compared_by_their_logarithm() -> None:
    space = parse_space("256^125000000", where="here")
    assert space.fits(10**9)
    assert not space.fits(10**9 - 1)


@given(FACTORS, st.integers(1, 300))
def test_what_fits_in_n_bits_fits_in_one_more(factors: list[tuple[int, int]], bits: int) -> None:
    space = ValueSpace(tuple(factors))
    assert space.fits(bits) <= space.fits(bits + 1)


@given(FACTORS)
def test_a_space_is_read_back_from_what_is_shown(factors: list[tuple[int, int]]) -> None:
    shown = str(ValueSpace(tuple(factors))).replace("×", "*")
    assert size(list(parse_space(shown, where="here").factors)) == size(factors)


@pytest.mark.parametrize("text", ["1 000", "1_000", "1,000", "10^3", " 10 * 10 * 10 ", "2^3*5^3"])
def test_ways_to_write_a_thousand(text: str) -> None:
    assert size(list(parse_space(text, where="here").factors)) == 1000


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "1.5", "x", "2^", "^2", "2**3", "2^3^4", "2^-1", "*2", "2^x", "1e6", "9" * 41],
)
def test_a_space_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match=r"items.csv, line 2: the size.*rule: .*26.3.10.4; found"):
        parse_space(text, where="items.csv, line 2")


def test_every_item_of_ours_says_where_its_size_comes_from() -> None:
    assert len({item.name for item in SENSITIVE_ITEMS}) == len(SENSITIVE_ITEMS) >= 20
    for item in SENSITIVE_ITEMS:
        assert item.source.strip(), item
    bits = [item.space.bits for item in SENSITIVE_ITEMS]
    assert bits == sorted(bits)


def test_ten_bits_as_in_the_paper() -> None:
    possible = {row.item.name: row.possible[0] for row in verdicts(SENSITIVE_ITEMS, [10])}
    assert possible["one yes/no answer"]
    assert possible["one of 40 people (AT&T Faces)"]
    assert not possible["one living person"]
    assert not possible["face embedding, 128 bytes"]


def test_verdicts_stand_in_the_order_of_size() -> None:
    items = [Item(name, parse_space(name, where=""), "test") for name in ("2^9", "3", "2^4")]
    rows = verdicts(items, [4, 1])
    assert [row.item.name for row in rows] == ["3", "2^4", "2^9"]
    assert [row.possible for row in rows] == [(True, False), (True, False), (False, False)]


def test_levels_give_size_compression_and_the_ideal_k() -> None:
    small, large = levels([10, 2000], reference_bits=1280, population=1024 * 50)
    assert (small.bytes_per_million, small.compression) == (1_250_000, 128)
    assert small.people_per_code == 50
    assert large.people_per_code == 0
    assert levels([1], reference_bits=1, population=1)[0].bytes_per_million == 125_000
    assert PAPER_LEVELS[-1] == 1_769_472


@pytest.mark.parametrize("bits", [0, -1, 10**9 + 1])
def test_levels_out_of_range(bits: int) -> None:
    for judge in (
        lambda: verdicts(SENSITIVE_ITEMS, [10, bits]),
        lambda: levels([bits], reference_bits=1, population=1),
    ):
        with pytest.raises(InputError, match=f"--bits: .*from 1 to 1,000,000,000; found: {bits}"):
            judge()


def test_markdown_cells_cannot_end_a_cell_or_a_line_or_start_a_tag() -> None:
    text = table_to_markdown(Table("T", ["a|b", "c"], [["x\r\ny", "\\| <b>"], ["", "z"]], "note"))
    assert text.splitlines() == [
        "### T",
        "",
        "| a\\|b | c |",
        "| --- | --- |",
        "| x y | \\\\\\| &lt;b> |",
        "|  | z |",
        "",
        "note",
    ]


# A list of one's own


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


OWN = 'source,item,values\nus,"pet, name",26^2\n\n"me|you",shoe size,40\n'


def test_items_of_ones_own_in_any_order_of_columns(here: Path) -> None:
    (here / "own.csv").write_text(OWN, encoding="utf-8-sig")
    assert read_items(here / "own.csv") == [
        Item("pet, name", ValueSpace(((26, 2),)), "us"),
        Item("shoe size", ValueSpace(((40, 1),)), "me|you"),
    ]


HEAD = b"item,values,source\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "column 'item' is missing; rule: the columns are item, values, source"),
        (b"item,source\na,b\n", "column 'values' is missing"),
        (b"item;values;source\na;2;b\n", "found: item;values;source"),
        (HEAD, "there are no items"),
        (HEAD + b"\n\n", "there are no items"),
        (HEAD + b"a,2,b\n\n ,2,b\n", "line 4: column 'item' is empty"),
        (HEAD + b"a,2,\n", "line 2: column 'source' is empty"),
        (HEAD + b"a,2\n", "line 2: column 'source' is empty"),
        (HEAD + b"a,,b\n", "line 2, column 'values': the size of a value space"),
        (HEAD + b"a,2,b\nc,two,d\n", "line 3, column 'values'"),
        (HEAD + b"a,1,000,b\n", "line 2: the row has more cells than the header"),
        (HEAD + b"caf\xe9,2,b\n", "cannot be read; rule: a CSV in UTF-8"),
        (HEAD + b'"a,2,b\n', "cannot be read; rule: a CSV in UTF-8"),
        (HEAD.decode().encode("utf-16"), "cannot be read; rule: a CSV in UTF-8"),
    ],
)
def test_bad_lists_are_one_line(
    here: Path, one_line: Callable[..., str], content: bytes, words: str
) -> None:
    (here / "own.csv").write_bytes(content)
    line = one_line("capacity", "--items", "own.csv")
    assert "own.csv" in line
    assert words in line
    assert not (here / "reports").exists()


@pytest.mark.parametrize(
    ("items", "words"),
    [("missing.csv", "there is no such file"), (".", "Is a directory"), ("a/b.csv", "no such")],
)
def test_lists_that_are_not_there(one_line: Callable[..., str], items: str, words: str) -> None:
    line = one_line("capacity", "--items", items)
    assert words in line
    assert items in line


@pytest.mark.parametrize("bits", ["0", "-1", "1000000001", "ten", "1.5", ""])
def test_bad_bits_are_one_line(here: Path, one_line: Callable[..., str], bits: str) -> None:
    assert "--bits" in one_line("capacity", "--bits", bits)
    assert not (here / "reports").exists()


def test_the_command_writes_its_tables(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own.csv").write_text(OWN)
    options = ["--bits", "6", "--bits", "10", "--bits", "6", "--items", "own.csv", "--json"]
    assert run(["capacity", *options, "--out", "run"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["configuration"]["bits"] == [6, 10]
    assert found["findings"][0] == BOUND
    assert "2^6 values: 1 of 2 items fit, the largest is 'shoe size'" in found["findings"][1]
    assert {path.name for path in (here / "run").iterdir()} == {
        "capacity.csv",
        "capacity.md",
        "report.html",
        "result.json",
        "times.json",
    }
    assert json.loads((here / "run/result.json").read_text()) == found
    with (here / "run/capacity.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["N = 6"] for row in rows] == ["possible", "impossible"]
    assert rows[0]["source of the size"] == "me|you"
    markdown = (here / "run/capacity.md").read_text()
    assert "me\\|you" in markdown
    assert BOUND in markdown
    assert "pet, name" in (here / "run/report.html").read_text()


def test_the_same_command_gives_the_same_bytes(here: Path) -> None:
    for out in ("one", "two"):
        assert run(["capacity", "--out", out, "--quiet"]) == 0
    for name in ("result.json", "report.html", "capacity.md", "capacity.csv"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()

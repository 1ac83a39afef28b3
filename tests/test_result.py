"""The result type: what it writes, what it refuses, and that its bytes do not move."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from privkit.result import DataUsed, Gate, Measure, Result, Table, result_schema


def made(**changes: object) -> Result:
    """A result that uses every part."""
    result = Result(
        command="privkit invert --bits 16",
        configuration={"bits": (16,), "step": np.float32(0.5), "nested": {"n": np.int64(3)}},
        seed=0,
        data=[DataUsed("AT&T Faces", "faces", "0" * 64, 400)],
        findings=["16 bits name the person.", "Zoë is one of them."],
        measures=[
            Measure("rank-1", 0.7, "share", "lower protects", 80, 56, 0.6, 0.8, 0.95, "Wilson"),
            Measure("k", 2, "records", "higher protects", where={"level": "16 bits", "k": "a"}),
            Measure("k", 5, "records", "higher protects", where={"level": "128 bits", "k": "a"}),
        ],
        tables=[Table("Levels", ("level", "k"), (("16 bits", "2"), ("128 bits", "5")), "a note")],
        warnings=["Few people."],
        gates=[Gate("k-anonymity", "k >= 2", 2, True)],
    )
    return replace(result, **changes)


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return Draft202012Validator(result_schema())


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(result_schema())


def test_what_is_written_fits_the_schema_and_is_read_back(schema: Draft202012Validator) -> None:
    result = made()
    read = json.loads(result.to_json())
    schema.validate(read)
    assert read == result.to_dict()
    assert read["configuration"] == {"bits": [16], "step": 0.5, "nested": {"n": 3}}
    assert read["measures"][0]["successes"] == 56
    assert read["tables"][0]["rows"] == [["16 bits", "2"], ["128 bits", "5"]]
    assert read["gates"][0] == {"name": "k-anonymity", "rule": "k >= 2", "found": 2, "passed": True}
    assert {"python", "privkit", "numpy", "torch"} <= set(read["versions"])


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("findings", []),
        ("command", ""),
        ("data", [DataUsed("x", "faces", "not a hash", 1)]),
        ("data", [DataUsed("x", "faces", "0" * 64, -1)]),
        ("measures", [Measure("x", 1.0, "share", "lower is better")]),
        ("measures", [Measure("x", 1.0, "share", "neither", confidence=1.0)]),
        ("schema", "privkit-result/2"),
        ("seed", "0"),
    ],
)
def test_the_schema_refuses(schema: Draft202012Validator, part: str, value: object) -> None:
    with pytest.raises(ValidationError):
        schema.validate(made(**{part: value}).to_dict())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_number_that_is_not_finite_is_null(schema: Draft202012Validator, value: float) -> None:
    result = made(
        measures=[Measure("psnr", value, "dB", "neither", low=value)], configuration={"x": [value]}
    )
    read = json.loads(result.to_json(), parse_constant=lambda word: pytest.fail(f"wrote {word}"))
    schema.validate(read)
    assert read["measures"][0]["value"] is read["measures"][0]["low"] is None
    assert read["configuration"]["x"] == [None]


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.float64(0.25), 0.25), (np.int64(7), 7), (np.bool_(True), True), (np.str_("a"), "a")],
)
def test_numpy_scalars_become_plain(value: object, plain: object) -> None:
    read = json.loads(made(configuration={"x": value}).to_json())["configuration"]["x"]
    assert read == plain
    assert type(read) is type(plain)


def test_a_file_name_that_is_not_unicode_can_be_written() -> None:
    result = made(command="privkit kanon --codes \udcff.npy", configuration={"\udcfe": "\udcff"})
    written = result.to_json().encode("utf-8")
    assert json.loads(written)["command"] == r"privkit kanon --codes \udcff.npy"
    assert json.loads(written)["configuration"] == {r"\udcfe": r"\udcff"}


def test_a_measure_is_found_by_its_labels() -> None:
    assert made().measure("rank-1").value == 0.7
    assert made().measure("k", level="128 bits").value == 5


@pytest.mark.parametrize(
    ("name", "where", "count"),
    [("nosuch", {}, 0), ("k", {}, 2), ("k", {"k": "a"}, 2), ("k", {"level": "1 bit"}, 0)],
)
def test_a_measure_that_is_not_the_only_one_is_an_error(
    name: str, where: dict[str, str], count: int
) -> None:
    with pytest.raises(KeyError, match=f"{count} measures match name='{name}'"):
        made().measure(name, **where)


@pytest.mark.parametrize(
    ("passed", "code"),
    [((), 0), ((True,), 0), ((True, True), 0), ((True, False), 1), ((False,), 1)],
)
def test_the_exit_code_is_that_of_the_gates(passed: tuple[bool, ...], code: int) -> None:
    assert made(gates=[Gate("g", "r", 0.0, p) for p in passed]).exit_code == code


def test_notices_stand_once_in_the_order_of_the_data() -> None:
    notices = ("generated", "", "small", "generated")
    data = [DataUsed(str(n), "faces", "0" * 64, 1, notice) for n, notice in enumerate(notices)]
    result = made(data=data)
    assert result.notices == ["generated", "small"]
    assert result.to_dict()["notices"] == ["generated", "small"]


def test_the_json_is_sorted_and_does_not_depend_on_the_order_of_settings() -> None:
    one = made(configuration={"b": 1, "a": 2}).to_json()
    other = made(configuration={"a": 2, "b": 1}).to_json()
    assert one == other
    keys = list(json.loads(one))
    assert keys == sorted(keys)
    assert one.endswith("}\n")
    assert "Zoë" in one

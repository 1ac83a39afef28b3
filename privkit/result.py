"""The one result type: what a command found, and everything needed to check it.

A result holds no clock time and no path of the machine it ran on, so that the same command on the
same data gives the same bytes. Times belong in the run folder's ``times.json``
(:mod:`privkit.runs`). The JSON form is described by ``privkit/result.schema.json``.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any, Literal

__all__ = [
    "SCHEMA",
    "DataUsed",
    "Gate",
    "Measure",
    "Result",
    "Table",
    "plain_json",
    "result_schema",
    "versions",
]

SCHEMA = "privkit-result/1"

#: What a larger value means for the people in the data. ``neither`` is a plain description.
Better = Literal["higher protects", "lower protects", "higher is useful", "neither"]


def versions() -> dict[str, str]:
    """Versions of privkit, Python and the libraries that can move a number."""
    names = (
        "privkit",
        "numpy",
        "pandas",
        "scipy",
        "scikit-learn",
        "torch",
        "torchmetrics",
        "pillow",
        "pyarrow",
        "numba",
        "duckdb",
    )
    out = {"python": platform.python_version()}
    for name in names:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out


@dataclass(frozen=True)
class DataUsed:
    """One data set that went into a result.

    Attributes:
        name: e.g. ``"AT&T Faces"``.
        role: e.g. ``"faces"``, ``"codes"``.
        sha256: hash of its canonical listing or of its file.
        rows: how many pictures, codes or items.
        notice: words that have to stand wherever the result is shown; empty for real data.
    """

    name: str
    role: str
    sha256: str
    rows: int
    notice: str = ""


@dataclass(frozen=True)
class Measure:
    """One measured number with its count and interval.

    Attributes:
        name: what was measured, e.g. ``"identity"``.
        value: the point estimate; ``None`` where it is not defined.
        unit: ``"share"``, ``"bits"``, ``"dB"``, ``"records"`` …
        better: what a larger value means.
        n: how many trials or records it rests on.
        successes: for a share, how many of the ``n``.
        low: lower end of the interval; ``None`` where there is none (an exact count).
        high: upper end of the interval.
        confidence: coverage of the interval, 0.95 unless said otherwise.
        method: how value and interval were computed.
        where: what it belongs to, e.g. ``{"level": "16 bits", "attack": "linkage"}``.
    """

    name: str
    value: float | None
    unit: str
    better: Better
    n: int | None = None
    successes: int | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    method: str = ""
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gate:
    """A threshold that the user set, and whether the result passed it."""

    name: str
    rule: str
    found: float
    passed: bool


@dataclass(frozen=True)
class Table:
    """Rows for people to read; the numbers behind them are in the measures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What one command found.

    Attributes:
        command: the command without output options, e.g. ``"privkit invert --bits 16"``.
        configuration: every setting after defaults were filled in.
        seed: the seed of all random draws; ``None`` where nothing is drawn.
        data: the data used, with hashes and row counts.
        findings: what was found, in sentences, the most important first.
        warnings: what limits the findings, in sentences.
        measures: the numbers.
        tables: the numbers arranged for reading.
        gates: the thresholds that the user set.
    """

    command: str
    configuration: Mapping[str, Any]
    seed: int | None
    data: Sequence[DataUsed]
    findings: Sequence[str]
    measures: Sequence[Measure]
    tables: Sequence[Table] = ()
    warnings: Sequence[str] = ()
    gates: Sequence[Gate] = ()
    versions: Mapping[str, str] = field(default_factory=versions)
    schema: str = SCHEMA

    @property
    def notices(self) -> list[str]:
        """The words that must stand wherever this result is shown, without repetition."""
        return list(dict.fromkeys(d.notice for d in self.data if d.notice))

    @property
    def exit_code(self) -> int:
        """0, or 1 when a gate that the user set failed."""
        return 0 if all(gate.passed for gate in self.gates) else 1

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON types; ``nan`` and infinities become ``None``."""
        plain: dict[str, Any] = plain_json({"notices": self.notices, **asdict(self)})
        return plain

    def to_json(self) -> str:
        """The result as indented JSON with sorted keys and a final newline."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def measure(self, name: str, **where: str) -> Measure:
        """The one measure of that name whose ``where`` contains all the given labels.

        Raises:
            KeyError: there is none, or more than one.
        """
        found = [
            m
            for m in self.measures
            if m.name == name and all(m.where.get(k) == v for k, v in where.items())
        ]
        if len(found) != 1:
            raise KeyError(f"{len(found)} measures match name={name!r}, where={where}")
        return found[0]


def result_schema() -> dict[str, Any]:
    """The JSON schema of :meth:`Result.to_dict`."""
    text = files("privkit").joinpath("result.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def plain_json(value: Any) -> Any:
    """Turn numpy scalars, tuples and non-finite floats into what JSON can hold."""
    if isinstance(value, Mapping):
        return {plain_json(str(k)): plain_json(v) for k, v in value.items()}
    if value is None:
        return None
    if isinstance(value, str):  # a file name that is not valid Unicode must not break the result
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Sequence):
        return [plain_json(v) for v in value]
    if hasattr(value, "item"):  # a numpy or torch scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

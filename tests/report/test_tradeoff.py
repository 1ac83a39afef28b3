"""The chart of usefulness against leakage: its front, its comparison, and its picture."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privkit.report import tradeoff
from privkit.report.tradeoff import (
    Point,
    draw_tradeoff,
    least_leaks,
    pareto_front,
    points_of,
)
from privkit.result import Measure, Result


def point(useful: float, leaked: float, name: str = "x", defense: str = "d") -> Point:
    ends = ((useful, useful - 0.1, useful + 0.1), (leaked, leaked - 0.1, leaked + 0.1))
    return Point("task", "leak", defense, name, 8, "attack", *ends)


SHARES = st.integers(0, 6).map(lambda n: n / 6)
POINTS = st.lists(st.tuples(SHARES, SHARES.map(lambda s: s - 0.3)), min_size=1, max_size=12)


@given(POINTS)
def test_the_front_is_what_no_other_point_beats(drawn: list[tuple[float, float]]) -> None:
    points = [point(*one, name=str(n)) for n, one in enumerate(drawn)]
    front = pareto_front(points)
    kept = {p.setting for p in front}
    for p in points:
        better = [
            q
            for q in points
            if (q.useful[0] > p.useful[0] and q.risk <= p.risk)
            or (q.useful[0] >= p.useful[0] and q.risk < p.risk)
        ]
        assert (p.setting in kept) == (not better)
    useful = [p.useful[0] for p in front]
    assert useful == sorted(useful, reverse=True)
    assert [p.risk for p in front] == sorted((p.risk for p in front), reverse=True)


def test_worse_than_guessing_is_as_good_as_nothing() -> None:
    useful, private = point(0.9, -0.01, "useful"), point(0.5, -0.4, "private")
    assert pareto_front([private, useful]) == [useful]


def test_the_least_leak_among_the_useful_enough() -> None:
    points = [
        point(0.9, 0.8, "a1", "a"),
        point(0.7, 0.3, "a2", "a"),
        point(0.6, 0.1, "a3", "a"),
        point(0.4, 0.0, "b1", "b"),
    ]
    found = least_leaks(points, 0.65)
    assert found["a"] is not None
    assert found["a"].setting == "a2"
    assert found["b"] is None


def result(tasks: int = 2, leaks: int = 2) -> Result:
    measures = [
        Measure("chance", 0.1, "share", "neither", where={"task": f"task {t}"})
        for t in range(tasks)
    ]
    for t in range(tasks):
        for defense, n in (("one", 4), ("other", 5)):
            for k in range(n):
                where = {
                    "task": f"task {t}",
                    "defense": defense,
                    "setting": f"{defense} {k}",
                    "bits": str(2**k),
                }
                useful = 0.9 - 0.2 * k
                measures.append(
                    Measure(
                        "usefulness", useful, "share", "higher is useful",
                        low=useful - 0.05, high=useful + 0.05, where=where,
                    )
                )  # fmt: skip
                for leak in range(leaks):
                    value = 0.8 - 0.2 * k - 0.1 * leak + 0.05 * (defense == "one")
                    measures.append(
                        Measure(
                            "leakage", value, "residual risk", "lower protects",
                            low=value - 0.1, high=value + 0.1,
                            where={**where, "leak": f"leak {leak}", "attack": "some"},
                        )
                    )  # fmt: skip
    return Result("privkit test", {}, 0, [], [], measures)


def test_points_are_read_from_the_measures() -> None:
    points = points_of(result())
    assert len(points) == 2 * 2 * 9
    first = points[0]
    assert (first.task, first.leak, first.setting, first.bits) == ("task 0", "leak 0", "one 0", 1)
    assert first.useful == pytest.approx((0.9, 0.85, 0.95))
    assert first.leaked == pytest.approx((0.85, 0.75, 0.95))


def test_the_picture_names_the_front_and_is_the_same_every_time(tmp_path: Path) -> None:
    drawn = draw_tradeoff(tmp_path, result())
    before = drawn.path.read_bytes()
    assert before.startswith(b"\x89PNG")
    assert "leak 0, task 1: other 0, other 1, other 2, other 3, other 4" in drawn.alt
    assert draw_tradeoff(tmp_path, result()).path.read_bytes() == before
    three = draw_tradeoff(tmp_path, result(1, 3), columns=3)
    assert three.path.read_bytes() != before


def test_numbers_stand_in_the_panel_apart_from_points_and_each_other() -> None:
    from privkit.report.figures import new_figure

    at = [(90.0 - 4 * n, 90.0 - 6 * n) for n in range(12)] + [(104.0, 108.0), (90.0, 90.0)]
    with new_figure() as figure:
        axis = figure.subplots()
        axis.set(xlim=(-3, 106), ylim=(-5, 109))
        places = tradeoff._places(axis, at, at)
    inch = (109 / (tradeoff._PANEL[0] - 0.9), 114 / (tradeoff._PANEL[1] - 1.3))
    scaled = [(x / inch[0], y / inch[1]) for x, y in places]
    covered = [(x / inch[0], y / inch[1]) for x, y in at]
    for n, place in enumerate(scaled):
        assert -3 < places[n][0] < 106
        assert -5 < places[n][1] < 109
        others = covered + scaled[:n]
        assert min(math.dist(place, other) for other in others) > 0.1
        assert math.dist(place, covered[n]) < 0.4


def test_names_of_a_front_are_not_broken() -> None:
    names = [f"({n}) some setting of {n} bits" for n in range(9)]
    lines = tradeoff._lines(names)
    assert all(any(name in line for line in lines) for name in names)
    assert max(map(len, lines)) <= tradeoff._LETTERS + 2


def test_a_panel_whose_points_all_leak_nothing_is_drawn(tmp_path: Path) -> None:
    nothing = [
        replace(m, value=-0.1, low=-0.2, high=0.1) if m.name == "leakage" else m
        for m in result(1, 1).measures
    ]
    drawn = draw_tradeoff(tmp_path, replace(result(1, 1), measures=nothing))
    assert "Pareto fronts, the most useful first. leak 0, task 0: one 0, other 0." in drawn.alt

"""The figures of a sweep: what they need, what they say, and that nothing is drawn over another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from privkit.report import sweep
from privkit.report.figures import save
from privkit.report.sweep import (
    _free_places,
    draw_accuracy,
    draw_usefulness_and_privacy,
)
from privkit.result import Measure, Result

NOTICE = "These are made up."
LEVELS = {1: 0.4, 2: 0.5, 4: 0.7, 10: 0.9, 100: 0.92, 1000: 0.93}


def result_of(tasks: tuple[str, ...], secrets: tuple[str, ...] = ()) -> Result:
    """A sweep's measures, made up."""
    measures = []
    stores = [(f"FeatComp {b} bits", "featcomp", b, v) for b, v in LEVELS.items()]
    stores += [
        ("Floats", "floats", 16_384, 0.94),
        ("Q-only", "question-only", 0, 0.35),
        ("Options-only", "options-only", 0, 0.2),
        ("Random guess", "random", 0, 0.19),
        ("R-only 10 bits", "reconstruction-only", 10, 0.5),
        ("FeatComp+R 10 bits", "task+reconstruction", 10, 0.88),
        ("4×FeatComp 10 bits", "4x-clips", 40, 0.91),
    ]
    for task in tasks:
        measures.append(Measure("chance", 0.2, "share", "neither", where={"task": task}))
        size = Measure("supervision", 30.9, "bits a pair", "neither", where={"task": task})
        measures.append(size)
        for label, method, bits, value in stores:
            where = {"task": task, "variant": label, "method": method}
            measures.append(share("accuracy", value, {**where, "answer type": "all"}))
            measures.append(Measure("bits stored", bits, "bits a video", "neither", where=where))
            if method not in ("featcomp", "floats"):
                continue
            for secret in secrets:
                for probe, read in (("linear", value / 2), ("nearest", value / 4), ("chance", 0.1)):
                    at = {"task": task, "variant": label, "secret": secret, "probe": probe}
                    measures.append(share("secret read", read, at))
    result = Result("privkit videoqa sweep", {"seeds": [0, 1, 2]}, 0, [], [], measures)
    object.__setattr__(result, "data", [_Data()])
    return result


class _Data:
    notice = NOTICE


def share(name: str, value: float, where: dict[str, str]) -> Measure:
    low, high = max(0.0, value - 0.02), min(1.0, value + 0.02)
    return Measure(name, value, "share", "neither", low=low, high=high, where=where)


def test_accuracy_is_the_same_picture_every_time_and_told_in_words(tmp_path: Path) -> None:
    result = result_of(("action", "frameqa"))
    first = draw_accuracy(tmp_path, result)
    data = first.path.read_bytes()
    assert draw_accuracy(tmp_path, result).path.read_bytes() == data
    assert "action: FeatComp 1 bits 40 (38-42), " in first.alt
    assert first.alt.endswith("Floats 94 (92-96), supervision 30.9 bits a question.")
    assert "95% intervals over the test videos and over the seeds" in first.caption
    with Image.open(first.path) as picture:
        assert picture.width > picture.height > 400


def test_five_tasks_take_two_rows(tmp_path: Path) -> None:
    one = draw_accuracy(tmp_path, result_of(("a", "b", "c"))).path
    with Image.open(one) as picture:
        height = picture.height
    two = draw_accuracy(tmp_path, result_of(("a", "b", "c", "d", "e"))).path
    with Image.open(two) as picture:
        assert picture.height > 1.7 * height


def test_usefulness_and_privacy_of_every_task_and_secret(tmp_path: Path) -> None:
    picture = draw_usefulness_and_privacy(tmp_path, result_of(("action",), ("identity", "side")))
    assert picture is not None
    assert picture.path.name == "usefulness_and_privacy.png"
    assert picture.alt.startswith("1 tasks by 2 secrets (identity, side)")
    assert "not shown to be private" in picture.caption
    assert "only the stronger one on each store is drawn" in picture.caption
    assert "over the test videos and over the seeds" in picture.caption


def test_without_probes_there_is_no_second_figure(tmp_path: Path) -> None:
    assert draw_usefulness_and_privacy(tmp_path, result_of(("action",))) is None
    assert list(tmp_path.iterdir()) == []


def drawn(path: Path, result: Result, monkeypatch: pytest.MonkeyPatch) -> Figure:
    """The accuracy figure as it is before it becomes a picture."""
    kept: list[Figure] = []

    def keep(figure: Figure, path: Path, **more: Any) -> Path:
        kept.append(figure)
        return save(figure, path, **more)

    monkeypatch.setattr(sweep, "save", keep)
    draw_accuracy(path, result)
    kept[0].draw_without_rendering()  # places in the figure's own resolution, not the picture's
    return kept[0]


@pytest.mark.parametrize("tasks", [("action",), ("action", "transition", "frameqa")])
def test_the_lines_are_named_in_the_legend_and_cover_no_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tasks: tuple[str, ...]
) -> None:
    figure = drawn(tmp_path, result_of(tasks), monkeypatch)
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert {"Q-only", "Options-only", "Random guess", "Chance"} < set(names)
    assert len(names) == len(set(names))
    width = figure.get_figwidth() * figure.dpi
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= width
    for axis in figure.axes:
        assert len(axis.texts) == 1  # the supervision size; nothing else is written into a panel


@pytest.mark.parametrize("bits", [1.3, 30.9, 9000.0])
def test_the_supervision_size_is_named_above_all_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: float
) -> None:
    result = result_of(("action",))
    others = [m for m in result.measures if m.name != "supervision"]
    size = Measure("supervision", bits, "bits a pair", "neither", where={"task": "action"})
    object.__setattr__(result, "measures", [*others, size])
    figure = drawn(tmp_path, result, monkeypatch)
    (axis,) = figure.axes
    (text,) = axis.texts
    assert text.get_text() == f"supervision size\n{bits:.1f} bits a question"
    box, panel = text.get_window_extent(), axis.get_window_extent()
    assert panel.x0 <= box.x0
    assert box.x1 <= panel.x1
    assert box.y0 > axis.transData.transform((1, 102))[1]
    assert box.y1 <= panel.y1


def test_labels_cover_neither_points_nor_each_other() -> None:
    points = [(50.0, 6.0), (66.0, 7.0), (88.0, 8.0), (96.0, 8.0), (97.0, 60.0), (97.5, 90.0)]
    places = _free_places(points)
    everything = [*points, *places]
    for n, (x, y) in enumerate(everything):
        for u, v in places:
            if (u, v) != (x, y):
                assert abs(x - u) > 6.9 or abs(y - v) > 5.4, n


def test_a_crowd_of_points_is_labelled_all_the_same() -> None:
    assert len(_free_places([(98.0, 99.0)] * 12)) == 12

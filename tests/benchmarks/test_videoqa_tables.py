"""The scripts of the VideoQA tables on a few generated videos, and Table 1 with measured sizes."""

from __future__ import annotations

import importlib
import json
import sys
from functools import partial
from pathlib import Path

import pytest

from privkit.data.videos.generated import generate_videos
from privkit.videoqa.sweep import default_variants

PAPER = Path(__file__).parents[2] / "benchmarks" / "paper"
SETTINGS = [
    *("--set", "training.pretraining_steps=0"),
    *("--set", "training.epochs=1"),
    *("--set", "video.frames=2"),
    *("--set", "model.layers=1"),
]
SCRIPTS = {
    "table2": ["--task", "action", "--task", "frameqa", "--seeds", "1"],
    "table3": ["--task", "frameqa", "--least", "5"],
    "table4": ["--task", "action", "--seeds", "2", "--mpeg4-videos", "5"],
    "figure4": ["--task", "action"],
}
FILES = {"table2": {"transfer.png"}, "table3": {"words.csv"}, "table4": set()}


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(PAPER))
    monkeypatch.setattr("privkit.videoqa.map_study._LONG", 2)
    return importlib.import_module


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.getbasetemp() / "few-videos"
    if not folder.is_dir():
        generate_videos(folder, videos=60, processes=1)
    return folder


@pytest.mark.slow
def test_figure_3_at_one_level(scripts, data, tmp_path, monkeypatch) -> None:
    figure3 = scripts("figure3")
    monkeypatch.setattr(figure3, "default_variants", partial(default_variants, (4,)))
    monkeypatch.setattr(figure3, "usable_cores", lambda: 1)
    out = tmp_path / "out"
    given = ["--data", str(data), "--task", "action", "--seeds", "2", *SETTINGS, "--out", str(out)]
    assert figure3.main(given) == 0
    drawn = {"accuracy.png", "usefulness_and_privacy.png"}
    assert {p.name for p in out.iterdir()} == {"result.json", "figure3.md", *drawn}
    kept = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert kept["command"].startswith("python benchmarks/paper/figure3.py --data few-videos")
    assert "and over the seeds" in (out / "figure3.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.slow
def test_a_script(name, scripts, data, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    given = ["--data", str(data), *SCRIPTS[name], "--bits", "4", *SETTINGS, "--out", str(out)]
    assert scripts(name).main(given) == 0
    drawn = FILES.get(name, {"maps.png", "frames.png"})
    assert {p.name for p in out.iterdir()} == {"result.json", f"{name}.md", *drawn}
    text = (out / f"{name}.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == text
    assert "These are generated videos" in text
    kept = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert kept["command"].startswith(f"python benchmarks/paper/{name}.py --data few-videos")
    assert str(tmp_path) not in text + json.dumps(kept)
    assert str(data) not in text + json.dumps(kept)


def test_a_script_says_what_is_wrong(scripts, tmp_path, capsys) -> None:
    given = ["--bits", "0", "--out", str(tmp_path / "out")]
    assert scripts("table4").main(given) == 2
    assert "table4: error: --bits" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_table1_with_measured_sizes(scripts, tmp_path, monkeypatch, capsys) -> None:
    sizes = {
        "notices": ["generated"],
        "measures": [
            {
                "name": "bytes",
                "value": 75.0,
                "n": 60,
                "where": {"stored as": "codes of 10 bits", "videos": "60"},
            },
            {"name": "accuracy", "value": 0.5, "n": 10, "where": {}},
        ],
    }
    (tmp_path / "result.json").write_text(json.dumps(sizes))
    arguments = ["table1", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", [*arguments, "--sizes", str(tmp_path / "result.json")])
    scripts("table1").main()
    assert "| codes of 10 bits | 1.25 | 60 |" in capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "table1.json").read_text(encoding="utf-8"))
    assert record["measured"]["rows"][0]["bytes"] == 75.0
    monkeypatch.setattr(sys, "argv", [*arguments, "--sizes", str(tmp_path / "out" / "table1.json")])
    with pytest.raises(SystemExit, match="no result of sizes"):
        scripts("table1").main()

"""A real sweep of a small generated set: its order, its cache, and input that it refuses."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_set import small_source

import privkit.videoqa.sweep as sweeping
from privkit.errors import InputError
from privkit.videoqa.findings import secret_reads, sweep_result
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.sweep import default_variants, run_sweep

LEVELS = (1, 10)
FLOATS = (Variant(METHODS["floats"]),)
FEW_BITS = (Variant(METHODS["featcomp"], 10),)
SETTINGS = ("training.reconstruction_epochs=1",)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    made = [small_source(base, name, *SETTINGS) for name in ("action", "frameqa")]
    cache = tmp_path_factory.mktemp("sweep")
    return [replace(source, cache=cache) for source in made]


@pytest.fixture(scope="module")
def swept(sources):
    order, told = [], []
    run = sweeping._run

    def noted(job):
        order.append((job.source.task, job.variant.method.name))
        return run(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "_run", noted)
        found = run_sweep(
            sources,
            default_variants(LEVELS),
            seeds=(0,),
            workers=1,
            tick=lambda *step: told.append(step),
        )
    return found, order, told


def test_floats_come_first_and_outcomes_in_order(swept) -> None:
    found, order, told = swept
    assert [task.questions.task for task in found.tasks] == ["action", "frameqa"]
    variants = default_variants(LEVELS)
    assert [(o.job.source.task, o.job.variant) for o in found.outcomes] == [
        (task, variant) for task in ("action", "frameqa") for variant in variants
    ]
    assert sorted(set(order[:2])) == [("action", "floats"), ("action", "question-only")]
    for task in ("action", "frameqa"):
        first = order.index((task, "floats"))
        after = [n for n, (of, name) in enumerate(order) if of == task and METHODS[name].bottleneck]
        assert first < min(after)
    steps = [step for step in told if step[0] == "trainings"]
    assert steps == [("trainings", n + 1, len(order)) for n in range(len(order))]


def test_what_each_outcome_holds(swept) -> None:
    for outcome in swept[0].outcomes:
        method = outcome.job.variant.method
        assert (outcome.more_clips is not None) == (method.name == "featcomp")
        secrets = {secret for secret, _ in outcome.secrets}
        assert secrets == ({"identity", "background", "side"} if method.video else set())
        assert all(read.share.n == 12 for read in outcome.secrets.values())


def test_a_sweep_goes_on_from_the_cache(sources, swept) -> None:
    cache = sources[0].cache
    files = {path: path.stat().st_mtime_ns for path in cache.glob("training-*.safetensors")}
    assert len(files) == 2 * (len(default_variants(LEVELS)) - 1)  # all but the random guess
    again = run_sweep(sources[:1], (*FLOATS, *FEW_BITS), seeds=(0,), workers=1)
    known = {(o.job.source.task, o.job.variant): o for o in swept[0].outcomes}
    for second in again.outcomes:
        first = known["action", second.job.variant]
        np.testing.assert_array_equal(first.predictions.chosen, second.predictions.chosen)
        assert {k: r.share for k, r in first.secrets.items()} == {
            k: r.share for k, r in second.secrets.items()
        }
    assert files == {path: path.stat().st_mtime_ns for path in cache.glob("training-*.safetensors")}


def test_the_result_of_it(swept) -> None:
    found = swept[0]
    result = sweep_result(
        found.outcomes, found.tasks, privacy=secret_reads(found.outcomes), command="c"
    )
    where = {"task": "action", "variant": "Floats", "secret": "side", "probe": "linear"}
    assert result.measure("secret read", **where).n == 12
    assert any("4 codes a video, which were not probed" in w for w in result.warnings)


@pytest.fixture
def copied(sources, tmp_path):
    """The source of the same videos in a folder of the test's own, and its attributes."""
    shutil.copytree(sources[0].data, tmp_path / "set")
    with (tmp_path / "set" / "attributes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return replace(sources[0], data=str(tmp_path / "set")), rows


def write(source, rows, columns) -> None:
    path = Path(source.data) / "attributes.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def secrets_and_warnings(source):
    found = run_sweep([source], FLOATS, seeds=(0,), workers=1)
    result = sweep_result(
        found.outcomes, found.tasks, privacy=secret_reads(found.outcomes), command="c"
    )
    return {secret for secret, _ in found.outcomes[0].secrets}, result.warnings


def test_odd_attributes_are_told_and_the_others_probed(copied) -> None:
    source, rows = copied
    for row in rows:
        row["side"] = "left"
    write(source, rows[1:], ["video", "identity", "side"])
    secrets, warned = secrets_and_warnings(source)
    assert secrets == {"identity"}
    assert any(w.startswith("action: side is not probed: it has 1 value in") for w in warned)
    assert any(w.startswith("action: 1 of 54 videos have no identity") for w in warned)


def test_other_columns_are_probed_where_the_usual_ones_are_missing(copied) -> None:
    source, rows = copied
    write(source, rows, ["video", "hat", "split"])
    assert secrets_and_warnings(source)[0] == {"hat"}


def no_training(patch) -> None:
    def never(*_args, **_kwargs):
        raise AssertionError("something was made ready or trained")

    patch.setattr(sweeping, "trained", never)
    patch.setattr("privkit.videoqa.task.prepare", never)


def test_attributes_that_cannot_be_used_are_refused_first(copied, monkeypatch) -> None:
    source, rows = copied
    write(source, rows, ["identity", "side"])
    no_training(monkeypatch)
    with pytest.raises(InputError, match="column of the attributes is missing"):
        run_sweep([source], FLOATS, seeds=(0,), workers=1)


def test_a_set_without_a_test_split_is_refused_first(copied, monkeypatch) -> None:
    source, _ = copied
    path = Path(source.data) / "questions.jsonl"
    kept = [s for s in path.read_text().splitlines() if json.loads(s)["split"] != "test"]
    path.write_text("\n".join(kept) + "\n")
    no_training(monkeypatch)
    with pytest.raises(InputError, match=r"no test question.*rule: a test split.*test file"):
        run_sweep([source], FLOATS, seeds=(0,), workers=1)


@pytest.mark.parametrize(("workers", "together"), [(1, [10]), (2, [10, 10]), (9, [10, 10, 1, 1])])
def test_the_largest_levels_must_fit_together(sources, monkeypatch, workers, together) -> None:
    """Two tasks at 1 and 10 bits and floats, so many at a time."""
    asked = []

    def refuses(bits, shape, *, device) -> None:
        asked.append((list(bits), shape, device))
        raise InputError("too much")

    monkeypatch.setattr(sweeping, "check_memory", refuses)
    no_training(monkeypatch)
    variants = (*FLOATS, *(Variant(METHODS["featcomp"], n) for n in LEVELS))
    with pytest.raises(InputError, match="too much"):
        run_sweep(sources, variants, seeds=(0,), workers=workers)
    assert asked == [(together, (1, 2, 2, 64), "cpu")]

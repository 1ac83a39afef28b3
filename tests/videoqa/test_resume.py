"""A training that is killed goes on, and ends bit for bit where it would have ended."""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import a_training, forked, same_weights, settings

from privkit.errors import InputError
from privkit.models.training import TrainingError
from privkit.videoqa.distributed import Processes
from privkit.videoqa.snapshots import read_snapshot
from privkit.videoqa.train import Training, train

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """A forked child has one thread, and another number of threads adds up in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


VARIANTS = [("featcomp", 6), ("floats", None), ("reconstruction-only", 6)]


def killed(make: Any, snapshot: Path, at: int, folder: Path, processes: int = 1) -> None:
    """Train with a snapshot after every step and kill -9 itself after so many steps."""
    steps = 0

    def tick(_step: str, _done: int, _total: int) -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def work(_rank: int) -> None:
        train(make(), group=Processes(), snapshot=snapshot, every=0.0, tick=tick)

    assert forked(work, processes, folder) == [None], "it was not killed"


def with_dropout(name: str, bits: int | None) -> Training:
    configuration = settings(epochs=4, batch=8, validations=4, reconstruction_epochs=3)
    plain = configuration.override(["model.dropout=0.2"])
    return a_training(name, bits, configuration=plain)


@pytest.mark.parametrize(("name", "bits"), VARIANTS)
@pytest.mark.parametrize("points", [[1], [2, 5], [4, 1, 6], [11]])
def test_a_killed_training_ends_with_the_same_bits(
    tmp_path: Path, name: str, bits: int | None, points: list[int]
) -> None:
    whole = with_dropout(name, bits)
    history = train(whole, group=Processes()).history
    snapshot = tmp_path / "snapshot.safetensors"
    for at in points:
        killed(lambda: with_dropout(name, bits), snapshot, at, tmp_path)
    resumed = with_dropout(name, bits)
    progress = train(resumed, group=Processes(), snapshot=snapshot)
    assert same_weights(resumed.model.state_dict(), whole.model.state_dict())
    assert progress.history == history
    again = with_dropout(name, bits)
    assert train(again, group=Processes(), snapshot=snapshot).history == history
    assert same_weights(again.model.state_dict(), whole.model.state_dict())


def test_a_resumed_training_takes_up_at_its_snapshot(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.safetensors"
    killed(a_training, snapshot, 7, tmp_path)
    kept = read_snapshot(snapshot, a_training().key)
    assert kept is not None
    assert kept.progress.step == 6  # the snapshot of step 7 was still to come
    steps: list[int] = []
    resumed = a_training()
    train(
        resumed,
        group=Processes(),
        snapshot=snapshot,
        tick=lambda _name, step, _total: steps.append(step),
    )
    assert steps == list(range(7, 13))


def test_the_generator_of_the_caller_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    train(a_training(), group=Processes(), snapshot=tmp_path / "s.safetensors")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("keep", [0, 7, 100, 0.5, 0.999])
def test_a_truncated_snapshot_is_refused(tmp_path: Path, keep: float) -> None:
    snapshot = tmp_path / "snapshot.safetensors"
    killed(a_training, snapshot, 5, tmp_path)
    whole = snapshot.read_bytes()
    snapshot.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(InputError, match=r"cannot be read.*remove it"):
        train(a_training(), group=Processes(), snapshot=snapshot)


def test_the_snapshot_of_another_training_is_refused(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.safetensors"
    train(a_training(), group=Processes(), snapshot=snapshot)
    with pytest.raises(InputError, match="another training"):
        train(a_training(seed=4), group=Processes(), snapshot=snapshot)


def test_a_file_that_cannot_be_written_leaves_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "snapshot.safetensors"
    killed(a_training, snapshot, 5, tmp_path)
    before = snapshot.read_bytes()

    def full(*_args: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("privkit.videoqa.snapshots.save_file", full)
    with pytest.raises(OSError, match="No space"):
        train(a_training(), group=Processes(), snapshot=snapshot, every=0.0)
    assert snapshot.read_bytes() == before
    assert [p.name for p in tmp_path.glob("*unfinished*")] == []


def test_a_nan_loss_stops_and_names_the_last_good_snapshot(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.safetensors"
    training = a_training()
    good = copy.deepcopy(training.source.x)  # type: ignore[attr-defined]

    def spoil(_name: str, step: int, _total: int) -> None:
        if step == 5:
            training.source.x.fill_(float("nan"))  # type: ignore[attr-defined]

    with pytest.raises(
        TrainingError, match=r"task: the loss is nan at step 5.*snapshot is .*"
    ) as e:
        train(training, group=Processes(), snapshot=snapshot, every=0.0, tick=spoil)
    assert str(snapshot) in str(e.value)
    kept = read_snapshot(snapshot, training.key)
    assert kept is not None
    assert kept.progress.step == 5
    assert all(v.isfinite().all() for v in load_file(snapshot).values() if v.is_floating_point())
    mended = a_training()
    mended.source.x = good  # type: ignore[attr-defined]
    whole = a_training()
    train(whole, group=Processes())
    train(mended, group=Processes(), snapshot=snapshot)
    assert same_weights(mended.model.state_dict(), whole.model.state_dict())


def test_a_huge_learning_rate_stops_in_one_line(tmp_path: Path) -> None:
    wild = settings(epochs=20, batch=8, learning_rate=1e30, bottleneck_learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"not finite|the loss is") as error:
        train(
            a_training(configuration=wild),
            group=Processes(),
            snapshot=tmp_path / "s.safetensors",
            every=0.0,
        )
    assert "\n" not in str(error.value)
    assert "learning rate" in str(error.value)

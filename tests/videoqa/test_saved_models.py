"""Saved models: what is loaded is what was saved, from raw videos to codes and answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_training import same_weights, settings

from privkit.data.videos.generated import generate_videos
from privkit.errors import InputError
from privkit.features.open import open_codes
from privkit.videoqa.answering import answer, folder_videos, source_of, split_videos, times_of
from privkit.videoqa.distributed import Processes
from privkit.videoqa.encode import encode, write_codes
from privkit.videoqa.methods import Variant
from privkit.videoqa.saved import SavedModel, load_model, save_model
from privkit.videoqa.task import Task, TaskSource
from privkit.videoqa.trained import Trained, trained

HOW = settings(epochs=1, batch=16).override(["video.frames=3"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "set"
    generate_videos(folder, videos=50, processes=1)
    return folder


def source(data: Path, task: str = "action", *, end_to_end: bool = False) -> TaskSource:
    cache = data.parent / "cache"
    return TaskSource(str(data), task, None, 0, HOW, cache, end_to_end=end_to_end)


@pytest.fixture(scope="module")
def task(data: Path) -> Task:
    return source(data).open()


@pytest.fixture(scope="module")
def made(task: Task) -> Trained:
    return trained(task, Variant.named("featcomp", 9), seed=1, keep=False)


@pytest.fixture(scope="module")
def path(task: Task, made: Trained) -> Path:
    file = task.cache.parent / "model.safetensors"
    save_model(file, task, made)
    return file


@pytest.fixture
def saved(path: Path) -> SavedModel:
    return load_model(path)


def test_what_is_loaded_is_what_was_saved(task: Task, made: Trained, saved: SavedModel) -> None:
    assert saved.configuration == task.configuration
    assert saved.variant == made.variant
    assert (saved.set_name, saved.task) == (task.questions.name, "action")
    assert saved.notice == task.questions.notice != ""
    assert saved.tokenizer.vocabulary == task.tokenizer.vocabulary
    assert saved.vocabulary is None
    assert saved.shape == task.features.shape
    assert saved.questions_sha256 == task.questions.sha256
    assert same_weights(saved.model.state_dict(), made.model.state_dict())
    assert same_weights(saved.backbone.state_dict(), task.backbone.state_dict())
    assert not saved.model.training
    assert not saved.backbone.training


def test_pooling_is_kept(task: Task, made: Trained, tmp_path: Path) -> None:
    assert made.model.pooling == "mean"
    configuration = task.configuration.override(["video.pooling=logsumexp"])
    other = replace(task, configuration=configuration)
    model = other.model(made.variant, seed=1).eval()
    assert model.pooling == "logsumexp"
    save_model(tmp_path / "model.safetensors", other, replace(made, model=model))
    assert load_model(tmp_path / "model.safetensors").model.pooling == "logsumexp"


def test_raw_videos_give_the_answers_of_the_training(
    task: Task, made: Trained, saved: SavedModel, tmp_path: Path
) -> None:
    asked = task.questions.split("test")
    wanted = answer(
        made.variant, made.model, task.batches("test", made.variant), task.features, None,
        seed=0, group=Processes(),
    )  # fmt: skip
    raw = source_of(saved, split_videos(task.questions, "test"), cache=tmp_path)
    found = answer(
        saved.variant, saved.model, saved.batches(asked), raw, None, seed=0, group=Processes()
    )
    assert np.array_equal(found.chosen, wanted.chosen)


def test_the_same_training_gives_the_same_bytes(
    task: Task, made: Trained, path: Path, tmp_path: Path
) -> None:
    save_model(tmp_path / "again.safetensors", task, made)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert str(task.cache.parent).encode() not in path.read_bytes()


def test_a_code_does_not_depend_on_its_batch(
    task: Task, saved: SavedModel, data: Path, tmp_path: Path
) -> None:
    """Through decoding, backbone and bottleneck: alone, in threes, and all at once."""
    files = folder_videos(data / "videos")
    names = sorted(files)[:12]
    whole = encode(saved.model, names, source_of(saved, files, cache=tmp_path / "all"))
    assert len(set(map(bytes, whole.codes.packed))) > 1
    for size in (1, 5):
        rows = []
        for n in range(0, len(names), size):
            some = {name: files[name] for name in names[n : n + size]}
            raw = source_of(saved, some, cache=tmp_path / f"{size}-{n}")
            rows.append(encode(saved.model, sorted(some), raw).codes.packed)
        assert np.array_equal(np.concatenate(rows), whole.codes.packed)


@pytest.mark.parametrize("bits", [1, 7, 8, 10, 16])
def test_stored_codes_are_read_back(task: Task, tmp_path: Path, bits: int) -> None:
    model = task.model(Variant.named("featcomp", bits), seed=0).eval()
    stored = encode(model, sorted(task.features.row), task.features)
    write_codes(tmp_path, stored)
    read = open_codes(tmp_path / "codes.npy", bits=bits)
    assert read.n == len(stored.videos)
    assert (tmp_path / "videos.txt").read_text().split() == list(stored.videos)
    back = np.load(tmp_path / "codes.npy")
    assert np.array_equal(np.unpackbits(back, axis=1)[:, :bits], stored.codes.to_matrix())


def test_four_times_the_clips_go_through_the_one_encoder_in_groups(
    task: Task, saved: SavedModel, tmp_path: Path
) -> None:
    videos = split_videos(task.questions, "test")
    raw = source_of(saved, videos, times=4, cache=tmp_path)
    x = raw.take(sorted(videos)[:3])
    assert x.shape == (3, 4, *saved.shape[1:])
    decoded = saved.model.decoded(x)
    for clip in range(4):
        alone = saved.model.decoded(x[:, clip : clip + 1])
        torch.testing.assert_close(decoded[:, clip : clip + 1], alone)


@pytest.mark.parametrize(("text", "times"), [("1x", 1), ("4x", 4), ("64x", 64)])
def test_times(text: str, times: int) -> None:
    assert times_of(text) == times


@pytest.mark.parametrize("text", ["", "x", "4", "0x", "-4x", "4.5x", "65x", "999x", "٤x", "4xx"])
def test_other_numbers_of_clips_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--clips"):
        times_of(text)


@pytest.mark.slow
def test_a_model_trained_from_frames_answers_from_frames(data: Path, tmp_path: Path) -> None:
    task = source(data, "frameqa", end_to_end=True).open()
    made = trained(task, Variant.named("featcomp", 4), seed=1, keep=False)
    drawn = task.backbone.state_dict()
    assert made.model.backbone is not None
    learned = made.model.backbone.state_dict()
    changed = {name for name, value in learned.items() if not torch.equal(value, drawn[name])}
    assert changed == {"grid_encoder.0.weight"}  # the ResNet and its batch norms stay
    save_model(tmp_path / "m.safetensors", task, made)
    saved = load_model(tmp_path / "m.safetensors")
    assert saved.end_to_end
    assert saved.vocabulary == task.vocabulary
    assert same_weights(saved.model.state_dict(), made.model.state_dict())
    videos = split_videos(task.questions, "test")
    raw = source_of(saved, videos, cache=tmp_path)
    names = sorted(videos)[:3]
    codes = encode(saved.model, names, raw).codes.packed
    assert np.array_equal(codes, encode(made.model, names, task.features).codes.packed)


@pytest.mark.parametrize("workers", [0, 1])
def test_moments_depend_on_seed_epoch_and_question_alone(data: Path, workers: int) -> None:
    from privkit.videoqa.batches import Part
    from privkit.videoqa.frames import Frames, frame_batches

    task = source(data, end_to_end=True).open()
    assert isinstance(task.features, Frames)
    questions = task.batches("train", Variant.named("featcomp", 4))
    made = frame_batches(questions, task.features, seed=7, workers=workers)
    state = torch.get_rng_state()
    parts = [Part(0, np.array([3, 1]), 1.0), Part(1, np.array([1]), 2.0)]
    first, second = list(made(iter(parts)))
    (again,) = made(iter([Part(1, np.array([1]), 2.0)]))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(again.video, second.video)
    assert not torch.equal(first.video[1], second.video[0])
    assert first.video.shape == (2, 1, 3, 3, 64, 64)
    assert (second.weight, second.index.tolist()) == (2.0, [1])


def test_models_without_a_video_do_not_train_from_frames(data: Path) -> None:
    task = source(data, end_to_end=True).open()
    for name in ("question-only", "options-only", "random"):
        with pytest.raises(InputError, match="--end-to-end"):
            task.model(Variant.named(name, None), seed=0)


def test_a_model_of_floats_has_no_code(task: Task) -> None:
    for name in ("floats", "question-only"):
        with pytest.raises(InputError, match="no code to store"):
            encode(task.model(Variant.named(name, None), seed=0), ["x"], task.features)


def test_another_kind_of_questions_is_refused(data: Path, saved: SavedModel) -> None:
    other = source(data, "frameqa").open().questions
    with pytest.raises(InputError, match=r"multiple-choice.*found: open-ended"):
        saved.check_kind(other)


@pytest.mark.parametrize("keep", [0, 5, 200, 0.5, 0.99])
def test_a_damaged_file_is_one_line(path: Path, tmp_path: Path, keep: float) -> None:
    whole = path.read_bytes()
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(InputError, match="or it is damaged") as error:
        load_model(bad)
    assert "\n" not in str(error.value)


def rewrite(path: Path, target: Path, change: dict[str, object], **tensors: object) -> Path:
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["privkit"])
    weights = {k: v for k, v in (load_file(path) | tensors).items() if v is not None}
    save_file(weights, target, metadata={"privkit": json.dumps({**described, **change})})
    return target


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "another safetensors file"),
        ({"version": 2}, "another version of the format"),
        ({"bits": 8}, "another configuration"),
        ({"bits": None}, "bits is missing"),
        ({"bits": True}, "bits"),
        ({"method": "floats", "bits": None}, "another configuration"),
        ({"method": "magic"}, "no such baseline"),
        ({"words": 5}, "words"),
        ({"words": ["a"]}, "no BERT vocabulary"),
        ({"answers": ["yes", "no", "maybe"]}, "another configuration"),
        ({"shape": [1, 1, 1, 1]}, "another configuration"),
        ({"configuration": "name = 3"}, "not one of this privkit"),
        ({"seed": "0"}, "seed"),
    ],
)
def test_a_changed_file_is_refused(
    path: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words) as error:
        load_model(rewrite(path, tmp_path / "changed.safetensors", change))
    assert "\n" not in str(error.value)


def test_weights_that_do_not_fit_are_named(path: Path, tmp_path: Path) -> None:
    name = "stored/encoder.weight"
    for changed in (None, torch.zeros(3, 3), load_file(path)[name].half()):
        file = rewrite(path, tmp_path / "changed.safetensors", {}, **{name: changed})
        with pytest.raises(InputError, match=rf"another configuration.*{name}"):
            load_model(file)
    file = rewrite(path, tmp_path / "more.safetensors", {}, extra=torch.zeros(1))
    with pytest.raises(InputError, match="extra is unknown"):
        load_model(file)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    for name in ("foreign", "text"):
        with pytest.raises(InputError, match="no model that privkit saved"):
            load_model(tmp_path / f"{name}.safetensors")
    with pytest.raises(InputError, match="no trained model"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="no trained model"):
        load_model(tmp_path / "absent")


def test_a_bottleneck_too_large_is_refused_before_it_is_allocated(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privkit.videoqa.model._available_memory", lambda: 2**20)
    with pytest.raises(InputError, match=r"it needs .* GiB.*found: 0.0 GiB"):
        task.model(Variant.named("featcomp", 60_000), seed=0)


def test_bad_videos_are_left_out_and_named(data: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "set"
    shutil.copytree(data, folder)
    files = sorted((folder / "videos").iterdir())
    files[0].write_bytes(b"")
    files[1].write_bytes(files[1].read_bytes()[:300])
    files[2].unlink()
    for end_to_end in (False, True):
        task = replace(source(folder, end_to_end=end_to_end), cache=tmp_path / "cache").open()
        assert set(task.left_out) == {f.stem for f in files[:3]}
        assert "empty" in task.left_out[files[0].stem]
        assert task.left_out[files[2].stem] == "not found"
        assert not {q.video for q in task.questions.questions} & set(task.left_out)
        assert str(tmp_path) not in json.dumps(task.left_out)

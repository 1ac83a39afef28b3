from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from privkit.errors import InputError
from privkit.models.checkpoints import checkpoint_path, load_checkpoint, save_checkpoint
from privkit.models.face_net import FaceNet
from privkit.models.train_faces import REQUIRED_ACCURACY, train_face_net, training_accuracy
from privkit.models.training import TrainingError, fit


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """These people are learned in a third of the steps that faces need."""
    monkeypatch.setattr("privkit.models.train_faces._STEPS", 200)


@pytest.fixture
def easy() -> tuple[np.ndarray, np.ndarray]:
    """Six well separated people of 30 pixels, 5 photos each."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(6), 5)
    pixels = np.clip(rng.normal(size=(6, 30))[person] + 0.1 * rng.normal(size=(30, 30)), -1, 1)
    return pixels.astype(np.float32), person


def _train(easy: tuple[np.ndarray, np.ndarray], cache: Path | None, **kwargs: object) -> FaceNet:
    settings = {"people": 6, "bits": 8, "seed": 0, "data_sha256": "0" * 64, **kwargs}
    net, accuracy = train_face_net(*easy, cache=cache, **settings)  # type: ignore[arg-type]
    assert accuracy >= REQUIRED_ACCURACY
    return net


@pytest.mark.parametrize("bits", [None, 8, 64])
def test_a_network_reaches_the_required_accuracy(
    easy: tuple[np.ndarray, np.ndarray], bits: int | None
) -> None:
    net = _train(easy, None, bits=bits)
    assert not net.training
    stored = net.store(easy[0])
    assert stored.shape == (30, bits or 40)
    if bits:
        assert set(np.unique(stored)) == {-1.0, 1.0}
    else:
        assert np.abs(stored).max() < 1


def test_the_same_seed_gives_the_same_weights(easy: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = _train(easy, None).state_dict(), _train(easy, None).state_dict()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_training_leaves_the_global_generator_alone(easy: tuple[np.ndarray, np.ndarray]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _train(easy, None)
    assert torch.equal(torch.rand(3), expected)


def test_a_trained_network_is_kept_and_reused(
    easy: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    first = _train(easy, tmp_path)
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    second = _train(easy, tmp_path)
    assert kept.stat().st_mtime_ns == before
    assert np.array_equal(first.store(easy[0]), second.store(easy[0]))


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"bits": 9}, {"data_sha256": "1" * 64}], ids=["seed", "bits", "data"]
)
def test_another_configuration_is_trained_anew(
    easy: tuple[np.ndarray, np.ndarray], tmp_path: Path, change: dict[str, object]
) -> None:
    _train(easy, tmp_path)
    _train(easy, tmp_path, **change)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"not safetensors", None])
def test_a_damaged_checkpoint_is_replaced(
    easy: tuple[np.ndarray, np.ndarray], tmp_path: Path, damage: bytes | None
) -> None:
    expected = _train(easy, tmp_path).store(easy[0])
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-100] if damage is None else damage)
    assert np.array_equal(_train(easy, tmp_path).store(easy[0]), expected)
    assert kept.stat().st_size > 1000


def test_a_checkpoint_of_another_configuration_is_not_loaded(tmp_path: Path) -> None:
    """Even under the right name: the configuration inside the file decides."""
    net = FaceNet(30, 6)
    path = checkpoint_path(tmp_path, {"seed": 1})
    save_checkpoint(path, net, {"seed": 2})
    assert not load_checkpoint(path, FaceNet(30, 6), {"seed": 1})


def test_too_few_codes_for_the_people(easy: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(InputError, match=r"2 bits make 4 codes.*at least 3 bits"):
        _train(easy, None, bits=2)


def test_accuracy_that_cannot_be_reached_is_an_error(
    easy: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privkit.models.train_faces._STEPS", 5)
    same = np.zeros_like(easy[0])  # every photo of every person is the same
    with pytest.raises(TrainingError, match=r"rule: at least 97\.5%"):
        _train((same, easy[1]), None)


def test_training_accuracy_counts_inference_answers(easy: tuple[np.ndarray, np.ndarray]) -> None:
    net = _train(easy, None)
    wrong = (easy[1] + 1) % 6
    assert training_accuracy(net, *easy) + training_accuracy(net, easy[0], wrong) <= 1


def test_fit_stops_at_a_loss_that_is_not_finite() -> None:
    model = nn.Linear(1, 1)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TrainingError, match="step 0"):
        fit(model, [torch.tensor([[float("nan")]])], lambda m, x: m(x).sum(), optimizer)
    assert torch.equal(model.weight, before)

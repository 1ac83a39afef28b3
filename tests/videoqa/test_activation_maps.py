"""Grad-CAM against hand calculations, and the checks of maps on what is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_set import small_source
from torch import Tensor

from privkit.data.videos.decode import probe
from privkit.data.videos.frames import load_clips
from privkit.models.featcomp import FeatComp
from privkit.report.activation_maps import draw_curves, draw_maps
from privkit.videoqa.activation_maps import BitMaps, bit_maps, grad_cam, map_video, shown_frames
from privkit.videoqa.findings_maps import maps_result
from privkit.videoqa.map_checks import change_score, long_videos, pointed, untrained
from privkit.videoqa.map_study import CONTROL, map_tasks, study_maps


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return small_source(tmp_path_factory.getbasetemp(), "action").open()


def bottleneck(task, bits=5, seed=0) -> FeatComp:
    torch.manual_seed(seed)
    return FeatComp(task.features.shape, bits).eval()


def clips_of(task, names) -> Tensor:
    how = task.configuration.video
    return torch.stack(
        [
            load_clips(task.questions.videos[n], size=how.size, clips=how.clips, frames=how.frames)
            for n in names
        ]
    )


def test_a_linear_network_by_hand() -> None:
    draw = np.random.default_rng(0)
    activation = draw.normal(size=(2, 3, 4, 2, 5))  # videos, frames, channels, places
    weight = draw.normal(size=(6, 3, 4, 2, 5))  # the gradient of each of 6 bits
    leaf = torch.tensor(activation, requires_grad=True)
    logits = torch.einsum("bnchw,knchw->bk", leaf, torch.tensor(weight))
    found = grad_cam(leaf, logits).numpy()
    expected = np.zeros((2, 3, 2, 5))
    for video in range(2):
        for bit in range(6):
            sign = 1 if (activation[video] * weight[bit]).sum() > 0 else -1
            for frame in range(3):
                channel = [sign * weight[bit, frame, c].mean() for c in range(4)]
                summed = sum(channel[c] * activation[video, frame, c] for c in range(4))
                expected[video, frame] += np.maximum(summed, 0) / 6
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_bit_that_is_0_is_explained_like_one_that_is_1() -> None:
    leaf = torch.ones(1, 1, 1, 1, 2, requires_grad=True)
    weight = torch.tensor([1.0, 3.0])
    for sign in (1, -1):
        logit = sign * (leaf[0, 0, 0] * weight).sum().reshape(1, 1)
        # Both places hold 1, and the channel's weight is the mean gradient, 2.
        assert grad_cam(leaf, logit).flatten().tolist() == [2.0, 2.0]


def test_maps_of_a_real_backbone(task) -> None:
    names = sorted(task.features.row)[:3]
    clips, stored = clips_of(task, names), bottleneck(task)
    both = bit_maps(task.backbone, {"other": bottleneck(task, 3, 1), "it": stored}, clips)
    maps, codes = both["it"]
    assert both["other"][1].shape == (3, 3)
    assert maps.shape[:2] == (3, clips.shape[1] * clips.shape[2])
    assert (maps >= 0).all()
    assert maps.sum() > 0
    torch.testing.assert_close(codes, stored.encode(task.backbone.clip_features(clips)))
    # Not through a hook and not in a batch: the second video alone, by the chain of its parts.
    backbone = task.backbone
    leaf = backbone.resnet(clips[1].flatten(0, 1)).detach().requires_grad_()
    grid = backbone.grid_encoder(leaf).permute(0, 2, 3, 1)
    x = grid.reshape(*clips.shape[1:3], *grid.shape[1:]).mean(1)
    alone = torch.zeros(maps.shape[1:])
    for bit in range(5):
        logit = stored.logits(x[None])[0, bit]
        (gradient,) = torch.autograd.grad(logit * logit.sign().detach(), leaf, retain_graph=True)
        alone += (gradient.mean((2, 3), keepdim=True) * leaf).sum(1).clamp(min=0).detach() / 5
    torch.testing.assert_close(maps[1], alone, rtol=1e-3, atol=1e-7)


def test_a_look_at_a_video(task) -> None:
    name = sorted(task.features.row)[0]
    path, how = task.questions.videos[name], task.configuration.video
    found = map_video(path, task.backbone, {"a": bottleneck(task)}, how, frames=16)["a"]
    assert found.frames.shape == (16, 64, 64, 3)
    assert found.maps.shape == (16, 64, 64)
    assert found.frames.min() >= 0
    assert found.frames.max() <= 1
    assert found.times == pytest.approx([0.05 + 0.1 * n for n in range(16)])
    torch.testing.assert_close(found.by_frame, found.coarse.sum((1, 2)))


def test_frames_are_shown_as_they_were() -> None:
    given = torch.rand(2, 3, 4, 4)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    normal = (given - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(shown_frames(normal, mean, std), given.permute(0, 2, 3, 1))


def test_the_pointing_game_by_hand() -> None:
    left = np.array([[3.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]])
    sides = {"a": "left", "b": "right", "c": "left", "d": "left"}
    odd = np.array([[0.0, 2.0, 0.0]])
    found = pointed("abcd", [left, left, np.zeros((2, 4)), odd], sides)
    assert found.videos == ("a", "b", "d")
    assert found.peak.tolist() == [True, False, False]
    assert found.share.tolist() == pytest.approx([4 / 6, 2 / 6, 0.5])
    assert found.empty == 1


def test_scene_changes_by_hand() -> None:
    def look(levels):
        coarse = torch.tensor(levels).view(-1, 1, 1)
        times = tuple(0.1 * n + 0.05 for n in range(len(levels)))
        return BitMaps(torch.zeros(0), times, coarse, coarse, torch.zeros(1))

    changes = (0.4, 0.8)  # between frames 3 and 4, and 7 and 8
    step = look([1.0, 1.1, 1.0, 1.1, 9.0, 9.1, 9.0, 9.1, 4.0, 4.1, 4.0, 4.1])
    assert change_score(step, changes) == 1.0
    flat = look([1.0] * 12)
    assert change_score(flat, changes) == 0.5
    elsewhere = look([1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0, 1.0, 1.0, 5.0, 1.0, 5.0])
    assert change_score(elsewhere, changes) == 0.0


def test_long_videos(tmp_path) -> None:
    made = long_videos(tmp_path, videos=2, scenes=3, seed=0)
    assert made[0].changes == pytest.approx((1.6, 3.2))
    assert probe(made[1].path).frames == made[1].frames == 48
    assert made[0].path.read_bytes() != made[1].path.read_bytes()


@pytest.mark.slow
def test_the_study_of_two_tasks(tmp_path_factory, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("privkit.videoqa.map_study._LONG", 2)
    source = small_source(tmp_path_factory.getbasetemp())
    study = study_maps(source, ("action", "frameqa"), bits=3, seed=0)
    assert set(study.pointing) == set(study.changes) == {"action", "frameqa", CONTROL}
    assert len(study.pointing["action"].videos) + study.pointing["action"].empty == 12
    assert not study.real
    result = maps_result(study, source, seed=0, command="privkit videoqa maps")
    peak = result.measure("peak in the figure's half", **{"codes of": "action"})
    assert peak.n == 12
    assert peak.low <= peak.value <= peak.high
    assert "50%" in result.findings[0]
    assert "not trained" in result.findings[0]
    for picture in (
        draw_maps(tmp_path, study.shown, result.notices),
        draw_curves(tmp_path, study.curves, result.notices),
    ):
        assert picture.path.stat().st_size > 20_000


def test_the_control_was_not_trained(task) -> None:
    stored = bottleneck(task)
    with torch.no_grad():
        stored.encoder.weight.add_(1)
    control = untrained(stored, seed=4)
    assert control.encoder.weight.shape == stored.encoder.weight.shape
    assert not control.training
    assert not torch.equal(control.encoder.weight, stored.encoder.weight)
    assert torch.equal(control.encoder.weight, untrained(stored, seed=4).encoder.weight)


def test_which_tasks(tmp_path_factory) -> None:
    assert map_tasks("generated", ()) == ("action", "frameqa")
    assert map_tasks("generated", ("yesno",)) == ("yesno",)
    assert "yesno" in map_tasks(small_source(tmp_path_factory.getbasetemp()).data, ())

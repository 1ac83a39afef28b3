"""What networks start from, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from privkit.models.clipbert.grid import GridBackbone
from privkit.videoqa import starting
from privkit.videoqa.configuration import load_configuration
from privkit.videoqa.starting import Given, start


@pytest.mark.parametrize(
    ("steps", "real_videos", "words"),
    [
        (0, False, "THE BACKBONE IS AS IT WAS DRAWN"),
        (0, True, "THE BACKBONE IS AS IT WAS DRAWN"),
        (5, True, "The backbone was pre-trained on generated scenes: accuracy on real videos"),
        (5, False, None),
    ],
)
def test_a_backbone_that_says_little_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    steps: int,
    real_videos: bool,
    words: str | None,
) -> None:
    how = load_configuration("small", [f"training.pretraining_steps={steps}"])
    made = GridBackbone(how.model.backbone).eval()
    monkeypatch.setattr(starting, "pretrained_backbone", lambda *_, **__: made)
    found = start(Given(), how, None, cache=tmp_path, seed=0, real_videos=real_videos)
    assert found.backbone is made
    assert [w[: len(words or "")] for w in found.warnings] == ([words] if words else [])

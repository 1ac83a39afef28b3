"""Every process of a training on several GPUs takes the backbone that the first one trained."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from tiny_training import settings

from privkit.videoqa import pretrain
from privkit.videoqa.pretrain import pretrained_backbone


def test_the_number_of_a_gpu_is_no_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = []

    def there(path: Path, *_rest: object) -> bool:
        paths.append(path)
        return True

    monkeypatch.setattr(pretrain, "load_checkpoint", there)
    monkeypatch.setattr(pretrain, "seeded", lambda *_: nullcontext())  # there need be no GPU
    how = settings().with_training(pretraining_steps=3)
    for device in ("cuda:0", "cuda:1", "cpu"):
        pretrained_backbone(how, cache=tmp_path, seed=0, device=device)
    assert paths[0] == paths[1] != paths[2]

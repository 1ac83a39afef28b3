"""The paper's configuration at its full size: shapes, and one training step within the memory."""

import json
import math
import os
import subprocess
import sys
import textwrap

import pytest
import torch

from privkit.models.clipbert.configuration import ClipBertConfig
from privkit.models.clipbert.grid import GridBackbone

pytestmark = pytest.mark.slow

GIB = 2**30


def test_the_papers_backbone_is_a_resnet50_with_the_papers_grids() -> None:
    config = ClipBertConfig.paper()
    backbone = GridBackbone(config.backbone).eval()
    # torchvision's ResNet-50 has 23,508,032 weights before fc, 53,120 of them in batch norms,
    # which are fixed here; the grid encoder has 2048·768·9.
    assert sum(p.numel() for p in backbone.resnet.parameters()) == 23_508_032 - 53_120
    assert backbone.grid_encoder[0].weight.numel() == 2048 * 768 * 9
    with torch.no_grad():
        for size, cells in ((768, 12), (448, 7)):
            x = backbone.clip_features(torch.rand(1, 1, 1, 3, size, size))
            assert x.shape == (1, 1, cells, cells, 768)
    assert math.prod((1, *config.backbone.grid(768))) == 110_592


STEP = """
    import json, resource, time, torch
    from torch.nn.functional import cross_entropy
    from privkit.models.clipbert.answerer import QuestionAnswerer, pool_clips
    from privkit.models.clipbert.configuration import ClipBertConfig
    from privkit.models.clipbert.grid import GridBackbone
    from privkit.models.clipbert.words import TextBatch
    from privkit.models.featcomp import FeatComp

    torch.manual_seed(0)
    config = ClipBertConfig.paper()
    backbone = GridBackbone(config.backbone)
    featcomp = FeatComp((1, *config.backbone.grid(768)), 10)
    answerer = QuestionAnswerer(config, None)
    parts = torch.nn.ModuleList([backbone, featcomp, answerer])
    backbone.freeze(grid_encoder=False)
    trained = [p for p in parts.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5)
    started = time.perf_counter()
    frames = torch.rand(2, 1, 2, 3, 768, 768)
    ids = torch.randint(1000, 30_522, (2, 5, 25))
    x = backbone.clip_features(frames)
    logits = answerer(featcomp(x), TextBatch(ids, torch.ones_like(ids).bool()))
    loss = cross_entropy(pool_clips(logits, "mean"), torch.tensor([1, 4]))
    loss.backward()
    before = [p.detach().clone() for p in (backbone.grid_encoder[0].weight, *featcomp.parameters())]
    optimizer.step()
    after = (backbone.grid_encoder[0].weight, *featcomp.parameters())
    print(json.dumps({
        "seconds": time.perf_counter() - started,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "loss": loss.item(),
        "x": list(x.shape),
        "logits": list(logits.shape),
        "moved": [not torch.equal(a, b) for a, b in zip(before, after)],
        "finite": all(bool(p.grad.isfinite().all()) for p in trained if p.grad is not None),
        "weights": sum(p.numel() for p in parts.parameters()),
    }))
"""


def test_one_training_step_at_768_pixels_stays_within_24_gib() -> None:
    """ResNet-50, FeatComp of 10 bits and BERT-base: 2 clips of 2 frames, 5 options each."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STEP)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    step = json.loads(done.stdout)
    print(
        f"{step['seconds']:.1f} s, peak {step['peak'] / GIB:.2f} GiB, {step['weights']:,} weights"
    )
    assert step["x"] == [2, 1, 12, 12, 768]
    assert step["logits"] == [2, 1, 5]
    assert 0 < step["loss"] < 20
    assert step["finite"]
    assert all(step["moved"])
    assert step["peak"] < 24 * GIB

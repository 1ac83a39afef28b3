"""ClipBERT's parts at small sizes: shapes, what a score depends on, and what it does not."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from privkit.errors import InputError
from privkit.models.clipbert.answerer import POOLING, QuestionAnswerer, pool_clips
from privkit.models.clipbert.configuration import CONVENTIONS, BackboneConfig, ClipBertConfig
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.words import TextBatch

SMALL = ClipBertConfig.small(vocabulary=40)
BOTTLENECK = replace(
    SMALL.backbone, block="bottleneck", widths=(4, 4, 8, 8), stem_width=8, hidden=16
)


def backbone(config=SMALL.backbone, seed=0):
    torch.manual_seed(seed)
    return GridBackbone(config)


def answerer(answers=None, seed=0, **changes):
    torch.manual_seed(seed)
    return QuestionAnswerer(replace(SMALL, **changes), answers).eval()


def text(batch=2, options=3, length=6, padding=0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 40, (batch, options, length), generator=generator)
    ids = nn.functional.pad(ids, (0, padding))
    return TextBatch(
        ids, nn.functional.pad(torch.ones(batch, options, length), (0, padding)).bool()
    )


def clips(batch=2, clips=2, side=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, clips, side, side, SMALL.hidden, generator=generator)


def test_the_papers_grids():
    config = ClipBertConfig.paper()
    assert config.backbone.stride == 64
    assert config.backbone.grid(768) == (12, 12, 768)
    assert config.backbone.grid(448) == (7, 7, 768)
    assert math.prod(config.backbone.grid(768)) * 16 == 1_769_472  # the paper's 1.8M bits
    assert (config.hidden, config.layers, config.heads, config.vocabulary) == (768, 12, 12, 30_522)


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (SMALL.backbone, 64),
        (SMALL.backbone, 16),
        (replace(SMALL.backbone, strides=(1, 2, 2, 2)), 64),
        (replace(SMALL.backbone, strides=(2, 2, 1, 1), stem_pool=True), 96),
        (replace(BOTTLENECK, stride_in_1x1=True), 32),
        (replace(BOTTLENECK, stem_stride=1, frozen_norm=True), 24),
    ],
)
def test_a_frame_becomes_the_grid_that_its_configuration_says(config, size):
    grid = backbone(config).eval()(torch.rand(2, 3, size, size))
    assert grid.shape == (2, *config.grid(size))
    assert (grid >= 0).all()


def test_small_gives_4_by_4_or_2_by_2():
    assert SMALL.backbone.grid(64) == (4, 4, 64)
    assert replace(SMALL.backbone, strides=(1, 2, 2, 2)).grid(64) == (2, 2, 64)


@settings(deadline=None, max_examples=100)
@given(size=st.integers(1, 2000))
def test_a_size_fits_or_two_that_do_are_named(size):
    config = ClipBertConfig.paper().backbone
    if size % 64 == 0:
        assert config.grid(size)[0] == size // 64
        return
    with pytest.raises(InputError, match="multiple of 64") as caught:
        config.grid(size)
    for named in caught.value.remedy.removeprefix("use ").split(" or "):
        assert config.grid(int(named))
        assert abs(int(named) - size) < 128


def test_a_clip_is_the_mean_of_its_frames_grids():
    module = backbone().eval()
    frames = torch.rand(2, 3, 4, 3, 32, 32)
    x = module.clip_features(frames)
    assert x.shape == (2, 3, 2, 2, 64)
    for b, t in ((0, 0), (1, 2)):
        grids = [module(frames[b, t, f][None])[0] for f in range(4)]
        torch.testing.assert_close(x[b, t], torch.stack(grids).mean(0))


def test_frames_are_rgb_whatever_the_weights_read():
    rgb = backbone()
    bgr = backbone(replace(SMALL.backbone, channels="BGR"))
    bgr.load_state_dict(rgb.state_dict())
    frames = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(bgr.eval()(frames), rgb.eval()(frames[:, [2, 1, 0]]))


def test_detectron2_subtracts_a_mean_from_values_up_to_255():
    pixel = torch.tensor([10.0, 200.0, 255.0])
    mean, std = (torch.tensor(CONVENTIONS["detectron2"][k]) for k in ("mean", "std"))
    expected = pixel - torch.tensor([123.675, 116.28, 103.53])  # ClipBERT's img_pixel_mean, std 1
    torch.testing.assert_close((pixel / 255 - mean) / std, expected)


@pytest.mark.parametrize("grid_encoder", [True, False])
def test_what_is_frozen_stays_as_it_is_in_training(grid_encoder):
    module = backbone().freeze(grid_encoder=grid_encoder)
    module.train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    grid = module(torch.rand(4, 3, 32, 32))
    assert grid.requires_grad is not grid_encoder
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())  # statistics too
    trained = {k for k, p in module.named_parameters() if p.requires_grad}
    assert trained == (set() if grid_encoder else {"grid_encoder.0.weight"})
    moving = GridBackbone(SMALL.backbone).train()
    start = moving.resnet.bn1.running_mean.clone()
    moving(torch.rand(4, 3, 32, 32))
    assert not torch.equal(start, moving.resnet.bn1.running_mean)


@pytest.mark.parametrize("shape", [(2, 3, 64, 32), (2, 1, 64, 64), (3, 64, 64), (2, 3, 40, 40)])
def test_other_frames_are_refused(shape):
    with pytest.raises(InputError, match="found"):
        backbone()(torch.zeros(shape))


@pytest.mark.parametrize(("answers", "options"), [(None, 3), (None, 1), (7, 1), (1, 1)])
def test_one_score_an_option_or_an_answer(answers, options):
    logits = answerer(answers)(clips(), text(options=options))
    assert logits.shape == (2, 2, answers or options)


def test_every_clip_and_option_is_scored_by_itself():
    module, x, words = answerer(), clips(batch=3, clips=4), text(batch=3)
    logits = module(x, words)
    for b, t, o in ((0, 0, 0), (2, 3, 1), (1, 2, 2)):
        one = TextBatch(words.ids[b, o][None, None], words.mask[b, o][None, None])
        torch.testing.assert_close(module(x[b, t][None, None], one)[0, 0, 0], logits[b, t, o])


def test_padding_changes_nothing_and_its_mask_is_what_hides_it():
    module, x, bare, padded = answerer(), clips(), text(), text(padding=5)
    logits = module(x, bare)
    torch.testing.assert_close(module(x, padded), logits)
    filled = TextBatch(torch.where(padded.mask, padded.ids, 7), padded.mask)
    torch.testing.assert_close(module(x, filled), logits)
    seen = TextBatch(padded.ids, torch.ones_like(padded.mask))
    assert (module(x, seen) - logits).abs().max() > 1e-3


def test_attention_runs_both_ways_over_words_and_cells():
    """The score is read off the first token; in a causal model it would see nothing else."""
    module, x, words = answerer(), clips().requires_grad_(), text()
    logits = module(x, words)
    (gradient,) = torch.autograd.grad(logits.sum(), x)
    assert (gradient.abs().amax(-1) > 0).all()  # every cell of every clip
    for place in (1, 5):
        other = TextBatch(words.ids.clone(), words.mask)
        other.ids[:, :, place] = (other.ids[:, :, place] - 5 + 1) % 35 + 5
        assert ((module(x, other) - logits).abs() > 1e-6).all()


def test_the_place_of_a_cell_counts():
    module, x, words = answerer(), clips(), text()
    logits = module(x, words)
    for moved in (x.flip(2), x.flip(3), x.transpose(2, 3)):
        assert ((module(moved, words) - logits).abs() > 1e-6).all()


def test_the_score_is_the_formula():
    """Embeddings, one layer, pooler and head written out (Devlin et al. 2019) for one text."""
    module = answerer(layers=1, seed=3)
    x, words = clips(1, 1), text(1, 1, 5)
    weights = module.state_dict()

    def linear(name, v):
        return v @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name, v):
        v = (v - v.mean(-1, keepdim=True)) / v.var(-1, keepdim=True, correction=0).sqrt()
        return v * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    e = "bert.embeddings"
    spoken = weights[f"{e}.word_embeddings.weight"][words.ids[0, 0]]
    spoken = spoken + weights[f"{e}.position_embeddings.weight"][:5]
    spoken = norm(f"{e}.LayerNorm", spoken + weights[f"{e}.token_type_embeddings.weight"][0])
    v = "visual_embeddings"
    cells = []
    for row in range(3):
        for column in range(3):
            cell = x[0, 0, row, column] + weights[f"{v}.row_position_embeddings.weight"][row]
            cell = cell + weights[f"{v}.col_position_embeddings.weight"][column]
            cells.append(cell + weights[f"{v}.token_type_embeddings.weight"][0])
    h = torch.cat([spoken, norm(f"{v}.LayerNorm", torch.stack(cells))])
    a = "bert.encoder.layer.0.attention"
    q, k, u = (
        linear(f"{a}.self.{n}", h).reshape(14, 4, 16).transpose(0, 1)
        for n in ("query", "key", "value")
    )
    mixed = (torch.softmax(q @ k.transpose(1, 2) / 4, -1) @ u).transpose(0, 1).reshape(14, 64)
    h = norm(f"{a}.output.LayerNorm", linear(f"{a}.output.dense", mixed) + h)
    b = "bert.encoder.layer.0"
    wide = nn.functional.gelu(linear(f"{b}.intermediate.dense", h))
    h = norm(f"{b}.output.LayerNorm", linear(f"{b}.output.dense", wide) + h)
    pooled = torch.tanh(linear("bert.pooler.dense", h[0]))
    expected = linear("classifier.2", linear("classifier.0", pooled).relu())
    torch.testing.assert_close(module(x, words)[0, 0], expected, rtol=1e-4, atol=1e-5)


def test_every_weight_that_can_matter_is_trained():
    module = answerer(dropout=0.1).train()
    module(clips(), text()).square().sum().backward()
    still = {n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()}
    # A key's bias adds the same to all scores of a query, which the softmax does not see.
    assert all(n.endswith("key.bias") for n in still)


def test_half_precision_gives_nearly_the_same_scores():
    module, x, words = answerer(), clips(), text(padding=3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = module(x, words)
    torch.testing.assert_close(half.float(), module(x, words), rtol=0.1, atol=0.1)


def test_the_seed_decides_the_weights():
    first, same, other = (answerer(5, seed=s).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert not torch.equal(first["classifier.2.weight"], other["classifier.2.weight"])


def test_pooling():
    logits = torch.tensor([[[1.0, 2.0], [3.0, -2.0]]])
    assert torch.equal(pool_clips(logits, "mean"), torch.tensor([[2.0, 0.0]]))
    expected = torch.tensor(
        [[math.log(math.exp(1) + math.exp(3)), math.log(math.exp(2) + math.exp(-2))]]
    )
    torch.testing.assert_close(pool_clips(logits, "logsumexp"), expected)
    for how in POOLING:
        assert torch.equal(pool_clips(logits[:, :1], how), logits[:, 0])
    with pytest.raises(InputError, match="one of mean, logsumexp; found: max"):
        pool_clips(logits, "max")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (clips(batch=3), text()),
        (clips()[..., :32], text()),
        (clips()[:, 0], text()),
        (clips(side=17), text()),
        (clips(), text(length=65)),
    ],
)
def test_what_does_not_fit_is_refused(x, words):
    with pytest.raises(InputError, match="rule"):
        answerer()(x, words)


def test_options_of_an_open_ended_question_are_refused():
    with pytest.raises(InputError, match="no options"):
        answerer(4)(clips(), text(options=2))
    with pytest.raises(InputError, match="no answers"):
        answerer(0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"heads": 5}, "divisor of backbone.hidden = 64"),
        ({"heads": 0}, "heads"),
        ({"layers": 1.5}, "layers"),
        ({"vocabulary": True}, "vocabulary"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
    ],
)
def test_nonsense_is_refused(changes, named):
    with pytest.raises(InputError, match=named):
        replace(SMALL, **changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"block": "dense"}, "one of basic, bottleneck"),
        ({"layers": (1, 1, 1)}, "4 stages"),
        ({"widths": (16, 0, 64, 128)}, "above 0"),
        ({"strides": (1, 2, 2.0, 1)}, "whole number"),
        ({"stride_in_1x1": True}, "false for basic blocks"),
        ({"channels": "GRB"}, "one of RGB, BGR"),
        ({"std": (0.2, 0.2, 0.0)}, "above 0"),
        ({"mean": (0.2, math.inf, 0.0)}, "finite"),
        ({"hidden": -64}, "above 0"),
    ],
)
def test_a_nonsense_backbone_is_refused(changes, named):
    with pytest.raises(InputError, match=named):
        replace(SMALL.backbone, **changes)


def test_an_unknown_convention_is_refused():
    with pytest.raises(InputError, match="one of detectron2, torchvision"):
        BackboneConfig.resnet50("caffe")

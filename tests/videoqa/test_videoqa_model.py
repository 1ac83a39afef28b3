"""The few-bit question answerer and the variants of it."""

from __future__ import annotations

import math

import pytest
import torch
from tiny_training import SHAPE, a_training
from torch import nn

from privkit.errors import InputError
from privkit.models.featcomp import MAX_BITS, FeatComp
from privkit.videoqa.methods import BASELINES, METHODS, Variant
from privkit.videoqa.model import CodeDecoder, NoVideo, check_memory, stored_form


def test_a_model_without_the_video_gives_the_same_whatever_it_is() -> None:
    for name in ("question-only", "options-only"):
        training = a_training(name, None)
        batch = training.questions.batch(torch.arange(4).numpy(), training.source)
        model = training.model.eval()
        other = torch.randn_like(batch.video)
        assert torch.equal(model(batch.video, batch.text), model(other, batch.text))


def test_what_is_read_passes_through_n_bits() -> None:
    """Two videos with the same code get the same scores, whatever else differs."""
    training = a_training("featcomp", 3)
    model = training.model.eval()
    x = training.source.x  # type: ignore[attr-defined]
    assert isinstance(model.stored, FeatComp)
    codes = model.stored.encode(x)
    decoded = model.decoded(x)
    same = (codes[:, None] == codes[None]).all(2)
    assert same.sum() > len(x)
    for a, b in same.nonzero().tolist():
        assert torch.equal(decoded[a], decoded[b])


def test_stored_codes_are_decoded_as_they_are() -> None:
    decoder = CodeDecoder(SHAPE, 5)
    signs = torch.tensor([[1.0, -1, 1, 1, -1], [-1, -1, -1, -1, -1]])
    wanted = (signs @ decoder.decoder.weight.T + decoder.decoder.bias).reshape(2, *SHAPE)
    torch.testing.assert_close(decoder(signs), wanted)
    training = a_training("floats", None)
    training.model.stored = decoder
    assert torch.equal(training.model.decoded(signs), decoder(signs))


@pytest.mark.parametrize("clips", [2, 4])
def test_groups_of_clips_go_through_the_one_encoder(clips: int) -> None:
    model = a_training("featcomp", 4).model.eval()
    x = torch.randn(3, clips, *SHAPE[1:])
    alone = torch.cat([model.decoded(x[:, c : c + 1]) for c in range(clips)], 1)
    torch.testing.assert_close(model.decoded(x), alone)


def test_clips_that_do_not_fill_a_group_are_refused() -> None:
    training = a_training("featcomp", 4)
    training.model.clips = 2
    with pytest.raises(InputError, match="multiple of 2"):
        training.model.decoded(torch.randn(1, 3, *SHAPE[1:]))


@pytest.mark.parametrize("name", METHODS)
def test_each_method_stores_what_it_says(name: str) -> None:
    variant = Variant.named(name, 5 if METHODS[name].bottleneck else None)
    kind = type(stored_form(variant, SHAPE))
    method = METHODS[name]
    wanted = FeatComp if method.bottleneck else nn.Identity if method.video else NoVideo
    assert kind is wanted
    assert (name == "featcomp") != (name in BASELINES)


@pytest.mark.parametrize(
    ("name", "bits", "words"),
    [
        ("featcomp", None, "number of bits is missing"),
        ("floats", 10, "stores no code"),
        ("magic", 10, "no such baseline"),
        ("featcomp", 0, "out of range"),
        ("featcomp", MAX_BITS + 1, "out of range"),
        ("reconstruction-only", None, "number of bits is missing"),
    ],
)
def test_wrong_variants_are_refused(name: str, bits: int | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Variant.named(name, bits)


def test_the_memory_of_a_bottleneck_is_counted_before_it_is_allocated() -> None:
    """The paper's feature at the largest N: two dense layers, each with AdamW's three copies."""
    shape = (1, 12, 12, 768)
    needed = 2 * MAX_BITS * math.prod(shape) * 4 * 4
    assert check_memory(MAX_BITS, shape, available=needed) == needed
    with pytest.raises(InputError, match=rf"{needed / 2**30:,.1f} GiB.*found: 1.0 GiB"):
        check_memory(MAX_BITS, shape, available=2**30)

"""FeatComp against its formulas (ECCV 2022, section 3.2; Toderici et al. 2015)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from privkit.errors import InputError
from privkit.models.featcomp import MAX_BITS, FeatComp, binarize


def test_stochastic_bits_have_the_mean_that_was_asked_for() -> None:
    torch.manual_seed(0)
    t = torch.linspace(-0.95, 0.95, 9)
    n = 40_000
    b = binarize(t.expand(n, -1), stochastic=True)
    assert set(b.unique().tolist()) == {-1.0, 1.0}
    standard_error = torch.sqrt((1 - t**2) / n)
    assert ((b.mean(0) - t).abs() < 4.5 * standard_error).all()


@pytest.mark.parametrize("stochastic", [True, False])
def test_the_gradient_passes_straight_through(stochastic: bool) -> None:
    t = torch.tensor([-0.7, 0.0, 0.2, 0.9], requires_grad=True)
    weights = torch.tensor([1.0, -2.0, 3.0, 0.5])
    (binarize(t, stochastic=stochastic) * weights).sum().backward()
    assert t.grad is not None
    assert torch.equal(t.grad, weights)


def test_inference_takes_the_sign_and_zero_is_a_zero_bit() -> None:
    t = torch.tensor([-1.0, -1e-7, 0.0, 1e-7, 1.0])
    assert binarize(t, stochastic=False).tolist() == [-1, -1, -1, 1, 1]


def test_the_forward_pass_is_the_formula() -> None:
    """x_dec = f_dec(BIN(tanh(BN(f_enc(flatten x))))), written out with the module's weights."""
    torch.manual_seed(1)
    module = FeatComp((2, 3), 5)
    module.norm.running_mean = torch.randn(5)
    module.norm.running_var = torch.rand(5) + 0.5
    module.eval()
    x = torch.randn(7, 2, 3)
    logit = x.reshape(7, 6) @ module.encoder.weight.T
    logit = (logit - module.norm.running_mean) / torch.sqrt(module.norm.running_var + 1e-5)
    logit = logit * module.norm.weight + module.norm.bias
    sign = torch.where(torch.tanh(logit) > 0, 1.0, -1.0)
    expected = (sign @ module.decoder.weight.T + module.decoder.bias).reshape(7, 2, 3)
    torch.testing.assert_close(module(x), expected)
    assert torch.equal(module.encode(x), ((sign + 1) / 2).to(torch.uint8))


@settings(deadline=None, max_examples=30)
@given(batch=st.integers(1, 9), bits=st.integers(1, 33), seed=st.integers(0, 2**31))
def test_a_code_does_not_depend_on_its_batch(batch: int, bits: int, seed: int) -> None:
    torch.manual_seed(seed)
    module = FeatComp(6, bits)
    module(torch.randn(16, 6))  # moves the running statistics
    module.eval()
    x = torch.randn(batch, 6)
    alone = torch.cat([module.encode(row[None]) for row in x])
    # Only logits that are not within rounding of zero have a defined sign.
    clear = module.logits(x).abs() > 1e-5
    assert torch.equal(module.encode(x)[clear], alone[clear])


def test_the_binarizer_stays_in_float32_under_autocast() -> None:
    module = FeatComp(8, 4).eval()
    x = torch.randn(3, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = module.logits(x)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, module.logits(x))


def test_it_is_trained_by_the_task_loss_alone() -> None:
    """With 2 bits between extractor and classifier, four classes are learned."""
    torch.manual_seed(0)
    centres = torch.tensor([[3.0, 3], [3, -3], [-3, 3], [-3, -3]])
    label = torch.arange(4).repeat(32)
    x = centres[label] + 0.3 * torch.randn(128, 2)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), FeatComp(8, 2), nn.Linear(8, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        loss = nn.functional.cross_entropy(model(x), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert (model(x).argmax(1) == label).float().mean() > 0.97
    assert len(np.unique(model[2].encode(model[:2](x)).numpy(), axis=0)) == 4


def test_a_training_batch_of_one_is_refused() -> None:
    with pytest.raises(InputError, match="batch of one"):
        FeatComp(4, 2).train()(torch.randn(1, 4))


def test_encoding_in_training_mode_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.eval"):
        FeatComp(4, 2).train().encode(torch.randn(3, 4))


@pytest.mark.parametrize("bits", [0, -1, MAX_BITS + 1, 10**9])
def test_impossible_widths_are_refused_before_memory_is_taken(bits: int) -> None:
    with pytest.raises(InputError, match="number of bits"):
        FeatComp(40, bits)

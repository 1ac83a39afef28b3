"""The few-bit question answerer and the variants of it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_training import SHAPE, a_training
from torch import nn

import privkit.videoqa.model as of_models
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


#: The paper's feature.
PAPER = (1, 12, 12, 768)
GIB = 2**30


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes free by device, to be set by a test."""
    given: dict[str, int] = {}
    monkeypatch.setattr(of_models, "_available_memory", lambda: given["cpu"])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (given[device], 0))
    return given


def test_the_memory_of_a_bottleneck_is_counted_before_it_is_allocated(free: dict[str, int]) -> None:
    """Two dense layers; of each weight 5 numbers in training and 4 in a snapshot."""
    needed = 2 * MAX_BITS * math.prod(PAPER) * 4 * (5 + 4)
    free["cpu"] = needed
    check_memory([MAX_BITS], PAPER)
    free["cpu"] = GIB
    with pytest.raises(InputError, match=rf"{needed / GIB:,.1f} GiB.*found: 1.0 GiB of memory"):
        check_memory([MAX_BITS], PAPER)


def test_bottlenecks_that_are_trained_together_are_counted_together(free: dict[str, int]) -> None:
    free["cpu"] = 2 * 1010 * math.prod(PAPER) * 36
    check_memory([1000, 10], PAPER)
    with pytest.raises(InputError, match=r"3 bottlenecks of up to 1,000 bits.*fewer --workers"):
        check_memory([1000, 10, 1], PAPER)


def test_a_gpu_is_asked_for_its_own_memory(free: dict[str, int]) -> None:
    """It trains; the snapshot is written from the machine's memory."""
    weights = 2 * 1000 * math.prod(PAPER)
    free |= {"cuda:1": 20 * weights, "cpu": 16 * weights}
    check_memory([1000], PAPER, device="cuda:1")
    free["cuda:1"] -= 1
    with pytest.raises(InputError, match=r"4\.1 GiB of GPU memory free"):
        check_memory([1000], PAPER, device="cuda:1")
    free |= {"cuda:1": 20 * weights, "cpu": GIB}
    with pytest.raises(InputError, match=r"to write snapshots; found: 1\.0 GiB of memory free"):
        check_memory([1000], PAPER, device="cuda:1")


def test_a_model_is_built_where_it_could_not_be_trained(free: dict[str, int]) -> None:
    """A machine that answers with it needs its weights alone."""
    variant = Variant.named("featcomp", 100)
    free["cpu"] = 2 * 100 * math.prod(SHAPE) * 4
    stored_form(variant, SHAPE)
    free["cpu"] -= 1
    with pytest.raises(InputError, match="for its weights alone"):
        stored_form(variant, SHAPE)


#: Trains at N bits, with a snapshot after every step, and prints the growth of the process's peak.
PEAK = """
import ctypes, gc, sys, tempfile
from pathlib import Path
import tiny_training
from privkit.videoqa.distributed import Processes
from privkit.videoqa.train import train

tiny_training.SHAPE = (1, 8, 8, 16)

def run(bits):
    how = tiny_training.settings(epochs=2, batch=8, validations=3)
    training = tiny_training.a_training("featcomp", bits, configuration=how)
    with tempfile.TemporaryDirectory() as folder:
        train(training, group=Processes(), snapshot=Path(folder) / "kept", every=0.0)

def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))

run(4)  # whatever the libraries allocate once
gc.collect()
ctypes.CDLL("libc.so.6").malloc_trim(0)
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = resident("VmRSS")
run(int(sys.argv[1]))
print(resident("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_the_memory_of_a_training_is_what_was_counted() -> None:
    bits = 8192
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(bits)],
        env=here,
        check=True,
        capture_output=True,
        text=True,
    )
    each = int(done.stdout) / (2 * bits * 8 * 8 * 16)
    assert 34 < each < 40  # 36 counted, and some megabytes of everything else

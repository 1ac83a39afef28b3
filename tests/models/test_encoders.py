"""The user's own encoders: what each may be, and what is noticed of the broken ones."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from privkit.errors import InputError
from privkit.models.encoder import Encoder
from privkit.models.encoders import open_encoder

SHAPE = (6, 5)
PIXELS = np.random.default_rng(1).uniform(-1, 1, (9, 30)).astype(np.float32)
WEIGHT = np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32)

MODULE = """
import numpy as np
import torch
from torch import nn

W = torch.tensor(np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32))

def linear(x):
    assert x.dtype == torch.float32 and x.shape[1:] == (1, 6, 5)
    return x.flatten(1) @ W

def grid(x):
    return linear(x).reshape(-1, 2, 2)

def writes(x):
    y = linear(x)
    x.zero_()
    return y

def array(x):
    return linear(x).numpy()

def signs(x):
    return torch.sign(linear(x))

def dead(x):
    return linear(x.detach())

calls = 0
def drifts(x):
    global calls
    calls += 1
    return linear(x) + calls

def centred(x):
    y = linear(x)
    return y - y.mean(dim=0)

class Trains(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(30)
    def forward(self, x):
        return self.norm(x.flatten(1))

class Signs:
    differentiable = True
    def store(self, pixels):
        return np.where(pixels @ W.numpy() > 0, 1, -1)
    def relaxed(self, pixels, through="tanh"):
        return torch.tanh(pixels @ W)

class Black(Signs):
    differentiable = False

signs_object = Signs()

def make():
    return linear

def fails(x):
    raise KeyError("no\\nface")

def leaves(x):
    raise SystemExit

def nan(x):
    y = linear(x).clone()
    y[1, 2] = float("nan")
    return y

def huge(x):
    return linear(x).double() * 1e300

def one(x):
    return linear(x)[:1]

def flat(x):
    return linear(x)[:, 0]

def two(x):
    return linear(x), linear(x)

def text(x):
    return np.array([["a"]] * len(x))

def none(x):
    return None

def imaginary(x):
    return linear(x) * 1j

def empty(x):
    return linear(x)[:, :0]

def broken_factory():
    raise ValueError("no weights")

number = 7
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine_enc.py").write_text(MODULE)
    (tmp_path / "bad_enc.py").write_text("import numpy\nraise OSError('no disk')\n")
    (tmp_path / "lacks_enc.py").write_text("import not_there_at_all\n")
    (tmp_path / "exits_enc.py").write_text("raise SystemExit(0)\n")
    yield
    sys.modules.pop("mine_enc", None)


def opened(name, **options):
    return open_encoder(name, shape=SHAPE, sample=PIXELS, **options)


def traced(folder, module, name="model.pt"):
    torch.jit.save(torch.jit.trace(module, torch.zeros(2, 1, *SHAPE)), folder / name)
    return str(folder / name)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(WEIGHT))

    def forward(self, x):
        return x.flatten(1) @ self.weight


@pytest.mark.parametrize("name", ["linear", "grid", "make", "writes", "array"])
def test_a_python_function_is_called_with_grey_pictures(name):
    encoder = opened(f"mine_enc:{name}", width=4)
    assert isinstance(encoder, Encoder)
    assert encoder.width == 4
    assert np.allclose(encoder.store(PIXELS), PIXELS @ WEIGHT, atol=1e-5)
    assert encoder.store(PIXELS[:0]).shape == (0, 4)
    many = np.tile(PIXELS, (30, 1))
    assert np.allclose(encoder.store(many), many @ WEIGHT, atol=1e-5)
    assert not any("determin" in note or "batch" in note for note in encoder.notes)


@pytest.mark.parametrize("name", ["linear", "grid", "make"])
def test_the_gradient_is_that_of_the_function(name):
    encoder = opened(f"mine_enc:{name}")
    assert (encoder.differentiable, encoder.notes) == (True, ())
    x = torch.tensor(PIXELS, requires_grad=True)
    encoder.relaxed(x)[:, 2].sum().backward()
    assert np.allclose(x.grad, np.tile(WEIGHT[:, 2], (9, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("array", "numpy"),
        ("signs", "zero everywhere"),
        ("dead", "no way from its result"),
        ("writes", "leaf"),
        ("Black", "Python object has none"),
    ],
)
def test_without_a_gradient_it_is_a_black_box_and_said_so(name, why):
    encoder = opened(f"mine_enc:{name}")
    assert not encoder.differentiable
    (note,) = encoder.notes
    assert "only black-box attacks" in note
    assert why in note
    with pytest.raises(InputError, match="gives no gradient"):
        encoder.relaxed(torch.tensor(PIXELS))


@pytest.mark.parametrize("name", ["Signs", "signs_object"])
def test_an_encoder_object_keeps_its_relaxation(name):
    encoder = opened(f"mine_enc:{name}")
    assert (encoder.differentiable, encoder.notes) == (True, ())
    assert np.array_equal(encoder.store(PIXELS), np.where(PIXELS @ WEIGHT > 0, 1, -1))
    expected = np.tanh(PIXELS @ WEIGHT)
    assert np.allclose(encoder.relaxed(torch.tensor(PIXELS)).numpy(), expected, atol=1e-5)


def test_an_encoder_that_drifts_is_told():
    (note,) = opened("mine_enc:drifts").notes
    assert "not deterministic" in note
    assert note.endswith("differ by 1.")
    assert opened("mine_enc:drifts").differentiable


def test_what_depends_on_the_batch_is_told():
    (note,) = opened("mine_enc:centred").notes
    assert "depends on the other pictures" in note
    encoder = opened("mine_enc:Trains")
    assert any("takes no picture alone" in note for note in encoder.notes)
    assert encoder.store(np.tile(PIXELS, (8, 1))[:65]).shape == (65, 30)  # no batch of one


BAD = [
    ("mine_enc:fails", "KeyError: 'no.*face'"),
    ("mine_enc:nan", "returned NaN.*row 1"),
    ("mine_enc:huge", "returned NaN or infinity"),
    ("mine_enc:one", r"shape \(8, width\).*found: Tensor of torch.float32, shape \(1, 4\)"),
    ("mine_enc:flat", r"shape \(8,\)"),
    ("mine_enc:two", "found: tuple"),
    ("mine_enc:text", "ndarray of <U1"),
    ("mine_enc:none", "found: NoneType"),
    ("mine_enc:imaginary", "complex64"),
    ("mine_enc:empty", r"shape \(8, 0\)"),
    ("mine_enc:broken_factory", "ValueError: no weights"),
    ("mine_enc:number", "this is no encoder.*found: int"),
    ("mine_enc:leaves", "SystemExit"),
    ("mine_enc:not_there", "has no 'not_there'"),
    ("not_there_enc:f", "no module 'not_there_enc'.*working directory"),
    ("mine_enc.sub:f", "no module 'mine_enc.sub'"),
    ("bad_enc:f", "OSError: no disk"),
    ("lacks_enc:f", "ModuleNotFoundError.*not_there_at_all"),
    ("exits_enc:f", "SystemExit: 0"),
    ("mine_enc", "does not name an encoder"),
    ("mine_enc:", "does not name an encoder"),
    (":linear", "does not name an encoder"),
    ("mine_enc:a b", "does not name an encoder"),
    ("../mine_enc:linear", "does not name an encoder"),
    ("", "does not name an encoder"),
    ("gone.pt", "no such file"),
    ("gone.onnx", "no such file"),
]


@pytest.mark.parametrize(("spec", "words"), BAD)
def test_broken_encoders_are_one_clear_line(spec, words):
    with pytest.raises(InputError, match=words) as caught:
        opened(spec)
    assert "\n" not in str(caught.value)


def test_another_width_than_the_store_has():
    with pytest.raises(InputError, match=r"shape \(8, 5\)"):
        opened("mine_enc:linear", width=5)


def test_an_encoder_that_breaks_later_is_still_one_line():
    encoder = opened("mine_enc:linear")
    sys.modules["mine_enc"].W = torch.zeros(7, 7)
    for call in (
        lambda: encoder.store(PIXELS),
        lambda: encoder.relaxed(torch.tensor(PIXELS)),
    ):
        with pytest.raises(InputError, match="RuntimeError") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_without_a_sample_noise_is_drawn():
    assert open_encoder("mine_enc:linear", shape=SHAPE).width == 4


def test_a_match_tells_what_is_stored_of_these_pictures():
    encoder = opened("mine_enc:linear")
    stored = encoder.store(PIXELS)
    right = encoder.matches(stored, PIXELS)
    assert (right.equal, right.nearest) == (1, 1)
    assert right.difference < 1e-6
    rounded = encoder.matches(np.round(stored, 1), PIXELS)
    assert (rounded.equal, rounded.nearest) == (0, 1)
    assert 0.01 < rounded.difference < 0.05
    turned = encoder.matches(np.roll(stored, 1, axis=0), PIXELS)
    assert (turned.equal, turned.nearest) == (0, 0)
    constant = encoder.matches(np.zeros_like(stored), PIXELS)
    assert constant.equal == 0
    with pytest.raises(InputError, match="does not give what is stored"):
        encoder.matches(stored[:, :3], PIXELS)
    with pytest.raises(InputError, match="does not give what is stored"):
        encoder.matches(stored[:8], PIXELS)


def test_torchscript(tmp_path):
    encoder = opened(traced(tmp_path, Linear()))
    assert (encoder.differentiable, encoder.notes, encoder.width) == (True, (), 4)
    assert np.allclose(encoder.store(PIXELS), PIXELS @ WEIGHT, atol=1e-5)


def test_a_pickled_model_is_never_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save(Linear(), tmp_path / "model.pt")
    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    for name in ("model.pt", "evil.pt"):
        with pytest.raises(InputError, match="not a readable TorchScript"):
            opened(str(tmp_path / name))
    assert not (tmp_path / "ran").exists()


def test_damaged_torchscript(tmp_path):
    good = Path(traced(tmp_path, Linear())).read_bytes()
    for data in (b"", good[: len(good) // 2], b"nothing of the kind" * 9):
        (tmp_path / "cut.ts").write_bytes(data)
        with pytest.raises(InputError, match="not a readable TorchScript") as caught:
            opened(str(tmp_path / "cut.ts"))
        assert "\n" not in str(caught.value)


needs_onnx = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime")),
    reason="needs onnx and onnxruntime",
)


def onnx_model(folder, sizes, *, location=None, name="model.onnx", output=1):
    """Write flatten → matmul; the weights lie in another file where ``location`` names one."""
    import onnx
    from onnx import helper

    pixels = int(np.prod([s for s in sizes[1:] if isinstance(s, int)]))
    weight = np.resize(WEIGHT, (pixels, 4))
    tensor = onnx.TensorProto(name="w", dims=weight.shape, data_type=1)
    if location is None:
        tensor.raw_data = weight.tobytes()
    else:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", output, sizes)],
        [helper.make_tensor_value_info("y", 1, [sizes[0], 4])],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(model.SerializeToString())
    return str(folder / name)


@needs_onnx
@pytest.mark.parametrize(
    ("sizes", "times"),
    [(["n", 1, 6, 5], 1), ([1, 1, 6, 5], 1), (["n", 3, 6, 5], 3), (["n", 30], 1)],
)
def test_onnx(tmp_path, sizes, times):
    encoder = opened(onnx_model(tmp_path, sizes))
    assert np.allclose(encoder.store(PIXELS), times * PIXELS @ WEIGHT, atol=1e-4)
    assert not encoder.differentiable
    (note,) = encoder.notes
    assert "ONNX has none" in note


@needs_onnx
@pytest.mark.parametrize(
    "sizes", [["n", 1, 6, 6], [2, 1, 6, 5], ["n", 2, 6, 5], ["n", 31], ["n", 6, 5]]
)
def test_onnx_of_other_pictures(tmp_path, sizes):
    with pytest.raises(InputError, match="does not take such pictures") as caught:
        opened(onnx_model(tmp_path, sizes))
    assert "\n" not in str(caught.value)


@needs_onnx
def test_onnx_reads_no_file_outside_its_folder(tmp_path):
    secret, folder = tmp_path / "secret.bin", tmp_path / "model"
    folder.mkdir()
    WEIGHT.tofile(secret)
    WEIGHT.tofile(folder / "beside.bin")
    (folder / "link.bin").symlink_to(secret)
    beside = opened(onnx_model(folder, ["n", 30], location="beside.bin"))
    assert np.allclose(beside.store(PIXELS), PIXELS @ WEIGHT, atol=1e-4)
    for location in ("../secret.bin", str(secret), "link.bin", "./../secret.bin"):
        with pytest.raises(InputError, match="not a readable ONNX"):
            opened(onnx_model(folder, ["n", 30], location=location))


@needs_onnx
def test_damaged_onnx(tmp_path):
    good = Path(onnx_model(tmp_path, ["n", 30])).read_bytes()
    for data in (b"", good[:60], b"nothing of the kind" * 9):
        (tmp_path / "cut.onnx").write_bytes(data)
        with pytest.raises(InputError, match="not a readable ONNX") as caught:
            opened(str(tmp_path / "cut.onnx"))
        assert "\n" not in str(caught.value)


def test_without_onnxruntime_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(b"x")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'privkit\[onnx\]'"):
        opened(str(tmp_path / "model.onnx"))

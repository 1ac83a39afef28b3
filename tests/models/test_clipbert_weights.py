"""Published weights: every name is used or listed, and the same function comes out."""

import os
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet
from transformers import BertConfig, BertModel

from privkit.errors import InputError
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.configuration import CONVENTIONS, BackboneConfig, ClipBertConfig
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.weights import (
    load_bert,
    load_clipbert,
    load_initial,
    load_resnet,
)
from privkit.models.clipbert.words import TextBatch

WIDTHS, LAYERS, STEM, D, TOKENS = (2, 3, 4, 5), (1, 2, 1, 1), 6, 16, 30
CONFIG = ClipBertConfig(
    BackboneConfig(
        hidden=D,
        block="bottleneck",
        layers=LAYERS,
        widths=WIDTHS,
        strides=(1, 2, 2, 2),
        stem_width=STEM,
        stem_stride=2,
        stem_pool=True,
        frozen_norm=True,
        **CONVENTIONS["detectron2"],
    ),
    layers=2,
    heads=4,
    intermediate=24,
    vocabulary=TOKENS,
    positions=12,
    grid_positions=9,
    dropout=0.1,
)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(25))]


def models(config=CONFIG, answers=7):
    torch.manual_seed(0)
    return GridBackbone(config.backbone).eval(), QuestionAnswerer(config, answers).eval()


def detectron2_shapes():
    """Names and shapes of detectron2's ResNet, as in ClipBERT's checkpoints."""
    shapes = {}

    def convolution(name, out, into, kernel):
        shapes[f"{name}.weight"] = (out, into, kernel, kernel)
        for statistic in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.norm.{statistic}"] = (out,)

    convolution("stem.conv1", STEM, 3, 7)
    into = STEM
    for stage, (width, blocks) in enumerate(zip(WIDTHS, LAYERS, strict=True), start=2):
        for i in range(blocks):
            block = f"res{stage}.{i}"
            if i == 0:
                convolution(f"{block}.shortcut", 4 * width, into, 1)
            convolution(f"{block}.conv1", width, into, 1)
            convolution(f"{block}.conv2", width, width, 3)
            convolution(f"{block}.conv3", 4 * width, width, 1)
            into = 4 * width
    return {f"cnn.feature.backbone.{name}": shape for name, shape in shapes.items()}


def bert_shapes(layers=2, wide=24):
    shapes = {
        "embeddings.word_embeddings.weight": (TOKENS, D),
        "embeddings.position_embeddings.weight": (12, D),
        "embeddings.token_type_embeddings.weight": (2, D),
        "pooler.dense.weight": (D, D),
        "pooler.dense.bias": (D,),
        "embeddings.LayerNorm.weight": (D,),
        "embeddings.LayerNorm.bias": (D,),
    }
    for n in range(layers):
        dense = {f"attention.self.{k}": (D, D) for k in ("query", "key", "value")}
        dense |= {"attention.output.dense": (D, D), "output.dense": (D, wide)}
        dense["intermediate.dense"] = (wide, D)
        for name, shape in dense.items():
            shapes[f"encoder.layer.{n}.{name}.weight"] = shape
            shapes[f"encoder.layer.{n}.{name}.bias"] = shape[:1]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{n}.{name}.weight"] = (D,)
            shapes[f"encoder.layer.{n}.{name}.bias"] = (D,)
    return shapes


def clipbert_shapes(answers=7):
    visual = {
        "row_position_embeddings.weight": (9, D),
        "col_position_embeddings.weight": (9, D),
        "token_type_embeddings.weight": (1, D),
        "LayerNorm.weight": (D,),
        "LayerNorm.bias": (D,),
    }
    return {
        **detectron2_shapes(),
        "cnn.grid_encoder.0.weight": (D, 4 * WIDTHS[-1], 3, 3),
        **{f"transformer.bert.{k}": v for k, v in bert_shapes().items()},
        **{f"transformer.bert.visual_embeddings.{k}": v for k, v in visual.items()},
        "transformer.classifier.0.weight": (2 * D, D),
        "transformer.classifier.0.bias": (2 * D,),
        "transformer.classifier.2.weight": (answers, 2 * D),
        "transformer.classifier.2.bias": (answers,),
    }


EXTRA = {  # what published files hold besides
    "transformer.cls.predictions.bias": (TOKENS,),
    "transformer.cls.seq_relationship.weight": (2, D),
    "transformer.bert.embeddings.position_ids": (1, 12),
    "transformer.bert.visual_embeddings.position_embeddings.weight": (12, D),
    "cnn.feature.proposal_generator.rpn_head.conv.weight": (3, 3),
    "cnn.feature.roi_heads.box_predictor.cls_score.weight": (3, 3),
    "cnn.feature.pixel_mean": (3, 1, 1),
}


def drawn(shapes, seed=1):
    generator = torch.Generator().manual_seed(seed)
    state = {k: torch.randn(s, generator=generator) * 0.3 for k, s in shapes.items()}
    return {k: v.abs() + 0.5 if k.endswith("running_var") else v for k, v in state.items()}


def saved(folder, state, name="clipbert.pt"):
    torch.save(state, folder / name)
    return folder / name


def text_and_clips():
    ids = torch.randint(5, TOKENS, (2, 1, 6), generator=torch.Generator().manual_seed(2))
    return torch.rand(2, 1, 1, 3, 64, 64), TextBatch(ids, torch.ones_like(ids).bool())


def scores(backbone, answerer):
    torch.manual_seed(5)
    frames, text = text_and_clips()
    return answerer(backbone.clip_features(frames), text)


def test_a_checkpoint_of_clipbert_is_loaded_whole(tmp_path):
    state = drawn(clipbert_shapes())
    backbone, answerer = models()
    before = scores(backbone, answerer)
    report = load_clipbert(saved(tmp_path, state), backbone, answerer)
    assert (set(report.used), report.unused, report.missing) == (set(state), (), ())
    here = {**backbone.state_dict(), **answerer.state_dict()}
    assert len(here) == len(state)
    assert sum(v.double().sum() for v in here.values()).item() == pytest.approx(
        sum(v.double().sum() for v in state.values()).item()
    )
    pairs = {
        "resnet.conv1.weight": "cnn.feature.backbone.stem.conv1.weight",
        "resnet.bn1.running_var": "cnn.feature.backbone.stem.conv1.norm.running_var",
        "resnet.layer2.1.bn3.bias": "cnn.feature.backbone.res3.1.conv3.norm.bias",
        "resnet.layer4.0.downsample.0.weight": "cnn.feature.backbone.res5.0.shortcut.weight",
        "resnet.layer1.0.downsample.1.weight": "cnn.feature.backbone.res2.0.shortcut.norm.weight",
        "visual_embeddings.col_position_embeddings.weight": (
            "transformer.bert.visual_embeddings.col_position_embeddings.weight"
        ),
        "classifier.2.bias": "transformer.classifier.2.bias",
        "bert.encoder.layer.1.output.LayerNorm.bias": (
            "transformer.bert.encoder.layer.1.output.LayerNorm.bias"
        ),
    }
    assert all(torch.equal(here[k], state[v]) for k, v in pairs.items())
    assert not torch.allclose(before, scores(backbone, answerer))


@pytest.mark.parametrize("form", ["safetensors", "restorer", "legacy", "half"])
def test_all_forms_of_the_file_give_the_same_model(tmp_path, form):
    state = drawn(clipbert_shapes())
    path = saved(tmp_path, state)
    expected = models()
    load_clipbert(path, *expected)
    if form == "safetensors":
        path = tmp_path / "clipbert.safetensors"
        save_file(state, path)
    elif form == "restorer":
        path = saved(tmp_path, {"global_step": 3, "model_state_dict": state, "optim": {"a": 1}})
    elif form == "legacy":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    else:
        path = saved(tmp_path, {k: v.half() for k, v in state.items()})
    got = models()
    kind = load_initial(path, *got).kind
    assert kind == "clipbert"
    tolerance = 0.05 if form == "half" else 0
    torch.testing.assert_close(scores(*got), scores(*expected), rtol=tolerance, atol=tolerance)


def test_heads_of_the_pre_training_are_listed_and_a_new_head_stays(tmp_path):
    shapes = {k: v for k, v in clipbert_shapes().items() if ".classifier." not in k}
    state = drawn({**shapes, **EXTRA})
    backbone, answerer = models()
    head = answerer.classifier[2].weight.clone()
    report = load_clipbert(saved(tmp_path, state), backbone, answerer)
    assert set(report.unused) == set(EXTRA)
    assert set(report.missing) == {
        f"answerer.classifier.{n}.{k}" for n in (0, 2) for k in ("weight", "bias")
    }
    assert torch.equal(head, answerer.classifier[2].weight)


def test_a_head_of_other_answers_is_listed_and_stays(tmp_path):
    backbone, answerer = models(answers=None)
    report = load_clipbert(saved(tmp_path, drawn(clipbert_shapes())), backbone, answerer)
    last = {"weight", "bias"}
    assert set(report.unused) == {f"transformer.classifier.2.{k}" for k in last}
    assert set(report.missing) == {f"answerer.classifier.2.{k}" for k in last}
    assert "transformer.classifier.0.weight" in report.used


POOLER = "transformer.bert.pooler.dense.bias"
FAULTS = {
    "missing": (lambda s: s.pop(POOLER), "answerer.bert.pooler.dense.bias is missing"),
    "extra": (lambda s: s.update({"cnn.neck.w": torch.ones(1)}), "'cnn.neck.w' is unknown"),
    "shape": (
        lambda s: s.update({POOLER: torch.ones(3)}),
        rf"{POOLER} has shape \(3,\), not \(16,\)",
    ),
    "not finite": (
        lambda s: s.update({POOLER: torch.full((D,), torch.nan)}),
        f"{POOLER} is not finite",
    ),
    "deeper": (
        lambda s: s.update({"transformer.bert.encoder.layer.2.output.dense.bias": torch.ones(D)}),
        "layer.2.output.dense.bias' is unknown",
    ),
    "another stage": (
        lambda s: s.update({"cnn.feature.backbone.res6.0.conv1.weight": torch.ones(1)}),
        "res6.0.conv1.weight' is unknown",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(tmp_path, fault):
    spoil, named = FAULTS[fault]
    state = drawn(clipbert_shapes())
    spoil(state)
    path = saved(tmp_path, state)
    backbone, answerer = models()
    before = scores(backbone, answerer)
    with pytest.raises(InputError, match=f"^[^\n]*1 of the weights[^\n]*{named}[^\n]*$"):
        load_clipbert(path, backbone, answerer)
    assert torch.equal(before, scores(backbone, answerer))
    report = load_clipbert(path, backbone, answerer, strict=False)
    assert len(report.used) >= len(state) - 1
    assert len(report.used) + len(report.unused) == len(state)


def test_many_faults_are_counted_and_five_are_named(tmp_path):
    state = {f"a{n}": torch.ones(1) for n in range(9)} | drawn(clipbert_shapes())
    with pytest.raises(InputError, match=r"^.*9 of the weights.*'a4' is unknown and 4 more"):
        load_clipbert(saved(tmp_path, state), *models())


def reference_resnet(state, x, stride_in_1x1):
    """detectron2's bottleneck ResNet from its weights, by torch's functions alone."""
    p = "cnn.feature.backbone."

    def convolution(name, v, stride=1, padding=0):
        v = nn.functional.conv2d(v, state[f"{p}{name}.weight"], stride=stride, padding=padding)
        w, b, mean, var = (
            state[f"{p}{name}.norm.{k}"][:, None, None]
            for k in ("weight", "bias", "running_mean", "running_var")
        )
        return (v - mean) / (var + 1e-5).sqrt() * w + b

    x = nn.functional.max_pool2d(convolution("stem.conv1", x, 2, 3).relu(), 3, 2, 1)
    for stage, blocks in enumerate(LAYERS, start=2):
        for i in range(blocks):
            block, stride = f"res{stage}.{i}", 2 if stage > 2 and i == 0 else 1
            first, second = (stride, 1) if stride_in_1x1 else (1, stride)
            y = convolution(f"{block}.conv1", x, first).relu()
            y = convolution(f"{block}.conv2", y, second, 1).relu()
            shortcut = convolution(f"{block}.shortcut", x, stride) if i == 0 else x
            x = (convolution(f"{block}.conv3", y) + shortcut).relu()
    return x


def test_the_stride_lies_in_the_1x1_convolution(tmp_path):
    state = drawn(clipbert_shapes())
    backbone, answerer = models()
    load_clipbert(saved(tmp_path, state), backbone, answerer)
    rgb = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    res5 = reference_resnet(state, rgb.flip(1), stride_in_1x1=True)
    torch.testing.assert_close(backbone.resnet(rgb.flip(1)), res5, rtol=1e-4, atol=1e-5)
    grid = nn.functional.conv2d(res5, state["cnn.grid_encoder.0.weight"], padding=1)
    grid = nn.functional.max_pool2d(grid, 2).relu().permute(0, 2, 3, 1)
    torch.testing.assert_close(backbone(rgb), grid, rtol=1e-4, atol=1e-5)
    elsewhere = reference_resnet(state, rgb.flip(1), stride_in_1x1=False)
    assert not torch.allclose(res5, elsewhere, rtol=0.1)
    other = GridBackbone(replace(CONFIG.backbone, stride_in_1x1=False)).eval()
    other.load_state_dict(backbone.state_dict())
    torch.testing.assert_close(other.resnet(rgb.flip(1)), elsewhere, rtol=1e-4, atol=1e-5)


def test_frozen_norm_is_the_formula_in_training_too():
    norm = GridBackbone(CONFIG.backbone).train().resnet.bn1
    values = {k: torch.rand(STEM) + 0.5 for k in ("weight", "bias", "running_mean", "running_var")}
    norm.load_state_dict(values)
    x = torch.randn(3, STEM, 4, 4)
    w, b, mean, var = (values[k][:, None, None] for k in values)
    torch.testing.assert_close(norm(x), (x - mean) / (var + 1e-5).sqrt() * w + b)
    assert not list(norm.parameters())
    assert torch.equal(norm.running_mean, values["running_mean"])


def test_weights_of_another_convention_are_refused(tmp_path):
    state = drawn(clipbert_shapes())
    config = replace(CONFIG, backbone=replace(CONFIG.backbone, **CONVENTIONS["torchvision"]))
    with pytest.raises(InputError, match=r"follow detectron2.*stride_in_1x1=true"):
        load_clipbert(saved(tmp_path, state), *models(config))
    with pytest.raises(InputError, match=r"follow torchvision.*channels=RGB"):
        load_resnet(saved(tmp_path, state), models()[0])


class Narrow(ResNet):
    """torchvision's own forward pass at small widths."""

    def __init__(self):
        super().__init__(BasicBlock, [1, 1, 1, 1])
        self.inplanes = 4
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        strides = (1, 2, 2, 2)
        for n, (width, stride) in enumerate(zip((4, 6, 8, 10), strides, strict=True), start=1):
            setattr(self, f"layer{n}", self._make_layer(BasicBlock, width, 1, stride))
        self.avgpool, self.fc = nn.Identity(), nn.Identity()


@pytest.mark.parametrize("frozen_norm", [False, True])
def test_torchvisions_resnet_computes_the_same_here(tmp_path, frozen_norm):
    torch.manual_seed(4)
    theirs = Narrow()
    theirs(torch.randn(8, 3, 64, 64))  # moves the running statistics
    state = {**theirs.state_dict(), "fc.weight": torch.ones(5, 10), "fc.bias": torch.ones(5)}
    config = replace(
        ClipBertConfig.small().backbone,
        widths=(4, 6, 8, 10),
        strides=(1, 2, 2, 2),
        stem_width=4,
        stem_pool=True,
        frozen_norm=frozen_norm,
    )
    ours = GridBackbone(config).eval()
    path = saved(tmp_path, state, "resnet.pth")
    report = load_resnet(path, ours)
    assert report.missing == ("backbone.grid_encoder.0.weight",)
    counters = {k for k in state if k.endswith("num_batches_tracked")}
    assert set(report.unused) == {"fc.weight", "fc.bias"} | (counters if frozen_norm else set())
    x = torch.randn(2, 3, 64, 64)
    expected = theirs.eval()(x).reshape(2, 10, 2, 2)
    torch.testing.assert_close(ours.resnet(x), expected, rtol=1e-4, atol=1e-5)
    assert load_initial(path, ours, models()[1]).kind == "resnet"
    del state["layer3.0.bn2.bias"]
    with pytest.raises(InputError, match=r"backbone.resnet.layer3.0.bn2.bias is missing"):
        load_resnet(saved(tmp_path, state), ours)


def bert_folder(folder, *, old_names=False, pickled=False, **changes):
    """A folder as Hugging Face's own code writes it, and the model that it holds."""
    torch.manual_seed(6)
    settings = {
        "vocab_size": TOKENS,
        "hidden_size": D,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 24,
        "max_position_embeddings": 12,
    }
    theirs = BertModel(BertConfig(**{**settings, **changes})).eval()
    theirs.save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{t}\n" for t in VOCABULARY))
    if old_names or pickled:
        (folder / "model.safetensors").unlink()
        state = {f"bert.{k}": v for k, v in theirs.state_dict().items()}
        if old_names:
            state = {
                k.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): v
                for k, v in state.items()
            }
        state["cls.predictions.bias"] = torch.ones(TOKENS)
        torch.save(state, folder / "pytorch_model.bin")
    return theirs


@pytest.mark.parametrize("form", [{}, {"pickled": True}, {"old_names": True}])
def test_bert_from_hugging_face_computes_the_same_here(tmp_path, form):
    theirs = bert_folder(tmp_path, **form)
    backbone, answerer = models()
    initial = load_initial(tmp_path, backbone, answerer)
    assert initial.kind == "bert"
    assert all(k.split(".")[1] != "bert" for k in initial.report.missing)
    tokenizer = load_bert(tmp_path, answerer)
    assert tokenizer.vocabulary_size == TOKENS
    batch = tokenizer.batch([["w3 w4 w5", "w9"]], 10)
    ids, mask = batch.ids[0], batch.mask[0]
    expected = theirs(input_ids=ids, attention_mask=mask.long()).pooler_output
    got = answerer.bert(input_ids=ids, attention_mask=mask.long()).pooler_output
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_attention_heads": 2}, "num_attention_heads = 4; found: num_attention_heads = 2"),
        ({"num_hidden_layers": 1}, "num_hidden_layers = 2"),
        ({"hidden_act": "relu"}, "hidden_act = gelu"),
    ],
)
def test_another_bert_is_refused(tmp_path, changes, named):
    bert_folder(tmp_path, **changes)
    with pytest.raises(InputError, match=named):
        load_bert(tmp_path, models()[1])


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "model.safetensors"])
def test_an_incomplete_folder_is_refused(tmp_path, name):
    bert_folder(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=name.replace("model.", "pytorch_model.|model.")):
        load_bert(tmp_path, models()[1])


def test_a_folder_with_broken_files_is_refused(tmp_path):
    bert_folder(tmp_path)
    (tmp_path / "vocab.txt").write_text("".join(f"{t}\n" for t in [*VOCABULARY, "more"]))
    with pytest.raises(InputError, match=r"vocabulary does not fit.*found: 31"):
        load_bert(tmp_path, models()[1])
    for content in ("[1]", "{", "[" * 100_000):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(InputError, match=r"config\.json"):
            load_bert(tmp_path, models()[1])


class Harm:
    """What a hostile pickle does when it is loaded carelessly."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / "harm"),)


@pytest.mark.parametrize("load", [load_clipbert, load_initial])
@pytest.mark.parametrize("plain", [True, False])
def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path, load, plain):
    path = tmp_path / "weights.pt"
    if plain:
        path.write_bytes(pickle.dumps(Harm(tmp_path)))
    else:
        torch.save({"cnn.a": torch.ones(1), "b": Harm(tmp_path)}, path)
    with pytest.raises(InputError, match=r"^[^\n]*weights\.pt: this is not a file[^\n]*$"):
        load(path, *models())
    assert not (tmp_path / "harm").exists()


JUNK = {
    "empty": b"",
    "text": b"not weights at all",
    "cut": None,
    "a list": [torch.ones(2)],
    "a number beside": {"cnn.a": torch.ones(1), "step": 3},
    "sparse": {"conv1.weight": torch.eye(3).to_sparse()},
    "complex": {"conv1.weight": torch.ones(2, dtype=torch.complex64)},
}


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_refused_in_one_line(tmp_path, kind, ending):
    path, content = tmp_path / f"weights.{ending}", JUNK[kind]
    if kind == "cut":
        torch.save({"a": torch.ones(999)}, path)
        path.write_bytes(path.read_bytes()[:700])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match="read safely") as caught:
        load_initial(path, *models())
    assert "\n" not in str(caught.value)
    assert "weights_only=False" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_other_weights_are_refused(tmp_path):
    path = saved(tmp_path, {"head.weight": torch.ones(2)})
    with pytest.raises(InputError, match=r"no known kind.*head\.weight"):
        load_initial(path, *models())
    state = {f"bert.{k}": v for k, v in drawn(bert_shapes()).items()}
    with pytest.raises(InputError, match=r"BERT alone.*name the folder"):
        load_initial(saved(tmp_path, state), *models())
    with pytest.raises(InputError, match="no such file"):
        load_initial(tmp_path / "none.pt", *models())

"""Starting from published weights: ClipBERT's own, torchvision's ResNet, or Hugging Face's BERT.

Every weight of the file is either used or listed, and nothing is written into a model before the
whole file has been checked. Files are local; nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from privkit.errors import InputError
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.assignment import LoadReport, assign, targets_of
from privkit.models.clipbert.configuration import ClipBertConfig
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.keys import NAMINGS, naming_of
from privkit.models.clipbert.state_files import read_state
from privkit.models.clipbert.words import Tokenizer

__all__ = ["Initial", "LoadReport", "load_bert", "load_clipbert", "load_initial", "load_resnet"]


@dataclass(frozen=True)
class Initial:
    """Weights that a model was started from.

    Attributes:
        kind: ``"clipbert"``, ``"resnet"`` or ``"bert"``.
        report: what was used of them.
        tokenizer: the vocabulary that came with them, or ``None``.
    """

    kind: str
    report: LoadReport
    tokenizer: Tokenizer | None = None


def load_clipbert(
    path: Path, backbone: GridBackbone, answerer: QuestionAnswerer, *, strict: bool = True
) -> LoadReport:
    """Load a checkpoint of ClipBERT (Lei et al., CVPR 2021), pre-trained or fine-tuned.

    Pre-training heads and the detector's own heads have no place here and are listed as unused. A
    head of other answers is listed as unused where its shape differs.

    Args:
        path: a local ``.pt`` or ``.safetensors`` file.
        backbone: of the convention ``"detectron2"``, which ClipBERT's weights follow.
        answerer: of the checkpoint's widths.
        strict: refuse a file that does not fit in every weight; otherwise load what fits.

    Raises:
        InputError: the file is unreadable, or (strict) a weight is unknown, missing, of another
            shape or not finite; or the backbone computes another function of these weights.
    """
    return _load_clipbert(read_state(path), path, backbone, answerer, strict=strict)


def load_resnet(path: Path, backbone: GridBackbone) -> LoadReport:
    """Load torchvision's ResNet; its ``fc`` is unused, the grid encoder stays as it was.

    Args:
        path: a local ``.pth`` or ``.safetensors`` file of a state dict.
        backbone: of the convention ``"torchvision"``.

    Raises:
        InputError: see :func:`load_clipbert`.
    """
    return _load_resnet(read_state(path), path, backbone)


def load_bert(folder: Path, answerer: QuestionAnswerer) -> Tokenizer:
    """Load a local Hugging Face folder of BERT; the visual embeddings and the head stay.

    Args:
        folder: with ``config.json``, ``vocab.txt`` and ``model.safetensors`` or
            ``pytorch_model.bin``.
        answerer: of the same widths, depths and vocabulary.

    Returns:
        The folder's vocabulary.

    Raises:
        InputError: a file is missing or broken, or the answerer is built differently.
    """
    return _load_bert(Path(folder), answerer)[1]


def load_initial(
    path: Path, backbone: GridBackbone, answerer: QuestionAnswerer, *, strict: bool = True
) -> Initial:
    """Load published weights of any of the three kinds, told apart by what is in the file.

    Args:
        path: a file of ClipBERT or a ResNet, or a Hugging Face folder of BERT.
        backbone: is started from ClipBERT or a ResNet.
        answerer: is started from ClipBERT or BERT.
        strict: of ClipBERT only, see :func:`load_clipbert`.

    Raises:
        InputError: the file is of no known kind, or does not fit.
    """
    path = Path(path)
    if path.is_dir():
        report, tokenizer = _load_bert(path, answerer)
        return Initial("bert", report, tokenizer)
    state = read_state(path)
    kind = naming_of(list(state))
    if kind == "clipbert":
        return Initial(kind, _load_clipbert(state, path, backbone, answerer, strict=strict))
    if kind == "resnet":
        return Initial(kind, _load_resnet(state, path, backbone))
    raise InputError(
        "these are weights of BERT alone" if kind else "these weights are of no known kind",
        where=path,
        rule="ClipBERT's checkpoint, torchvision's ResNet, or a Hugging Face folder of BERT",
        found=f"{len(state)} weights, first {sorted(state)[:3]!r:.200}",
        remedy="name the folder that holds config.json and vocab.txt" if kind else None,
    )


def _load_clipbert(
    state: Mapping[str, Tensor],
    path: Path,
    backbone: GridBackbone,
    answerer: QuestionAnswerer,
    *,
    strict: bool,
) -> LoadReport:
    backbone.config.check_convention("detectron2", path)
    targets = targets_of(backbone=backbone, answerer=answerer)
    return assign(state, targets, NAMINGS["clipbert"], path, strict=strict)


def _load_resnet(state: Mapping[str, Tensor], path: Path, backbone: GridBackbone) -> LoadReport:
    backbone.config.check_convention("torchvision", path)
    return assign(state, targets_of(backbone=backbone), NAMINGS["resnet"], path, strict=True)


def _load_bert(folder: Path, answerer: QuestionAnswerer) -> tuple[LoadReport, Tokenizer]:
    _check_bert(folder / "config.json", answerer.config)
    tokenizer = Tokenizer.load(folder)
    if tokenizer.vocabulary_size > answerer.config.vocabulary:
        raise InputError(
            "the vocabulary does not fit the weights",
            where=folder / "vocab.txt",
            rule=f"at most vocab_size of config.json, {answerer.config.vocabulary} tokens",
            found=tokenizer.vocabulary_size,
        )
    safe, pickled = folder / "model.safetensors", folder / "pytorch_model.bin"
    path = safe if safe.is_file() or not pickled.is_file() else pickled
    targets = targets_of(answerer=answerer)
    return assign(read_state(path), targets, NAMINGS["bert"], path, strict=True), tokenizer


def _check_bert(path: Path, config: ClipBertConfig) -> None:
    """Refuse another BERT than the answerer's; the heads, say, cannot be told from the weights."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            "the configuration of BERT cannot be read",
            where=path,
            rule="a Hugging Face folder with config.json",
            found=error,
        ) from error
    wanted = {
        "model_type": "bert",
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.positions,
        "hidden_act": "gelu",
    }
    has = found if isinstance(found, dict) else {}
    wrong = [key for key, value in wanted.items() if has.get(key) != value]
    if wrong:
        raise InputError(
            "this BERT is built differently",
            where=path,
            rule=", ".join(f"{key} = {wanted[key]}" for key in wrong),
            found=", ".join(f"{key} = {str(has.get(key))[:40]}" for key in wrong),
            remedy="set the model's configuration to that of the folder",
        )

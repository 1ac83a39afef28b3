"""What a task's networks start from: given weights and words, or a backbone pre-trained here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from privkit.errors import InputError
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.weights import LoadReport, load_initial
from privkit.models.clipbert.words import Tokenizer
from privkit.models.random_draws import seeded
from privkit.videoqa.configuration import Configuration
from privkit.videoqa.pretrain import pretrained_backbone

__all__ = ["Given", "Initial", "Loaded", "Start", "start"]

Tick = Callable[[str, int, int], None]

#: Kinds of weights that hold a backbone, or BERT's words.
_WITH_BACKBONE = frozenset({"clipbert", "resnet"})
_WITH_WORDS = frozenset({"clipbert", "bert"})


@dataclass(frozen=True)
class Given:
    """What the user gives to start from.

    Attributes:
        files: ClipBERT checkpoints, torchvision ResNets, Hugging Face folders of BERT.
        vocabulary: BERT's ``vocab.txt``, or a folder that holds one.
        strict: refuse a checkpoint of ClipBERT that does not fit in every weight.
    """

    files: tuple[Path, ...] = ()
    vocabulary: Path | None = None
    strict: bool = True

    def words(self) -> Tokenizer | None:
        """The words that were given; ``None`` for words of the training questions.

        Raises:
            InputError: the vocabulary cannot be read, or two are given that differ.
        """
        if self.vocabulary is not None:
            return Tokenizer.load(self.vocabulary)
        folders = [path for path in self.files if path.is_dir()]
        found = [Tokenizer.load(folder) for folder in folders]
        if len({tokenizer.vocabulary for tokenizer in found}) > 1:
            raise InputError(
                "two vocabularies differ",
                where="--init",
                rule="token ids mean one vocabulary",
                found=" and ".join(folder.name for folder in folders),
                remedy="name the right one with --vocabulary",
            )
        return found[0] if found else None


@dataclass(frozen=True)
class Initial:
    """Weights that answerers start from; the others are drawn for every training's seed.

    Attributes:
        weights: part of an answerer's state dict.
        sha256: hash of these weights.
    """

    weights: Mapping[str, Tensor]
    sha256: str

    def apply(self, answerer: QuestionAnswerer) -> None:
        """Start an answerer; what is not given stays as it was drawn."""
        answerer.load_state_dict({**answerer.state_dict(), **self.weights})


@dataclass(frozen=True)
class Loaded:
    """What became of a file of weights.

    Attributes:
        file: its name.
        kind: ``"clipbert"``, ``"resnet"`` or ``"bert"``.
        report: names of the weights that were used, unused and missing.
    """

    file: str
    kind: str
    report: LoadReport


@dataclass(frozen=True)
class Start:
    """What a task starts from.

    Attributes:
        backbone: frozen, in inference mode.
        initial: what answerers start from; ``None`` for weights that are drawn.
        loaded: the files that were read.
        warnings: what is as it was drawn, or has learned from generated scenes only.
    """

    backbone: GridBackbone
    initial: Initial | None = None
    loaded: tuple[Loaded, ...] = ()
    warnings: tuple[str, ...] = ()


def start(
    given: Given,
    configuration: Configuration,
    answers: int | None,
    *,
    cache: Path,
    seed: int,
    device: str = "cpu",
    tick: Tick | None = None,
    real_videos: bool = False,
) -> Start:
    """Load what is given, and pre-train what is not, as the configuration says.

    Args:
        given: files, in the order in which they are read; a later one replaces an earlier one.
        configuration: with the size of the vocabulary in use.
        answers: of an open-ended task; ``None`` for multiple choice.
        cache: folder of what is pre-trained.
        seed: of weights that are drawn, and of the pre-training.
        device: where is pre-trained.
        tick: progress.
        real_videos: whether the questions are about other than generated videos.

    Raises:
        InputError: a file does not fit, or weights with BERT's words come without them.
    """
    loaded: list[Loaded] = []
    warnings: list[str] = []
    drawn_backbone, drawn_answerer = _drawn(configuration, answers, seed)
    names = {f"answerer.{name}" for name in drawn_answerer.state_dict()}
    used: set[str] = set()
    for path in given.files:
        found = load_initial(path, drawn_backbone, drawn_answerer, strict=given.strict)
        if found.kind in _WITH_WORDS and given.words() is None:
            raise InputError(
                "these weights come without the words that their tokens stand for",
                where=path,
                rule="BERT's own vocabulary",
                remedy="name the vocab.txt, or a folder that holds it, with --vocabulary",
            )
        used |= names - set(found.report.missing)
        loaded.append(Loaded(path.name, found.kind, found.report))
    kinds = {entry.kind for entry in loaded}
    if kinds & _WITH_BACKBONE:
        backbone = drawn_backbone.freeze().eval()
        if "clipbert" not in kinds:
            warnings.append(
                "The grid encoder behind the ResNet is as it was drawn; only --end-to-end trains "
                "it."
            )
    else:
        backbone = pretrained_backbone(
            configuration, cache=cache, seed=seed, device=device, tick=tick
        )
        if not configuration.training.pretraining_steps:
            warnings.append(
                "THE BACKBONE IS AS IT WAS DRAWN: it has learned nothing, because no weights are "
                "given with --init and training.pretraining_steps is 0. What the accuracies say "
                "about few-bit codes is of little worth."
            )
        elif real_videos:
            warnings.append(
                "The backbone was pre-trained on generated scenes: accuracy on real videos says "
                "little about published backbones, whose weights --init takes."
            )
    initial = None
    if used:
        state = drawn_answerer.state_dict()
        weights = {name: state[name] for name in state if f"answerer.{name}" in used}
        initial = Initial(weights, _sha256(weights))
    return Start(backbone, initial, tuple(loaded), tuple(warnings))


def _drawn(
    configuration: Configuration, answers: int | None, seed: int
) -> tuple[GridBackbone, QuestionAnswerer]:
    with seeded(seed):
        backbone = GridBackbone(configuration.model.backbone)
        return backbone, QuestionAnswerer(configuration.model, answers)


def _sha256(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {tuple(value.shape)};".encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()

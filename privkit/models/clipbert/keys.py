"""The names of published weights, and the names of the same weights here.

A rule is a pattern of a name in the file and the name here, the whole name each; the first rule
that fits counts. Names here begin with ``backbone.`` or ``answerer.``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["NAMINGS", "Naming", "naming_of"]


@dataclass(frozen=True)
class Naming:
    """How one kind of published file names its weights.

    Attributes:
        marks: patterns of names by which such a file is known; each must occur.
        rules: patterns and replacements.
        unused: patterns of names that are known and have no place here, e.g. pre-training heads.
        absent: patterns of names here that such a file does not have.
    """

    marks: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    absent: tuple[str, ...]

    def name_here(self, name: str) -> str | None:
        """The name here of a weight of the file, or ``None``."""
        for pattern, replacement in self.rules:
            match = re.fullmatch(pattern, name)
            if match:
                return _stages_here(match.expand(replacement))
        return None

    def is_unused(self, name: str) -> bool:
        """Whether a name of the file is known to have no place here."""
        return any(re.fullmatch(pattern, name) for pattern in self.unused)

    def is_absent(self, name: str) -> bool:
        """Whether such a file is known to lack a name here."""
        return any(re.fullmatch(pattern, name) for pattern in self.absent)


def _stages_here(name: str) -> str:
    """detectron2's stages res2 to res5 are torchvision's layer1 to layer4."""
    return re.sub(r"\bres([2-5])\.", lambda m: f"layer{int(m[1]) - 1}.", name)


_COUNTER = r".*\.num_batches_tracked"
_DETECTRON2 = r"cnn\.feature\.backbone\."
_BLOCK = _DETECTRON2 + r"(res[2-5]\.\d+)\."
_HEAD = r"answerer\.classifier\..*"

_BERT_RULES = (
    (r"(?:bert\.)?((?:embeddings|encoder|pooler)\..*LayerNorm)\.gamma", r"answerer.bert.\1.weight"),
    (r"(?:bert\.)?((?:embeddings|encoder|pooler)\..*LayerNorm)\.beta", r"answerer.bert.\1.bias"),
    (r"(?:bert\.)?((?:embeddings|encoder|pooler)\..*)", r"answerer.bert.\1"),
)

#: By the kind of file: ClipBERT's checkpoint, torchvision's ResNet, Hugging Face's BERT.
NAMINGS = {
    "clipbert": Naming(
        marks=(r"cnn\..*", r"transformer\..*"),
        rules=(
            (_DETECTRON2 + r"stem\.conv1\.weight", r"backbone.resnet.conv1.weight"),
            (_DETECTRON2 + r"stem\.conv1\.norm\.(\w+)", r"backbone.resnet.bn1.\1"),
            (_BLOCK + r"conv([123])\.weight", r"backbone.resnet.\1.conv\2.weight"),
            (_BLOCK + r"conv([123])\.norm\.(\w+)", r"backbone.resnet.\1.bn\2.\3"),
            (_BLOCK + r"shortcut\.weight", r"backbone.resnet.\1.downsample.0.weight"),
            (_BLOCK + r"shortcut\.norm\.(\w+)", r"backbone.resnet.\1.downsample.1.\2"),
            (r"cnn\.(grid_encoder\.0\.weight)", r"backbone.\1"),
            (
                r"transformer\.bert\.(visual_embeddings\.(?:row_position_embeddings|"
                r"col_position_embeddings|token_type_embeddings|LayerNorm)\..*)",
                r"answerer.\1",
            ),
            (r"transformer\.(bert\.embeddings\.(?!position_ids).*)", r"answerer.\1"),
            (r"transformer\.(bert\.(?:encoder|pooler)\..*)", r"answerer.\1"),
            (r"transformer\.(classifier\.[02]\..*)", r"answerer.\1"),
        ),
        unused=(
            r"transformer\.cls\..*",  # pre-training: masked words, and whether text and picture fit
            r"transformer\.bert\.embeddings\.position_ids",
            r"transformer\.bert\.visual_embeddings\.position_embeddings\.weight",  # used by nothing
            r"cnn\.feature\.(proposal_generator|roi_heads)\..*",  # of the detector
            r"cnn\.feature\.pixel_(mean|std)",
            _COUNTER,
        ),
        absent=(_COUNTER, _HEAD),
    ),
    "resnet": Naming(
        marks=(r"conv1\.weight", r"layer4\..*"),
        rules=((r"((?:conv1|bn1|layer[1-4])\..*)", r"backbone.resnet.\1"),),
        unused=(r"fc\..*", _COUNTER),
        absent=(_COUNTER, r"backbone\.grid_encoder\..*", r"answerer\..*"),
    ),
    "bert": Naming(
        marks=(r"(bert\.)?embeddings\.word_embeddings\.weight", r"(bert\.)?encoder\.layer\..*"),
        rules=_BERT_RULES,
        unused=(r"(cls|classifier|qa_outputs)\..*", r"(bert\.)?embeddings\.position_ids"),
        absent=(r"backbone\..*", r"answerer\.visual_embeddings\..*", _HEAD),
    ),
}


def naming_of(names: list[str]) -> str | None:
    """The kind of a file, told by the names in it; ``None`` for a file of no known kind."""
    for kind, naming in NAMINGS.items():
        if all(any(re.fullmatch(mark, name) for name in names) for mark in naming.marks):
            return kind
    return None

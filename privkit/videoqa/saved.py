"""Saved models: one safetensors file with all that answering and encoding raw videos takes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from privkit.data.questions.record import Question, QuestionSet
from privkit.data.questions.vocabulary import AnswerVocabulary
from privkit.errors import InputError
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.words import Tokenizer
from privkit.runs import write_atomically
from privkit.videoqa.batches import QuestionBatches
from privkit.videoqa.configuration import Configuration, load_configuration
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA, stored_form
from privkit.videoqa.task import Task
from privkit.videoqa.trained import Trained

__all__ = ["MODEL_FILE", "SavedModel", "load_model", "save_model"]

#: The model's file in a run folder.
MODEL_FILE = "model.safetensors"
_FORMAT = "privkit-videoqa"
_VERSION = 1

_FIELDS = {
    "configuration": str,
    "method": str,
    "bits": int | None,
    "set": str,
    "task": str,
    "notice": str,
    "generated": bool,
    "words": list,
    "answers": list | None,
    "shape": list,
    "seed": int,
    "questions_sha256": str,
    "end_to_end": bool,
}


@dataclass(frozen=True)
class SavedModel:
    """A trained model and what it was trained on.

    Attributes:
        configuration: the settings.
        variant: the method and its bits.
        set_name: of the questions, e.g. ``"TGIF-QA"``.
        task: name of the task.
        notice: words that must stand wherever a result of it is shown.
        generated: whether the data was ``generated``.
        tokenizer: makes tokens.
        vocabulary: the answers of open-ended questions; ``None`` for multiple choice.
        shape: ``(T, h, w, D)``, of the features.
        seed: of the training and of the splits that were drawn.
        questions_sha256: hash of the questions.
        backbone: frozen, in inference mode.
        model: in inference mode; with its own backbone where it was trained end to end.
    """

    configuration: Configuration
    variant: Variant
    set_name: str
    task: str
    notice: str
    generated: bool
    tokenizer: Tokenizer
    vocabulary: AnswerVocabulary | None
    shape: tuple[int, ...]
    seed: int
    questions_sha256: str
    backbone: GridBackbone
    model: FewBitVideoQA

    @property
    def end_to_end(self) -> bool:
        """Whether it was trained from frames, and reads frames."""
        return self.model.backbone is not None

    def batches(self, questions: Sequence[Question]) -> QuestionBatches:
        """Questions as the model may see them."""
        return QuestionBatches(
            questions,
            self.tokenizer,
            self.vocabulary,
            max_tokens=self.configuration.text.max_tokens,
            with_question=self.variant.method.question,
        )

    def check_kind(self, questions: QuestionSet) -> None:
        """Refuse questions of another kind than those it was trained on.

        Raises:
            InputError: multiple choice against open-ended questions.
        """
        kinds = {False: "open-ended questions", True: "multiple-choice questions"}
        own = self.vocabulary is None
        if questions.multiple_choice != own:
            raise InputError(
                f"the model was trained on {kinds[own]} of the task {self.task}",
                where=f"{questions.name} {questions.task}",
                rule="questions of the same kind",
                found=kinds[questions.multiple_choice],
                remedy="name a task of that kind with --task",
            )


def save_model(path: Path, task: Task, trained: Trained, *, generated: bool = False) -> None:
    """Write a trained model; atomic.

    The metadata holds no path and no time: the same training gives the same bytes.

    Args:
        path: the file.
        task: what it was trained on.
        trained: the model.
        generated: whether the data was ``generated``, which evaluation can draw again.
    """
    model = trained.model
    parts: dict[str, nn.Module] = {
        "backbone": model.backbone or task.backbone,
        "stored": model.stored,
        "answerer": model.answerer,
    }
    tensors = {
        f"{part}/{name}": value.detach().cpu().clone().contiguous()
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }
    described = {
        "format": _FORMAT,
        "version": _VERSION,
        "configuration": task.configuration.to_toml(),
        "method": trained.variant.method.name,
        "bits": trained.variant.bits,
        "set": task.questions.name,
        "task": task.questions.task,
        "notice": task.questions.notice,
        "generated": generated,
        "words": list(task.tokenizer.vocabulary),
        "answers": None if task.vocabulary is None else list(task.vocabulary.answers),
        "shape": list(task.features.shape),
        "seed": trained.seed,
        "questions_sha256": task.questions.sha256,
        "end_to_end": task.end_to_end,
    }
    metadata = {"privkit": json.dumps(described, sort_keys=True)}
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=metadata))


def load_model(path: Path) -> SavedModel:
    """Load a model that :func:`save_model` wrote.

    Args:
        path: the file, or a run folder that holds it.

    Raises:
        InputError: there is none, it is damaged or foreign, of another version of the format, or
            its weights do not fit its configuration.
    """
    path = path / MODEL_FILE if path.is_dir() else path
    described, tensors = _read(path)
    configuration = _configuration(path, described["configuration"])
    try:
        variant = Variant.named(described["method"], described["bits"])
        tokenizer = Tokenizer(described["words"], where=path)
        answers = described["answers"]
        vocabulary = None if answers is None else AnswerVocabulary(tuple(answers))
        video = configuration.video
        shape = (video.clips, *configuration.model.backbone.grid(video.size))
        if list(shape) != described["shape"]:
            raise _other_configuration(path, f"shape {list(shape)}", described["shape"])
        backbone = GridBackbone(configuration.model.backbone)
        model = FewBitVideoQA(
            stored_form(variant, shape),
            QuestionAnswerer(configuration.model, answers and len(answers)),
            clips=video.clips,
            pooling=video.pooling,
        )
    except (TypeError, ValueError, KeyError) as error:
        raise _foreign(path, f"metadata that cannot be used: {error}") from None
    parts = {"backbone": backbone, "stored": model.stored, "answerer": model.answerer}
    _load(path, parts, tensors)
    backbone.freeze().eval()
    if described["end_to_end"]:
        model.backbone = backbone
    return SavedModel(
        configuration=configuration,
        variant=variant,
        set_name=described["set"],
        task=described["task"],
        notice=described["notice"],
        generated=described["generated"],
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        shape=shape,
        seed=described["seed"],
        questions_sha256=described["questions_sha256"],
        backbone=backbone,
        model=model.eval(),
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise InputError(
            "there is no trained model",
            where=path,
            rule=f"a run folder of privkit videoqa train, or its {MODEL_FILE}",
        )
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {}).get("privkit", "null"))
            ours = isinstance(described, dict) and described.get("format") == _FORMAT
            names = file.keys() if ours else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise _foreign(path, error) from None
    if not ours:
        raise _foreign(path, "another safetensors file")
    if described.get("version") != _VERSION:
        raise InputError(
            "the model was saved in another version of the format",
            where=path,
            rule=f"version {_VERSION}",
            found=described.get("version"),
            remedy="use the privkit that saved it, or train it again",
        )
    for name, kind in _FIELDS.items():
        value = described.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _foreign(path, f"{name} = {str(value)[:80]!r} in its metadata")
    return described, tensors


def _configuration(path: Path, text: str) -> Configuration:
    """The configuration in the file, which is TOML as in ``configuration.toml``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "configuration.toml"
        file.write_text(text, encoding="utf-8")
        try:
            return load_configuration(str(file))
        except InputError as error:
            raise InputError(
                "the configuration in the file is not one of this privkit's",
                where=path,
                rule=error.rule,
                found=f"{error.what}: {error.found}" if error.found is not None else error.what,
                remedy="use the privkit that saved it, or train it again",
            ) from None


def _load(path: Path, parts: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    own = {f"{p}/{n}": v for p, module in parts.items() for n, v in module.state_dict().items()}
    wrong = [f"{n} is missing" for n in own if n not in tensors]
    wrong += [f"{n} is unknown" for n in tensors if n not in own]
    wrong += [
        f"{n} is {tensors[n].dtype} {tuple(tensors[n].shape)}, not {v.dtype} {tuple(v.shape)}"
        for n, v in own.items()
        if n in tensors and (tensors[n].shape, tensors[n].dtype) != (v.shape, v.dtype)
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise _other_configuration(path, f"{len(own)} weights", ", ".join(wrong[:3]) + more)
    for part, module in parts.items():
        prefix = f"{part}/"
        module.load_state_dict(
            {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        )


def _foreign(path: Path, found: object) -> InputError:
    return InputError(
        "this is no model that privkit saved, or it is damaged",
        where=path,
        rule="a safetensors file of privkit videoqa train, whole",
        found=found,
    )


def _other_configuration(path: Path, rule: str, found: object) -> InputError:
    return InputError(
        "the weights are those of another configuration",
        where=path,
        rule=f"those of the configuration in the file: {rule}",
        found=found,
    )

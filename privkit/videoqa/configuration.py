"""The configuration of a training: a readable file, flags that override it, and what came out."""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from privkit.errors import InputError
from privkit.models.clipbert.configuration import POOLINGS, ClipBertConfig
from privkit.models.training import PRECISIONS

__all__ = [
    "Configuration",
    "TextConfig",
    "TrainingConfig",
    "VideoConfig",
    "built_in_configurations",
    "load_configuration",
]


@dataclass(frozen=True)
class VideoConfig:
    """How frames are taken from a video.

    Attributes:
        size: pixels of the longer side; shorter sides are padded.
        clips: T, the equal segments of a video, each a clip.
        frames: f, the frames of a clip, whose features are averaged.
        pooling: how the scores of the clips become one: ``"mean"`` or ``"logsumexp"``.
    """

    size: int
    clips: int
    frames: int
    pooling: str = "mean"

    def __post_init__(self) -> None:
        for name in ("size", "clips", "frames"):
            value = getattr(self, name)
            _check(value >= 1, f"video.{name}", "at least 1", value)
        _check(
            self.pooling in POOLINGS,
            "video.pooling",
            f"one of {', '.join(POOLINGS)}",
            self.pooling,
        )


@dataclass(frozen=True)
class TextConfig:
    """How words become tokens and answers.

    Attributes:
        max_tokens: longest text, with [CLS] and [SEP]; of a longer one the question is cut.
        vocabulary: size of the WordPiece vocabulary that is trained where none is given.
        answers: size of the answer vocabulary of open-ended questions; 0 keeps every answer.
    """

    max_tokens: int
    vocabulary: int
    answers: int

    def __post_init__(self) -> None:
        _check(self.max_tokens >= 3, "text.max_tokens", "at least 3, 2 special", self.max_tokens)
        _check(self.answers >= 0, "text.answers", "at least 0; 0 keeps every answer", self.answers)


@dataclass(frozen=True)
class TrainingConfig:
    """How the weights are trained.

    Attributes:
        pretraining_steps: of a backbone without given weights, on generated scenes; 0 leaves it
            as it was drawn.
        epochs: passes over the training questions.
        most_steps: that a training may take, so that a task of many questions costs no more than
            one of few; 0 sets no limit.
        batch: questions a step, over all processes and accumulated batches.
        accumulate: batches that a step's questions are split into.
        bottleneck_learning_rate: peak, of the bottleneck.
        learning_rate: peak, of everything else.
        start_from_floats: whether a model with a bottleneck begins with the answerer that was
            trained on floats.
        fine_tuning_learning_rate: peak, of that answerer beside a bottleneck.
        weight_decay: of AdamW, on matrices; biases and norms are spared.
        warmup: share of the steps over which the learning rate rises.
        clip_norm: largest norm of the gradient.
        precision: ``float32``, ``bfloat16`` or ``float16``.
        patience: validations without improvement that end the training; 0 never ends it early.
        validations: how often the validation split is scored during the training.
        reconstruction_epochs: passes over the training videos of a reconstruction-only bottleneck.
        reconstruction_weight: weight of the reconstruction loss beside the task's.
    """

    pretraining_steps: int
    epochs: int
    most_steps: int
    batch: int
    accumulate: int
    bottleneck_learning_rate: float
    learning_rate: float
    start_from_floats: bool
    fine_tuning_learning_rate: float
    weight_decay: float
    warmup: float
    clip_norm: float
    precision: str
    patience: int
    validations: int
    reconstruction_epochs: int
    reconstruction_weight: float

    def __post_init__(self) -> None:
        for name in ("epochs", "reconstruction_epochs"):
            value = getattr(self, name)
            _check(value >= 1, f"training.{name}", "at least 1", value)
        for name in ("pretraining_steps", "most_steps", "patience", "validations"):
            value = getattr(self, name)
            _check(value >= 0, f"training.{name}", "at least 0", value)
        _check(self.batch >= 2, "training.batch", "at least 2, for batch norm", self.batch)
        _check(
            1 <= self.accumulate <= self.batch // 2,
            "training.accumulate",
            "at least 1, and at least 2 questions a batch, for batch norm",
            self.accumulate,
        )
        _check(0 <= self.warmup < 1, "training.warmup", "a share, 0 <= warmup < 1", self.warmup)
        _check(
            self.precision in PRECISIONS,
            "training.precision",
            f"one of {', '.join(PRECISIONS)}",
            self.precision,
        )
        for name in ("weight_decay", "reconstruction_weight"):
            value = getattr(self, name)
            fine = math.isfinite(value) and value >= 0
            _check(fine, f"training.{name}", "finite and at least 0", value)
        for name in (
            "bottleneck_learning_rate",
            "learning_rate",
            "fine_tuning_learning_rate",
            "clip_norm",
        ):
            value = getattr(self, name)
            fine = math.isfinite(value) and value > 0
            _check(fine, f"training.{name}", "finite and above 0", value)


@dataclass(frozen=True)
class Configuration:
    """Everything that decides how a model is built and trained.

    Attributes:
        name: of the file it started from.
        model: the network.
        video: the sampling of frames.
        text: the handling of words.
        training: the training.
    """

    name: str
    model: ClipBertConfig
    video: VideoConfig
    text: TextConfig
    training: TrainingConfig

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as in the file."""
        return asdict(self)

    def to_toml(self) -> str:
        """The resolved configuration, as it is written beside a run; it can be loaded again."""
        lines = [f"name = {json.dumps(self.name)}"]
        _write_table(lines, self.to_dict(), ())
        return "\n".join(lines) + "\n"

    def override(self, settings: Sequence[str]) -> Configuration:
        """The same with ``KEY=VALUE`` settings, e.g. ``training.batch=32``.

        Raises:
            InputError: an unknown key, or a value of the wrong type.
        """
        plain = self.to_dict()
        for setting in settings:
            key, equals, text = setting.partition("=")
            if not equals:
                raise InputError(
                    "a setting is KEY=VALUE", where="--set", rule="training.batch=32", found=setting
                )
            _set(plain, key.strip(), text.strip())
        return _build(plain, f"--set {' --set '.join(settings)}") if settings else self

    def with_training(self, **changes: Any) -> Configuration:
        """The same with other training settings."""
        return replace(self, training=replace(self.training, **changes))


def built_in_configurations() -> list[str]:
    """The names of the configurations that come with privkit."""
    folder = files("privkit.videoqa").joinpath("configurations")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def load_configuration(name: str, settings: Sequence[str] = ()) -> Configuration:
    """Load a configuration that comes with privkit, or a file, and override settings of it.

    Args:
        name: ``"small"``, ``"paper"`` or the path of a TOML file.
        settings: ``KEY=VALUE`` each.

    Raises:
        InputError: no such configuration, a broken file, an unknown key or a wrong value.
    """
    if name in built_in_configurations():
        resource = files("privkit.videoqa").joinpath("configurations", f"{name}.toml")
        text = resource.read_text(encoding="utf-8")
    else:
        path = Path(name)
        if not path.is_file():
            raise InputError(
                "no such configuration",
                where="--config",
                rule=f"one of {', '.join(built_in_configurations())}, or a TOML file",
                found=name,
            )
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InputError("this is not a text file", where=path, rule="TOML in UTF-8") from None
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("this is not TOML", where=name, found=error) from None
    plain.setdefault("name", Path(name).stem)
    return _build(plain, name).override(settings)


def _build(plain: Mapping[str, Any], where: str) -> Configuration:
    built: Configuration = _from_plain(Configuration, plain, where, "")
    return built


def _from_plain(kind: Any, plain: Mapping[str, Any], where: str, prefix: str) -> Any:
    """Build a dataclass from plain types; unknown, missing and wrong settings are named."""
    types = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}
    for key in plain:
        if key not in known:
            raise _unknown(prefix + key, [prefix + name for name in known], where)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name not in plain:
            if field.default is not MISSING:
                continue
            raise InputError("a setting is missing", where=where, rule=f"{prefix}{name} is set")
        values[name] = _typed(types[name], plain[name], where, prefix + name)
    return kind(**values)


def _typed(kind: Any, value: Any, where: str, key: str) -> Any:
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise InputError("this is a table", where=where, rule=f"[{key}]", found=value)
        return _from_plain(kind, value, where, f"{key}.")
    if get_origin(kind) is tuple:
        element = get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise _wrong_type(key, where, f"a list of {element.__name__}", value)
        return tuple(_typed(element, each, where, key) for each in value)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _wrong_type(key, where, "a number that a float holds", value) from None
    if type(value) is not kind:
        raise _wrong_type(key, where, kind.__name__, value)
    return value


def _wrong_type(key: str, where: str, rule: str, value: object) -> InputError:
    return InputError(f"{key} has the wrong type", where=where, rule=rule, found=repr(value)[:80])


def _set(plain: dict[str, Any], key: str, text: str) -> None:
    """Set a dotted key; the value is read as the type that it replaces."""
    table: Any = plain
    *path, last = key.split(".")
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
    if not isinstance(table, dict) or last not in table or isinstance(table[last], dict):
        raise _unknown(key, _keys(plain), "--set")
    if isinstance(table[last], str):
        table[last] = text
        return
    try:
        table[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise InputError(
            f"{key} cannot be set to this",
            where="--set",
            rule=f"a value like {json.dumps(table[last])}",
            found=text,
        ) from None


def _keys(plain: Mapping[str, Any], prefix: str = "") -> list[str]:
    out: list[str] = []
    for key, value in plain.items():
        out += _keys(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [prefix + key]
    return out


def _unknown(key: str, known: Sequence[str], where: str) -> InputError:
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.4)
    return InputError(
        "there is no such setting",
        where=where,
        rule=f"did you mean {' or '.join(near)}" if near else f"one of {', '.join(known)}",
        found=key,
    )


def _check(holds: bool, where: str, rule: str, found: object) -> None:
    if not holds:
        raise InputError("the setting is out of range", where=where, rule=rule, found=found)


def _write_table(lines: list[str], table: Mapping[str, Any], path: tuple[str, ...]) -> None:
    if path:
        lines += ["", f"[{'.'.join(path)}]"]
        lines += [f"{k} = {_toml(v)}" for k, v in table.items() if not isinstance(v, Mapping)]
    for key, value in table.items():
        if isinstance(value, Mapping):
            _write_table(lines, value, (*path, key))


def _toml(value: Any) -> str:
    """JSON's scalars and arrays are TOML's as well."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)

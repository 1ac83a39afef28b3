"""What can be read from stored video features that no question asked about.

Two probes a secret, trained on the videos of the training split and scored on those of the test
split: a linear one (logistic regression) and one by nearest neighbours. Neither is the attacked
model. The baseline guesses the most frequent value among the training videos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from privkit.data.questions.record import QuestionSet
from privkit.errors import InputError
from privkit.evaluation.intervals import Interval, share_over_people
from privkit.evaluation.probes import NEIGHBOURS, linear_probe

__all__ = ["PROBES", "ProbeVideos", "Probed", "Secrets", "probe", "probe_videos", "read_secrets"]

#: What privkit's own sets tell of a video; other sets may tell something else.
_USUAL = ("identity", "background", "side")
_NO_SECRET = ("video", "split")
#: A column of more values is a name or a number, not a class.
_MOST_VALUES = 100


@dataclass(frozen=True)
class Secrets:
    """Labels of videos that no question asks about.

    Attributes:
        values: for each secret, the value of each video that has one.
    """

    values: Mapping[str, Mapping[str, str]]

    def of(self, name: str, videos: Sequence[str]) -> NDArray[np.str_]:
        """The values of a secret for these videos."""
        return np.array([self.values[name][video] for video in videos])


@dataclass(frozen=True)
class ProbeVideos:
    """The videos that a secret is probed with.

    Attributes:
        secret: e.g. ``"identity"``.
        videos: names by split, ``"train"`` and ``"test"``; no video is in both.
        labels: the values, in the same order.
    """

    secret: str
    videos: Mapping[str, Sequence[str]]
    labels: Mapping[str, NDArray[np.str_]]


@dataclass(frozen=True)
class Probed:
    """What a probe read.

    Attributes:
        share: the share of videos whose secret is read.
        hits: ``(videos,)``, whether it is, in the order of the videos.
        converged: whether the probe's training came to its end.
    """

    share: Interval
    hits: NDArray[np.bool_]
    converged: bool


def read_secrets(path: Path, names: Sequence[str] | None = None) -> Secrets:
    """Read the file of attributes that lies beside a set of questions.

    Args:
        path: CSV with a column ``video`` and one for each secret. An empty field is no label.
        names: the secrets. By default those of identity, background and side that are there;
            where none is, every column but ``split`` with at most 100 values.

    Raises:
        InputError: no such file, a column is missing, or a video has two rows.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except (OSError, ValueError) as error:
        raise InputError("the attributes cannot be read", where=path, found=error) from None
    missing = [name for name in ("video", *(names or ())) if name not in table.columns]
    if missing:
        raise InputError(
            "a column of the attributes is missing",
            where=path,
            rule=f"columns {', '.join(('video', *(names or ('one for each secret',))))}",
            found=f"{', '.join(missing)} missing",
        )
    twice = table["video"][table["video"].duplicated()]
    if len(twice):
        raise InputError(
            "a video has two rows", where=path, rule="a row a video", found=twice.iloc[0]
        )
    if names is None:
        names = [name for name in _USUAL if name in table.columns] or [
            name
            for name in table.columns
            if name not in _NO_SECRET and table[name].nunique() <= _MOST_VALUES
        ]
    videos = table["video"].tolist()
    return Secrets(
        {
            name: {video: value for video, value in zip(videos, table[name], strict=True) if value}
            for name in names
        }
    )


def probe_videos(questions: QuestionSet) -> tuple[list[ProbeVideos], list[str]]:
    """Which videos each secret can be probed with, and what cannot be, in sentences.

    A video of both splits counts as a test video only: the probes must not have seen it.

    Raises:
        InputError: as :func:`read_secrets`.
    """
    if questions.attributes is None:
        return [], []
    test = {q.video for q in questions.split("test")}
    train = {q.video for q in questions.split("train")} - test
    secrets = read_secrets(questions.attributes)
    usable: list[ProbeVideos] = []
    notes: list[str] = []
    if not secrets.values:
        notes.append("the attributes name no secret of at most 100 values: nothing is probed")
    for name, values in secrets.values.items():
        videos = {
            split: sorted(video for video in of_split if video in values)
            for split, of_split in (("train", train), ("test", test))
        }
        labels = {split: secrets.of(name, found) for split, found in videos.items()}
        known = set(labels["train"].tolist())
        without = len(train) + len(test) - sum(map(len, videos.values()))
        if without:
            notes.append(
                f"{without:,} of {len(train) + len(test):,} videos have no {name} in "
                f"{questions.attributes.name} and are left out of its probes"
            )
        if len(known) < 2:
            notes.append(
                f"{name} is not probed: it has {len(known)} value{'' if len(known) == 1 else 's'} "
                f"in the {len(videos['train']):,} labelled training videos, and a probe needs two"
            )
        elif not known & set(labels["test"].tolist()):
            notes.append(f"{name} is not probed: no test video has a value that training shows")
        else:
            usable.append(ProbeVideos(name, videos, labels))
    return usable, notes


_Answers = tuple[NDArray[np.str_], bool]


def _linear(
    train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]
) -> _Answers:
    fitted = linear_probe(train, labels)
    return fitted.predict(test), fitted.converged


def _nearest(
    train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]
) -> _Answers:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(NEIGHBOURS, len(train)), algorithm="brute")
    found: NDArray[np.str_] = model.fit(train, labels).predict(test)
    return found, True


def _majority(
    _train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]
) -> _Answers:
    values, counts = np.unique(labels, return_counts=True)
    return np.repeat(values[counts.argmax()], len(test)), True


#: The probes by name; ``chance`` ignores the feature.
PROBES = {"linear": _linear, "nearest": _nearest, "chance": _majority}


def probe(
    train: NDArray[np.float32],
    train_labels: NDArray[np.str_],
    test: NDArray[np.float32],
    test_labels: NDArray[np.str_],
) -> dict[str, Probed]:
    """How often each probe reads the label from the feature of an unseen video.

    The linear probe is logistic regression on standardised features; the strength of its penalty
    is chosen by three-fold cross-validation among the training videos.

    Args:
        train: ``(n, features)``, codes as ±1 or floats; the videos to learn from.
        train_labels: ``(n,)``, of two values at least.
        test: ``(m, features)``, other videos.
        test_labels: ``(m,)``.

    Returns:
        For each of :data:`PROBES` what it read.

    Raises:
        InputError: all training videos have the same label.
    """
    if len(np.unique(train_labels)) < 2:
        raise InputError(
            "a probe cannot learn a label that never changes",
            rule="two values at least among the training videos",
            found=", ".join(map(str, np.unique(train_labels))) or "no video",
        )
    from threadpoolctl import threadpool_limits

    out: dict[str, Probed] = {}
    for name, run in PROBES.items():
        # Of matrices so small, the threads of the linear algebra wait for each other: one is up to
        # 20 times faster than two.
        with threadpool_limits(1, user_api="blas"):
            found, converged = run(train, train_labels, test)
        hits: NDArray[np.bool_] = found == test_labels
        share = share_over_people(hits, np.arange(len(hits)), unit="videos")
        out[name] = Probed(share, hits, converged)
    return out

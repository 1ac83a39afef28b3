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

from privkit.errors import InputError
from privkit.evaluation.intervals import Interval, share_over_people

__all__ = ["PROBES", "Secrets", "probe", "read_secrets"]

#: Neighbours that vote: few-bit codes have many equal ones, of which one alone says little.
_NEIGHBOURS = 15


@dataclass(frozen=True)
class Secrets:
    """Labels of videos that no question asks about.

    Attributes:
        values: for each secret, the value of each video.
    """

    values: Mapping[str, Mapping[str, str]]

    def of(self, name: str, videos: Sequence[str]) -> NDArray[np.str_]:
        """The values of a secret for these videos."""
        return np.array([self.values[name][video] for video in videos])


def read_secrets(path: Path, names: Sequence[str] = ("identity", "background", "side")) -> Secrets:
    """Read the file of attributes that lies beside a set of questions.

    Args:
        path: CSV with a column ``video`` and one for each secret.
        names: the secrets.

    Raises:
        InputError: no such file, or a column is missing.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError("the attributes cannot be read", where=path, found=error) from None
    missing = [name for name in ("video", *names) if name not in table.columns]
    if missing:
        raise InputError(
            "a column of the attributes is missing",
            where=path,
            rule=f"columns video, {', '.join(names)}",
            found=f"{', '.join(missing)} missing",
        )
    videos = table["video"].tolist()
    return Secrets({name: dict(zip(videos, table[name], strict=True)) for name in names})


def _linear(
    train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]
) -> NDArray[np.str_]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # One part in ten of unit weight: tuned on nothing, and close to the best on floats.
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    found: NDArray[np.str_] = model.fit(train, labels).predict(test)
    return found


def _nearest(
    train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]
) -> NDArray[np.str_]:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(_NEIGHBOURS, len(train)), algorithm="brute")
    found: NDArray[np.str_] = model.fit(train, labels).predict(test)
    return found


def _majority(
    _train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]
) -> NDArray[np.str_]:
    values, counts = np.unique(labels, return_counts=True)
    return np.repeat(values[counts.argmax()], len(test))


#: The probes by name; ``chance`` ignores the feature.
PROBES = {"linear": _linear, "nearest": _nearest, "chance": _majority}


def probe(
    train: NDArray[np.float32],
    train_labels: NDArray[np.str_],
    test: NDArray[np.float32],
    test_labels: NDArray[np.str_],
) -> dict[str, Interval]:
    """How often each probe reads the label from the feature of an unseen video.

    Args:
        train: ``(n, features)``, codes as ±1 or floats; the videos to learn from.
        train_labels: ``(n,)``.
        test: ``(m, features)``, other videos.
        test_labels: ``(m,)``.

    Returns:
        For each of :data:`PROBES` the share of right labels with its interval.
    """
    out: dict[str, Interval] = {}
    for name, run in PROBES.items():
        hits = run(train, train_labels, test) == test_labels
        out[name] = share_over_people(hits, np.arange(len(hits)), unit="videos")
    return out

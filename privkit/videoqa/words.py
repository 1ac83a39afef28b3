"""The paper's Table 3: which words lie near each other, judged by the codes of their videos.

The code of a word is the mean of the ±1 codes of the videos whose question or answer contains it,
less the mean over all videos. Words are compared by the cosine of their codes. With few bits and
few videos any two words can look alike by chance, so the same is done with codes that are shuffled
over the videos.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from privkit.data.questions.record import Question
from privkit.errors import InputError

__all__ = [
    "NEIGHBOURS",
    "PHRASE",
    "SHUFFLES",
    "WordStudy",
    "chosen_words",
    "content_words",
    "study_words",
    "words_of",
]

Tick = Callable[[str, int, int], None]
Floats = NDArray[np.float64]

#: Words in the table where none is named.
SHOWN = 16
#: Neighbours of a word.
NEIGHBOURS = 5
#: Shufflings of the codes over the videos.
SHUFFLES = 500
#: Words that share more of their videos than this belong to one phrase: their codes are alike
#: whatever the bits hold. So does a word that stands in more than so many of all videos.
PHRASE = 0.5
#: Least unseen videos of a word that is looked for again among them.
_LEAST_UNSEEN = 5


@dataclass(frozen=True)
class WordStudy:
    """The codes of words.

    Attributes:
        words: of :func:`content_words`.
        counts: ``(words,)``, training videos of each.
        codes: ``(words, bits)``, mean ±1 code less the mean over all training videos.
        nearest: ``(words, k)``, the words whose codes are nearest, without those of one phrase;
            -1 where there are fewer.
        cosine: ``(words, k)``, how near they are, -1 to 1; nan where there are fewer.
        chance: ``(words,)``, the cosine of the nearest word that 95% of the shufflings stay below.
        p: ``(words,)``, share of the shufflings in which any word's code is as far from the mean
            code as this word's (Westfall and Young 1993, step one).
        looked_for: ``(m,)``, the words that are also in enough unseen videos.
        found: ``(m,)``, whether of all words' codes on training videos the word's own is nearest
            to its code on unseen videos.
        found_by_chance: share of words found when the unseen videos' codes are shuffled.
    """

    words: tuple[str, ...]
    counts: NDArray[np.int64]
    codes: Floats
    nearest: NDArray[np.int64]
    cosine: Floats
    chance: Floats
    p: Floats
    looked_for: NDArray[np.int64]
    found: NDArray[np.bool_]
    found_by_chance: float


def words_of(question: Question) -> tuple[str, ...]:
    """The words of a question and of its correct answer, in lower case, each once."""
    found = re.findall(r"\w+", f"{question.question} {question.answer}".lower())
    return tuple(dict.fromkeys(found))


def study_words(
    train: Sequence[Question],
    unseen: Sequence[Question],
    videos: Sequence[str],
    signs: NDArray[np.float32],
    *,
    least: int,
    seed: int,
    tick: Tick | None = None,
) -> WordStudy:
    """Compute the codes of words, their neighbours, and what chance makes of both.

    Args:
        train: questions that the encoder learned from.
        unseen: questions on other videos.
        videos: names, in the order of the codes.
        signs: ``(videos, bits)`` of ±1.
        least: training videos that a word must have.
        seed: of the shufflings.
        tick: progress.

    Raises:
        InputError: fewer than two words are left.
    """
    row = {name: n for n, name in enumerate(videos)}
    words = content_words(train, least)
    seen, seen_rows = _membership(train, words, row)
    fresh, fresh_rows = _membership(unseen, words, row)
    centred = _centred(signs[seen_rows])
    codes = _means(seen, centred)
    apart = _apart(seen)
    cosine = np.where(apart, _cosines(codes, codes), -np.inf)
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :NEIGHBOURS]
    near = np.take_along_axis(cosine, order, axis=1)
    missing = np.isinf(near)
    looked_for = np.flatnonzero(np.asarray(fresh.sum(1)).ravel() >= _LEAST_UNSEEN)
    fresh_centred = _centred(signs[fresh_rows]) if len(fresh_rows) else centred[:0]

    strength = _strength(codes, seen)
    draw = np.random.default_rng(seed)
    nearest_by_chance, strongest, found_by_chance = [], [], []
    for n in range(SHUFFLES):
        shuffled = _means(seen, draw.permutation(centred))
        nearest_by_chance.append(np.where(apart, _cosines(shuffled, shuffled), -1).max(1))
        strongest.append(_strength(shuffled, seen).max())
        if len(looked_for):
            again = _means(fresh, draw.permutation(fresh_centred))[looked_for]
            found_by_chance.append(_found(again, codes, looked_for, apart).mean())
        if tick is not None:
            tick("shuffle the codes", n + 1, SHUFFLES)
    as_strong = np.array(strongest)[:, None] >= strength
    return WordStudy(
        words,
        np.asarray(seen.sum(1)).ravel().astype(np.int64),
        codes,
        np.where(missing, -1, order),
        np.where(missing, np.nan, near),
        np.quantile(nearest_by_chance, 0.95, axis=0),
        (1 + as_strong.sum(0)) / (1 + SHUFFLES),
        looked_for,
        _found(_means(fresh, fresh_centred)[looked_for], codes, looked_for, apart),
        float(np.mean(found_by_chance)) if found_by_chance else float("nan"),
    )


def chosen_words(words: Sequence[str], named: Sequence[str]) -> list[int]:
    """The places of the words to show: those named, or the most frequent.

    Args:
        words: of :func:`content_words`.
        named: words, or parts of those that stand together; none for the most frequent.

    Raises:
        InputError: a word has no code.
    """
    place = {part: n for n, word in enumerate(words) for part in (*word.split(), word)}
    for word in named:
        if word.lower() not in place:
            near = difflib.get_close_matches(word.lower(), list(place), n=3)
            raise InputError(
                "this word has no code",
                where="--word",
                rule="a word of enough training videos, and of at most half of them, e.g. "
                + ", ".join(near or words[:3]),
                found=word,
            )
    chosen = [place[word.lower()] for word in named] or range(min(SHOWN, len(words)))
    return list(dict.fromkeys(chosen))


def content_words(train: Sequence[Question], least: int) -> tuple[str, ...]:
    """Words of enough training videos, and not of most of them: the most frequent first.

    Words that stand in the same videos without exception are one entry, as ``"raise both arms"``.

    Raises:
        InputError: fewer than two.
    """
    videos: dict[str, set[str]] = {}
    for question in train:
        for word in words_of(question):
            videos.setdefault(word, set()).add(question.video)
    most = PHRASE * len({q.video for q in train})
    together: dict[frozenset[str], list[str]] = {}
    for word, found in videos.items():
        if least <= len(found) <= most:
            together.setdefault(frozenset(found), []).append(word)
    entries = sorted(together.items(), key=lambda entry: (-len(entry[0]), entry[1]))
    words = tuple(" ".join(entry) for _, entry in entries)
    if len(words) < 2:
        raise InputError(
            "there are too few words to compare",
            where="--least",
            rule=f"two words of at least {least} training videos and at most {PHRASE:.0%} of them",
            found=", ".join(words) or "none",
        )
    return words


def _membership(
    questions: Sequence[Question], words: Sequence[str], row: dict[str, int]
) -> tuple[Any, NDArray[np.int64]]:
    """Which words each video has, ``(words, videos)`` of 0 and 1, and the videos' rows."""
    videos = sorted({q.video for q in questions})
    column = {name: n for n, name in enumerate(videos)}
    place = {part: n for n, word in enumerate(words) for part in word.split()}
    sizes = [len(word.split()) for word in words]
    found: set[tuple[int, int]] = set()
    for question in questions:
        parts = Counter(place[word] for word in words_of(question) if word in place)
        found |= {(n, column[question.video]) for n, k in parts.items() if k == sizes[n]}
    pairs = sorted(found)
    at = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    matrix = sparse.csr_array(
        (np.ones(len(pairs)), (at[0], at[1])), shape=(len(words), len(videos))
    )
    return matrix, np.array([row[name] for name in videos], dtype=np.int64)


def _centred(signs: NDArray[np.float32]) -> Floats:
    centred: Floats = signs.astype(np.float64)
    centred -= centred.mean(0)
    return centred


def _means(membership: Any, centred: Floats) -> Floats:
    """Mean row of each word's videos; 0 for a word without any."""
    counts = np.maximum(np.asarray(membership.sum(1)).ravel(), 1)
    means: Floats = (membership @ centred) / counts[:, None]
    return means


def _cosines(first: Floats, second: Floats) -> Floats:
    def unit(codes: Floats) -> Floats:
        length = np.linalg.norm(codes, axis=1, keepdims=True)
        units: Floats = np.divide(codes, length, out=np.zeros_like(codes), where=length > 0)
        return units

    cosines: Floats = unit(first) @ unit(second).T
    return cosines


def _apart(membership: Any) -> NDArray[np.bool_]:
    """Pairs of words that are not of one phrase, by the videos that they share."""
    counts = np.asarray(membership.sum(1)).ravel()
    shared = (membership @ membership.T).toarray()
    apart: NDArray[np.bool_] = shared <= PHRASE * np.minimum.outer(counts, counts)
    return apart


def _strength(codes: Floats, membership: Any) -> Floats:
    """How far a word's code is from the mean code, in units that do not depend on its count."""
    counts = np.asarray(membership.sum(1)).ravel()
    # The variance of a mean of `counts` of `videos` draws without replacement.
    variance = (1 - counts / membership.shape[1]) / counts
    strength: Floats = np.linalg.norm(codes, axis=1) / np.sqrt(variance)
    return strength


def _found(
    again: Floats, codes: Floats, looked_for: NDArray[np.int64], apart: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether no word of another phrase has a code nearer to ``again`` than the word's own."""
    cosines = _cosines(again, codes)
    own = cosines[np.arange(len(looked_for)), looked_for]
    others = np.where(apart[looked_for], cosines, -np.inf).max(1)
    found: NDArray[np.bool_] = own > others
    return found

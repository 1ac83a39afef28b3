"""Link the records of any store to known records of the same people: every matcher, as trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attacks.closed_set import ClosedSet
from attacks.cross_fitting import FEWEST_PEOPLE, CrossFitted, deal_folds
from attacks.matched_scores import (
    Judge,
    Matched,
    OneByOne,
    blocks,
    matched,
    matched_and_fused,
)
from attacks.matching import MATCHERS, Matcher
from attacks.matching.base import MOST_ROWS, Features, Ints, sums
from attacks.matching.distances import are_signs
from attacks.matching.two_covariance import LDA
from attacks.nearest import probability_of_rank_1
from attacks.verification import (
    control_rank_hits,
    impostor_scores,
    open_hits,
    rank_hits,
    threshold_at,
)
from privkit.errors import InputError
from privkit.evaluation.people import dealt, derangement, place_among_own, sample_of_people
from privkit.evaluation.trials import Trials

__all__ = ["closed_set_trials", "compared_at_most", "link_trials", "open_trials", "search_trials"]

#: Pairs of a probe and a known row that one matcher scores: of more, people are drawn.
_PAIRS = 300_000_000
#: Numbers held at once where rows are averaged.
_CELLS = 2**23
_FALSE_POSITIVES = 0.01
#: Numbers of a record up to which the covariance of all of them is learned in seconds.
_WIDEST = 2048


def link_trials(
    probes: Features,
    probe_person: Ints,
    gallery: Features,
    gallery_person: Ints,
    public: Features | None = None,
    public_person: Ints | None = None,
    *,
    seed: int,
    matchers: Mapping[str, Matcher] = MATCHERS,
    compared: int | None = None,
) -> list[Trials]:
    """Attack every record whose person is in the gallery by every matcher.

    For each matcher: "rank-1", the probability that the right candidate comes first (baseline: one
    in the candidates), and "TPR at FPR 1%", that the right pair is accepted where one wrong pair in
    a hundred is (where there are a hundred wrong pairs to tell that from). The control judges the
    right candidate by a record of another person. Where somebody has several records, the same with
    all records of a person together, as ``…_fused``.

    A matcher that learns does so from the public people, or, where there are none, from the records
    of the other people here (:mod:`attacks.cross_fitting`): an adversary who knows whose those are.
    With fewer than four people it is left out. Of codes, so is a matcher that is for floats.

    Of more than ``compared`` probes half as many people are drawn. Each is asked
    about by one record and, fused, by the mean of all of them, which most matchers rank as they do
    the sum of the scores.

    Args:
        probes: ``(n, d)`` of ±1 or floats, without NaN.
        probe_person: ``(n,)``.
        gallery: ``(g, d)``, known records; none is a probe.
        gallery_person: ``(g,)``.
        public: ``(p, d)``, records of other people, or ``None``.
        public_person: ``(p,)``, none of whom is in the others.
        seed: of all draws.
        matchers: by name.
        compared: probes at most; by default those of :func:`compared_at_most`.

    Raises:
        InputError: fewer than two people with a record in each of probes and gallery, or public
            records of people who are attacked.
    """
    scene = (probes, probe_person, gallery, gallery_person, public, public_person)
    store = _Store(*scene, seed, compared)
    trials: list[Trials] = []
    for name, judge in store.judges(matchers):
        trials += store.closed(name, judge)
    return trials


def closed_set_trials(
    probes: Features,
    probe_person: Ints,
    gallery: Features,
    gallery_person: Ints,
    *,
    seed: int,
) -> list[Trials]:
    """The same by what is learned of the known people themselves, all at once.

    A classifier (:class:`attacks.closed_set.ClosedSet`) and, where somebody has two known records,
    Fisher's discriminants of them (:class:`attacks.matching.two_covariance.LDA`).

    Args:
        probes: as for :func:`link_trials`, like all others.
        probe_person: ``(n,)``.
        gallery: ``(g, d)``.
        gallery_person: ``(g,)``.
        seed: of the draws.

    Returns:
        Without the classifier where it cannot learn the gallery (:meth:`ClosedSet.suits`), without
        the discriminants where records have more than 2,048 numbers.

    Raises:
        InputError: as :func:`link_trials`.
    """
    store = _Store(probes, probe_person, gallery, gallery_person, None, None, seed)
    judges: dict[str, Judge] = {}
    if ClosedSet.suits(gallery_person, gallery.shape[1]):
        own = ClosedSet(store.probes, store.probe_person, gallery, gallery_person)
        judges["classifier"] = own
    several = len(np.unique(gallery_person)) < len(gallery_person)
    if several and gallery.shape[1] <= _WIDEST:
        scorer = LDA().fit(gallery, gallery_person, np.random.default_rng([seed, 5]))
        judges["discriminant"] = OneByOne(scorer, store.probes, store.probe_person)
    return [trials for name, judge in judges.items() for trials in store.closed(name, judge)]


def search_trials(
    probes: Features,
    probe_person: Ints,
    gallery: Features,
    gallery_person: Ints,
    *,
    seed: int,
) -> list[Trials]:
    """Search the nearest known record of every probe, however large the gallery is.

    "rank-1" of ``linkage_search``; and of ``linkage_search_fused``, the candidate whose mean is
    nearest to the mean of a person's probes, where somebody has several. Hit, baseline and control
    are as in :func:`link_trials`, which ranks all candidates and counts pairs, and is asked about
    fewer people therefore. FAISS does the work where it is installed (:mod:`attacks.nearest`).

    Args:
        probes: as for :func:`link_trials`, like all others.
        probe_person: ``(n,)``.
        gallery: ``(g, d)``.
        gallery_person: ``(g,)``.
        seed: of the draw of controls.

    Raises:
        InputError: fewer than two people with a record in each of probes and gallery.
    """
    rows = _linkable(probe_person, gallery_person)
    probes, person = probes[rows], probe_person[rows]
    rng = np.random.default_rng([seed, 6])
    trials = [_searched("linkage_search", probes, person, gallery, gallery_person, rng)]
    several = _of_several(person)
    if len(np.unique(person[several])) > 1:
        scene = (*_means(probes[several], person[several]), *_means(gallery, gallery_person))
        trials.append(_searched("linkage_search_fused", *scene, rng))
    return trials


def compared_at_most(gallery: int) -> int:
    """How many probes :func:`link_trials` compares with a gallery of so many records, at most."""
    return max(2, _PAIRS // gallery)


def open_trials(
    probes: Features,
    probe_person: Ints,
    gallery: Features,
    gallery_person: Ints,
    public: Features | None = None,
    public_person: Ints | None = None,
    *,
    seed: int,
    rate: float = 0.1,
    matchers: Mapping[str, Matcher] = MATCHERS,
) -> list[Trials]:
    """The same where the adversary does not know who is in the gallery.

    Half of the people, drawn at random, are taken out of the gallery. A hit is an enrolled person's
    record that is named, and rightly, at a threshold where ``rate`` of the other people's records
    are named (wrongly). The baseline names a random candidate at that rate.

    Args:
        probes: as for :func:`link_trials`, like all up to ``matchers``.
        probe_person: ``(n,)``.
        gallery: ``(g, d)``.
        gallery_person: ``(g,)``.
        public: ``(p, d)`` or ``None``.
        public_person: ``(p,)``.
        seed: of all draws.
        rate: of false alarms, at least 1 / records of people who were taken out.
        matchers: by name.

    Raises:
        InputError: as :func:`link_trials`, or too few records for this rate.
    """
    store = _Store(probes, probe_person, gallery, gallery_person, public, public_person, seed)
    rng = np.random.default_rng([seed, 2])
    attacked = rng.permutation(np.unique(store.probe_person))
    kept = ~np.isin(gallery_person, attacked[: len(attacked) // 2])
    trials = []
    for name, judge in store.judges(matchers):
        draws = np.random.default_rng([seed, 3])
        scores = matched(judge, gallery[kept], gallery_person[kept], draws)
        inside = scores.take(scores.enrolled)
        threshold = threshold_at(scores.top[~scores.enrolled], rate)
        trials.append(
            Trials(
                f"linkage_{name}",
                f"named at {rate:.0%} false alarms",
                inside.person,
                open_hits(scores, rate),
                rate / inside.candidates,
                control_rank_hits(inside) * threshold.accepts(inside.control),
            )
        )
    return trials


class _Store:
    """The checked input of the attacks, with the probes that are attacked."""

    def __init__(
        self,
        probes: Features,
        probe_person: Ints,
        gallery: Features,
        gallery_person: Ints,
        public: Features | None,
        public_person: Ints | None,
        seed: int,
        compared: int | None = None,
    ) -> None:
        rows = _linkable(probe_person, gallery_person)
        if public_person is not None:
            attacked = np.concatenate([probe_person, gallery_person])
            shared = np.intersect1d(public_person, attacked)
            if len(shared):
                raise InputError(
                    "an attack would learn from the people that it attacks",
                    where="public records",
                    rule="they are of other people than the attacked and the known records",
                    found=f"{len(shared)} people in both",
                )
        rng = np.random.default_rng([seed, 0])
        most = compared_at_most(len(gallery)) if compared is None else compared
        one, several = rows, rows[:0]
        # Of too many, the means of some people are asked about beside a record of each.
        if len(rows) > most:
            people = rng.permutation(np.unique(probe_person[rows]))[: max(2, most // 2)]
            rows = rows[np.isin(probe_person[rows], people)]
            one = rows[place_among_own(probe_person[rows], rng) == 0]
            several = rows[_of_several(probe_person[rows])]
        self.probes, self.probe_person = probes[one], probe_person[one]
        self.fused, self.fused_person = _means(probes[several], probe_person[several])
        self.gallery, self.gallery_person = gallery, gallery_person
        self.public, self.public_person, self.seed = public, public_person, seed
        everybody = np.concatenate([self.probe_person, gallery_person])
        self.folds = deal_folds(everybody, everybody, rng)
        self.learned_from = np.flatnonzero(sample_of_people(everybody, 2 * MOST_ROWS, rng))

    def closed(self, name: str, judge: Judge) -> Iterator[Trials]:
        """The trials of a judge: record by record and, where somebody has several, all together."""
        rng = np.random.default_rng([self.seed, 1])
        if len(np.unique(self.probe_person)) < len(self.probe_person):
            scores, fused = matched_and_fused(judge, self.gallery, self.gallery_person, rng)
            yield from _closed(f"linkage_{name}", scores)
            yield from _closed(f"linkage_{name}_fused", fused)
            return
        scores = matched(judge, self.gallery, self.gallery_person, rng)
        yield from _closed(f"linkage_{name}", scores)
        if len(self.fused_person) > 1:
            judge = self._asked_by_means(judge)
            scores = matched(judge, self.gallery, self.gallery_person, rng)
            yield from _closed(f"linkage_{name}_fused", scores)

    def _asked_by_means(self, judge: Judge) -> Judge:
        """The same judge, a matcher with what it has learned, for the means of people's probes."""
        if isinstance(judge, CrossFitted):
            fold = self.folds.of(self.fused_person)
            return replace(judge, probes=self.fused, person=self.fused_person, probe_fold=fold)
        assert isinstance(judge, OneByOne | ClosedSet)  # noqa: S101 - there are no others
        return replace(judge, probes=self.fused, person=self.fused_person)

    def judges(self, matchers: Mapping[str, Matcher]) -> Iterator[tuple[str, Judge]]:
        """Every matcher that has what it needs; of codes, not those that are for floats."""
        codes = are_signs(self.gallery)
        for name, matcher in matchers.items():
            if matcher.of_floats and codes:
                continue
            judge = self._judge(matcher)
            if judge is not None:
                yield name, judge

    def _judge(self, matcher: Matcher) -> Judge | None:
        rng = np.random.default_rng([self.seed, 4])
        if not matcher.learns or self.public is not None:
            scorer = matcher.fit(self.public, self.public_person, rng)
            return OneByOne(scorer, self.probes, self.probe_person)
        if len(self.folds.people) < FEWEST_PEOPLE:
            return None
        own = self.learned_from[self.learned_from < len(self.probes)]
        known = self.learned_from[len(own) :] - len(self.probes)
        return CrossFitted(
            matcher,
            self.probes,
            self.probe_person,
            self.folds.of(self.probe_person),
            public=np.concatenate([self.probes[own], self.gallery[known]]),
            public_person=np.concatenate([self.probe_person[own], self.gallery_person[known]]),
            folds=self.folds,
            seed=self.seed,
        )


def _searched(
    attack: str,
    probes: Features,
    person: Ints,
    gallery: Features,
    gallery_person: Ints,
    rng: np.random.Generator,
) -> Trials:
    """Rank-1 by the nearest row of the gallery; all probes are of people in it."""
    n = len(person)
    other = dealt(person, derangement(len(np.unique(person)), rng), rng)
    found = probability_of_rank_1(
        probes,
        gallery,
        gallery_person,
        query=np.concatenate([np.arange(n), other]),
        asked=np.concatenate([person, person]),
    )
    baseline = np.full(n, 1.0 / len(np.unique(gallery_person)))
    return Trials(attack, "rank-1", person, found[:n], baseline, found[n:])


def _of_several(person: Ints) -> Ints:
    """The rows of people who have several."""
    _, code, count = np.unique(person, return_inverse=True, return_counts=True)
    return np.flatnonzero(count[code] > 1)


def _means(rows: Features, person: Ints) -> tuple[NDArray[np.float64], Ints]:
    """The mean row of each person, and the people, sorted."""
    order = np.argsort(person, kind="stable")
    people, start, count = np.unique(person[order], return_index=True, return_counts=True)
    means = np.empty((len(people), rows.shape[1]))
    bounds = np.r_[start, len(order)]
    for first, last in blocks(bounds, max(1, _CELLS // max(1, rows.shape[1]))):
        own = order[bounds[first] : bounds[last]]
        means[first:last] = sums(rows[own], start[first:last] - start[first])
    return means / count[:, None], people


def _linkable(probe_person: Ints, gallery_person: Ints) -> Ints:
    """The probes whose person is in the gallery, if they are of two people at least."""
    known = np.isin(probe_person, gallery_person)
    people = len(np.unique(probe_person[known]))
    if people < 2:
        raise InputError(
            "there are too few people to link",
            where="gallery",
            rule="at least 2 people with a record to attack and a known one",
            found=f"{people} people",
            remedy="known records of more people",
        )
    return np.flatnonzero(known)


def _closed(attack: str, scores: Matched) -> Iterator[Trials]:
    """Rank-1 and, where it can be told, TPR at FPR 1%."""
    yield Trials(
        attack,
        "rank-1",
        scores.person,
        rank_hits(scores),
        1.0 / scores.candidates,
        control_rank_hits(scores),
    )
    wrong = impostor_scores(scores)
    if len(wrong) * _FALSE_POSITIVES >= 1:
        threshold = threshold_at(wrong, _FALSE_POSITIVES)
        yield Trials(
            attack,
            f"TPR at FPR {_FALSE_POSITIVES:.0%}",
            scores.person,
            threshold.accepts(scores.own),
            np.full(len(scores.own), _FALSE_POSITIVES),
            threshold.accepts(scores.control),
        )

"""Singling out and linkability: does one record of a person find the others of that person?

An adversary holds one more observation of somebody, a *probe*, and a store whose records have
names or stand together, the *gallery*. Linkability asks how often the right person comes first.
Singling out asks for more: that the probe isolates that person alone, so a tie is a miss.

Where people have several records the store is both: in each of several rounds some records of each
person are probes and all others the gallery, so that a record is never compared with itself. A
gallery of its own is asked beside that, not instead: it may be of another encoder, and say less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attacks.closed_set import ClosedSet
from attacks.cross_fitting import FITS
from attacks.link_trials import closed_set_trials, compared_at_most, link_trials, search_trials
from attacks.matching import MATCHERS, Matcher
from attacks.matching.base import MOST_ROWS
from privkit.audit.bounds import identity_table
from privkit.audit.findings import NotRun
from privkit.audit.link_curves import link_details
from privkit.audit.material import Known, Material
from privkit.audit.pooling import pooled
from privkit.audit.risks import RiskName
from privkit.audit.tasks import Task, Tried
from privkit.evaluation.people import place_among_own, sample_of_people
from privkit.evaluation.trials import Trials

__all__ = ["is_searched", "linking_lacks", "linking_tasks", "try_linking"]

#: So many rounds at most; of ten records a person two are probes in each.
_ROUNDS = 5
#: Matchers that learn a covariance can of so many numbers a record, and of more where records are
#: few: so many multiplications to multiply the rows, in all that is learned, take a minute or two.
#: Else they are given the directions in which records differ most.
_COVARIANCE = {"lda": 256, "plda": 256, "lda_unshrunk": 512}
_MULTIPLICATIONS = 5e11
_NARROW = 256
_SOME = 5000
#: Seconds of all matchers for a pair of a probe and a known row, for each number of it and some
#: more; of a search likewise; and for each multiplication while a matcher learns.
_MATCHED, _SEARCHED, _LEARNS = 7e-10, 3e-11, 2e-10
_PAIRS = compared_at_most(1)
#: Rows that are linked, to these.
_Round = tuple[NDArray[np.int64], Known]
_RISKS: Sequence[RiskName] = ("singling_out", "linkability")
_DRAWN = (
    "linkage_classifier{suffix} and linkage_discriminant{suffix} learn {rows:,} of {known:,} known "
    "records, of {people:,} of {of:,} people, those who are asked about first, to end in time."
)
_WIDE = (
    "Of features of {width:,} numbers, {names} read the {narrow} directions at most in which "
    "records differ most; what tells people apart along other directions they do not see."
)
#: Records beyond one a person, for each number, from which a covariance shows where little varies.
_RECORDS = 2
_FEW = (
    "{n:,} records of {people:,} people are too few to tell along which of {width:,} directions a "
    "person's records differ least (from about {needed:,} records of as many people on): what "
    "tells people apart along a few of these, and in no single column, "
    "linkage_lda_unshrunk{suffix} does not see."
)
#: Of more records one round has probes enough, ...
_MANY = 100_000
#: ... and so many of a person: of as many it has five rounds where nobody has more than 100.
_OF_EACH = 20
_COMPARED = (
    "{probes:,} records of {people:,} people are linked to {known:,} known ones. To end in time, "
    "a matcher is asked about at most {compared:,} of these people{each}, drawn at random: by one "
    "record, and by the mean of all. linkage_search{suffix} finds the nearest known record of each."
)


def linking_lacks(material: Material) -> NotRun | None:
    """What the material lacks for linking."""
    if material.person is None:
        return NotRun(
            "linkage",
            "it is not known which record belongs to whom",
            "name the person of each record with --person",
        )
    people, counts = np.unique(material.person, return_counts=True)
    if len(people) < 2:
        return NotRun(
            "linkage",
            "all records belong to one person",
            "records of at least two people",
        )
    if material.gallery is None and (counts > 1).sum() < 2:
        return NotRun(
            "linkage",
            "no two people have a second record, so there is nothing to link",
            "a second observation of the same people with --gallery",
        )
    return None


def is_searched(material: Material, targets: int) -> bool:
    """Whether it may be so large that matchers are asked about some people, a search about all.

    Args:
        material: the store.
        targets: probes at most.
    """
    return min(targets, len(material)) > compared_at_most(_known(material))


def linking_tasks(material: Material, seed: int, targets: int) -> list[Task]:
    """The attacks on the store that link records, as one task: they share the work."""
    width = material.features.shape[1]
    pairs = _known(material) * min(len(material), targets)
    learned = min(_work(width, len(material), _ROUNDS), _MULTIPLICATIONS)
    scenes = 1 if material.gallery is None else 2
    return [
        Task(
            f"linkage, seed {seed}",
            ("singling_out", "linkability"),
            5.0
            + scenes
            * (
                _MATCHED * min(pairs, _PAIRS) * (100 + width)
                + _SEARCHED * pairs * width
                + _LEARNS * learned
            ),
            partial(try_linking, material, seed, targets),
        )
    ]


def try_linking(
    material: Material, seed: int, targets: int, *, details: bool = True, search: bool = False
) -> Tried:
    """Link the records of a store.

    Args:
        material: with people, and with a gallery or several records a person.
        seed: of rounds and folds.
        targets: probes at most.
        details: whether curves and error rates are computed beside.
        search: whether to do as in a large store: draw people, and search for all.
    """
    assert material.person is not None  # noqa: S101 - linking_lacks has asked
    scenes = _scenes(material, seed, targets)
    trials: list[Trials] = []
    notes: list[str] = []
    for suffix, rounds in scenes.items():
        tried, said = _of_scene(material, rounds, seed, suffix, search=search)
        trials, notes = [*trials, *tried], [*notes, *said]
    isolated = [
        replace(
            t,
            measure="isolated",
            hit=(t.hit >= 1.0 - 1e-9).astype(float),
            control=(t.control >= 1.0 - 1e-9).astype(float),
        )
        for t in trials
        if t.measure == "rank-1"
    ]
    outcome = Tried(
        {"singling_out": isolated, "linkability": trials},
        {risk: notes for risk in _RISKS if notes},
    )
    if not details:
        return outcome
    probes, gallery = next(iter(scenes.values()))[0]
    person = material.person
    curves, table = link_details(
        material.features[probes], person[probes], gallery.features, gallery.person, seed
    )
    tables = [table, identity_table(material, trials, seed)]
    return replace(outcome, curves={"linkability": curves}, tables={"linkability": tables})


def _scenes(material: Material, seed: int, targets: int) -> dict[str, list[_Round]]:
    """What is linked to what, by what the names of its attacks end with."""
    with_gallery = _with_gallery(material, seed, targets)
    within = _within(material, seed, targets)
    if not with_gallery:
        return {"": within}
    # What both audits of a store have, with and without a gallery, has one name in both.
    return {"_gallery": with_gallery, **({"": within} if within else {})}


def _of_scene(
    material: Material, rounds: Sequence[_Round], seed: int, suffix: str, *, search: bool
) -> tuple[list[Trials], list[str]]:
    """All matchers in all rounds, pooled and named with ``suffix``, and what has to be known."""
    notes = []
    width = material.features.shape[1]
    # The same people in all rounds. Of fewer each is named more easily: too high, not too low.
    everyone = max((gallery.person for _, gallery in rounds), key=len)
    probed = material.owners[np.concatenate([probes for probes, _ in rounds])]
    rng = np.random.default_rng([seed, 14])
    learned = everyone[_learned(everyone, width, seed)]
    closed = ClosedSet.people_that_suit(learned, width, probed, rng)
    of = len(np.unique(everyone))
    records = max(len(p) + len(g.person) for p, g in rounds)
    wide = _too_wide(width, records, len(rounds))
    if wide:
        names = " and ".join(f"linkage_{name}{suffix}" for name in wide)
        notes.append(_WIDE.format(width=width, names=names, narrow=_NARROW))
    needed = of + _RECORDS * width
    if not wide and material.bits is None and records < needed:
        notes.append(_FEW.format(n=records, people=of, width=width, needed=needed, suffix=suffix))
    drawn = _drawn(material, rounds, suffix)
    notes += drawn
    learned = learned[np.isin(learned, closed)]
    if len(learned) < len(everyone):
        notes.append(
            _DRAWN.format(
                suffix=suffix, people=len(closed), of=of,
                rows=len(learned), known=len(everyone),
            )
        )  # fmt: skip
    linked: list[list[Trials]] = []
    for n, (probes, gallery) in enumerate(rounds):
        own = int(np.random.SeedSequence([seed, n]).generate_state(1)[0])
        compared = max(2, len(probes) // 2) if search else None
        linked += _linked(
            material, probes, gallery, own, closed=closed, wide=wide, compared=compared
        )
        if search or drawn:
            rows, person = material.features[probes], material.owners[probes]
            found = search_trials(rows, person, gallery.features, gallery.person, seed=own)
            linked.append(found)
    alike = (_a_person_alike(t) for t in pooled(linked))
    return [replace(t, attack=f"{t.attack}{suffix}") for t in alike], notes


def _learned(person: NDArray[np.int64], width: int, seed: int) -> NDArray[np.int64]:
    """The known rows that a classifier learns: all, or some of each person where those are many."""
    if ClosedSet.suits(person, width):
        return np.arange(len(person))
    place = place_among_own(person, np.random.default_rng([seed, 15]))
    return np.flatnonzero(place < ClosedSet.rows_of_each(person, width))


def _drawn(material: Material, rounds: Sequence[_Round], suffix: str) -> list[str]:
    """That matchers are asked about some people only, where they are."""
    compared = [compared_at_most(len(gallery)) for _, gallery in rounds]
    if all(len(probes) <= most for (probes, _), most in zip(rounds, compared, strict=True)):
        return []
    asked = np.concatenate([probes for probes, _ in rounds])
    note = _COMPARED.format(
        people=len(np.unique(material.owners[asked])),
        probes=len(asked),
        known=max(len(gallery) for _, gallery in rounds),
        compared=max(compared) // 2,
        each=" in each round" if len(rounds) > 1 else "",
        suffix=suffix,
    )
    return [note]


def _known(material: Material) -> int:
    """How many known records there are to compare with, in the larger scene."""
    return max(len(material), 0 if material.gallery is None else len(material.gallery))


def _too_wide(width: int, records: int, rounds: int) -> list[str]:
    """Matchers that cannot learn so many numbers of so many records in time."""
    much = _work(width, records, rounds) > _MULTIPLICATIONS
    return [name for name, most in _COVARIANCE.items() if width > most and much]


def _work(width: int, records: int, rounds: int) -> float:
    """Multiplications until a covariance is learned and inverted as often as one matcher needs."""
    return float(rounds * FITS * (min(records, 2 * MOST_ROWS) + width) * width**2)


def _linked(
    material: Material,
    probes: NDArray[np.int64],
    gallery: Known,
    seed: int,
    *,
    closed: NDArray[np.int64],
    wide: Sequence[str],
    compared: int | None,
) -> Iterator[list[Trials]]:
    """All matchers, learned from the store's other people; and again from the public ones.

    Args:
        material: the store.
        probes: its rows that are linked.
        gallery: to these.
        seed: of draws.
        closed: people whom the classifier learns.
        wide: matchers that are given the directions in which records differ most.
        compared: probes that matchers are asked about at most; ``None``: as time allows.
    """
    person, public = material.owners, material.public
    features, known = material.features[probes], gallery.features
    width = features.shape[1]
    named = public is not None and len(np.unique(public.person)) < len(public)
    plans: list[tuple[Mapping[str, Matcher], NDArray[np.float32] | None]] = [
        ({n: m for n, m in MATCHERS.items() if n not in wide}, None)
    ]
    if wide:
        plans.append(({n: MATCHERS[n] for n in wide}, _narrowed(known, seed)))
    asked, shown = np.isin(person[probes], closed), _learned(gallery.person, width, seed)
    shown = shown[np.isin(gallery.person[shown], closed)]
    if len(np.intersect1d(person[probes][asked], gallery.person[shown])) > 1:
        # Not of the directions: where rows are few, the last of them vary among known rows alone.
        yield closed_set_trials(
            features[asked], person[probes][asked],
            known[shown], gallery.person[shown], seed=seed,
        )  # fmt: skip
    for own, to in plans:
        rows = (features, known) if to is None else (features @ to, known @ to)
        yield link_trials(
            rows[0], person[probes], rows[1], gallery.person,
            seed=seed, matchers=own, compared=compared,
        )  # fmt: skip
        if public is not None and named:
            learned = {f"{n}_public": m for n, m in own.items() if m.learns}
            others = public.features if to is None else public.features @ to
            yield link_trials(
                rows[0], person[probes], rows[1], gallery.person, others, public.person,
                seed=seed, matchers=learned, compared=compared,
            )  # fmt: skip


def _narrowed(known: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """The directions in which records differ most, ``(width, at most 256)``."""
    from sklearn.utils.extmath import randomized_svd

    some = np.random.default_rng([seed, 13]).permutation(len(known))[:_SOME]
    centred = known[some] - known[some].mean(0)
    size = min(_NARROW, *centred.shape)
    directions: NDArray[np.float32] = randomized_svd(centred, size, random_state=seed)[2].T
    return np.ascontiguousarray(directions, dtype=np.float32)


def _a_person_alike(trials: Trials) -> Trials:
    """Every person weighs the same: one with many records is named more often, even by chance."""
    _, code, count = np.unique(trials.person, return_inverse=True, return_counts=True)
    return replace(trials, weight=1.0 / count[code])


def _with_gallery(material: Material, seed: int, targets: int) -> list[_Round]:
    """One round: the store's records of people in the gallery are the probes."""
    if material.gallery is None or material.person is None:
        return []
    rng = np.random.default_rng([seed, 11])
    inside = np.flatnonzero(np.isin(material.person, material.gallery.person))
    return [(np.sort(rng.permutation(inside)[:targets]), material.gallery)]


def _within(material: Material, seed: int, targets: int) -> list[_Round]:
    """Rounds in which each record of the people drawn is a probe once; one of a large store."""
    assert material.person is not None  # noqa: S101 - linking_lacks has asked
    rng = np.random.default_rng([seed, 11])
    person = material.person
    asked = _round_of_each(person, rng)
    inside = np.flatnonzero(asked >= 0)
    inside = inside[sample_of_people(person[inside], targets, rng)]
    out: list[_Round] = []
    for n in range(int(asked.max()) + 1):
        probes = inside[asked[inside] == n]
        if len(np.unique(person[probes])) < 2:
            continue
        rest = np.ones(len(person), dtype=bool)
        rest[probes] = False
        out.append((probes, Known(material.features[rest], person[rest])))
    return out


def _round_of_each(person: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The round in which each record is a probe, from 0; -1 in none, as where it stands alone.

    A person with fewer records than rounds is probed in the first ones only.
    """
    people, counts = np.unique(person, return_counts=True)
    nth, count = place_among_own(person, rng), counts[np.searchsorted(people, person)]
    if len(person) > _MANY:
        return np.where(nth < np.minimum(_OF_EACH, count // 2), 0, -1)
    return np.where(count > 1, nth % min(_ROUNDS, counts.max()), -1)

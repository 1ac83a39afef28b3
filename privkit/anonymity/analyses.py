"""Everything that ``privkit kanon`` asks of stored codes, each analysis where its premise holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.class_noun import ClassNoun
from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.closeness import Closeness, closeness
from privkit.anonymity.contribution import Contribution, contribution
from privkit.anonymity.contribution_part import contribution_part
from privkit.anonymity.diversity import Diversity, diversity
from privkit.anonymity.grouped import Beside, Classes, class_noun
from privkit.anonymity.metadata import Metadata, metadata
from privkit.anonymity.metadata_part import metadata_part
from privkit.anonymity.parts import Part
from privkit.anonymity.people import PeopleAnonymity, people_anonymity, people_part
from privkit.anonymity.people_classes import people_classes_part
from privkit.anonymity.population import check_population
from privkit.anonymity.population_part import population_part
from privkit.anonymity.prefix_premise import prefixes_wanted
from privkit.anonymity.prefixes import Prefixes, prefix_counts
from privkit.anonymity.prefixes_part import prefixes_part
from privkit.anonymity.risks import Risks, risks, risks_of_people
from privkit.anonymity.risks_part import risks_part
from privkit.anonymity.sensitive_part import closeness_part, diversity_part
from privkit.anonymity.terms import terms_table
from privkit.anonymity.unicity import Unicity, unicity
from privkit.anonymity.unicity_part import unicity_part
from privkit.errors import InputError
from privkit.features.stored import StoredCodes

__all__ = ["Analyses", "analyse"]


@dataclass(frozen=True, eq=False)
class Analyses:
    """What was found beside the class sizes; ``None`` where the premise of an analysis is missing.

    Attributes:
        people: k in people.
        people_classes: the class sizes in people, where each person's own k is not known.
        known_codes: uniqueness against the number of codes that an observer knows.
        columns: what each column of metadata costs.
        prefixes: k at every prefix length.
        bits: the part of each bit.
        diversity: one a sensitive column.
        closeness: one a sensitive column.
        risks: prosecutor, journalist and marketer, of the people where they are known.
        population: the estimates for a population.
        notes: what was not done and why, in sentences.
        noun: what a class is.
    """

    people: PeopleAnonymity | None
    people_classes: Part | None
    known_codes: Unicity | None
    columns: Metadata | None
    prefixes: Prefixes | None
    bits: Contribution | None
    diversity: Sequence[Diversity]
    closeness: Sequence[Closeness]
    risks: Risks | None
    population: Part | None
    notes: Sequence[str]
    noun: ClassNoun

    def parts(self, bits: int | None) -> Iterator[Part]:
        """What each adds to the result, people first."""
        if self.people is not None:
            yield people_part(self.people, self.noun)
        if self.people_classes is not None:
            yield self.people_classes
        if self.known_codes is not None:
            yield unicity_part(self.known_codes, bits=bits, noun=self.noun)
        if self.columns is not None:
            yield metadata_part(self.columns)
        if self.diversity:
            several = self.people is not None and self.people.records_a_person[-1] > 1
            yield diversity_part(self.diversity, self.noun)
            yield closeness_part(self.closeness, self.noun, several=several)
        if self.prefixes is not None:
            yield prefixes_part(self.prefixes, self.noun)
        if self.bits is not None:
            yield contribution_part(self.bits, self.noun)
        if self.population is not None:
            yield self.population
        if self.risks is not None:
            yield risks_part(self.risks, self.noun)
        yield Part(warnings=self.notes, tables=[terms_table()])


def analyse(
    stored: StoredCodes,
    classes: Classes,
    beside: Beside,
    *,
    thresholds: Sequence[int],
    population: int | None = None,
    prefixes: bool = False,
    memory: int | None = None,
    seed: int = 0,
) -> Analyses:
    """Run every analysis whose premise holds.

    Args:
        stored: the codes.
        classes: their equivalence classes.
        beside: what is known beside them.
        thresholds: the k's below which people and records are counted.
        population: P of the estimates, if wanted.
        prefixes: whether to count prefixes and the part of each bit of a large file too.
        memory: bytes to use; by default half of what the machine has available.
        seed: of all draws.

    Raises:
        InputError: the population cannot be used, or is asked for people of several codes; or
            prefixes are asked for and cannot be counted, see
            :func:`~privkit.anonymity.prefix_premise.check_prefixes`.
    """
    persons, records = beside.persons, classes.records
    noun = class_noun(stored, beside)
    people, in_people = None, classes.people
    if persons is not None and records is not None:
        people = people_anonymity(records, persons, thresholds)
        in_people = records.people(persons)
    of_people = classes.counts if in_people is None else in_people
    if population is not None:
        _check_population(of_people, population, persons)
    few, notes = prefixes_wanted(stored, beside, prefixes, memory)
    return Analyses(
        people=people,
        people_classes=None
        if classes.people is None or persons is None
        else people_classes_part(classes.people, int(persons.max()) + 1, thresholds, noun),
        known_codes=_known_codes(people, classes, persons, seed),
        columns=_columns(stored, classes, beside),
        prefixes=prefix_counts(
            stored,
            thresholds=thresholds,
            persons=persons,
            metadata=classes.metadata,
            own=() if noun.joined else thresholds,
        )
        if few
        else None,
        bits=contribution(stored, thresholds=thresholds, persons=persons, metadata=classes.metadata)
        if few
        else None,
        diversity=[diversity(records, one, persons=persons) for one in beside.sensitive]
        if records is not None
        else (),
        closeness=[closeness(records, one) for one in beside.sensitive]
        if records is not None
        else (),
        risks=_risks(classes, people, population),
        population=None
        if population is None
        else population_part(
            of_people,
            population,
            seed=seed,
            bits=None if classes.code is not None else stored.bits,
            thresholds=thresholds,
            noun="record" if in_people is None else "person",
        ),
        notes=notes,
        noun=noun,
    )


def _check_population(
    of_people: ClassCounts, population: int, persons: NDArray[np.int64] | None
) -> None:
    people = of_people.n if persons is None else int(persons.max()) + 1
    if of_people.n != people:
        raise InputError(
            "people with several different codes are no sample of one code a person",
            where="--population",
            rule="each person's records have one and the same code",
            found=f"{of_people.n} pairs of person and class for {people} people",
            remedy="keep one record a person, or leave --population out",
        )
    check_population(of_people, population)


def _risks(
    classes: Classes, people: PeopleAnonymity | None, population: int | None
) -> Risks | None:
    """The risks of the people; of the records only where nobody knows whose they are."""
    if people is not None:
        return risks_of_people(people, population=population)
    return None if classes.people is not None else risks(classes.counts, population=population)


def _known_codes(
    people: PeopleAnonymity | None,
    classes: Classes,
    persons: NDArray[np.int64] | None,
    seed: int,
) -> Unicity | None:
    if people is None or persons is None or classes.records is None:
        return None
    if people.records_a_person[-1] < 2:
        return None
    return unicity(classes.records, persons, seed=seed)


def _columns(stored: StoredCodes, classes: Classes, beside: Beside) -> Metadata | None:
    """What each column costs: of the metadata, or of a table that is itself what is stored."""
    if beside.metadata is not None:
        return metadata(beside.metadata, code=classes.code, persons=beside.persons)
    if stored.quasi is None or len(stored.columns) < 2 or not stored.quasi.in_memory:
        return None
    return metadata(stored.quasi.table, persons=beside.persons)

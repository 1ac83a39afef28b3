"""Everything that ``privkit kanon`` asks of stored codes, each analysis where its premise holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.closeness import Closeness, closeness
from privkit.anonymity.contribution import Contribution, contribution
from privkit.anonymity.contribution_part import contribution_part
from privkit.anonymity.diversity import Diversity, diversity
from privkit.anonymity.grouping import Grouping, group_codes, group_table, join
from privkit.anonymity.metadata import Metadata, metadata
from privkit.anonymity.metadata_part import metadata_part
from privkit.anonymity.parts import Part
from privkit.anonymity.people import PeopleAnonymity, people_anonymity, people_part
from privkit.anonymity.population import check_population
from privkit.anonymity.population_part import population_part
from privkit.anonymity.prefixes import Prefixes, prefix_counts
from privkit.anonymity.prefixes_part import prefixes_part
from privkit.anonymity.risks import Risks, risks, scaled_population
from privkit.anonymity.risks_part import risks_part, terms_table
from privkit.anonymity.sensitive import Sensitive
from privkit.anonymity.sensitive_part import closeness_part, diversity_part
from privkit.anonymity.unicity import Unicity, unicity
from privkit.anonymity.unicity_part import unicity_part
from privkit.anonymity.words import number
from privkit.errors import InputError
from privkit.features.stored import Form, StoredCodes

__all__ = ["Analyses", "Beside", "Classes", "analyse", "group_records"]

#: Bits of all codes up to which prefixes and the part of each bit are counted unasked: seconds.
_SMALL = 1 << 29


@dataclass(frozen=True, eq=False)
class Beside:
    """What is known beside the codes, a value a record.

    Attributes:
        persons: shape ``(n,)``, dense ids from 0; ``None`` where people are not known.
        metadata: a ``pyarrow.Table`` of quasi-identifiers that are stored with the code.
        sensitive: the sensitive columns.
    """

    persons: NDArray[np.int64] | None = None
    metadata: Any = None
    sensitive: Sequence[Sensitive] = ()

    @property
    def anything(self) -> bool:
        """Whether the class of each record has to be known, not only the sizes of the classes."""
        return self.persons is not None or self.metadata is not None or bool(self.sensitive)


@dataclass(frozen=True, eq=False)
class Classes:
    """The equivalence classes of records.

    Attributes:
        counts: their sizes in records.
        records: the class of each record; ``None`` where only the sizes were counted.
        code: the same by the code alone, where metadata make the classes finer.
    """

    counts: ClassCounts
    records: Grouping | None = None
    code: Grouping | None = None


@dataclass(frozen=True, eq=False)
class Analyses:
    """What was found beside the class sizes; ``None`` where the premise of an analysis is missing.

    Attributes:
        people: k in people.
        known_codes: uniqueness against the number of codes that an observer knows.
        columns: what each column of metadata costs.
        prefixes: k at every prefix length.
        bits: the part of each bit.
        diversity: one a sensitive column.
        closeness: one a sensitive column.
        risks: prosecutor, journalist and marketer.
        population: the estimates for a population.
        notes: what was not done and why, in sentences.
    """

    people: PeopleAnonymity | None
    known_codes: Unicity | None
    columns: Metadata | None
    prefixes: Prefixes | None
    bits: Contribution | None
    diversity: Sequence[Diversity]
    closeness: Sequence[Closeness]
    risks: Risks
    population: Part | None
    notes: Sequence[str]

    def parts(self, bits: int | None) -> Iterator[Part]:
        """What each adds to the result, people first."""
        if self.people is not None:
            yield people_part(self.people)
        if self.known_codes is not None:
            yield unicity_part(self.known_codes, bits=bits)
        if self.columns is not None:
            yield metadata_part(self.columns)
        if self.diversity:
            yield diversity_part(self.diversity)
            yield closeness_part(self.closeness)
        if self.prefixes is not None:
            yield prefixes_part(self.prefixes)
        if self.bits is not None:
            yield contribution_part(self.bits)
        if self.population is not None:
            yield self.population
        yield risks_part(self.risks, of="records" if self.people is None else "people")
        yield Part(warnings=self.notes, tables=[terms_table()])


def group_records(stored: StoredCodes, beside: Beside) -> Classes:
    """Find the class of each record: its code, joined with the metadata where there are any.

    Raises:
        InputError: if the columns cannot be grouped or are not of equally many records.
    """
    code = group_codes(stored)
    if beside.metadata is None:
        return Classes(code.sizes(), code)
    joined = join(code, group_table(beside.metadata))
    return Classes(joined.sizes(), joined, code)


def analyse(
    stored: StoredCodes,
    classes: Classes,
    beside: Beside,
    *,
    thresholds: Sequence[int],
    population: int | None = None,
    prefixes: bool = False,
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
        seed: of all draws.

    Raises:
        InputError: the population cannot be used, or is asked for people of several codes.
    """
    notes: list[str] = []
    persons, records = beside.persons, classes.records
    people = in_people = None
    if persons is not None and records is not None:
        people = people_anonymity(records, persons, thresholds)
        in_people = records.people(persons)
    of_people = classes.counts if in_people is None else in_people
    if population is not None and people is not None and of_people.n != people.people:
        raise InputError(
            "people with several different codes are no sample of one code a person",
            where="--population",
            rule="each person's records have one and the same code",
            found=f"{of_people.n} pairs of person and class for {people.people} people",
            remedy="keep one record a person, or leave --population out",
        )
    if population is not None:
        check_population(of_people, population)
    few = _codes(stored) and (prefixes or stored.n * (stored.bits or 0) <= _SMALL)
    if _codes(stored) and not few:
        notes.append(
            f"Prefixes and the part of each bit were not counted: {number(stored.n)} codes of "
            f"{stored.bits} bits are more than is done unasked; give --prefixes."
        )
    return Analyses(
        people=people,
        known_codes=_known_codes(people, classes, persons, seed),
        columns=_columns(stored, classes, beside),
        prefixes=prefix_counts(stored, thresholds=thresholds, persons=persons) if few else None,
        bits=contribution(stored, thresholds=thresholds) if few else None,
        diversity=[diversity(records, one, persons=persons) for one in beside.sensitive]
        if records is not None
        else (),
        closeness=[closeness(records, one) for one in beside.sensitive]
        if records is not None
        else (),
        risks=risks(
            of_people,
            population=None if population is None else scaled_population(of_people, population),
        ),
        population=None
        if population is None
        else population_part(
            of_people,
            population,
            seed=seed,
            bits=None if classes.code is not None else stored.bits,
            thresholds=thresholds,
            noun="record" if people is None else "person",
        ),
        notes=notes,
    )


def _codes(stored: StoredCodes) -> bool:
    return stored.form is not Form.TABLE and stored.bits is not None


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

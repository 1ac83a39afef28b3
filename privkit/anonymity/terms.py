"""The words of other tools for the figures of privkit."""

from __future__ import annotations

from dataclasses import dataclass

from privkit.result import Table

__all__ = ["TERMS", "Term", "terms_table"]

NONE = "none"


@dataclass(frozen=True)
class Term:
    """What one figure is called elsewhere; empty, shown as ``none``, where there is no such one.

    Attributes:
        figure: the name in privkit.
        arx: the term of ARX.
        pycanon: the function of pycanon.
        dlp: the field of Google's Sensitive Data Protection (Cloud DLP), API version 2.
        meaning: what it means, and where the tools differ.
    """

    figure: str
    arx: str
    pycanon: str
    dlp: str
    meaning: str


TERMS = (
    Term(
        "k",
        "k-anonymity; 1 / highest prosecutor risk",
        "k_anonymity",
        "smallest equivalenceClassSizeLowerBound of kAnonymityResult",
        "The smallest class. pycanon leaves out records with a missing quasi-identifier.",
    ),
    Term(
        "k in people",
        "",
        "",
        "kAnonymityResult with kAnonymityConfig.entityId",
        "Rows of one person count once. Google takes all the tuples of a person together as one "
        "quasi-identifier; privkit takes the most exposed one.",
    ),
    Term(
        "class sizes",
        "equivalence classes; class size distribution",
        "sizes_ec",
        "equivalenceClassHistogramBuckets",
        "How many classes have each size.",
    ),
    Term(
        "unique records",
        "sample uniques",
        "",
        "bucket of equivalenceClassHistogramBuckets from 1 to 1",
        "Records that are alone in their class.",
    ),
    Term(
        "highest prosecutor risk",
        "highest prosecutor risk (getHighestRisk)",
        "max_rir",
        "",
        "1 / k, for an adversary who knows that the person is in the file.",
    ),
    Term(
        "records at risk",
        "records at risk (getRecordsAtRisk)",
        "",
        "",
        "Share of the records whose risk exceeds a threshold, strictly.",
    ),
    Term(
        "prosecutor success rate",
        "success rate; average prosecutor risk (getSuccessRate)",
        "",
        "",
        "Classes over records. pycanon's average_rir is another: the mean of 1 / size over the "
        "classes, not over the records.",
    ),
    Term(
        "journalist risk",
        "journalist risk, from a table of the population",
        "",
        "kMapEstimationHistogram of kMapEstimationResult",
        "1 / size of the class in the population. privkit estimates its expectation from the "
        "sample (Benedetti and Franconi 1998, as mu-Argus and sdcMicro do); ARX counts the size in "
        "a table of the population; Google's k-map estimates the size from its own statistics.",
    ),
    Term(
        "marketer risk",
        "marketer risk (getSuccessRate), from a table of the population",
        "",
        "",
        "Share of the records that are re-identified on average; estimated as the journalist's.",
    ),
    Term(
        "expected uniques in a population",
        "population uniques (Zayatz, Pitman, SNB, Dankar)",
        "",
        "",
        "Estimated from the sample.",
    ),
    Term(
        "l-diversity, distinct",
        "distinct l-diversity",
        "l_diversity",
        "smallest numDistinctSensitiveValues of lDiversityResult",
        "Different sensitive values in the least diverse class; Google's histogram is "
        "sensitiveValueFrequencyHistogramBuckets.",
    ),
    Term(
        "l-diversity, entropy",
        "Shannon-entropy l-diversity",
        "entropy_l_diversity",
        "",
        "exp of the smallest entropy; pycanon rounds it down.",
    ),
    Term(
        "l-diversity, recursive",
        "recursive-(c,l)-diversity",
        "recursive_c_l_diversity",
        "",
        "pycanon gives c for the distinct l, with the rarest value where the paper has the most "
        "frequent one.",
    ),
    Term(
        "t-closeness",
        "t-closeness with equal or ordered ground distance",
        "t_closeness",
        "",
        "Earth mover's distance of the farthest class from the whole.",
    ),
    Term(
        "mean class of a record",
        "",
        "",
        "",
        "Mean over the records, so that large classes weigh more. ARX's average class size "
        "(getAverageEquivalenceClassSize) and pycanon's average_ecsize are records over classes, "
        "which is smaller.",
    ),
    Term(
        "entropies",
        "",
        "",
        "",
        "Shannon, collision and min-entropy of the class. ARX's non-uniform entropy is another: "
        "what a generalisation loses, a measure of quality.",
    ),
    Term(
        "longest prefix that keeps k",
        "",
        "",
        "",
        "Leading bits of a code. In ARX the nearest is a generalisation hierarchy that masks "
        "characters from the right.",
    ),
    Term(
        "people singled out by known codes",
        "",
        "",
        "",
        "Unicity of de Montjoye et al. (2013) against the number of known records of a person.",
    ),
    Term(
        "records left out",
        "suppressed records (getNumberOfSuppressedRecords); suppression limit",
        "",
        "RecordSuppression of a de-identification, not of a risk analysis",
        "What --enforce K --method suppress leaves out.",
    ),
    Term(
        "homogeneous classes",
        "",
        "",
        "bucket of sensitiveValueFrequencyHistogramBuckets from 1 to 1",
        "Classes that give a sensitive value away; elsewhere they show as l = 1.",
    ),
    Term(
        "not measured by privkit",
        "delta-presence",
        "",
        "deltaPresenceEstimationHistogram of deltaPresenceEstimationResult",
        "Probability that somebody of the population is in the file; needs the population.",
    ),
)


def terms_table() -> Table:
    """The words of other tools for the figures of privkit."""
    return Table(
        "The same figures elsewhere",
        ["privkit", "ARX", "pycanon", "Google Cloud DLP", "what it means"],
        [[t.figure, t.arx or NONE, t.pycanon or NONE, t.dlp or NONE, t.meaning] for t in TERMS],
    )

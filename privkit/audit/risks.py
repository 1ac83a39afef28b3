"""The risks of a store of features, in the words of the field's rule books.

The first three are those of the EU's Article 29 Working Party (Opinion 05/2014 on Anonymisation
Techniques, section 2.2); reconstruction and membership are what attacks on learned features add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["RISKS", "RISK_NAMES", "WORST_FIRST", "Risk", "RiskName", "Verdict"]

RiskName = Literal["singling_out", "linkability", "inference", "reconstruction", "membership"]
RISK_NAMES: Sequence[RiskName] = get_args(RiskName)

#: What an audit can say of a risk. There is no "safe": an attack that failed proves nothing about
#: the next one.
Verdict = Literal["leaks", "attack invalid", "inconclusive", "no leak found", "not run"]

#: The headline is the first of these that a risk has.
WORST_FIRST: Sequence[Verdict] = get_args(Verdict)


@dataclass(frozen=True)
class Risk:
    """A risk in words.

    Attributes:
        name: as in the policy, e.g. ``"singling_out"``.
        title: for people, e.g. ``"Singling out"``.
        question: what a 'leaks' would mean, as a question.
        source: who defined it.
    """

    name: RiskName
    title: str
    question: str
    source: str


_WP29 = "Article 29 Working Party, Opinion 05/2014, section 2.2"

RISKS: dict[RiskName, Risk] = {
    risk.name: risk
    for risk in (
        Risk(
            "singling_out",
            "Singling out",
            "Does one more observation of a person isolate that person's records in the store?",
            _WP29,
        ),
        Risk(
            "linkability",
            "Linkability",
            "Can two records be recognised as belonging to the same person?",
            _WP29,
        ),
        Risk(
            "inference",
            "Inference",
            "Can a sensitive attribute be told from a stored feature?",
            _WP29,
        ),
        Risk(
            "reconstruction",
            "Reconstruction",
            "Can a picture be rebuilt that shows the person?",
            "Fredrikson, Jha and Ristenpart, CCS 2015",
        ),
        Risk(
            "membership",
            "Membership",
            "Can it be told whether a record was used to train the network?",
            "Shokri et al., IEEE S&P 2017",
        ),
    )
}

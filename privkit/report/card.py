"""The audit card: what a model card (Mitchell et al., FAT* 2019) is to a model, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from privkit.audit.findings import Audit
from privkit.audit.percent import percent
from privkit.report.audit import MEANINGS, not_run_table, policy_toml
from privkit.report.audit_words import (
    headline_words,
    rate_words,
    sample_words,
    verdict_words,
)
from privkit.report.visible import shortened, visible
from privkit.result import Table

__all__ = ["card_markdown", "escaped"]

_LONGEST = 300

#: What Markdown or HTML take for more than a character. Addresses are broken up as well: some
#: renderers make a link of every one.
_ACTIVE = re.compile(r"[\\`*_{}\[\]<>|~&#!$^]|(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)
_AS_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s|$|[-+=])")


def escaped(text: str) -> str:
    """Text of others as Markdown that shows it as it is, on one line."""
    text = shortened(" ".join(visible(text).split()), _LONGEST)
    text = _ACTIVE.sub(lambda found: _AS_HTML.get(found[0], f"\\{found[0]}"), text)
    return _AT_START.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", text)


def card_markdown(audit: Audit) -> str:
    """The card of an audit."""
    return "\n\n".join(_parts(audit)) + "\n"


def _parts(audit: Audit) -> Iterator[str]:
    yield "# Privacy audit card"
    yield f"**{escaped(headline_words(audit))}**: {escaped(audit.headline)}"
    yield from (f"> **Note:** {escaped(notice)}" for notice in audit.notices)
    yield "## What was audited"
    yield escaped(audit.store)
    rows = [(d.role, d.name, f"{d.rows:,}", d.sha256) for d in audit.data]
    yield _table(Table("", ("role", "input", "rows", "sha256"), rows))
    yield "## Verdicts"
    yield _table(Table("", _COLUMNS, [_row(audit, n) for n in range(len(audit.risks))]))
    yield (
        "A guess is the best one that ignores what is stored. Residual risk is (success - guess) / "
        "(1 - guess). Detectable: the smallest residual risk that this sample shows with a "
        "probability of 80%."
    )
    yield _list(f"**{f.title}.** {escaped(f.sentence)} {_sample(audit, n)}".rstrip()
                for n, f in enumerate(audit.risks))  # fmt: skip
    left = not_run_table(audit)
    if left.rows:
        yield "## What was not run"
        yield _table(left)
    yield "## Premises"
    yield _list(map(escaped, audit.premises)) or "None are stated."
    yield "## Limits"
    yield _list([*map(escaped, audit.warnings), *(f"*{name}*: {meaning}" for name, meaning in
                 MEANINGS.items() if name in {f.verdict for f in audit.risks})])  # fmt: skip
    yield "## How to reproduce"
    yield _fenced(visible(audit.command))
    yield "The files of the run are checked with `privkit verify RUN`. The policy:"
    yield _fenced("\n".join(map(visible, policy_toml(audit.policy).splitlines())), "toml")
    said = ", ".join(f"{escaped(name)} {escaped(v)}" for name, v in sorted(audit.versions.items()))
    yield f"Made with {said}."


_COLUMNS = (
    "risk",
    "verdict",
    "strongest attack",
    "success",
    "guess",
    "residual risk",
    "allowed",
    "detectable",
)


def _row(audit: Audit, n: int) -> Sequence[str]:
    finding = audit.risks[n]
    found = finding.detectable
    detectable = "–" if found is None else percent(found)
    strongest = finding.strongest
    if strongest is None:
        none = ("–",) * 4
        return (finding.title, verdict_words(finding), *none, percent(finding.limit), detectable)
    return (
        finding.title,
        verdict_words(finding),
        strongest.name,
        rate_words(strongest),
        percent(strongest.baseline),
        percent(strongest.residual),
        percent(finding.limit),
        detectable,
    )


def _sample(audit: Audit, n: int) -> str:
    return escaped(sample_words(audit.risks[n], audit.policy.get("large_leak")))


def _table(table: Table) -> str:
    lines = [_line(table.columns), _line(["---"] * len(table.columns), raw=True)]
    return "\n".join([*lines, *(_line(row) for row in table.rows)])


def _line(cells: Sequence[str], *, raw: bool = False) -> str:
    return "| " + " | ".join(cell if raw else escaped(cell) for cell in cells) + " |"


def _list(items: Iterator[str] | Sequence[str] | map[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"

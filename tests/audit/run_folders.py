"""Run folders of the made-up audit, for the tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit.an_audit import LABELS, an_audit, the_trials

from privkit.audit.findings import Audit
from privkit.audit.stored import AUDIT
from privkit.audit.trials_file import TRIALS, write_trials
from privkit.manifest import write_manifest

#: The 600 people of the inference attacks have labels as well.
EVERYBODY = (*LABELS, *(f"p{n}" for n in range(600)))


def a_run(
    folder: Path,
    *,
    people: Sequence[str] = EVERYBODY,
    seed: int = 0,
    linkability: float = 0.7,
    audit: Audit | None = None,
    **changes: Any,
) -> Path:
    """Write what the commands read of a run, without its page and figures."""
    folder.mkdir()
    made = audit or an_audit(seed=seed, linkability=linkability, **changes)
    (folder / AUDIT).write_text(made.to_json(), encoding="utf-8")
    write_trials(folder / TRIALS, the_trials(seed=seed, linkability=linkability), people)
    write_manifest(folder, command=made.command, data=made.data, versions=made.versions)
    return folder

"""``privkit verify``: is a run as it was written?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privkit.errors import InputError

if TYPE_CHECKING:
    from privkit.manifest import Manifest

__all__ = ["verify"]


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run of privkit audit.")],
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="ROLE=PATH",
            help="Check an input as well, e.g. features=codes.npy; several files of one input are "
            "given one by one, or as a folder; repeatable.",
        ),
    ] = None,
) -> int:
    """Check that every file of a run is what its manifest says, and that its audit is sound.

    Exit codes: 0 all is as written, 1 something differs (a line each), 2 bad input. A manifest is
    not signed: keep its sha256, which is printed, apart from the run.
    """
    from privkit.audit.stored import AUDIT
    from privkit.manifest import NAME, Manifest, file_sha256
    from privkit.report.visible import visible

    roles = _by_role(given or [])
    manifest = Manifest.read(run)
    _known(roles, manifest)
    differences = manifest.differences(run)
    if not differences and any(entry.name == AUDIT for entry in manifest.files):
        differences += _of_audit(run, manifest)
    differences += [line for role, paths in roles.items() for line in _input(role, paths, manifest)]
    for line in differences:
        print(visible(line))
    if not differences:
        checked = f" and {len(roles)} inputs" if roles else ""
        print(f"{len(manifest.files)} files{checked} are as the manifest says")
    print(f"sha256 of {NAME}: {file_sha256(run / NAME)}")
    return 1 if differences else 0


def _by_role(given: Sequence[str]) -> dict[str, list[Path]]:
    roles: dict[str, list[Path]] = {}
    for item in given:
        role, equals, path = item.partition("=")
        if not role or not equals or not path:
            raise InputError(
                "this names no input",
                where="--input",
                rule="ROLE=PATH, e.g. features=codes.npy",
                found=item,
            )
        roles.setdefault(role, []).append(Path(path))
    return roles


def _known(roles: dict[str, list[Path]], manifest: Manifest) -> None:
    known = list(dict.fromkeys(entry.role for entry in manifest.inputs))
    for role, paths in roles.items():
        if role not in known:
            raise InputError(
                "the run has no such input",
                where="--input",
                rule=f"a role of {', '.join(known) or 'none: nothing is recorded'}",
                found=role,
            )
        for path in paths:
            if not path.exists():
                raise InputError("the input does not exist", where=path, remedy="check the path")


def _input(role: str, paths: Sequence[Path], manifest: Manifest) -> Iterator[str]:
    """Whether the files of a role have a recorded hash: all together, or each for itself."""
    from privkit.features.stored import files_sha256

    recorded = {entry.sha256: entry.name for entry in manifest.inputs if entry.role == role}
    if (
        len(paths) > 1
        and files_sha256([file for path in paths for file in _files(path)]) in recorded
    ):
        return
    for path in paths:
        found = files_sha256(_files(path))
        if found not in recorded:
            names = ", ".join(f"{name} with sha256 {hash_}" for hash_, name in recorded.items())
            yield f"{role}: {path} has the sha256 {found}; the run was made from {names}"


def _files(path: Path) -> list[Path]:
    """A file, or all files below a folder."""
    if path.is_file():
        return [path]
    below = sorted(file for file in path.rglob("*") if file.is_file())
    if not below:
        raise InputError("this is no file and holds none", where=path, rule="--input ROLE=PATH")
    return below


def _of_audit(run: Path, manifest: Manifest) -> Iterator[str]:
    """What in the audit does not fit its schema, itself, its trials or the manifest."""
    from privkit.audit.stored import AUDIT, contradictions, read_audit, unlike_trials
    from privkit.audit.trials_file import TRIALS, read_trials
    from privkit.manifest import Input

    try:
        audit, trials = read_audit(run), read_trials(run / TRIALS)
    except InputError as error:
        yield str(error)
        return
    yield from contradictions(audit)
    yield from unlike_trials(audit, trials)
    named = [
        Input(data["role"], data["name"], data["sha256"], data["rows"]) for data in audit["data"]
    ]
    if set(named) != set(manifest.inputs):
        yield f"{AUDIT}: names other inputs than the manifest"

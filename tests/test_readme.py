"""The README is true: its commands, its links and its pictures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from privkit.cli.app import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    [ROOT / "README.md", ROOT / "attacks" / "README.md", ROOT / "benchmarks" / "README.md"]
)
PAGES += sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize(
    ("name", "ending"), [("invert", "privkit invert --bits 16"), ("test", "pytest")]
)
def test_the_two_commands_are_one_line_each(name: str, ending: str) -> None:
    script = [sys.executable, str(ROOT / ".ci" / "readme_command.py"), name]
    command = subprocess.run(script, capture_output=True, text=True, check=True).stdout.strip()
    assert "\n" not in command
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert command.endswith(ending)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_pictures_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README
    assert "TODO" not in README


def test_the_options_that_are_shown_exist() -> None:
    commands = get_command(app)
    known = {"--help", "--version", "--install-completion", "--show-completion"}
    for command in commands.commands.values():  # type: ignore[attr-defined]
        for one in (command, *getattr(command, "commands", {}).values()):
            known |= {opt for parameter in one.params for opt in parameter.opts}
    shown = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", README))
    assert shown - known - {"--all-files", "--nproc-per-node"} == set()


def test_every_command_is_shown() -> None:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        for part in getattr(command, "commands", None) or [""]:
            shown = f"privkit {name} {part}".strip()
            assert shown in README or f"`{part}`" in README

"""The attack in attacks/README.md works as printed, and others' attacks are found or refused."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import attacks
from attacks import ATTACKS, attacks_named, available_attacks
from attacks.base import Attack
from attacks.baselines import BASELINES
from attacks.inversion import run_study
from attacks.scenes import GROUPS
from privkit.data.generated_faces import generate_faces
from privkit.errors import InputError
from privkit.models.defenses import FewBits

README = Path(attacks.__file__).with_name("README.md")


@pytest.fixture(scope="module")
def code() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.M)
    assert len(blocks) == 1
    return blocks[0]


@pytest.fixture
def module(code: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The code block as an installed module."""
    made = ModuleType("my_package")
    monkeypatch.setitem(sys.modules, "my_package", made)
    exec(compile(code, str(README), "exec"), made.__dict__)  # noqa: S102
    return made


def test_the_attack_is_at_most_40_lines(code: str) -> None:
    assert len(code.splitlines()) <= 40
    assert max(map(len, code.splitlines())) <= 100


def test_the_attack_takes_part_in_a_study(module: ModuleType) -> None:
    faces = generate_faces(people=8, photos=6, size=(32, 28))
    study = run_study(
        faces, [FewBits(16)], {"nearest_photo": module.NearestPhoto()}, seeds=[0], cache=None
    )
    own = study.records[study.records["attack"] == "nearest_photo"]
    baseline = study.records[study.records["attack"] == "mean_face"]
    assert set(own["group"]) == set(GROUPS)
    assert own["photo"].tolist() == baseline["photo"].tolist()
    assert own[["identity", "identity (shuffled)", "mse", "psnr", "ssim"]].notna().all(axis=None)
    made = study.gallery.made["16 bits", "nearest_photo"]
    photos = faces.pixels()
    for picture, original in zip(made, study.gallery.originals, strict=True):
        shown = faces.person[(photos == picture).all(1)]
        target = faces.person[(photos == original).all(1)]
        assert len(shown) == 1  # it is one of the photos,
        assert shown[0] != target[0]  # of somebody else


def test_its_settings_matter(module: ModuleType, scene: object) -> None:
    one, many = (module.NearestPhoto(neighbours=n)(scene, seed=0).values for n in (1, 5))
    assert one.std(axis=1).mean() > many.std(axis=1).mean()
    assert not np.array_equal(one, many)


# Entry points


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Pretend that a package registers an attack."""

    def install(name: str, value: str) -> None:
        def entry_points(*, group: str) -> list[EntryPoint]:
            assert group == "privkit.attacks"
            return [EntryPoint(name, value, group)]

        monkeypatch.setattr(attacks, "entry_points", entry_points)

    return install


def test_an_installed_attack_is_found(
    module: ModuleType, installed: Callable[[str, str], None]
) -> None:
    installed("nearest_photo", "my_package:NearestPhoto")
    assert list(available_attacks()) == [*ATTACKS, "nearest_photo"]
    assert isinstance(available_attacks()["nearest_photo"], module.NearestPhoto)
    assert list(attacks_named(["nearest_photo", "linkage"])) == ["nearest_photo", "linkage"]
    assert "nearest_photo" in attacks_named([])


def test_an_instance_is_taken_as_it_is(
    module: ModuleType, installed: Callable[[str, str], None]
) -> None:
    module.settled = module.NearestPhoto(neighbours=3)
    installed("nearest_three", "my_package:settled")
    assert available_attacks()["nearest_three"] is module.settled


@pytest.mark.parametrize("name", ["linkage", "mi_face"])
def test_a_name_of_ours_cannot_be_taken(
    name: str, module: ModuleType, installed: Callable[[str, str], None]
) -> None:
    installed(name, "my_package:NearestPhoto")
    with pytest.raises(
        InputError, match=f"entry point {name} = my_package:.*takes the name of another.*rename it"
    ):
        available_attacks()


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_name_of_a_baseline_cannot_be_taken(
    name: str, module: ModuleType, installed: Callable[[str, str], None]
) -> None:
    installed(name, "my_package:NearestPhoto")
    with pytest.raises(InputError, match="takes the name of another"):
        available_attacks()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_module_at_all:X", "cannot be loaded; found: ModuleNotFoundError: No module"),
        ("my_package:Nosuch", "cannot be loaded; found: AttributeError"),
        ("my_package:np", "is not one; rule: a subclass of attacks.base.Attack"),
        ("my_package:Adversary", "TypeError"),
        ("my_package:Attack", "TypeError"),
        ("builtins:dict", "is not one; rule: .*; found: dict"),
    ],
)
def test_what_is_no_attack_is_told(
    value: str,
    words: str,
    module: ModuleType,
    installed: Callable[[str, str], None],
    one_line: Callable[..., str],
) -> None:
    installed("other", value)
    with pytest.raises(InputError, match=words) as told:
        available_attacks()
    assert f"entry point other = {value}" in str(told.value)
    assert str(told.value) in one_line("invert", "--bits", "16")


def test_every_attack_of_ours_is_one() -> None:
    for attack in {**ATTACKS, **BASELINES}.values():
        assert isinstance(attack, Attack)


def test_the_page_lists_every_attack_with_what_it_needs() -> None:
    text = README.read_text("utf-8")
    listed = {
        name.strip(" `"): row
        for row in text.splitlines()
        if row.startswith("| `") and row.count("|") == 5
        for name in row.split("|")[1].split(",")
    }
    made = {name: a for name, a in ATTACKS.items() if a.makes == "pictures"}
    assert listed.keys() == made.keys()
    for name, attack in made.items():
        said = {need.strip() for need in listed[name].split("|")[4].split(",")}
        # The face network is an encoder with a gradient.
        implied = {"face network": {"gradient", "encoder"}, "gradient": {"encoder"}}
        everything = said.union(*(implied.get(need, set()) for need in said))
        assert said <= attack.needs <= everything

"""Attacks on stored features: one attack a file, and the plain dict of all of them.

Third parties add attacks through the entry-point group ``privkit.attacks``; see ``README.md``
beside this file.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from attacks.base import Attack
from attacks.baselines import BASELINES
from attacks.decoder import Decoder
from attacks.eigenface import Eigenface, OwnDirections
from attacks.enumerate_codes import EnumerateCodes
from attacks.linkage import ClassifierLinkage, Linkage
from attacks.mi_face import MIFace, Restarts
from attacks.network_head import NetworkHead
from attacks.ridge_decoder import RidgeDecoder
from attacks.total_variation import TotalVariation
from privkit.errors import InputError

__all__ = ["ATTACKS", "attacks_named", "available_attacks"]

ATTACKS: dict[str, Attack] = {
    "linkage": Linkage(),
    "linkage_mean": Linkage(compare="mean"),
    "linkage_weighted": Linkage(compare="weighted_hamming"),
    "linkage_lda": Linkage(compare="lda"),
    "linkage_plda": Linkage(compare="plda"),
    "linkage_classifier": ClassifierLinkage(),
    "network_head": NetworkHead(),
    "ridge_decoder": RidgeDecoder(),
    "mi_face": MIFace(),
    "mi_face_mean": MIFace(start="mean", step=100.0),
    "mi_face_restarts": Restarts(),
    "total_variation": TotalVariation(),
    "eigenface": Eigenface(),
    "own_directions": OwnDirections(),
    "decoder": Decoder(),
    "enumerate": EnumerateCodes(),
}


def available_attacks() -> dict[str, Attack]:
    """Our attacks and those that installed packages bring; no name can be taken twice.

    Raises:
        InputError: an entry point that cannot be loaded, is not an attack, or takes another's name.
    """
    found = dict(ATTACKS)
    for entry in entry_points(group="privkit.attacks"):
        where = f"entry point {entry.name} = {entry.value}"
        if entry.name in found or entry.name in BASELINES:
            raise InputError(
                "an installed package takes the name of another attack",
                where=where,
                rule="a name of its own",
                remedy=f"rename it, or uninstall {entry.dist.name if entry.dist else 'it'}",
            )
        try:
            loaded = entry.load()
            attack = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:
            raise InputError(
                "an installed attack cannot be loaded",
                where=where,
                found=f"{type(error).__name__}: {error}",
                remedy="mend or uninstall the package",
            ) from error
        if not isinstance(attack, Attack):
            raise InputError(
                "an installed attack is not one",
                where=where,
                rule="a subclass of attacks.base.Attack, or an instance of one",
                found=type(attack).__name__,
            )
        found[entry.name] = attack
    return found


def attacks_named(names: list[str]) -> dict[str, Attack]:
    """The attacks of these names, in this order; all available ones if there are none.

    Raises:
        InputError: an unknown name.
    """
    known = available_attacks()
    for name in names:
        if name not in known:
            raise InputError(
                "unknown attack", where="--attack", rule=f"one of {', '.join(known)}", found=name
            )
    return {name: known[name] for name in (dict.fromkeys(names) if names else known)}

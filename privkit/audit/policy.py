"""The policy of an audit: what residual risk is allowed, and how much effort is spent.

A policy is a TOML file; what it leaves out is as in ``default_policy.toml``, which
``privkit audit --show-policy`` prints.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from privkit.audit.risks import RISK_NAMES, RiskName
from privkit.errors import InputError

__all__ = ["SCHEMA", "Policy", "default_policy_text", "read_policy"]

SCHEMA = "privkit-policy/1"

#: A policy is a page; more is not one.
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Policy:
    """What an audit allows and spends. The TOML file says what each setting means.

    Attributes:
        confidence: coverage of intervals.
        seeds: of all random draws; every attack is run once for each.
        budget_minutes: for the whole audit.
        large_leak: a residual risk that the sample must be able to show.
        power: with this probability.
        required: risks that must be run.
        targets: records and people attacked at most.
        limits: residual risk allowed, by risk.
        k: people who have to share each stored code; 1 asks for nothing.
        population: people that the store is a sample of; 0 where unknown.
    """

    confidence: float
    seeds: tuple[int, ...]
    budget_minutes: float
    large_leak: float
    power: float
    required: tuple[RiskName, ...]
    targets: int
    limits: Mapping[RiskName, float]
    k: int
    population: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, in the nesting of the TOML file."""
        flat = asdict(self)
        counting = {name: flat.pop(name) for name in ("k", "population")}
        return {
            "schema": SCHEMA,
            **flat,
            "seeds": list(self.seeds),
            "required": list(self.required),
            "limits": dict(self.limits),
            "k_anonymity": counting,
        }


def default_policy_text() -> str:
    """The default policy as commented TOML."""
    return files("privkit.audit").joinpath("default_policy.toml").read_text(encoding="utf-8")


def read_policy(path: Path | None) -> Policy:
    """Read a policy; the default one where there is no path.

    Raises:
        InputError: the file cannot be read, is no TOML, has an unknown key, or a value out of
            range.
    """
    default = tomllib.loads(default_policy_text())
    given = _read(path) if path is not None else {}
    where = path if path is not None else "default policy"
    return _policy(_merged(default, given, where), where)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            "the policy file does not exist",
            where=path,
            rule="--policy names a TOML file",
            remedy="privkit audit --show-policy > policy.toml writes one to start from",
        )
    if path.stat().st_size > _MAX_BYTES:
        raise InputError(
            "the policy file is too large",
            where=path,
            rule=f"at most {_MAX_BYTES:,} bytes",
            found=f"{path.stat().st_size:,}",
        )
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "the policy file cannot be read",
            where=path,
            rule="TOML in UTF-8",
            found=str(error) or type(error).__name__,
        ) from None


def _merged(default: dict[str, Any], given: dict[str, Any], where: object) -> dict[str, Any]:
    """The default with what is given in its place; only known keys."""
    merged = dict(default)
    for key, value in given.items():
        if key not in default:
            raise InputError(
                f"the policy has an unknown key {key[:80]!r}",
                where=where,
                rule=f"one of {', '.join(default)}",
                remedy="privkit audit --show-policy prints all of them",
            )
        table = isinstance(default[key], dict)
        if table and not isinstance(value, dict):
            raise _wrong(key, "a table", value, where)
        merged[key] = _merged(default[key], value, f"{where}, [{key}]") if table else value
    return merged


def _policy(values: dict[str, Any], where: object) -> Policy:
    if values["schema"] != SCHEMA:
        raise _wrong("schema", SCHEMA, values["schema"], where)
    required = values["required"]
    if not isinstance(required, list) or not all(name in RISK_NAMES for name in required):
        raise _wrong("required", f"a list of {', '.join(RISK_NAMES)}", required, where)

    seeds = values["seeds"]
    whole_seeds = isinstance(seeds, list) and all(type(s) is int and 0 <= s < 2**62 for s in seeds)
    if not whole_seeds or not 1 <= len(seeds) <= 1000:
        raise _wrong("seeds", "a list of 1 to 1,000 whole numbers from 0", seeds, where)

    def number(key: str, low: float, high: float, table: dict[str, Any] = values) -> float:
        value = table[key]
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not fits or not math.isfinite(value) or not low <= value <= high:
            raise _wrong(key, f"a number from {low:,.10g} to {high:,.10g}", value, where)
        return float(value)

    def whole(key: str, low: int, high: int, table: dict[str, Any] = values) -> int:
        value = table[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _wrong(key, f"a whole number from {low:,} to {high:,}", value, where)
        return value

    limits, counting = values["limits"], values["k_anonymity"]
    highest = max(number(risk, 0.0, 0.99, limits) for risk in RISK_NAMES)
    if number("large_leak", 0.01, 1.0) <= highest:
        raise _wrong("large_leak", f"above every limit, {highest:g}", values["large_leak"], where)
    return Policy(
        confidence=number("confidence", 0.9, 0.9999),
        seeds=tuple(dict.fromkeys(seeds)),
        budget_minutes=number("budget_minutes", 0.01, 1e5),
        large_leak=number("large_leak", 0.01, 1.0),
        power=number("power", 0.8, 0.999),
        required=tuple(cast("list[RiskName]", dict.fromkeys(required))),
        targets=whole("targets", 10, 1_000_000),
        limits={risk: number(risk, 0.0, 0.99, limits) for risk in RISK_NAMES},
        k=whole("k", 1, 10**9, counting),
        population=whole("population", 0, 10**11, counting),
    )


def _wrong(key: str, rule: str, found: object, where: object) -> InputError:
    shown = repr(found)
    return InputError(
        f"the policy's {key} cannot be used",
        where=where,
        rule=rule,
        found=shown if len(shown) <= 100 else shown[:99] + "…",
    )

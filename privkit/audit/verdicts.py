"""What follows from the trials of a risk. The rules stand here alone, in the order they are asked.

1. What the policy demands beside the attacks, k people a stored value, is not met: **leaks**.
2. Nothing could be run: **not run**; **inconclusive** where that which was given failed.
3. The lower bound of some attack's residual risk, corrected for all attacks of the audit, lies
   above the policy's limit, and all controls of this attack passed: **leaks**. An attribute that is
   attacked by itself has controls of its own, and what works for one hides nothing of another.
4. A control failed: **attack invalid**; neither a high nor a low rate means anything then. A
   control that was not run leaves the risk **inconclusive**.
5. The upper ends of *all* attacks lie below the limit, none of the attacks that count was left out,
   and the sample would have shown a large leak: **no leak found**. No correction is needed here: to
   say it of all, it has to be true of each (an intersection-union test, Berger 1982).
6. Otherwise **inconclusive**, with the number of people that would decide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from privkit.audit.findings import Control, NotRun, RiskFinding, Unchecked
from privkit.audit.percent import percent
from privkit.audit.policy import Policy
from privkit.audit.risks import RiskName, Verdict
from privkit.evaluation.rates import Rate, detectable, people_needed, power, rate_of
from privkit.evaluation.trials import Trials

__all__ = ["judge"]


def judge(
    risk: RiskName,
    trials: Sequence[Trials],
    policy: Policy,
    *,
    controls: Sequence[Control] = (),
    not_run: Sequence[NotRun] = (),
    family: int,
    demand: str = "",
    unchecked: Sequence[Unchecked] = (),
) -> RiskFinding:
    """The finding of one risk.

    Args:
        risk: which.
        trials: of all its attacks.
        policy: what is allowed.
        controls: the checks of these attacks.
        not_run: what could not be run.
        family: how many attacks the whole audit looks at.
        demand: what else the policy asks for and the store does not give, in words; ``""`` if
            nothing.
        unchecked: the controls that brought nothing.
    """
    rates = sorted(
        (rate_of(t, confidence=policy.confidence, family=family) for t in trials),
        key=lambda rate: (_in_doubt(rate, controls, unchecked), -rate.bound, -rate.residual),
    )
    limit = policy.limits[risk]
    strongest = rates[0] if rates else None
    verdict, why, needed = _verdict(rates, controls, unchecked, not_run, policy, limit, demand)
    # What could have been missed is that of the weakest; of a leak that is shown, of what shows it.
    shown = rates[:1] if verdict == "leaks" and not demand else rates
    return RiskFinding(
        risk=risk,
        verdict=verdict,
        sentence=_sentence(rates, verdict, why, limit) + _of_controls(verdict, controls, unchecked),
        limit=limit,
        strongest=strongest,
        rates=rates,
        power=min((power(r, policy.large_leak, limit) for r in shown), default=None),
        detectable=_worst_detectable(shown, limit),
        people_needed=needed,
        controls=controls,
        not_run=not_run,
    )


def _in_doubt(rate: Rate, controls: Sequence[Control], unchecked: Sequence[Unchecked]) -> bool:
    """Whether a control of this attack failed or brought nothing."""
    every = {c.of for c in controls} | {u.of for u in unchecked}
    # The longest name: one attribute's may be the end of another's.
    own = max(
        (of for of in every if of and rate.measure.endswith(f" of {of}")), key=len, default=""
    )
    failed = {c.of for c in controls if not c.passed} | {u.of for u in unchecked}
    return bool(failed) if not own else "" in failed or own in failed


def _verdict(
    rates: Sequence[Rate],
    controls: Sequence[Control],
    unchecked: Sequence[Unchecked],
    not_run: Sequence[NotRun],
    policy: Policy,
    limit: float,
    demand: str,
) -> tuple[Verdict, str, int | None]:
    """The verdict, why, and how many people would decide it."""
    failed = [c.name for c in controls if not c.passed]
    without = [f"{u.name}, because {u.why}" for u in unchecked]
    missing = [n.attack for n in not_run if n.weakens]
    outcome: tuple[Verdict, str, int | None]
    if demand:
        outcome = "leaks", demand, None
    elif not rates and missing:
        outcome = "inconclusive", f"not all attacks were run: {', '.join(missing)}", None
    elif not rates:
        outcome = "not run", _supply(not_run), None
    elif rates[0].bound > limit and not _in_doubt(rates[0], controls, unchecked):
        outcome = "leaks", "", None
    elif failed:
        outcome = "attack invalid", f"a control failed: {', '.join(failed)}", None
    elif without:
        outcome = "inconclusive", f"controls brought nothing: {'; '.join(without)}", None
    elif max(r.residual_high for r in rates) >= limit:
        outcome = (
            "inconclusive",
            "the sample is too small: the interval reaches over the limit",
            _people_to_decide(rates, policy, limit),
        )
    elif missing:
        outcome = "inconclusive", f"not all attacks were run: {', '.join(missing)}", None
    elif min(power(r, policy.large_leak, limit) for r in rates) < policy.power:
        why = "the sample is too small to show a large leak"
        outcome = "inconclusive", why, _people_to_decide(rates, policy, limit)
    else:
        outcome = "no leak found", "", None
    return outcome


def _of_controls(
    verdict: Verdict, controls: Sequence[Control], unchecked: Sequence[Unchecked]
) -> str:
    """What a leak that is shown says nothing of, because its own controls do not stand."""
    open_ones = [c.name for c in controls if not c.passed] + [u.name for u in unchecked]
    if verdict != "leaks" or not open_ones:
        return ""
    return f" Nothing is said of attacks whose controls failed: {', '.join(open_ones)}."


def _people_to_decide(rates: Sequence[Rate], policy: Policy, limit: float) -> int | None:
    """The fewest people that decide it if the residual risks are those observed; ``None`` if none.

    One attack above the limit is enough for 'leaks'. 'No leak found' has to be true of all, and
    each has to be able to show a large leak.
    """
    above = [people_needed(r, limit) for r in rates if r.residual > limit]
    if above:
        return min((n for n in above if n is not None), default=None)
    below = [people_needed(r, limit) for r in rates if r.residual_high >= limit]
    below += [_people_for_power(r, policy, limit) for r in rates]
    return None if None in below else max(n for n in below if n is not None)


#: More people than there are to be found.
_MOST_PEOPLE = 10_000_000


def _people_for_power(rate: Rate, policy: Policy, limit: float) -> int | None:
    """The fewest people with which a large leak would be shown; ``None`` if no number is."""
    people = max(rate.people, 2)
    each = rate.units / max(rate.people, 1)
    while power(replace(rate, people=people, units=each * people), policy.large_leak, limit) < (
        policy.power
    ):
        people += max(1, people // 20)
        if people > _MOST_PEOPLE:
            return None
    return people


def _worst_detectable(rates: Sequence[Rate], limit: float) -> float | None:
    sizes = [detectable(rate, limit) for rate in rates]
    known = [size for size in sizes if size is not None]
    return max(known) if sizes and len(known) == len(sizes) else None


def _supply(not_run: Sequence[NotRun]) -> str:
    return "; ".join(dict.fromkeys(n.supply for n in not_run)) or "nothing that could be attacked"


def _sentence(rates: Sequence[Rate], verdict: Verdict, why: str, limit: float) -> str:
    """The verdict in one plain sentence."""
    if not rates:
        words = {
            "not run": "Not examined. To examine it",
            "inconclusive": "Inconclusive",
            "leaks": "Leaks",
        }
        return f"{words[verdict]}: {why}."
    strongest, highest = rates[0], max(rate.residual_high for rate in rates)
    within = f" Shown is a leak within the limit, of {percent(strongest.bound)} at least."
    found = (
        f"the strongest attack ({strongest.name}) succeeds in {percent(strongest.value)} "
        f"({percent(strongest.low)} to {percent(strongest.high)}) where a guess without the "
        f"store gets {percent(strongest.baseline)}"
    )
    residual = f"residual risk {percent(strongest.residual)}"
    return {
        "leaks": f"Leaks: {why or found}; {residual}, the policy allows {percent(limit)}.",
        "attack invalid": f"No verdict: {why}.",
        "inconclusive": f"Inconclusive: {why}; {found}.",
        "no leak found": f"No leak found: {found}; {residual}, at most "
        f"{percent(highest)} for all attacks tried, the policy allows {percent(limit)}."
        + (within if strongest.bound > 0 else ""),
        "not run": f"Not examined: {why}.",
    }[verdict]

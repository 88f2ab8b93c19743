"""The shape of the book: how far from its targets, how much in one symbol, how much it swings."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from stocker_pipeline.risk.monitors.truth import listed
from stocker_pipeline.risk.monitors.verdict import (
    Action,
    Verdict,
    clear,
    known,
    missing,
    raised,
    too_early,
)

SESSIONS_PER_YEAR = 252


@dataclass(frozen=True)
class Aim:
    """A close beside what was aimed at.

    Attributes:
        nav_e4: 1/10,000 dollar.
        values_e4: Symbol → signed market value of its position.
        targets: Symbol → signed fraction of NAV; None = it has no target, and is left as it is.
    """

    nav_e4: float | None
    values_e4: Mapping[str, float] = field(default_factory=dict)
    targets: Mapping[str, float | None] = field(default_factory=dict)


def target_drift(closes: Sequence[Aim], bound: float, sessions: int) -> Verdict:
    """Judge whether a position was further than ``bound`` from its target so many closes in a row.

    One close is not enough: a side that changes in two steps, or an order filled in part, is away
    from its target for a session by the rules. Measured is the least distance of those closes, for
    the symbol where it is largest. Exactly at the bound is not yet raised.

    Args:
        closes: The latest last; at most the last ``sessions`` are looked at.
    """
    looked_at = closes[-sessions:]
    if len(looked_at) < sessions:
        return too_early(f"{len(looked_at)} of {sessions} closes with targets are there")
    if not all(known(aim.nav_e4, *aim.values_e4.values()) for aim in looked_at):
        return missing("a value of the book is missing", bound)
    if any((aim.nav_e4 or 0) <= 0 for aim in looked_at):
        return missing("weights are not defined: the book is worth nothing", bound)
    away = [_distances(aim) for aim in looked_at]
    if not all(known(*found.values()) for found in away):
        return missing("a target is not a number", bound)
    always = set.intersection(*(set(found) for found in away))
    least = {symbol: min(found[symbol] for found in away) for symbol in sorted(always)}
    measured = max(least.values(), default=0.0)
    far = [f"{symbol} ({gap:.2%})" for symbol, gap in least.items() if gap > bound]
    if not far:
        told = f"the largest distance from a target is {measured:.2%} of NAV, bound {bound:.2%}"
        return clear(told, measured, bound)
    return raised(
        Action.TELL,
        f"further than {bound:.2%} of NAV from the target for {sessions} sessions: {listed(far)}",
        measured,
        bound,
    )


def _distances(aim: Aim) -> dict[str, float]:
    """Symbol → distance of its weight from its target, of symbols that have one."""
    assert aim.nav_e4 is not None
    return {
        symbol: abs(aim.values_e4.get(symbol, 0.0) / aim.nav_e4 - target)
        for symbol, target in aim.targets.items()
        if target is not None
    }


def concentration(close: Aim, bound: float) -> Verdict:
    """Judge the largest position of a close, without its sign, against ``bound`` of NAV.

    No order makes a position larger than its limit; a price that moves does. Exactly at the bound
    is not yet raised.

    Args:
        close: Its targets are not looked at.
    """
    if not known(close.nav_e4, *close.values_e4.values()):
        return missing("a value of the book is missing", bound)
    nav = close.nav_e4 or 0
    if nav <= 0:
        return missing("weights are not defined: the book is worth nothing", bound)
    weights = {symbol: abs(value) / nav for symbol, value in sorted(close.values_e4.items())}
    measured = max(weights.values(), default=0.0)
    large = [f"{symbol} ({weight:.2%})" for symbol, weight in weights.items() if weight > bound]
    if not large:
        told = f"the largest position is {measured:.2%} of NAV, bound {bound:.2%}"
        return clear(told, measured, bound)
    sentence = f"larger than {bound:.2%} of NAV, the limit of one symbol: {listed(large)}"
    return raised(Action.WARN, sentence, measured, bound)


def volatility_spike(
    returns: Sequence[float | None], target_vol: float | None, multiple: float, sessions: int
) -> Verdict:
    """Judge realised volatility, ``stdev(returns) × √252``, against ``multiple × target_vol``.

    The standard deviation has n − 1 in its denominator, as in the tear sheet. Exactly at the bound
    is not yet raised.

    Args:
        returns: Time-weighted, per session, the latest last; the last ``sessions`` are looked at.
        target_vol: Per year; None = the book has no target, and nothing is judged.
    """
    if target_vol is None:
        return too_early("the portfolio has no target volatility")
    looked_at = returns[-sessions:]
    if len(looked_at) < sessions:
        return too_early(f"{len(looked_at)} of {sessions} returns are there")
    bound = multiple * target_vol
    numbers = [number for number in looked_at if number is not None]
    if not known(*looked_at):
        return missing("a return of the book is missing", bound)
    measured = statistics.stdev(numbers) * sqrt(SESSIONS_PER_YEAR)
    told = (
        f"realised volatility of {sessions} sessions is {measured:.2%} per year, bound {bound:.2%}"
    )
    if measured > bound:
        return raised(Action.WARN, told, measured, bound)
    return clear(told, measured, bound)

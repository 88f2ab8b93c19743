"""Which symbols may need an order at all, found for all of them side by side (ENGINE E17–E19).

Most symbols of a session need none. These passes have no branches, so the compiler works on four
symbols at a time; only what they leave is decided one by one (``rebalance.order_for``).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING
from stocker_pipeline.engine.market import Market
from stocker_pipeline.engine.rebalance import SHARES_LIMIT, desired_shares
from stocker_pipeline.engine.rules import Rules

_NOTHING = 5e-324
"""The smallest float above zero: what no change is worth less than, but none at all."""


class Plan(NamedTuple):
    """Room for one session's decisions, ``[symbols]`` each, used again every session.

    Attributes:
        split: Product of the session's splits, 1.0 = none.
        reference: Previous closes in today's share basis, dollars (E17), where they are not the
            bars themselves.
        wanted: Shares wanted as a whole float, NaN without a reference.
        shares: The book's quantities as floats; exact, for SHARES_LIMIT is below 2^53.
        change: What the change of the position is worth, dollars, NaN without a reference.
        opening: Opens of the chosen symbols, in their order, dollars.
        chosen: The symbols to decide one by one, in the order of the columns.
        aged: ``[1]``: whether a mark may be older than the session before.
    """

    split: np.ndarray
    reference: np.ndarray
    wanted: np.ndarray
    shares: np.ndarray
    change: np.ndarray
    opening: np.ndarray
    chosen: np.ndarray
    aged: np.ndarray


def empty_plan(symbols: int, quantity: np.ndarray) -> Plan:
    """A plan for a book that holds ``quantity``."""
    return Plan(
        np.ones(symbols),
        np.empty(symbols),
        np.empty(symbols),
        quantity.astype(np.float64),
        np.empty(symbols),
        np.empty(symbols),
        np.empty(symbols, np.uintp),
        np.ones(1, np.bool_),
    )


@njit(cache=True, error_model="numpy", **INLINE)
def references(market: Market, plan: Plan, t: int) -> np.ndarray:
    """Previous closes in today's share basis; the bars themselves where no split is to come."""
    if t > 0 and market.event_start[t] == market.event_start[t + 1]:
        return market.close[t - 1]
    if t == 0:
        plan.reference[:] = np.nan
        return plan.reference
    for j in range(plan.reference.shape[0]):
        plan.reference[j] = market.close[t - 1, j]
    for e in range(market.event_start[t], market.event_start[t + 1]):
        j = market.event_symbol[e]
        plan.reference[j] = market.close[t - 1, j] / plan.split[j]
    return plan.reference


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def _changes(
    target: np.ndarray,
    nav: float,
    reference: np.ndarray,
    shares: np.ndarray,
    wanted: np.ndarray,
    change: np.ndarray,
) -> int:
    too_many = 0
    for j in range(target.shape[0]):
        wanted[j] = desired_shares(target[j], nav, reference[j])
        change[j] = abs((wanted[j] - shares[j]) * reference[j])
        too_many += 0 if abs(wanted[j]) <= SHARES_LIMIT else 1
    return too_many


@njit(cache=True, error_model="numpy", **INLINE)
def plan_orders(
    weights: np.ndarray, target: np.ndarray, nav: float, reference: np.ndarray, plan: Plan
) -> bool:
    """Fill ``wanted`` and ``change``; False where a symbol with a signal wants too many shares.

    Args:
        reference: ``references`` of the session.
    """
    if _changes(target, nav, reference, plan.shares, plan.wanted, plan.change) == 0:
        return True
    for j in range(weights.shape[0]):
        if not np.isnan(weights[j]) and not abs(plan.wanted[j]) <= SHARES_LIMIT:
            return False
    return True


@njit(cache=True, error_model="numpy", **INLINE)
def choose_symbols(plan: Plan, rules: Rules, everyone: bool) -> int:
    """Put the symbols to decide one by one into ``chosen``; returns how many there are."""
    symbols = plan.chosen.shape[0]
    if everyone:
        for j in range(symbols):
            plan.chosen[j] = j
        return symbols
    least, count = max(rules.min_notional, _NOTHING), 0
    for j in range(symbols):
        plan.chosen[count] = j
        count += 1 if plan.change[j] >= least else 0
    return count


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def look_up_opens(opens: np.ndarray, plan: Plan, count: int) -> None:
    """Opens of the first ``count`` chosen symbols.

    They lie far apart: here the processor waits for many at once, between fills for one by one.
    """
    for k in range(count):
        plan.opening[k] = opens[plan.chosen[k]]

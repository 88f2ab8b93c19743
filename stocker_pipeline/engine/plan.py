"""Which symbols may need an order at all, found for all of them side by side (ENGINE E17–E19).

Most symbols of a session need none. These passes have no branches, so the compiler works on four
symbols at a time; only what they leave is decided one by one (``rebalance.order_for``).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import INLINE
from stocker_pipeline.engine.market import Market
from stocker_pipeline.engine.rebalance import SHARES_LIMIT, desired_shares
from stocker_pipeline.engine.rules import Rules


class Plan(NamedTuple):
    """Room for one session's decisions, ``[symbols]`` each, used again every session.

    Attributes:
        split: Product of the session's splits, 1.0 = none.
        reference: Previous close in today's share basis, dollars (E17).
        wanted: Shares wanted as a whole float, NaN without a reference.
        shares: The book's quantities as floats; exact, for SHARES_LIMIT is below 2^53.
        trades: Whether an order is possible: a change worth at least the smallest order.
        chosen: The symbols to decide one by one, in the order of the columns.
    """

    split: np.ndarray
    reference: np.ndarray
    wanted: np.ndarray
    shares: np.ndarray
    trades: np.ndarray
    chosen: np.ndarray


def empty_plan(symbols: int, quantity: np.ndarray) -> Plan:
    """A plan for a book that holds ``quantity``."""
    return Plan(
        np.ones(symbols),
        np.empty(symbols),
        np.empty(symbols),
        quantity.astype(np.float64),
        np.empty(symbols, np.bool_),
        np.empty(symbols, np.uintp),
    )


@njit(cache=True, error_model="numpy", **INLINE)
def plan_orders(
    market: Market, weights: np.ndarray, target: np.ndarray, nav: float, plan: Plan, t: int
) -> bool:
    """Fill ``reference`` and ``wanted``; False where a symbol with a signal wants too many."""
    if t == 0:
        plan.reference[:] = np.nan
    else:
        for j in range(target.shape[0]):
            plan.reference[j] = market.close[t - 1, j]
    for e in range(market.event_start[t], market.event_start[t + 1]):
        j = market.event_symbol[e]
        plan.reference[j] = market.close[t - 1, j] / plan.split[j] if t > 0 else np.nan
    too_many = 0
    for j in range(target.shape[0]):
        wanted = desired_shares(target[j], nav, plan.reference[j])
        plan.wanted[j] = wanted
        too_many += 0 if abs(wanted) <= SHARES_LIMIT else 1
    if too_many == 0:
        return True
    for j in range(target.shape[0]):
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
    least = rules.min_notional
    for j in range(symbols):
        delta = plan.wanted[j] - plan.shares[j]
        plan.trades[j] = (delta != 0.0) & (abs(delta * plan.reference[j]) >= least)
    count = 0
    for j in range(symbols):
        plan.chosen[count] = j
        count += 1 if plan.trades[j] else 0
    return count

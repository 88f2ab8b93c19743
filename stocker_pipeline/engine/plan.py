"""A session's orders and what they would be filled at, for many symbols side by side (E17–E22).

No order hangs on another's fill. These passes have no branches, so the compiler works on several
symbols at a time; what is left for one by one are the lots. Stays out: reasons for a symbol without
a signal, restraints, and everything that changes the book.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING
from stocker_pipeline.engine.fetching import fetch_some
from stocker_pipeline.engine.fills import fill_commission, fill_price
from stocker_pipeline.engine.market import Market
from stocker_pipeline.engine.rebalance import SHARES_LIMIT, desired_shares, order_for
from stocker_pipeline.engine.rules import Rules

NO_PRICE = -1
"""No bar, so no fill."""


class Plan(NamedTuple):
    """Room for one session's decisions, ``[symbols]`` each, used again every session.

    Attributes:
        split: Product of the session's splits, 1.0 = none.
        reference: Previous closes in today's share basis, dollars (E17), where they are not the
            bars themselves.
        wanted: Shares wanted as a whole float, NaN without a reference.
        shares: The book's quantities as floats; exact, for SHARES_LIMIT is below 2^53.
        order: Orders of E18 and E19, signed whole floats, 0 without a reference.
        chosen: The symbols to go through one by one, in the order of the columns.
        price, commission: What their orders are filled at (E21, E22), 1/10,000 dollar, where
            ``price_orders`` says; ``NO_PRICE`` without a bar.
        aged: ``[1]``: whether a mark may be older than the session before.
    """

    split: np.ndarray
    reference: np.ndarray
    wanted: np.ndarray
    shares: np.ndarray
    order: np.ndarray
    chosen: np.ndarray
    price: np.ndarray
    commission: np.ndarray
    aged: np.ndarray


def empty_plan(symbols: int, quantity: np.ndarray) -> Plan:
    """A plan for a book that holds ``quantity``."""
    return Plan(
        np.ones(symbols),
        np.empty(symbols),
        np.empty(symbols),
        quantity.astype(np.float64),
        np.empty(symbols),
        np.empty(symbols, np.uintp),
        np.empty(symbols, np.int64),
        np.empty(symbols, np.int64),
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
def _orders(
    target: np.ndarray,
    by_breaker: float,
    nav: float,
    reference: np.ndarray,
    rules: Rules,
    shares: np.ndarray,
    wanted: np.ndarray,
    order: np.ndarray,
) -> int:
    too_many = 0
    for j in range(target.shape[0]):
        wanted[j] = desired_shares(target[j] * by_breaker, nav, reference[j])
        order[j], _ = order_for(wanted[j], shares[j], reference[j], rules)
        too_many += 0 if abs(wanted[j]) <= SHARES_LIMIT else 1
    return too_many


@njit(cache=True, error_model="numpy", **INLINE)
def plan_orders(
    weights: np.ndarray,
    target: np.ndarray,
    by_breaker: float,
    nav: float,
    reference: np.ndarray,
    rules: Rules,
    plan: Plan,
) -> bool:
    """E17–E19: ``wanted`` and ``order``; False where a symbol with a signal wants too many shares.

    Args:
        target: Fractions of NAV before the breaker.
        by_breaker: What the breaker multiplies them by (E13).
        reference: ``references`` of the session.
    """
    shares, wanted, order = plan.shares, plan.wanted, plan.order
    if _orders(target, by_breaker, nav, reference, rules, shares, wanted, order) == 0:
        return True
    for j in range(weights.shape[0]):
        if not np.isnan(weights[j]) and not abs(plan.wanted[j]) <= SHARES_LIMIT:
            return False
    return True


@njit(cache=True, error_model="numpy", **INLINE)
def choose_symbols(plan: Plan, everyone: bool) -> int:
    """Put the symbols with an order, or ``everyone``, into ``chosen``; returns how many."""
    symbols, count = plan.chosen.shape[0], 0
    if everyone:
        for j in range(symbols):
            plan.chosen[j] = j
        return symbols
    for j in range(symbols):
        plan.chosen[count] = j
        count += 1 if plan.order[j] != 0.0 else 0
    return count


@njit(cache=True, **INLINE)
def few_chosen(plan: Plan, count: int) -> bool:
    """Whether what is known of the chosen symbols lies far apart in the columns."""
    return 2 * count <= plan.order.shape[0]


@njit(cache=True, error_model="numpy", **INLINE)
def _price_order(plan: Plan, opens: np.ndarray, rules: Rules, j: int, at: int) -> None:
    price = fill_price(opens[j], plan.order[j], rules.slippage_bps)
    plan.price[at] = NO_PRICE if np.isnan(opens[j]) else price
    plan.commission[at] = fill_commission(plan.order[j], rules)


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def price_orders(plan: Plan, opens: np.ndarray, rules: Rules, count: int) -> bool:
    """E21 and E22 for the orders of the first ``count`` chosen symbols.

    Where most are chosen, for all: side by side is faster than one after the other. Where few are,
    their opens lie far apart: here the processor waits for many at once, between fills for one by
    one.

    Returns:
        Whether prices are those of all symbols, by their columns; else by the place in ``chosen``.
    """
    if not few_chosen(plan, count):
        for j in range(plan.order.shape[0]):
            _price_order(plan, opens, rules, j, j)
        return True
    fetch_some(opens, plan.chosen, count)
    for k in range(count):
        _price_order(plan, opens, rules, plan.chosen[k], k)
    return False

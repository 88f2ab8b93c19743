"""The loop over sessions: corporate actions → targets → orders → fills → snapshot.

One function per stage of a session; ``run_sessions`` only calls them in order. A symbol's fill
never changes another symbol's decision of the same session (all decide on the previous close), so
deciding, filling and marking are one pass over the symbols.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.book import (
    CASH,
    NAV,
    PEAK,
    TRIPPED,
    Book,
    book_fill,
    book_flow,
    with_room,
)
from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING
from stocker_pipeline.engine.fills import fill_commission, fill_price, fill_quantity
from stocker_pipeline.engine.log import Log, empty_log, with_space
from stocker_pipeline.engine.market import Market, apply_actions, history_start
from stocker_pipeline.engine.rebalance import SHARES_LIMIT, desired_shares, order_for
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.sizing import (
    breaker_trips,
    cap_singles,
    gross_factor,
    leverage_factor,
    portfolio_volatility,
)

STATUS_FINE, STATUS_TOO_MANY_SHARES, STATUS_WITHDRAWAL, STATUS_TOO_MUCH_MONEY = range(4)
_NAV_LIMIT = 4.0e18
_LOG_ROWS = 4_000_000
"""Pages that are never written cost nothing, and a log that never grows is never copied."""


class Record(NamedTuple):
    """What every session left behind. Symbol matrices have one scratch row without detail."""

    totals: np.ndarray
    positions_value: np.ndarray
    positions_cost: np.ndarray
    gross_value: np.ndarray
    factors: np.ndarray
    x_single: np.ndarray
    single_capped: np.ndarray
    target: np.ndarray
    desired: np.ndarray
    decision: np.ndarray
    quantity: np.ndarray
    cost: np.ndarray
    mark: np.ndarray
    mark_age: np.ndarray


SIGMA, LEVERAGE, GROSS_FACTOR, BREAKER_FACTOR = range(4)


@njit(cache=True)
def empty_record(sessions: int, symbols: int, detail: bool) -> Record:
    """Room for a run of ``sessions``; with ``detail`` also for every symbol of every session."""
    rows = sessions if detail else 1
    return Record(
        np.zeros((sessions, 9), np.int64),
        np.zeros(sessions, np.int64),
        np.zeros(sessions, np.int64),
        np.zeros(sessions, np.int64),
        np.ones((sessions, 4)),
        np.zeros((rows, symbols)),
        np.zeros((rows, symbols), np.bool_),
        np.zeros((rows, symbols)),
        np.zeros((rows, symbols), np.int64),
        np.zeros((rows, symbols), np.int8),
        np.zeros((rows, symbols), np.int64),
        np.zeros((rows, symbols), np.int64),
        np.zeros((rows, symbols)),
        np.zeros((rows, symbols), np.int64),
    )


@njit(cache=True, error_model="numpy")
def size_session(
    market: Market,
    weights: np.ndarray,
    rules: Rules,
    book: Book,
    t: int,
    start: int,
    target: np.ndarray,
    x_single: np.ndarray,
    capped: np.ndarray,
    factors: np.ndarray,
) -> None:
    """E10–E13: today's targets from the strategy's weights; each factor goes to ``factors``."""
    for j in range(target.shape[0]):
        target[j] = 0.0 if np.isnan(weights[j]) else weights[j]
    factors[SIGMA] = np.nan
    if not np.isnan(rules.target_vol):
        factors[SIGMA] = portfolio_volatility(
            target, market.returns, t, start, rules.window, rules.portfolio_lambda
        )
    factors[LEVERAGE] = leverage_factor(factors[SIGMA], rules)
    gross = cap_singles(target, factors[LEVERAGE], rules.single_cap, capped)
    x_single[:] = target
    factors[GROSS_FACTOR] = gross_factor(gross, rules.gross_cap)
    tripped = breaker_trips(book.totals[NAV], book.totals[PEAK], book.totals[TRIPPED] != 0, rules)
    book.totals[TRIPPED] = 1 if tripped else 0
    factors[BREAKER_FACTOR] = rules.drawdown_scale if tripped else 1.0
    if factors[GROSS_FACTOR] != 1.0 or factors[BREAKER_FACTOR] != 1.0:
        for j in range(target.shape[0]):
            target[j] = target[j] * factors[GROSS_FACTOR] * factors[BREAKER_FACTOR]


@njit(cache=True, error_model="numpy", **INLINE)
def execute(
    market: Market, rules: Rules, book: Book, t: int, j: int, quantity: int, fills: Log
) -> int:
    """E21–E23 and E26 for one order at the open of ``t``; returns the signed shares filled."""
    if np.isnan(market.open[t, j]):
        return 0
    filled = fill_quantity(quantity, market.volume[t, j], rules.max_participation)
    if filled == 0:
        return 0
    price = fill_price(market.open[t, j], filled, rules.slippage_bps)
    commission = fill_commission(filled, rules)
    realised = book_fill(book, j, filled, price, commission)
    at = fills.count[0]
    row = fills.rows[at]
    row[0], row[1], row[2], row[3], row[4], row[5] = t, j, filled, price, commission, realised
    fills.count[0] = at + 1
    return filled


@njit(cache=True, **INLINE)
def write_order(
    orders: Log,
    t: int,
    j: int,
    quantity: int,
    desired: int,
    held: int,
    filled: int,
    code: int,
    reference: float,
) -> None:
    """One row per order, cancelled and cut ones too (E30)."""
    at = orders.count[0]
    row = orders.rows[at]
    row[0], row[1], row[2], row[3] = t, j, quantity, desired
    row[4], row[5], row[6] = held, filled, code
    orders.values[at] = reference
    orders.count[0] = at + 1


@njit(cache=True, **INLINE)
def silent_code(market: Market, book: Book, t: int, j: int, member: bool) -> int:
    """Why a symbol without a signal is left alone, or 26 where it is closed (E20)."""
    if np.isnan(book.mark[j]):
        return 0
    if t == 0 or np.isnan(market.close[t - 1, j]):
        return 1
    if member:
        return 3
    return 26 if book.quantity[j] != 0 else 4


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def trade_session(
    market: Market,
    weights: np.ndarray,
    target: np.ndarray,
    split: np.ndarray,
    rules: Rules,
    book: Book,
    t: int,
    fills: Log,
    orders: Log,
    detail: bool,
    desired_row: np.ndarray,
    decision: np.ndarray,
) -> int:
    """E17–E26 for every symbol; returns a status."""
    member = market.member[t if market.member.shape[0] > 1 else 0]
    nav = book.totals[NAV] / 1e4
    for j in range(target.shape[0]):
        held = book.quantity[j]
        leaving = False
        if np.isnan(weights[j]):
            code = silent_code(market, book, t, j, member[j])
            leaving = code == 26
            if not leaving:
                decision[j] = code
                desired_row[j] = held
                continue
        reference = market.close[t - 1, j]
        if split[j] != 1.0:
            reference /= split[j]
        wanted = 0.0 if leaving else desired_shares(target[j], nav, reference)
        if not abs(wanted) <= SHARES_LIMIT:
            return STATUS_TOO_MANY_SHARES
        desired = np.int64(wanted)
        quantity, code = order_for(desired, held, reference, rules)
        decision[j] = 26 if leaving and quantity != 0 else code
        desired_row[j] = desired
        if quantity == 0:
            continue
        filled = execute(market, rules, book, t, j, quantity, fills)
        if detail:
            write_order(orders, t, j, quantity, desired, held, filled, decision[j], reference)
    return STATUS_FINE


@njit(cache=True, error_model="numpy")
def mark_session(
    market: Market,
    book: Book,
    t: int,
    quantity: np.ndarray,
    cost: np.ndarray,
    mark: np.ndarray,
    mark_age: np.ndarray,
) -> tuple[int, int, float]:
    """E27: marks at the close; returns net and gross positions value (1/10,000 dollar).

    The third value is the gross value as a float, which cannot wrap around.
    """
    net, gross, size = 0, 0, 0.0
    for j in range(book.quantity.shape[0]):
        close = market.close[t, j]
        if np.isnan(close):
            book.mark_age[j] += 1
        else:
            book.mark[j] = close
            book.mark_age[j] = 0
        held = book.quantity[j]
        quantity[j], cost[j] = held, book.cost[j]
        mark[j], mark_age[j] = book.mark[j], book.mark_age[j]
        if held != 0:
            value = held * np.int64(np.rint(book.mark[j] * 1e4))
            net += value
            gross += abs(value)
            size += abs(held * book.mark[j] * 1e4)
    return net, gross, size


@njit(cache=True, error_model="numpy")
def close_session(
    market: Market, book: Book, t: int, flow: int, record: Record, row: int, at: int
) -> int:
    """E27–E28: mark the book, book the flow, write the snapshot; returns a status."""
    net, gross, size = mark_session(
        market,
        book,
        t,
        record.quantity[at],
        record.cost[at],
        record.mark[at],
        record.mark_age[at],
    )
    if not size + abs(float(book.totals[CASH])) < _NAV_LIMIT:
        return STATUS_TOO_MUCH_MONEY
    if not book_flow(book, book.totals[CASH] + net, flow):
        return STATUS_WITHDRAWAL
    book.totals[NAV] = book.totals[CASH] + net
    book.totals[PEAK] = max(book.totals[PEAK], book.totals[NAV])
    record.totals[row] = book.totals
    record.positions_value[row] = net
    record.positions_cost[row] = book.cost.sum()
    record.gross_value[row] = gross
    return STATUS_FINE


@njit(cache=True, error_model="numpy")
def run_sessions(
    market: Market,
    weights: np.ndarray,
    rules: Rules,
    book: Book,
    first: int,
    last: int,
    flows: np.ndarray,
    detail: bool,
) -> tuple[Book, Record, Log, Log, Log, int, int]:
    """Run sessions ``first`` … ``last`` (rows of ``market``, both included).

    Args:
        weights: The strategy's signed weights of every row, NaN = no signal, made from bars
            before that row.
        flows: Deposits and withdrawals at the close of each row (1/10,000 dollar).

    Returns:
        The closing book, the record, fills, orders, corporate-action entries, status and the row
        at which a status other than ``STATUS_FINE`` arose.
    """
    symbols = market.close.shape[1]
    record = empty_record(last - first + 1, symbols, detail)
    room = min((last - first + 1) * symbols, _LOG_ROWS)
    fills, entries = empty_log(room, 6), empty_log(64, 6)
    orders = empty_log(room if detail else 1, 7)
    split = np.ones(symbols)
    start = history_start(market, first)
    for t in range(first, last + 1):
        row = t - first
        at = row if detail else 0
        events = market.event_start[t + 1] - market.event_start[t]
        book = with_room(book, symbols)
        fills, entries = with_space(fills, symbols), with_space(entries, events)
        if detail:
            orders = with_space(orders, symbols)
        apply_actions(market, book, t, split, entries)
        if market.member.shape[0] > 1:
            start = history_start(market, t)
        size_session(
            market,
            weights[t],
            rules,
            book,
            t,
            start,
            record.target[at],
            record.x_single[at],
            record.single_capped[at],
            record.factors[row],
        )
        status = trade_session(
            market,
            weights[t],
            record.target[at],
            split,
            rules,
            book,
            t,
            fills,
            orders,
            detail,
            record.desired[at],
            record.decision[at],
        )
        if status == STATUS_FINE:
            status = close_session(market, book, t, flows[t], record, row, at)
        if status != STATUS_FINE:
            return book, record, fills, orders, entries, status, t
    return book, record, fills, orders, entries, STATUS_FINE, last
